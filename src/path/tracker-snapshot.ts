// What a tracker knows, as plain JSON to be kept over a restart, and back. Invariant: what is taken back has been checked
// to the last number; anything else is refused whole, without a trace in memory or in the shared table.

import { parseAddress } from '../wire/address.ts';
import { type AddressTable, DESTINATION_MARK } from './address-table.ts';
import { MAX_ALIASES } from './aliases.ts';
import { DestinationMemory, MAX_SIBLINGS, MAX_SUSPECTS, REPLY_WORDS } from './destination-memory.ts';
import { MAX_ROUTES, RouteMemory, type RouteRecord } from './route-memory.ts';

/** Moves whenever the meaning of a field does. */
const VERSION = 1;
const MAX_TTL = 255;
/** Most addresses of one destination: what its memory and its routes can hold. */
const MAX_ADDRESSES = 8192;
const MOST_MS = 8.64e15;
const WORD = 0xffffffff;

export interface Remembered {
  readonly memory: DestinationMemory;
  readonly routes: RouteMemory;
}

interface PlainDestination {
  readonly address: string;
  /** Every address once; the others name them by index, -1 for none. */
  readonly addresses: readonly string[];
  /** rounds, settled, misses, hits, tries, lastEnd, unevenFrom, unevenSigns, rehashedAt, discoveredPaths */
  readonly counts: readonly number[];
  readonly reached: readonly [everReached: boolean, unreachable: boolean];
  /** By TTL: the words of its replies, then an index for each flow. */
  readonly hops: readonly (readonly number[])[];
  /** TTL, index and group; TTL and index; TTL, index and times. */
  readonly aliases: readonly (readonly number[])[];
  readonly siblings: readonly (readonly number[])[];
  readonly suspects: readonly (readonly number[])[];
  readonly overshoots: readonly number[];
  readonly seenWhole: readonly number[];
  readonly routeRounds: number;
  /** Index of the present route, -1 for none. */
  readonly current: number;
  readonly routes: readonly PlainRoute[];
}

interface PlainRoute {
  readonly id: string;
  readonly hops: readonly (readonly number[])[];
  /** firstSeenMs, lastSeenMs, sinceMs, rounds, stays, stayedMs */
  readonly figures: readonly number[];
}

export function takeSnapshot(flows: number, destinations: readonly Remembered[]): unknown {
  return { version: VERSION, flows, destinations: destinations.map(plainDestination) };
}

/** The destinations of a snapshot, oldest first; null where it is none that fits `flows`. */
export function readSnapshot(
  snapshot: unknown,
  flows: number,
  most: number,
  table: AddressTable,
): Remembered[] | null {
  if (!isRecord(snapshot) || snapshot['version'] !== VERSION || snapshot['flows'] !== flows) return null;
  const plain = snapshot['destinations'];
  if (!Array.isArray(plain) || plain.length > most) return null;
  const read: Remembered[] = [];
  for (const each of plain) {
    if (!isDestination(each, flows) || read.some(({ memory }) => memory.address === each.address)) {
      for (const { memory, routes } of read) {
        memory.release();
        routes.release(table);
      }
      return null;
    }
    read.push(remember(each, flows, table));
  }
  return read;
}

function plainDestination({ memory, routes }: Remembered): PlainDestination {
  const indices = new Map<string, number>();
  const indexOf = (id: number): number => {
    if (id === 0) return -1;
    const address = memory.table.addressOf(id);
    const index = indices.get(address) ?? indices.size;
    indices.set(address, index);
    return index;
  };
  const hops: number[][] = [];
  for (let ttl = 1; ttl <= memory.horizon; ttl++) {
    const row = [...memory.repliesAt(ttl)];
    for (let flow = 0; flow < memory.flows; flow++) row.push(indexOf(memory.expected(flow, ttl)));
    hops.push(row);
  }
  const rest = {
    counts: countsOf(memory),
    reached: [memory.everReached, memory.unreachable] as const,
    hops,
    aliases: memory.aliases.all.map(({ ttl, id, group }) => [ttl, indexOf(id), group]),
    siblings: memory.siblings.map(({ ttl, id }) => [ttl, indexOf(id)]),
    suspects: memory.suspects.map(({ ttl, id, times }) => [ttl, indexOf(id), times]),
    overshoots: Array.from(memory.overshoots, (count) => count ?? 0),
    seenWhole: memory.seenWhole,
    routeRounds: routes.rounds,
    current: routes.current === null ? -1 : routes.records.indexOf(routes.current),
    routes: routes.records.map((route) => plainRoute(route, indexOf)),
  };
  return { address: memory.address, addresses: [...indices.keys()], ...rest };
}

function countsOf(memory: DestinationMemory): number[] {
  const { rounds, settled, destinationMisses, destinationHits, destinationTries, lastEnd } = memory;
  const { unevenFrom, unevenSigns, rehashedAt, discoveredPaths } = memory;
  const replies = [destinationMisses, destinationHits, destinationTries];
  return [rounds, settled, ...replies, lastEnd, unevenFrom, unevenSigns, rehashedAt, discoveredPaths];
}

function plainRoute(route: RouteRecord, indexOf: (id: number) => number): PlainRoute {
  const { id, firstSeenMs, lastSeenMs, sinceMs, rounds, stays, stayedMs } = route;
  const hops = [...route.ttls].map((ttl, i) => [ttl, indexOf(route.ids[i] as number)]);
  return { id, hops, figures: [firstSeenMs, lastSeenMs, sinceMs, rounds, stays, stayedMs] };
}

function remember(plain: PlainDestination, flows: number, table: AddressTable): Remembered {
  const memory = new DestinationMemory(plain.address, flows, table);
  const addressOf = (index: number): string => plain.addresses[index] as string;
  const [rounds, settled, misses, hits, tries, lastEnd, unevenFrom, unevenSigns, rehashedAt, discovered] =
    plain.counts as [number, number, number, number, number, number, number, number, number, number];
  memory.rounds = rounds;
  memory.settled = settled;
  memory.destinationMisses = misses;
  memory.destinationHits = hits;
  memory.destinationTries = tries;
  memory.lastEnd = lastEnd;
  memory.unevenFrom = unevenFrom;
  memory.unevenSigns = unevenSigns;
  memory.rehashedAt = rehashedAt;
  memory.discoveredPaths = discovered;
  [memory.everReached, memory.unreachable] = plain.reached;
  for (const [i, row] of plain.hops.entries()) {
    memory.restoreReplies(i + 1, row);
    for (let flow = 0; flow < flows; flow++) {
      const index = row[REPLY_WORDS + flow] as number;
      if (index >= 0) memory.expect(flow, i + 1, addressOf(index));
    }
  }
  const hold = (index: number): number => table.hold(addressOf(index));
  const [first, second, third] = [0, 1, 2] as const;
  for (const row of plain.aliases) {
    memory.aliases.restore({
      ttl: row[first] as number,
      id: hold(row[second] as number),
      group: row[third] as number,
    });
  }
  memory.siblings = plain.siblings.map((row) => ({
    ttl: row[first] as number,
    id: hold(row[second] as number),
  }));
  memory.suspects = plain.suspects.map((row) => {
    return { ttl: row[first] as number, id: hold(row[second] as number), times: row[third] as number };
  });
  memory.overshoots = [...plain.overshoots];
  memory.seenWhole = [...plain.seenWhole];
  return { memory, routes: rememberRoutes(plain, hold) };
}

function rememberRoutes(plain: PlainDestination, hold: (index: number) => number): RouteMemory {
  const routes = new RouteMemory();
  routes.rounds = plain.routeRounds;
  routes.records = plain.routes.map(({ id, hops, figures }) => {
    const [firstSeenMs, lastSeenMs, sinceMs, rounds, stays, stayedMs] = figures as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    const ttls = Uint8Array.from(hops, ([ttl]) => ttl as number);
    const ids = Uint32Array.from(hops, ([, index]) => hold(index as number));
    return { id, ttls, ids, firstSeenMs, lastSeenMs, sinceMs, rounds, stays, stayedMs };
  });
  routes.current = routes.records[plain.current] ?? null;
  return routes;
}

function isDestination(value: unknown, flows: number): value is PlainDestination {
  if (!isRecord(value)) return false;
  const { address, addresses, counts, reached, hops, overshoots, seenWhole, routes } = value;
  if (!isAddress(address) || !Array.isArray(addresses) || addresses.length > MAX_ADDRESSES) return false;
  if (!addresses.every((each) => each === DESTINATION_MARK || isAddress(each))) return false;
  const index = [-1, addresses.length - 1] as const;
  const named = [0, addresses.length - 1] as const;
  const ttl = [0, MAX_TTL] as const;
  const count = [-MAX_TTL, Number.MAX_SAFE_INTEGER] as const;
  const words = Array.from({ length: REPLY_WORDS }, () => [0, WORD] as const);
  const row = [...words, ...Array.from({ length: flows }, () => index)];
  return (
    isRow(
      counts,
      Array.from({ length: 10 }, () => count),
    ) &&
    Array.isArray(reached) &&
    reached.length === 2 &&
    reached.every((each) => typeof each === 'boolean') &&
    areRows(hops, MAX_TTL, row) &&
    areRows(value['aliases'], MAX_ALIASES, [ttl, named, [1, WORD]]) &&
    areRows(value['siblings'], MAX_SIBLINGS, [ttl, named]) &&
    areRows(value['suspects'], MAX_SUSPECTS, [ttl, named, [1, WORD]]) &&
    areNumbers(overshoots, flows, [0, WORD]) &&
    areNumbers(seenWhole, flows, [0, flows - 1]) &&
    isWhole(value['routeRounds'], [0, Number.MAX_SAFE_INTEGER]) &&
    Array.isArray(routes) &&
    routes.length <= MAX_ROUTES + 1 &&
    isWhole(value['current'], [-1, routes.length - 1]) &&
    routes.every((route) => isRoute(route, named, flows))
  );
}

function isRoute(value: unknown, named: Range, flows: number): value is PlainRoute {
  if (!isRecord(value)) return false;
  const { id, hops, figures } = value;
  return (
    typeof id === 'string' &&
    /^[0-9a-f]{12}$/.test(id) &&
    areRows(hops, MAX_TTL * flows, [[1, MAX_TTL], named]) &&
    Array.isArray(figures) &&
    figures.length === 6 &&
    figures.every((each) => typeof each === 'number' && each >= 0 && each <= MOST_MS)
  );
}

type Range = readonly [least: number, most: number];

function areRows(value: unknown, most: number, ranges: readonly Range[]): value is number[][] {
  return Array.isArray(value) && value.length <= most && value.every((row) => isRow(row, ranges));
}

function isRow(value: unknown, ranges: readonly Range[]): value is number[] {
  return (
    Array.isArray(value) &&
    value.length === ranges.length &&
    value.every((each, i) => isWhole(each, ranges[i] as Range))
  );
}

function areNumbers(value: unknown, most: number, range: Range): value is number[] {
  return Array.isArray(value) && value.length <= most && value.every((each) => isWhole(each, range));
}

function isWhole(value: unknown, [least, most]: Range): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

function isAddress(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 64 && parseAddress(value) !== undefined;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
