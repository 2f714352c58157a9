// What a scenario makes true: the path of a flow at a time, the graph of all paths, and the events that a monitor
// must report. It walks the same graphs as the simulator but sends nothing, loses nothing and waits for nobody.

import { formatAddress } from '../src/wire/address.ts';
import { type FlowFields, flowPacket } from './flow-fields.ts';
import { hostAnswer } from './host-answer.ts';
import { PacketView } from './packet-view.ts';
import { addressOf, type Face, type LinkPlan, NS_PER_MS, type RouterPlan } from './plans.ts';
import { prefixHolds } from './prefix.ts';
import { SOURCE_SALT } from './route-cursor.ts';
import { fixedChoice, type RouteNode } from './route-graph.ts';
import type { Scenario } from './scenario.ts';
import { hostIndex, type TargetPlan, Timeline } from './timeline.ts';

export interface TruthHop {
  readonly ttl: number;
  /** Names of the routers that can be met here: several behind a per-packet balancer. */
  readonly routers: readonly string[];
  /** What they answer from; empty where nobody ever answers. */
  readonly addresses: readonly string[];
  /** Least round-trip, without jitter. */
  readonly rttMs: number;
}

export interface TruthPath {
  readonly hops: readonly TruthHop[];
  /** `adrift`: no route, a dead end, or a loop. */
  readonly end: 'reached' | 'unreachable' | 'silent' | 'adrift';
  /** TTL at which the end shows itself; 0 where it does not. */
  readonly endTtl: number;
  /** Who answers there; null where nobody does. */
  readonly endAddress: string | null;
  /** Round-trip to the end in milliseconds, without jitter; 0 where it does not answer. */
  readonly rttMs: number;
}

export interface TruthLink {
  /** TTL of `from`. */
  readonly ttl: number;
  readonly from: string;
  readonly to: string;
}

/** Every interface and link that any flow can meet; silent routers stand for themselves by name. */
export interface TruthGraph {
  /** By TTL, from 1 on: addresses, or `?name`. */
  readonly hops: readonly (readonly string[])[];
  readonly links: readonly TruthLink[];
}

/** Paths are followed no further. */
export const TRUTH_HORIZON = 64;

/**
 * The path of a flow at a time of the scenario.
 * @param flow the fields that balancers see, or a probe's whole packet.
 */
export function truthOf(scenario: Scenario | Timeline, flow: FlowFields | Uint8Array, timeMs = 0): TruthPath {
  const walk = new Walk(scenario, flow, timeMs, false);
  const hops: TruthHop[] = [];
  let places = walk.begin();
  for (let ttl = 1; ttl <= TRUTH_HORIZON && places.length > 0; ttl++) {
    const host = places.find((place) => place.router === null);
    if (host !== undefined) return walk.atHost(hops, ttl, host);
    const blocked = places.map((place) => walk.blockOf(place)).find((block) => block !== undefined);
    hops.push(walk.hop(ttl, places));
    if (blocked !== undefined) {
      const { address, silent, rttMs } = blocked;
      if (silent) return { hops, end: 'silent', endTtl: 0, endAddress: null, rttMs: 0 };
      return { hops, end: 'unreachable', endTtl: ttl + 1, endAddress: address, rttMs };
    }
    places = unique(places.flatMap((place) => walk.after(place)));
  }
  return { hops, end: 'adrift', endTtl: 0, endAddress: null, rttMs: 0 };
}

/** All paths that the flows of this protocol can take to this target. The target itself ends the graph. */
export function graphOf(
  scenario: Scenario | Timeline,
  flow: FlowFields | Uint8Array,
  timeMs = 0,
): TruthGraph {
  const walk = new Walk(scenario, flow, timeMs, true);
  const hops: string[][] = [];
  const links = new Map<string, TruthLink>();
  let places = walk.begin();
  for (let ttl = 1; ttl <= TRUTH_HORIZON && places.length > 0; ttl++) {
    hops.push([...new Set(places.map((place) => walk.label(place)))].sort());
    const next: Place[] = [];
    for (const place of places) {
      if (place.router === null || walk.blockOf(place) !== undefined) continue;
      for (const after of walk.after(place)) {
        const link = { ttl, from: walk.label(place), to: walk.label(after) };
        links.set(`${ttl} ${link.from} ${link.to}`, link);
        next.push(after);
      }
    }
    places = unique(next);
  }
  return { hops, links: [...links.values()] };
}

interface Place {
  readonly node: RouteNode;
  /** Null for the host. */
  readonly router: RouterPlan | null;
  readonly face: Face | null;
  /** One way to here. */
  readonly delayNs: number;
}

class Walk {
  readonly #view = new PacketView();
  readonly #target: TargetPlan | undefined;
  readonly #host: number;
  /** Whether balancers by flow are followed every way. */
  readonly #all: boolean;

  constructor(scenario: Scenario | Timeline, flow: FlowFields | Uint8Array, timeMs: number, all: boolean) {
    const timeline = scenario instanceof Timeline ? scenario : new Timeline(scenario);
    const packet = flow instanceof Uint8Array ? flow : flowPacket(timeline.scenario, flow);
    if (!this.#view.load(packet, 0, packet.length)) throw new RangeError('the probe is no IP packet');
    this.#target = timeline.at(timeMs).target(this.#view.destination);
    this.#host = hostIndex(this.#view.destination, this.#target?.hostBits ?? 0);
    this.#all = all;
  }

  begin(): Place[] {
    if (this.#target === undefined) return [];
    return this.after({ node: this.#target.route.source, router: null, face: null, delayNs: 0 });
  }

  /** Where a packet can be after `place`. */
  after({ node, router, delayNs }: Place): Place[] {
    const target = this.#target as TargetPlan;
    const salt = router === null ? SOURCE_SALT : router.salt;
    const mask = router === null ? 0 : router.hash;
    return this.#ways(node.balance, node.edges.length, salt, mask).flatMap((way) => {
      const edge = node.edges[way];
      if (edge === undefined) return [];
      if (edge.to === null) {
        const link = edge.link ?? target.host.link;
        return [{ node, router: null, face: null, delayNs: delayNs + link.delayNs }];
      }
      if (edge.to.level !== null) return this.#inTree(edge.to, router, delayNs);
      const link = edge.link as LinkPlan;
      return [{ node: edge.to, router: edge.to.router, face: edge.face, delayNs: delayNs + link.delayNs }];
    });
  }

  hop(ttl: number, places: readonly Place[]): TruthHop {
    const routers = places.map((place) => place.router as RouterPlan);
    const addresses = places.flatMap((place) => this.#addresses(place));
    const least = Math.min(...places.map((place) => this.#rttMs(place)));
    return {
      ttl,
      routers: [...new Set(routers.map((router) => router.name))],
      addresses: [...new Set(addresses)],
      rttMs: least,
    };
  }

  /** What a filter of this router does to the packet, if one applies. */
  blockOf(place: Place): { silent: boolean; address: string | null; rttMs: number } | undefined {
    const router = place.router;
    if (router === null) return undefined;
    const view = this.#view;
    const filter = router.filters.find(
      (rule) =>
        (rule.kinds & view.kind) !== 0 &&
        (rule.ports === null || rule.ports.includes(view.destinationPort)) &&
        (rule.prefix === null || prefixHolds(rule.prefix, view.destination)),
    );
    if (filter === undefined) return undefined;
    const address = this.#addresses(place)[0] ?? null;
    const silent = filter.unreachable === null || address === null;
    return { silent, address, rttMs: this.#rttMs(place) };
  }

  atHost(hops: readonly TruthHop[], ttl: number, place: Place): TruthPath {
    const { host } = this.#target as TargetPlan;
    const view = this.#view;
    const reply = hostAnswer(host, view, this.#host);
    if (reply.kind === 'silent') return { hops, end: 'silent', endTtl: 0, endAddress: null, rttMs: 0 };
    const from = (view.family === 4 ? host.from.v4 : host.from.v6) ?? view.destination;
    const port = view.family === 4 ? 3 : 4;
    const code = reply.kind !== 'unreachable' ? port : view.family === 4 ? reply.codes.v4 : reply.codes.v6;
    return {
      hops,
      end: code === port ? 'reached' : 'unreachable',
      endTtl: ttl,
      endAddress: formatAddress(from),
      rttMs: (2 * place.delayNs + host.answer.delayNs) / NS_PER_MS,
    };
  }

  label(place: Place): string {
    if (place.router === null) return formatAddress(this.#view.destination);
    return this.#addresses(place)[0] ?? `?${place.router.name}`;
  }

  #inTree(node: RouteNode, router: RouterPlan | null, delayNs: number): Place[] {
    const { level } = node;
    const { hostBits, route } = this.#target as TargetPlan;
    if (level === null) return [];
    const subtree = level.subtreeOf(this.#host, hostBits);
    if (level.skips(subtree)) return this.after({ node, router, face: null, delayNs });
    const spare = route.detours[level.index]?.get(subtree) ?? 0;
    const mask = router === null ? 0 : router.hash;
    return this.#ways(level.balance, level.width, level.salt ^ subtree, mask).map((lane) => {
      const found = level.router(subtree, spare, lane);
      const { face } = found.router;
      return { node, router: found.router, face, delayNs: delayNs + found.link.delayNs };
    });
  }

  #ways(balance: RouteNode['balance'], count: number, salt: number, mask: number): number[] {
    const every = balance === 'packet' || (balance === 'flow' && this.#all);
    if (count <= 1 || every) return Array.from({ length: count }, (_, way) => way);
    return [fixedChoice(balance, count, salt, mask, this.#view)];
  }

  #addresses({ router, face }: Place): string[] {
    if (router === null || (router.silent & this.#view.kind) !== 0 || router.answer.rate === 0) return [];
    return addressOf(face ?? router.face, this.#view.family).map((address) => formatAddress(address));
  }

  #rttMs({ router, delayNs }: Place): number {
    return (2 * delayNs + (router?.answer.delayNs ?? 0)) / NS_PER_MS;
  }
}

/** Places that differ in router and side; of those alike the nearest. */
function unique(places: readonly Place[]): Place[] {
  const found = new Map<string, Place>();
  for (const place of places) {
    const side = place.face === null ? '' : place.face.v4.concat(place.face.v6).join();
    const key = `${place.router?.name ?? ''} ${place.node.name} ${side}`;
    const other = found.get(key);
    if (other === undefined || place.delayNs < other.delayNs) found.set(key, place);
  }
  return [...found.values()];
}
