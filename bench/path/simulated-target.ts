// One target on the simulated internet over many rounds: its nuisances, its scheduled changes and their truth.
// Invariant: what happens to the network is a function of the seed alone, whatever is probed.

import type { Change, Scenario } from '../../lab/scenario.ts';
import { sourceOf } from '../../lab/timeline.ts';
import { type TruthPath, truthOf } from '../../lab/truth.ts';
import { VirtualHost } from '../../lab/virtual-run.ts';
import type { Protocol } from '../../src/trace/network.ts';
import { createProbeCodec } from '../../src/trace/probe-codec.ts';
import type { Trace, TraceRequest } from '../../src/trace/trace.ts';
import { parseAddress } from '../../src/wire/address.ts';
import { changedPlan, EVENT_KINDS, type EventKind, loopable, rehashable } from './events.ts';
import { Draw, linkOf, type NetRouter, type Plan, routersOf, type Style, Topology } from './topology.ts';
import { type Truth, truthBetween } from './truth.ts';

export const FLOWS = 4;
export const INTERVAL_MS = 60_000;
export const DESTINATION = '198.18.0.1';
const REPLY_LOSS = 0.05;
/** Rounds in which a monitor must have reported. */
const DETECTION_ROUNDS = 2;
/** Changes in the middle of a trace happen at most so long after its start. */
const DURING_ROUND_MS = 40;
const MOST_REMEMBERED = 4;
const SECRET = new Uint8Array(16).fill(0x5a);
const IDENTIFIER_BASE = 33_000;

/** One change that was made to happen. */
export interface Scheduled {
  readonly event: EventKind;
  readonly round: number;
  /** The last round in which it may be reported. */
  readonly dueRound: number;
  readonly truth: Truth;
}

export class SimulatedTarget {
  readonly protocol: Protocol;
  readonly host: VirtualHost;
  readonly topology: Topology;
  readonly #only: EventKind | null;
  readonly #random: Draw;
  readonly #destinationRate: number;
  readonly #packets: readonly Uint8Array[];
  readonly #past: { readonly plan: Plan; readonly event: EventKind }[] = [];
  #plan: Plan;
  #nextEvent: number;
  #restore: { readonly round: number; readonly event: EventKind; readonly blocked: string } | null = null;
  /** Routers that take turns between two addresses, every so many rounds. */
  readonly #turning = new Map<NetRouter, { readonly rounds: number; readonly since: number }>();
  #congested: { readonly router: NetRouter; readonly until: number } | null = null;
  #muteUntil = -1;
  /** The round in which some router last took another turn. */
  #turned = -1;

  constructor(seed: number, style: Style, only: EventKind | null = null) {
    this.topology = new Topology(seed, style);
    this.#random = new Draw(seed ^ 0x2545f491);
    this.#only = only;
    const { topology } = this;
    const random = this.#random;
    this.protocol = random.pick<Protocol>(['icmp', 'udp', 'icmp', 'tcp']) as Protocol;
    this.#destinationRate = random.chance(0.05) ? 0.6 : 1;
    this.#plan = topology.newPlan();
    const { route, routers } = topology.compile(this.#plan);
    const scenario: Scenario = {
      name: 'bench',
      defaults: { link: { jitterMs: style.jitterMs / 4, reorder: 0.02, reorderMs: 5 } },
      routers,
      routes: { main: route },
      targets: [
        {
          prefix: DESTINATION,
          route: 'main',
          host: { answerRate: this.#destinationRate, link: { delayMs: 0.5 } },
        },
      ],
      links: firstLinks(this.#plan),
    };
    this.host = new VirtualHost({ scenario, seed, secret: SECRET, capacity: 512, longestPacket: 256 });
    this.#packets = flowPackets(scenario, this.protocol);
    this.#nextEvent = random.between(8, 40);
  }

  readonly asNumberOf = (address: string): number | null => this.topology.asNumberOf(address);

  /** Moves on to this round, and does what happens before or in it; returns what a monitor must now notice. */
  advance(round: number): Scheduled | null {
    this.host.advanceTo(round * INTERVAL_MS);
    const random = this.#random;
    if (this.#restore !== null && this.#restore.round === round) {
      const { event, blocked } = this.#restore;
      this.#restore = null;
      const change = this.#changeTo(this.#plan);
      if (blocked !== '') change.routers[blocked] = { ...change.routers[blocked], filters: null };
      return this.#happen(event, round, change);
    }
    this.#turn(round);
    if (this.#restore !== null) return null;
    if (round >= this.#nextEvent) {
      this.#nextEvent = round + (random.chance(0.3) ? random.between(2, 12) : random.between(15, 160));
      return this.#draw(round);
    }
    if (this.#nextEvent - round > 4) this.#disturb(round);
    return null;
  }

  trace(request: TraceRequest): Trace {
    return this.host.trace(request);
  }

  /** Draws an event and makes it happen; null where none fits or nothing of it can be seen. */
  #draw(round: number): Scheduled | null {
    const { topology } = this;
    const random = this.#random;
    const event = this.#only ?? (random.pick(EVENT_KINDS) as EventKind);
    if (event === 'outage' || event === 'loop') return this.#breakOff(event, round);
    if (event === 'rehash') {
      const router = rehashable(topology, this.#plan);
      if (router === undefined) return null;
      router.hashSalt = 1 + random.below(1e9);
      return this.#happen(event, round, this.#changeTo(this.#plan));
    }
    const undone = event === 'back' ? this.#past.pop() : undefined;
    const plan = event === 'back' ? undone?.plan : changedPlan(topology, this.#plan, event);
    if (plan === undefined || plan === null) return null;
    if (event !== 'back') this.#past.push({ plan: this.#plan, event });
    if (this.#past.length > MOST_REMEMBERED) this.#past.shift();
    this.#plan = plan;
    return this.#happen(undone?.event ?? event, round, this.#changeTo(plan));
  }

  /** Packets get nowhere for some rounds. */
  #breakOff(event: 'outage' | 'loop', round: number): Scheduled | null {
    const random = this.#random;
    const chain = routersOf(this.#plan.filter((segment) => segment.kind === 'router'));
    let blocked = '';
    let change: Omit<Change, 'atMs'>;
    if (event === 'loop') {
      const loop = loopable(this.topology, this.#plan);
      if (loop === null) return null;
      const { route, routers } = this.topology.compile(this.#plan, loop);
      change = { routes: { main: route }, routers };
    } else {
      const router = random.pick(chain);
      if (router === undefined) return null;
      change = { routers: { [router.name]: { filters: [{ protocol: 'any', action: 'drop' }] } } };
      blocked = router.name;
    }
    const until = round + random.between(4, 9);
    this.#restore = { round: until, event, blocked };
    this.#nextEvent = Math.max(this.#nextEvent, until + 3);
    return this.#happen(event, round, change);
  }

  /** Makes the change before this round, or in the middle of its trace, and says what is true of it. */
  #happen(event: EventKind, round: number, change: Omit<Change, 'atMs'>): Scheduled {
    const random = this.#random;
    const during = random.chance(0.25);
    const atMs = round * INTERVAL_MS + (during ? DURING_ROUND_MS * random.next() : 0);
    const { simulator } = this.host.network;
    const paths = (): TruthPath[] =>
      this.#packets.map((packet) =>
        truthOf(simulator.timeline, packet, round * INTERVAL_MS + DURING_ROUND_MS),
      );
    const before = paths();
    simulator.timeline.insert({ ...change, atMs });
    // The simulator looks anew at what is to come.
    simulator.seek(this.host.nowMs * 1e6, this.host.nowMs);
    const truth = truthBetween(
      { routers: this.topology.routers, destinationRate: this.#destinationRate, asNumberOf: this.asNumberOf },
      event,
      before,
      paths(),
    );
    return { event, round, dueRound: round + DETECTION_ROUNDS - 1 + (during ? 1 : 0), truth };
  }

  #changeTo(plan: Plan): {
    routes: NonNullable<Change['routes']>;
    routers: Record<string, object>;
    links: NonNullable<Change['links']>;
  } {
    const { route, routers } = this.topology.compile(plan);
    for (const router of Object.values(routers)) {
      // Traits are merged into what stands: what is no more must be taken away.
      Object.assign(router, { interfaces: router.interfaces ?? null, aliases: router.aliases ?? null });
    }
    return { routes: { main: route }, routers, links: firstLinks(plan) };
  }

  #apply(change: Omit<Change, 'atMs'>): void {
    const { simulator } = this.host.network;
    simulator.change({ ...change, atMs: 0 }, this.host.nowMs * 1e6);
  }

  /** Nuisances: none of them is a change of route. */
  #disturb(round: number): void {
    const random = this.#random;
    if (random.chance(0.008)) {
      this.#rename(round);
      // Another name and another delay at once are what another router looks like.
      return;
    }
    if (this.#turned === round) return;
    if (this.#congested !== null && round >= this.#congested.until) {
      const { router } = this.#congested;
      this.#congested = null;
      router.queueMs = 0;
      this.#apply({ routers: { [router.name]: { link: linkOf(router) } } });
    } else if (this.#congested === null && random.chance(0.004)) {
      const router = random.pick(routersOf(this.#plan));
      if (router === undefined) return;
      this.#congested = { router, until: round + random.between(2, 30) };
      router.queueMs = 1 + 10 * random.next();
      this.#apply({ routers: { [router.name]: { link: linkOf(router) } } });
    }
    if (this.#muteUntil < 0 && this.#nextEvent - round > 8 && random.chance(0.001)) this.#mute(round);
  }

  /** All hops fall silent for some rounds. */
  #mute(round: number): void {
    this.#muteUntil = round + this.#random.between(1, 5);
    const routers = routersOf(this.#plan);
    this.#apply({ routers: Object.fromEntries(routers.map(({ name }) => [name, { silent: true }])) });
  }

  #turn(round: number): void {
    if (this.#muteUntil >= 0 && round >= this.#muteUntil) {
      this.#muteUntil = -1;
      this.#apply(this.#changeTo(this.#plan));
    }
    let turned = false;
    for (const [router, { rounds, since }] of this.#turning) {
      if ((round - since) % rounds !== 0) continue;
      router.version = 1 - router.version;
      turned = true;
      this.#turned = round;
    }
    if (turned && this.#restore === null && this.#muteUntil < 0) this.#apply(this.#changeTo(this.#plan));
  }

  #rename(round: number): void {
    const random = this.#random;
    const router = random.pick(routersOf(this.#plan));
    if (router === undefined || router.fixedAddress !== null) return;
    this.#turning.delete(router);
    const kind = random.below(4);
    router.byReply = kind === 0;
    if (kind === 1) this.#turning.set(router, { rounds: random.between(1, 20), since: round });
    router.version = kind === 1 ? 1 : kind === 2 ? router.version + 1 : 0;
    if (this.#muteUntil < 0) this.#apply(this.#changeTo(this.#plan));
  }
}

/** What goes wrong on the way back goes wrong on the first link, once for each reply. */
function firstLinks(plan: Plan): { from: string; to: string; replyLoss: number }[] {
  const names = new Set<string>();
  const first = plan[0];
  if (first === undefined) names.add('host');
  else if (first.kind === 'router') names.add(first.router.name);
  else if (first.kind === 'mesh') for (const router of first.layers[0] ?? []) names.add(router.name);
  else for (const branch of first.branches) for (const link of firstLinks(branch)) names.add(link.to);
  return [...names].map((to) => ({ from: 'source', to, replyLoss: REPLY_LOSS }));
}

function flowPackets(scenario: Scenario, protocol: Protocol): Uint8Array[] {
  const codec = createProbeCodec({ secret: SECRET, identifierBase: IDENTIFIER_BASE });
  const destination = parseAddress(DESTINATION) as Uint8Array;
  const source = parseAddress(sourceOf(scenario).v4) as Uint8Array;
  const destinationPort = { icmp: 0, udp: 33_434, tcp: 443 }[protocol];
  const rest = { destination, destinationPort, packetLength: 0, trafficClass: 0, dontFragment: false };
  return Array.from({ length: FLOWS }, (_, flow) => {
    const into = new Uint8Array(256);
    const probe = { handle: 1, flow, ttl: 30, sequence: 1, ...rest };
    return into.slice(0, codec.encoder.encodePacket(probe, protocol, source, into, 0));
  });
}
