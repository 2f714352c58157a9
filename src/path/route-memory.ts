// The routes that a destination was reached over: their names, how often (prevalence) and how long at a time
// (persistence; both after V. Paxson, "End-to-End Routing Behavior in the Internet", 1997).
// Invariant: a route keeps the name it got when it was first seen, however much of it becomes known later.

import { type AddressTable, DESTINATION_MARK } from './address-table.ts';
import type { DestinationMemory } from './destination-memory.ts';
import { hashHops } from './path-hash.ts';

/** Most routes remembered for a destination; the one not seen for longest goes first. */
export const MAX_ROUTES = 8;

export interface RouteRecord {
  readonly id: string;
  /** Held ids with their TTLs, ascending by TTL: several at a TTL where flows part. */
  ttls: Uint8Array;
  ids: Uint32Array;
  readonly firstSeenMs: number;
  lastSeenMs: number;
  /** When the present or last stay on it began. */
  sinceMs: number;
  rounds: number;
  stays: number;
  /** Time of all stays that ended. */
  stayedMs: number;
}

export interface RouteSummary {
  readonly pathId: string;
  /** By TTL from 1 on; empty for a silent hop. */
  readonly hops: readonly (readonly string[])[];
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  /** Share of all rounds that used it, 0 to 1. */
  readonly prevalence: number;
  /** Mean duration of a stay on it. */
  readonly persistenceMs: number;
  readonly current: boolean;
}

export class RouteMemory {
  records: RouteRecord[] = [];
  current: RouteRecord | null = null;
  /** Rounds counted over all routes, forgotten ones too. */
  rounds = 0;

  /** One more round over the present route; it becomes known if there was none. */
  count(memory: DestinationMemory, atMs: number): void {
    if (this.current === null) this.enter(memory, 1, atMs);
    const route = this.current;
    if (route === null) return;
    this.rounds++;
    route.rounds++;
    route.lastSeenMs = Math.max(route.lastSeenMs, atMs);
  }

  /**
   * The route now is what `memory` expects, different from `firstTtl` on: one that is remembered, if there is one that
   * fits with all that is known, or a new one.
   */
  enter(memory: DestinationMemory, firstTtl: number, atMs: number): void {
    const hops = routeHops(memory);
    const left = this.current;
    if (left !== null) left.stayedMs += Math.max(0, atMs - left.sinceMs);
    let route = this.find(memory, hops, firstTtl);
    if (route === undefined) {
      const id = nameOfRoute(memory, hops);
      if (id === null) return;
      route = this.records.find((record) => record.id === id);
      if (route === undefined) {
        route = {
          id,
          ...pack(memory.table, hops),
          firstSeenMs: atMs,
          lastSeenMs: atMs,
          sinceMs: atMs,
          rounds: 0,
          stays: 0,
          stayedMs: 0,
        };
        this.records.push(route);
      }
    }
    route.sinceMs = atMs;
    route.stays++;
    this.current = route;
    this.#evict(memory.table);
  }

  /** What was learnt of the present route since it got its name; called before its memory is overwritten. */
  complete(memory: DestinationMemory): void {
    const route = this.current;
    if (route === null) return;
    const old = route.ids;
    const packed = pack(memory.table, routeHops(memory));
    for (const id of old) memory.table.release(id);
    route.ttls = packed.ttls;
    route.ids = packed.ids;
  }

  /** A remembered route, not the present one, that fits `hops` and shares an address with it from `firstTtl` on. */
  find(
    memory: DestinationMemory,
    hops: readonly (readonly string[])[],
    firstTtl: number,
  ): RouteRecord | undefined {
    let best: RouteRecord | undefined;
    for (const route of this.records) {
      if (route === this.current || !fits(memory, route, hops, firstTtl)) continue;
      if (best === undefined || route.lastSeenMs > best.lastSeenMs) best = route;
    }
    return best;
  }

  summaries(table: AddressTable, destination: string): RouteSummary[] {
    return this.records.map((route) => {
      const staying = route === this.current ? route.lastSeenMs - route.sinceMs : 0;
      return {
        pathId: route.id,
        hops: unpack(table, route).map((set) => set.map((address) => plainAddress(address, destination))),
        firstSeenMs: route.firstSeenMs,
        lastSeenMs: route.lastSeenMs,
        prevalence: this.rounds === 0 ? 0 : route.rounds / this.rounds,
        persistenceMs: route.stays === 0 ? 0 : (route.stayedMs + staying) / route.stays,
        current: route === this.current,
      };
    });
  }

  release(table: AddressTable): void {
    for (const route of this.records) for (const id of route.ids) table.release(id);
    this.records = [];
    this.current = null;
  }

  #evict(table: AddressTable): void {
    while (this.records.length > MAX_ROUTES) {
      let oldest: RouteRecord | undefined;
      for (const route of this.records) {
        if (route !== this.current && (oldest === undefined || route.lastSeenMs < oldest.lastSeenMs))
          oldest = route;
      }
      if (oldest === undefined) return;
      for (const id of oldest.ids) table.release(id);
      this.records.splice(this.records.indexOf(oldest), 1);
    }
  }
}

/** Addresses by TTL over all flows as memory expects them; those that stand for one position appear once. */
export function routeHops(memory: DestinationMemory): string[][] {
  const hops: string[][] = [];
  for (let ttl = 1; ttl <= memory.horizon; ttl++) {
    const set: string[] = [];
    for (let flow = 0; flow < memory.flows; flow++) {
      const address = memory.expectedAddress(flow, ttl);
      if (address !== '' && !set.some((other) => memory.alike(ttl, other, address))) set.push(address);
    }
    hops.push(set.sort());
  }
  while (hops.at(-1)?.length === 0) hops.pop();
  return hops;
}

export function plainAddress(address: string, destination: string): string {
  return address === DESTINATION_MARK ? destination : address;
}

function nameOfRoute(memory: DestinationMemory, hops: readonly (readonly string[])[]): string | null {
  const plain = hops.map((set) => set.map((address) => plainAddress(address, memory.address)));
  return hashHops(
    plain,
    hops.some((set) => set.includes(DESTINATION_MARK)),
  );
}

function pack(
  table: AddressTable,
  hops: readonly (readonly string[])[],
): { readonly ttls: Uint8Array; readonly ids: Uint32Array } {
  const ttls = hops.flatMap((set, i) => set.map(() => i + 1));
  return {
    ttls: Uint8Array.from(ttls),
    ids: Uint32Array.from(hops.flat(), (address) => table.hold(address)),
  };
}

export function unpack(table: AddressTable, route: RouteRecord): string[][] {
  const hops: string[][] = [];
  for (const [i, ttl] of route.ttls.entries()) {
    while (hops.length < ttl) hops.push([]);
    hops[ttl - 1]?.push(table.addressOf(route.ids[i] as number));
  }
  return hops;
}

function fits(
  memory: DestinationMemory,
  route: RouteRecord,
  hops: readonly (readonly string[])[],
  firstTtl: number,
): boolean {
  const known = unpack(memory.table, route);
  let shared = 0;
  for (let i = 0; i < Math.max(known.length, hops.length); i++) {
    const a = known[i] ?? [];
    const b = hops[i] ?? [];
    if (a.length === 0 || b.length === 0) continue;
    if (!a.some((x) => b.some((y) => memory.alike(i + 1, x, y)))) return false;
    if (i + 1 >= firstTtl) shared++;
  }
  return shared > 0 && endOf(known) === endOf(hops);
}

/** TTL of the destination, 0 for none. */
function endOf(hops: readonly (readonly string[])[]): number {
  return hops.findIndex((set) => set.includes(DESTINATION_MARK)) + 1;
}
