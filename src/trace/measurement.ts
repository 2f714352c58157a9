// One trace under way: its flows, what they share, its deadline, and how it ends.

import { FlowRun, type RunContext } from './flow-run.ts';
import type { FlowEntry } from './flow-table.ts';
import { MtuSearch } from './mtu-search.ts';
import { MultipathDiscovery } from './multipath-discovery.ts';
import type { Family, Mode, ProbeChannel, Protocol, Reply } from './network.ts';
import type { Answer, ProbeOwner, ProbeRecord } from './probe-record.ts';
import type { TraceEnd, TraceRequest } from './trace.ts';

/** What a measurement needs of the tracer. */
export interface MeasurementHost {
  acquire(channel: ProbeChannel, destination: Uint8Array, port: number, flow: number): FlowEntry;
  release(entry: FlowEntry, nowNs: number): void;
  /** Another channel of the same network, where it has it. */
  open(protocol: Protocol, family: Family, mode: Mode): ProbeChannel | undefined;
  send(
    channel: ProbeChannel,
    run: ProbeOwner,
    ttl: number,
    request: Pick<TraceRequest, 'packetLength' | 'trafficClass' | 'dontFragment'>,
    nowNs: number,
  ): ProbeRecord;
}

export class Measurement implements RunContext {
  readonly id: number;
  readonly request: TraceRequest;
  readonly channel: ProbeChannel;
  readonly destination: Uint8Array;
  readonly startedAtNs: number;
  /** Epoch milliseconds. */
  readonly startedAtMs: number;
  readonly runs: FlowRun[] = [];
  /** Where the path MTU was asked for; it runs once the fixed flows are done. */
  readonly mtu: MtuSearch | null;
  /** Multipath discovery, once all that is done. */
  discovery: MultipathDiscovery | null = null;
  /** Probes of the fixed flows and of the search for the path MTU. */
  probesSent = 0;
  duplicates = 0;
  late = 0;
  end: TraceEnd | null = null;
  endedAtNs = 0;
  /** When this measurement is to be woken, as filed in the tracer's heap. */
  wakeNs: number = Number.POSITIVE_INFINITY;
  progressDueNs: number = Number.POSITIVE_INFINITY;
  /** Something was heard since progress was last reported. */
  hasNews = false;
  readonly #host: MeasurementHost;
  readonly #sendingOrder: readonly FlowRun[];
  /** Greatest RTT at each TTL or beyond. */
  readonly #rttFromNs: number[] = [];

  constructor(
    id: number,
    request: TraceRequest,
    channel: ProbeChannel,
    destination: Uint8Array,
    host: MeasurementHost,
    nowNs: number,
    nowMs: number,
  ) {
    this.id = id;
    this.request = request;
    this.channel = channel;
    this.destination = destination;
    this.startedAtNs = nowNs;
    this.startedAtMs = nowMs;
    this.#host = host;
    for (let i = 0; i < request.flows; i++) {
      const flow = request.firstFlow + i;
      this.runs.push(new FlowRun(this, host.acquire(channel, destination, request.port ?? 0, flow), flow));
    }
    this.mtu = request.discoverMtu === true ? new MtuSearch(this, host) : null;
    const first = scatter(id) % request.flows;
    this.#sendingOrder = [...this.runs.slice(first), ...this.runs.slice(0, first)];
  }

  /**
   * The runs in the order they send. Each trace begins with another: a router that limits its replies must not always
   * answer the same flow.
   */
  get sendingOrder(): readonly FlowRun[] {
    return this.#sendingOrder;
  }

  get deadlineNs(): number {
    return this.startedAtNs + this.request.timeoutMs * 1e6;
  }

  /** Sends and gives up what is due; returns when to come back, or Infinity once `end` is set. */
  advance(nowNs: number): number {
    if (nowNs >= this.deadlineNs)
      return this.#finish(this.runs.every((run) => run.done) ? this.#outcome() : 'deadline', nowNs);
    let wake = Number.POSITIVE_INFINITY;
    for (const run of this.#sendingOrder) wake = Math.min(wake, run.advance(nowNs));
    if (wake === Number.POSITIVE_INFINITY && this.runs.every((run) => run.done)) {
      wake = this.mtu?.advance(nowNs) ?? Number.POSITIVE_INFINITY;
      if (wake === Number.POSITIVE_INFINITY) wake = this.#discover(nowNs);
      if (wake === Number.POSITIVE_INFINITY) return this.#finish(this.#outcome(), nowNs);
    }
    return Math.min(wake, this.deadlineNs);
  }

  cancel(nowNs: number): void {
    this.#finish('cancelled', nowNs);
  }

  /** Notes the answer to `record`, which belongs to this measurement. */
  answered(record: ProbeRecord, answer: Answer, reply: Reply): void {
    if (record.state === 'given-up') this.late++;
    else record.entry.outstanding--;
    record.state = 'answered';
    this.hasNews = true;
    record.answer = answer;
    record.receivedAtNs = reply.receivedAtNs;
    // A long packet takes longer, and its TTL says nothing of how far it went.
    const rtt = record.run === this.mtu ? 0 : record.rttNs;
    for (let ttl = record.ttl; ttl >= 0; ttl--) {
      if ((this.#rttFromNs[ttl] ?? 0) < rtt) this.#rttFromNs[ttl] = rtt;
    }
    record.run?.answered(record);
  }

  rttFromNs(ttl: number): number {
    return this.#rttFromNs[ttl] ?? 0;
  }

  send(run: FlowRun, ttl: number, nowNs: number): ProbeRecord {
    this.probesSent++;
    return this.#host.send(this.channel, run, ttl, this.request, nowNs);
  }

  /** A probe beyond the fixed flows' own. */
  sendFor(owner: ProbeOwner, ttl: number, nowNs: number): ProbeRecord {
    return this.#host.send(this.channel, owner, ttl, this.request, nowNs);
  }

  /** Goes on with multipath discovery, if it was asked for and there is a path; Infinity when there is nothing to do. */
  #discover(nowNs: number): number {
    const { channel, destination, request, runs } = this;
    if ((request.multipath ?? null) === null || runs.every((run) => run.lastResponder === 0)) {
      return Number.POSITIVE_INFINITY;
    }
    this.discovery ??= new MultipathDiscovery(this, (flow) =>
      this.#host.acquire(channel, destination, request.port ?? 0, flow),
    );
    return this.discovery.advance(nowNs);
  }

  #finish(end: TraceEnd, nowNs: number): number {
    this.end = end;
    this.endedAtNs = nowNs;
    return Number.POSITIVE_INFINITY;
  }

  #outcome(): TraceEnd {
    if (this.runs.some((run) => run.reachedTtl !== Number.POSITIVE_INFINITY)) return 'reached';
    if (this.runs.some((run) => run.unreachableTtl !== Number.POSITIVE_INFINITY)) return 'unreachable';
    const heard = Math.max(0, ...this.runs.map((run) => run.lastResponder));
    if (heard === 0 && this.runs.every((run) => run.sendFailures > 0)) return 'send-failed';
    return heard >= this.request.maxTtl ? 'max-ttl' : 'silent';
  }
}

/** Trace numbers of one target lie regularly apart: their upper bits after Knuth's multiplication do not. */
function scatter(id: number): number {
  return Math.imul(id, 0x9e3779b1) >>> 16;
}
