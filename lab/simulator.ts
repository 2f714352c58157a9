// The simulated internet: a packet goes in at a time, the replies come out with the times they arrive at. Pure:
// time and seed are arguments, and the same packets at the same times give the same replies, byte for byte.

import { FRAGMENTATION_NEEDED, ICMP4, ICMP6 } from '../src/wire/icmp.ts';
import { hostAnswer } from './host-answer.ts';
import { KIND, PacketView } from './packet-view.ts';
import {
  type AnswerPlan,
  addressOf,
  type Face,
  type FilterPlan,
  type HostPlan,
  type HostReply,
  type LinkPlan,
  type Memory,
  NS_PER_MS,
  newMemory,
  type RouterPlan,
  type UnreachablePlan,
} from './plans.ts';
import { prefixHolds } from './prefix.ts';
import { Random } from './random.ts';
import { ReplyWriter, type Rewriting, transportSound } from './reply-writer.ts';
import { RouteCursor } from './route-cursor.ts';
import { type Change, HOST, type Scenario } from './scenario.ts';
import { type Epoch, type TargetPlan, Timeline } from './timeline.ts';
import { takeToken } from './token-bucket.ts';

/** Takes replies as they are made. `bytes` is reused: the sink copies [0, length) before it returns. */
export interface ReplySink {
  deliver(atNs: number, bytes: Uint8Array, length: number): void;
}

export interface Delivery {
  readonly atNs: number;
  readonly bytes: Uint8Array;
}

/** What became of a probe. */
export type Fate =
  | 'answered'
  | 'lost' // on a link, on the way out
  | 'reply-lost' // on a link, on the way back
  | 'silent' // whoever should answer never does
  | 'limited' // its budget of replies was spent
  | 'unanswered' // the share that it leaves out by chance
  | 'filtered' // dropped by a filter without a word
  | 'too-long' // for a link, and nobody says so
  | 'adrift' // no route, or no next hop
  | 'malformed';

/** Told of every packet; the object is reused. For benchmarks of accuracy, and for tests of loss. */
export interface ProbeObserver {
  probe(record: ProbeRecord): void;
}

export interface ProbeRecord {
  /** The packet, whole; addresses and ports are in it. */
  view: PacketView;
  fate: Fate;
  receivedAtNs: number;
  /** The delay imposed on the reply, or -1. */
  rttNs: number;
  /** Links crossed: where the packet ended. */
  hop: number;
  /** Name of the router, `host`, or the empty text. */
  by: string;
}

export interface SimulatorOptions {
  /** The time, on the caller's clock, that is 0 in the scenario; default 0. */
  readonly startNs?: number;
  readonly observer?: ProbeObserver;
}

export function createSimulator(scenario: Scenario, seed: number, options: SimulatorOptions = {}): Simulator {
  return new Simulator(scenario, seed, options);
}

const MAX_HOPS = 255;

export class Simulator {
  readonly timeline: Timeline;
  /** Packets by fate. */
  readonly counters: Record<Fate, number> = {
    answered: 0,
    lost: 0,
    'reply-lost': 0,
    silent: 0,
    limited: 0,
    unanswered: 0,
    filtered: 0,
    'too-long': 0,
    adrift: 0,
    malformed: 0,
  };
  readonly #random: Random;
  readonly #observer: ProbeObserver | undefined;
  readonly #view = new PacketView();
  readonly #cursor = new RouteCursor();
  readonly #writer = new ReplyWriter();
  readonly #record: ProbeRecord;
  readonly #rewriting: Rewriting;
  readonly #hostMemories = new Map<number, Memory>();
  /** Links behind the packet, in the order it crossed them. */
  readonly #crossed: (LinkPlan | null)[] = new Array<LinkPlan | null>(MAX_HOPS + 1).fill(null);
  #startNs: number;
  #epoch: Epoch;
  #epochFromMs = 0;
  #epochUntilMs: number;
  #sink: ReplySink | null = null;
  #nowNs = 0;
  #delayNs = 0;
  #rttNs = 0;
  #hop = 0;
  #by = '';

  constructor(scenario: Scenario, seed: number, options: SimulatorOptions) {
    this.timeline = new Timeline(scenario);
    this.#random = new Random(seed);
    this.#observer = options.observer;
    this.#startNs = options.startNs ?? 0;
    this.#epoch = this.timeline.at(0);
    this.#epochUntilMs = this.timeline.nextChangeMs(0);
    this.#record = { view: this.#view, fate: 'answered', receivedAtNs: 0, rttNs: -1, hop: 0, by: '' };
    const { source, destination } = this.#view;
    this.#rewriting = {
      trafficClass: 0,
      source,
      destination,
      checksumSource: source,
      checksumDestination: destination,
      port: -1,
      checksumPort: -1,
    };
  }

  /** The scenario's time at `nowNs`, in milliseconds. */
  scenarioMs(nowNs: number): number {
    return (nowNs - this.#startNs) / NS_PER_MS;
  }

  /** Makes `nowNs` the scenario's time `timeMs`. */
  seek(nowNs: number, timeMs: number): void {
    this.#startNs = nowNs - timeMs * NS_PER_MS;
    this.#enter(timeMs);
  }

  /** Makes a change happen at its own time, or at once where that has passed. */
  change(change: Change, nowNs: number): void {
    const timeMs = this.scenarioMs(nowNs);
    this.timeline.insert({ ...change, atMs: Math.max(change.atMs, timeMs) });
    this.#enter(timeMs);
  }

  /** Takes one IP packet in; replies go to `sink`, during the call. */
  accept(bytes: Uint8Array, offset: number, end: number, nowNs: number, sink: ReplySink): Fate {
    this.#sink = sink;
    this.#nowNs = nowNs;
    this.#delayNs = 0;
    this.#hop = 0;
    this.#by = '';
    const timeMs = (nowNs - this.#startNs) / NS_PER_MS;
    if (timeMs >= this.#epochUntilMs || timeMs < this.#epochFromMs) this.#enter(timeMs);
    const fate = this.#view.load(bytes, offset, end) ? this.#travel() : 'malformed';
    this.counters[fate]++;
    if (this.#observer !== undefined) this.#tell(this.#observer, fate);
    return fate;
  }

  /** Takes one IP packet in; returns its replies with the times they arrive at. */
  receive(packet: Uint8Array, nowNs: number): Delivery[] {
    const deliveries: Delivery[] = [];
    this.accept(packet, 0, packet.length, nowNs, {
      deliver: (atNs, bytes, length) => deliveries.push({ atNs, bytes: bytes.slice(0, length) }),
    });
    return deliveries;
  }

  #enter(timeMs: number): void {
    this.#epoch = this.timeline.at(timeMs);
    this.#epochFromMs = timeMs;
    this.#epochUntilMs = this.timeline.nextChangeMs(timeMs);
  }

  #travel(): Fate {
    const view = this.#view;
    const cursor = this.#cursor;
    const target = this.#epoch.target(view.destination);
    if (target === undefined) return 'adrift';
    cursor.start(target, view);
    this.#resetRewriting();
    let here: RouterPlan | null = null;
    let face: Face | null = null;
    for (let hop = 1; hop <= MAX_HOPS; hop++) {
      if (!cursor.step(view, this.#random)) return 'adrift';
      const link = cursor.link as LinkPlan;
      if (view.length > link.mtu && view.dontFragment) return this.#tooLong(here, face, link.mtu);
      this.#delayNs += link.delayNs + this.#random.within(link.jitterNs);
      this.#crossed[hop] = link;
      this.#hop = hop;
      here = cursor.router;
      face = cursor.face;
      this.#by = here === null ? HOST : here.name;
      if (this.#random.chance(link.loss)) return 'lost';
      if (here === null) return this.#arrive(target);
      if (hop >= view.ttl) return this.#expire(here);
      const filter = here.filters.length === 0 ? undefined : this.#filterOf(here);
      if (filter !== undefined) return this.#refuse(here, filter);
      this.#rewrite(here);
    }
    return 'adrift';
  }

  #resetRewriting(): void {
    const { source, destination, trafficClass } = this.#view;
    const rewriting = this.#rewriting;
    rewriting.trafficClass = trafficClass;
    rewriting.source = source;
    rewriting.destination = destination;
    rewriting.checksumSource = source;
    rewriting.checksumDestination = destination;
    rewriting.port = -1;
    rewriting.checksumPort = -1;
  }

  /** What a router does to a packet that it sends on. Balancers further on hash it as it was sent. */
  #rewrite({ nat, dscp, ecn }: RouterPlan): void {
    const rewriting = this.#rewriting;
    if (dscp >= 0) rewriting.trafficClass = (rewriting.trafficClass & 3) | dscp;
    const capable = (rewriting.trafficClass & 3) !== 0;
    if (ecn >= 0 && (ecn !== 3 || capable)) rewriting.trafficClass = (rewriting.trafficClass & 0xfc) | ecn;
    if (nat === null || nat.restores === 'all') return;
    const v4 = this.#view.family === 4;
    const source = v4 ? nat.source.v4 : nat.source.v6;
    const destination = v4 ? nat.destination.v4 : nat.destination.v6;
    if (source !== null) rewriting.checksumSource = source;
    if (destination !== null) rewriting.checksumDestination = destination;
    if (nat.port >= 0) rewriting.checksumPort = nat.port;
    if (nat.restores === 'none') {
      rewriting.source = rewriting.checksumSource;
      rewriting.destination = rewriting.checksumDestination;
      rewriting.port = rewriting.checksumPort;
    }
  }

  #expire(router: RouterPlan): Fate {
    const v4 = this.#view.family === 4;
    const type = v4 ? ICMP4.timeExceeded : ICMP6.timeExceeded;
    return this.#routerError(router, this.#cursor.face, type, 0, 0, router.answer.quotedTtl);
  }

  #tooLong(router: RouterPlan | null, face: Face | null, mtu: number): Fate {
    if (router === null || router.mtuBlackhole) return 'too-long';
    const v4 = this.#view.family === 4;
    const type = v4 ? ICMP4.unreachable : ICMP6.packetTooBig;
    const told = router.reportedMtu < 0 ? mtu : router.reportedMtu;
    return this.#routerError(router, face, type, v4 ? FRAGMENTATION_NEEDED : 0, told, this.#ttlLeft());
  }

  #refuse(router: RouterPlan, { unreachable }: FilterPlan): Fate {
    if (unreachable === null) return 'filtered';
    const v4 = this.#view.family === 4;
    const type = v4 ? ICMP4.unreachable : ICMP6.unreachable;
    return this.#routerError(router, this.#cursor.face, type, codeOf(unreachable, v4), 0, this.#ttlLeft());
  }

  #routerError(
    router: RouterPlan,
    side: Face | null,
    type: number,
    code: number,
    word: number,
    quotedTtl: number,
  ): Fate {
    const { answer } = router;
    const view = this.#view;
    if ((router.silent & view.kind) !== 0 || !view.first) return 'silent';
    const face = side ?? router.face;
    const addresses = addressOf(face, view.family);
    const from =
      addresses.length > 1 ? addresses[Math.floor(this.#random.unit() * addresses.length)] : addresses[0];
    if (from === undefined) return 'silent';
    if (!this.#hasToken(answer, answer.memory)) return 'limited';
    if (answer.rate < 1 && !this.#random.chance(answer.rate)) return 'unanswered';
    const ttl = this.#ttlOnArrival(answer);
    // RFC 4884 section 4.6 gives "packet too big" no extension: its word is the MTU.
    const bare = view.family === 6 && type === ICMP6.packetTooBig;
    const extension = bare ? null : face.extension;
    const error = { from, ttl, type, code, word, quotedTtl, extension };
    return this.#comeBack(this.#writer.error(view, error, answer, this.#rewriting), answer);
  }

  #arrive({ host }: TargetPlan): Fate {
    const view = this.#view;
    const { answer } = host;
    const reply = hostAnswer(host, view, this.#cursor.host);
    if (reply.kind === 'silent' || !transportSound(view)) return 'silent';
    const from = (view.family === 4 ? host.from.v4 : host.from.v6) ?? view.destination;
    const ttl = this.#ttlOnArrival(answer);
    if (reply.kind === 'unreachable' && !this.#hasToken(answer, this.#tokensOf(host))) return 'limited';
    if (answer.rate < 1 && !this.#random.chance(answer.rate)) return 'unanswered';
    const length =
      reply.kind === 'unreachable'
        ? this.#hostUnreachable(from, ttl, reply.codes, answer)
        : this.#hostDirect(from, ttl, reply, answer);
    return this.#comeBack(length, answer);
  }

  #hostDirect(from: Uint8Array, ttl: number, reply: HostReply, answer: AnswerPlan): number {
    const view = this.#view;
    if (view.kind === KIND.icmp) return this.#writer.echoReply(view, from, ttl, answer);
    if (view.kind === KIND.udp) return this.#writer.udpReply(view, from, ttl, answer);
    return this.#writer.tcpReply(view, from, ttl, answer, reply.kind === 'direct');
  }

  #hostUnreachable(from: Uint8Array, ttl: number, codes: UnreachablePlan, answer: AnswerPlan): number {
    const v4 = this.#view.family === 4;
    const type = v4 ? ICMP4.unreachable : ICMP6.unreachable;
    const code = codeOf(codes, v4);
    const error = { from, ttl, type, code, word: 0, quotedTtl: this.#ttlLeft(), extension: null };
    return this.#writer.error(this.#view, error, answer, this.#rewriting);
  }

  /** Each host of a prefix has a budget of its own. */
  #tokensOf(host: HostPlan): Memory {
    if (host.answer.limit === null || this.#cursor.target?.hostBits === 0) return host.answer.memory;
    const key = host.salt * 2 ** 21 + this.#cursor.host;
    let memory = this.#hostMemories.get(key);
    if (memory === undefined) {
      memory = newMemory('');
      this.#hostMemories.set(key, memory);
    }
    return memory;
  }

  #hasToken({ limit }: AnswerPlan, memory: Memory): boolean {
    return limit === null || takeToken(memory, limit, this.#nowNs + this.#delayNs);
  }

  /** TTL that the packet came in with, as one who does not let it expire quotes it. */
  #ttlLeft(): number {
    return Math.max(1, this.#view.ttl - this.#hop + 1);
  }

  #ttlOnArrival(answer: AnswerPlan): number {
    return Math.max(1, answer.replyTtl - Math.max(0, this.#hop - 1) - answer.returnHops);
  }

  /** Sends the reply that was written back over the links that the probe crossed. */
  #comeBack(length: number, answer: AnswerPlan): Fate {
    const random = this.#random;
    let delay = this.#delayNs + answer.delayNs + random.within(answer.jitterNs);
    let copies = 1;
    for (let hop = this.#hop; hop > 0; hop--) {
      const link = this.#crossed[hop] as LinkPlan;
      if (random.chance(link.replyLoss)) return 'reply-lost';
      delay += link.delayNs + random.within(link.jitterNs);
      if (random.chance(link.reorder)) delay += link.reorderNs;
      if (random.chance(link.duplicate)) copies = 2;
    }
    this.#rttNs = Math.round(delay);
    for (let i = 0; i < copies; i++) {
      const atNs = this.#nowNs + this.#rttNs + i * DUPLICATE_AFTER_NS;
      this.#sink?.deliver(atNs, this.#writer.bytes, length);
    }
    return 'answered';
  }

  #filterOf(router: RouterPlan): FilterPlan | undefined {
    const view = this.#view;
    return router.filters.find(
      (filter) =>
        (filter.kinds & view.kind) !== 0 &&
        (filter.ports === null || filter.ports.includes(view.destinationPort)) &&
        (filter.prefix === null || prefixHolds(filter.prefix, view.destination)),
    );
  }

  #tell(observer: ProbeObserver, fate: Fate): void {
    const record = this.#record;
    record.fate = fate;
    record.by = this.#by;
    record.hop = this.#hop;
    record.receivedAtNs = this.#nowNs;
    record.rttNs = fate === 'answered' ? this.#rttNs : -1;
    observer.probe(record);
  }
}

const DUPLICATE_AFTER_NS = 50_000;

function codeOf(codes: UnreachablePlan, v4: boolean): number {
  return v4 ? codes.v4 : codes.v6;
}
