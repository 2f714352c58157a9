// A small internet at the level of paths, with known truth: one target at a time, many rounds of virtual time.
// It makes Traces directly, without packets. Invariant: what happens is a function of the seed.
//
// Nuisances: reply loss, silent hops, hops and destinations that answer only sometimes, balancers by flow and by packet
// (equal and unequal branches), routers that get another address for good, for a while, or reply by reply, replies out
// of order, jitter with a heavy tail, congestion. Events: see `EventKind` in path-events.ts.

import type { Hop, HopReply, Trace } from '../src/trace/trace.ts';

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x9e3779b9) >>> 0;
    for (let i = 0; i < 4; i++) this.next();
  }

  /** [0, 1): mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(p: number): boolean {
    return this.next() < p;
  }
}

export interface Router {
  readonly id: number;
  readonly as: number;
  /** Answers from the interface that a probe came in by, as most do; else always from one address. */
  readonly perLink: boolean;
  readonly silent: boolean;
  /** Share of its replies that it sends. */
  readonly rate: number;
  readonly initialTtl: number;
  /** One way, of the link that leads to it. */
  readonly linkMs: number;
  /** Added to its own replies only. */
  ownMs: number;
  rename: Rename | null;
}

export type Rename =
  | { readonly kind: 'for-good' }
  | { readonly kind: 'by-turns'; readonly rounds: number }
  | { readonly kind: 'by-reply' };

export type Segment =
  | { readonly kind: 'router'; readonly router: Router }
  | {
      readonly kind: 'flow' | 'packet';
      readonly branches: readonly (readonly Router[])[];
      readonly salt: number;
    };

export type Route = readonly Segment[];

/** What a probe may meet at a TTL: one of these, by chance. */
export interface Place {
  readonly router: Router;
  readonly previous: number;
  readonly delayMs: number;
}

export interface FlowWay {
  /** By TTL from 1 on, the destination not among them. */
  readonly places: readonly (readonly Place[])[];
  readonly delayMs: number;
}

export interface TraceWish {
  readonly firstFlow: number;
  readonly flows: number;
  readonly firstTtl: number;
  readonly maxTtl: number;
}

export const REPLY_LOSS = 0.05;
const SILENT_HOP_LIMIT = 5;
const DECISIVE_TRIES = 3;
const DESTINATION = '198.18.0.1';

export class PathWorld {
  /** For what happens; not for the probes, so that it is the same whatever is probed. */
  readonly random: Random;
  readonly #noise: Random;
  route: Route = [];
  /** While set, probes meet the old route with this probability: the change happens during the trace. */
  blend: { readonly old: Route; readonly share: number } | null = null;
  /** Packets die after this hop; 0 for never. */
  cutAfter = 0;
  destinationRate = 1;
  congestion: { readonly from: number; readonly ms: number } | null = null;
  round = 0;
  #ids = 0;
  readonly #addresses = new Map<string, string>();
  readonly #as = new Map<string, number>();
  readonly #ways = new WeakMap<Route, Map<number, FlowWay>>();

  constructor(seed: number) {
    this.random = new Random(seed);
    this.#noise = new Random(seed ^ 0x5bd1e995);
  }

  newRouter(as: number, more: Partial<Router> = {}): Router {
    const { random } = this;
    this.#ids++;
    const kind = random.next();
    return {
      id: this.#ids,
      as,
      perLink: random.chance(0.6),
      silent: kind < 0.07,
      rate: kind > 0.9 ? 0.2 + 0.6 * random.next() : 1,
      initialTtl: random.chance(0.8) ? 255 : 64,
      linkMs: 0.2 + 5 * random.next() ** 3,
      ownMs: 0,
      rename: null,
      ...more,
    };
  }

  asNumberOf(address: string): number | null {
    return this.#as.get(address) ?? null;
  }

  /** The address a router answers with now. */
  addressOf(place: Place): string {
    const { router } = place;
    const link = router.perLink ? place.previous : -1;
    return this.#addressFor(router, link, this.#isRenamed(router) ? 1 : 0);
  }

  wayOf(route: Route, flow: number): FlowWay {
    let ways = this.#ways.get(route);
    if (ways === undefined) {
      ways = new Map();
      this.#ways.set(route, ways);
    }
    let way = ways.get(flow);
    if (way === undefined) {
      way = layOut(route, flow);
      ways.set(flow, way);
    }
    return way;
  }

  /** One measurement, as the tracer would report it. */
  trace(wish: TraceWish): Trace {
    const hops = new Map<number, { sent: number; replies: HopReply[] }>();
    const flows: number[] = [];
    let hopCount = 0;
    for (let flow = wish.firstFlow; flow < wish.firstFlow + wish.flows; flow++) {
      flows.push(flow);
      const reachedTtl = this.#traceFlow(flow, wish, hops);
      if (reachedTtl > 0 && (hopCount === 0 || reachedTtl < hopCount)) hopCount = reachedTtl;
    }
    const list: Hop[] = [];
    for (const ttl of [...hops.keys()].sort((a, b) => a - b)) {
      const hop = hops.get(ttl) as { sent: number; replies: HopReply[] };
      // Out of order, as they may arrive.
      if (this.#noise.chance(0.1)) hop.replies.reverse();
      list.push({ ttl, sent: hop.sent, replies: hop.replies });
    }
    return {
      target: 'bench',
      address: DESTINATION,
      family: 4,
      protocol: 'icmp',
      port: null,
      mode: 'raw',
      startedAt: '',
      durationMs: 0,
      reached: hopCount > 0,
      hopCount,
      probesSent: 0,
      hops: list,
      links: [],
      end: hopCount > 0 ? 'reached' : 'silent',
      duplicates: 0,
      late: 0,
      flows,
    };
  }

  /** The engine's plan: every TTL once, decisive ones up to three times, a few beyond the last responder. */
  #traceFlow(
    flow: number,
    wish: TraceWish,
    hops: Map<number, { sent: number; replies: HopReply[] }>,
  ): number {
    let lastResponder = 0;
    let silentBefore = false;
    for (let ttl = wish.firstTtl; ttl <= wish.maxTtl; ttl++) {
      const hop = hops.get(ttl) ?? { sent: 0, replies: [] };
      hops.set(ttl, hop);
      hop.sent++;
      let reply = this.#probe(flow, ttl);
      if (reply?.kind === 'echo-reply') {
        // The TTL before the end decides the hop count: it is asked again if it was silent.
        const previous = hops.get(ttl - 1);
        for (let i = 1; silentBefore && i < DECISIVE_TRIES; i++) {
          if (previous === undefined) break;
          previous.sent++;
          const again = this.#probe(flow, ttl - 1);
          if (again === null) continue;
          previous.replies.push(again);
          if (again.kind === 'echo-reply') {
            hop.sent--;
            return ttl - 1;
          }
          break;
        }
      } else if (reply === null && ttl === this.wayOf(this.route, flow).places.length + 1) {
        // The hinted distance.
        for (let i = 1; i < DECISIVE_TRIES && reply === null; i++) {
          hop.sent++;
          reply = this.#probe(flow, ttl);
        }
      }
      silentBefore = reply === null;
      if (reply !== null) {
        hop.replies.push(reply);
        lastResponder = ttl;
        if (reply.kind === 'echo-reply') return ttl;
      } else if (
        ttl - Math.max(lastResponder, wish.firstTtl - 1) >= SILENT_HOP_LIMIT &&
        ttl > this.route.length + 8
      ) {
        return 0;
      }
    }
    return 0;
  }

  #probe(flow: number, ttl: number): HopReply | null {
    const random = this.#noise;
    const route = this.blend !== null && random.chance(this.blend.share) ? this.blend.old : this.route;
    const { places, delayMs } = this.wayOf(route, flow);
    if (this.cutAfter > 0 && ttl > this.cutAfter) return null;
    if (random.chance(REPLY_LOSS)) return null;
    const noise = -Math.log(1 - random.next()) * 0.2 + (random.chance(0.02) ? 20 * random.next() : 0);
    const congested = this.congestion !== null && ttl >= this.congestion.from ? this.congestion.ms : 0;
    if (ttl > places.length) {
      if (!random.chance(this.destinationRate)) return null;
      const rttMs = 2 * delayMs + noise + congested;
      return {
        flow,
        address: DESTINATION,
        rttMs,
        kind: 'echo-reply',
        replyTtl: 64 - Math.min(60, places.length),
      };
    }
    const choices = places[ttl - 1] as readonly Place[];
    const place = choices[choices.length === 1 ? 0 : random.below(choices.length)] as Place;
    const { router } = place;
    if (router.silent || (router.rate < 1 && !random.chance(router.rate))) return null;
    const rttMs = 2 * place.delayMs + router.ownMs + noise + congested;
    return {
      flow,
      address: this.addressOf(place),
      rttMs,
      kind: 'time-exceeded',
      replyTtl: router.initialTtl - ttl,
    };
  }

  #isRenamed(router: Router): boolean {
    const { rename } = router;
    if (rename === null) return false;
    if (rename.kind === 'for-good') return true;
    if (rename.kind === 'by-turns') return Math.floor(this.round / rename.rounds) % 2 === 1;
    return this.#noise.chance(0.5);
  }

  #addressFor(router: Router, link: number, version: number): string {
    const key = `${router.id} ${link} ${version}`;
    let address = this.#addresses.get(key);
    if (address === undefined) {
      const n = this.#addresses.size + 1;
      address = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
      this.#addresses.set(key, address);
      if (router.as > 0) this.#as.set(address, router.as);
    }
    return address;
  }
}

function layOut(route: Route, flow: number): FlowWay {
  const places: Place[][] = [];
  let previous = [0];
  let delayMs = 0;
  for (const segment of route) {
    if (segment.kind === 'packet') {
      const { branches } = segment;
      const depth = branches[0]?.length ?? 0;
      for (let i = 0; i < depth; i++) {
        delayMs += branches[0]?.[i]?.linkMs ?? 0;
        const set: Place[] = [];
        for (const branch of branches) {
          const router = branch[i] as Router;
          const before = i === 0 ? previous : [(branch[i - 1] as Router).id];
          for (const id of before) set.push({ router, previous: id, delayMs });
        }
        places.push(set);
      }
      previous = branches.map((branch) => (branch[depth - 1] as Router).id);
      continue;
    }
    const routers = segment.kind === 'router' ? [segment.router] : branchOf(segment, flow);
    for (const router of routers) {
      delayMs += router.linkMs;
      const here = delayMs;
      places.push(previous.map((id) => ({ router, previous: id, delayMs: here })));
      previous = [router.id];
    }
  }
  return { places, delayMs: delayMs + 0.5 };
}

function branchOf(segment: Exclude<Segment, { kind: 'router' }>, flow: number): readonly Router[] {
  let hash = Math.imul(flow + 1, 0x85ebca6b) ^ Math.imul(segment.salt, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
  hash ^= hash >>> 15;
  return segment.branches[(hash >>> 0) % segment.branches.length] as readonly Router[];
}
