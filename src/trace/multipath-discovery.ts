// Multipath discovery as part of a measurement, after its fixed flows: sends what the planner wants, gives up what has
// waited long enough, starts over once when the route changes, and says how far it came.

import type { FlowRun } from './flow-run.ts';
import type { FlowEntry } from './flow-table.ts';
import type { Measurement } from './measurement.ts';
import { REFUSED, SILENT, type Vertex } from './multipath-evidence.ts';
import { HopPacer, type PacedProbe } from './multipath-pacer.ts';
import { MultipathPlanner } from './multipath-planner.ts';
import type { Mode, SendFailure } from './network.ts';
import { type Answer, isDestination, type ProbeOwner, type ProbeRecord } from './probe-record.ts';

/** Flows of one discovery, whatever the channel could hold. */
export const MOST_FLOWS = 1000;
/** Probes of one discovery. */
export const MOST_PROBES = 20_000;
/** In flight together, all TTLs. */
const MOST_IN_FLIGHT = 1024;
/** Times that a discovery starts over because the route changed. */
const MOST_RESTARTS = 1;
/** Sends that failed in a row. */
const MOST_SEND_FAILURES = 16;
const RETRY_AFTER_FAILURE_NS = 10e6;
/** Another trace may hold a flow that takes one probe at a time. */
const BUSY_NS = 2e6;

/** What cut a discovery short. */
export type DiscoveryLimit = 'probes' | 'route-changed' | 'send-failed';

/** One flow's place in the tracer; the planner knows it by its index. */
class DiscoveryFlow implements ProbeOwner {
  readonly measurement: Measurement;
  readonly entry: FlowEntry;
  readonly flow: number;
  readonly records: ProbeRecord[] = [];
  readonly #discovery: MultipathDiscovery;

  constructor(discovery: MultipathDiscovery, measurement: Measurement, entry: FlowEntry, flow: number) {
    this.#discovery = discovery;
    this.measurement = measurement;
    this.entry = entry;
    this.flow = flow;
  }

  get mode(): Mode {
    return this.measurement.channel.mode;
  }

  get minimumProof(): number {
    return this.measurement.channel.minimumProof;
  }

  answered(record: ProbeRecord): void {
    this.#discovery.answered(record);
  }

  ambiguous(): void {
    this.#discovery.serial = true;
  }

  failed(_record: ProbeRecord, _failure: SendFailure, detail: string): void {
    this.#discovery.sendFailed(detail);
  }
}

export class MultipathDiscovery {
  /** Probes of one flow must be sent one at a time. */
  serial: boolean;
  probesSent = 0;
  done = false;
  limit: DiscoveryLimit | null = null;
  sendFailureDetail = '';
  planner: MultipathPlanner;
  readonly #measurement: Measurement;
  readonly #acquire: (flow: number) => FlowEntry;
  readonly #flows: (DiscoveryFlow | undefined)[] = [];
  readonly #maxFlows: number;
  #pacers: (HopPacer | undefined)[] = [];
  #probes = new Map<ProbeRecord, PacedProbe>();
  readonly #outstanding = new Set<ProbeRecord>();
  #stale = true;
  #restarts = 0;
  #sendFailures = 0;

  constructor(measurement: Measurement, acquire: (flow: number) => FlowEntry) {
    const { channel, request, runs } = measurement;
    this.#measurement = measurement;
    this.#acquire = acquire;
    this.serial = channel.inFlightPerFlow === 1 || runs.some((run) => run.shortQuotes);
    this.#maxFlows = Math.min(MOST_FLOWS, channel.maxFlows - request.firstFlow);
    this.planner = this.#newPlanner();
    for (const run of runs) this.#take(run);
  }

  /** The route changed at least once while it was searched. */
  get routeChanged(): boolean {
    return this.#restarts > 0;
  }

  get maxFlows(): number {
    return this.#maxFlows;
  }

  /** TTLs at which probes wait because routers there limit their replies. */
  limitedTtls(): number[] {
    return [...this.#pacers.entries()].flatMap(([ttl, pacer]) => (pacer?.slowed === true ? [ttl] : []));
  }

  /** Sends what is due and gives up what has waited long enough; returns when to be called next, Infinity when done. */
  advance(nowNs: number): number {
    if (this.done) return Number.POSITIVE_INFINITY;
    let wake = this.#giveUp(nowNs);
    this.#settleSilence();
    if (this.#stale) this.#plan();
    if (this.done) return Number.POSITIVE_INFINITY;
    wake = Math.min(wake, this.#send(nowNs));
    return wake;
  }

  answered(record: ProbeRecord): void {
    const { answer } = record;
    record.answer = null;
    this.#sendFailures = 0;
    const probe = this.#probes.get(record);
    if (answer === null || probe === undefined) return;
    const pacer = this.#pacer(probe.ttl);
    const flying = this.#outstanding.delete(record);
    if (probe.settled) {
      if (flying) pacer.dropped();
    } else {
      probe.settled = true;
      const vertex = this.#vertexOf(answer);
      const doubted = pacer.silenceIsDoubtful;
      if (flying) pacer.answered(vertex.key);
      else pacer.know(vertex.key);
      // The first answer of a hop that seemed silent, or the first sign of a limit.
      if (pacer.silenceIsDoubtful !== doubted) this.planner.forgetSilence(probe.ttl);
      this.planner.answered(probe.flow, probe.ttl, vertex);
      this.#stale ||= pacer.idle;
    }
    if (pacer.idle) this.#stale = true;
  }

  sendFailed(detail: string): void {
    this.sendFailureDetail = detail;
    this.#sendFailures++;
  }

  /** Ends it; what is in flight answers nobody. */
  close(release: (entry: FlowEntry) => void): void {
    this.done = true;
    for (const flow of this.#flows) {
      if (flow === undefined) continue;
      for (const record of flow.records) {
        if (record.state === 'outstanding') abandon(record);
        record.run = null;
        record.answer = null;
      }
      release(flow.entry);
    }
  }

  #newPlanner(): MultipathPlanner {
    const { request } = this.#measurement;
    return new MultipathPlanner({
      failure: 1 - (request.multipath ?? 95) / 100,
      firstTtl: request.firstTtl,
      maxTtl: request.maxTtl,
      maxFlows: this.#maxFlows,
      destination: request.address,
    });
  }

  /** What a fixed flow heard is evidence already; what it did not hear is asked again if it matters. */
  #take(run: FlowRun): void {
    const flow = run.flow - this.#measurement.request.firstFlow;
    for (const [ttl, records] of run.probes.entries()) {
      for (const record of records ?? []) {
        if (record.answer === null) continue;
        const vertex = this.#vertexOf(record.answer);
        this.#pacer(ttl).know(vertex.key);
        this.planner.learn(flow, ttl, vertex);
      }
    }
  }

  #vertexOf(answer: Answer): Vertex {
    const { evidence } = this.planner;
    if (isDestination(answer.kind)) return evidence.destination(this.#measurement.request.address);
    if (answer.kind === 'unreachable') return REFUSED;
    return isUnspecified(answer.responder) ? SILENT : evidence.router(answer.responder);
  }

  #plan(): void {
    for (;;) {
      this.#stale = false;
      const asks = this.planner.plan();
      for (const { flow, ttl, probes } of asks) {
        const pacer = this.#pacer(ttl);
        for (let i = 0; i < probes; i++) {
          pacer.add({ flow, ttl, repeated: probes > 1, tries: 0, settled: false });
        }
      }
      if (this.planner.changedAt > 0) {
        if (this.#startOver()) continue;
        return;
      }
      if (asks.length === 0 && this.#pacers.every((pacer) => pacer?.idle !== false)) this.done = true;
      return;
    }
  }

  /** The route changed: what was learnt mixes two routes. False when that is the end. */
  #startOver(): boolean {
    for (const record of this.#outstanding) abandon(record);
    this.#outstanding.clear();
    this.#probes = new Map();
    this.#pacers = [];
    const known = this.planner.evidence.lastHeard;
    this.planner = this.#newPlanner();
    if (this.#restarts >= MOST_RESTARTS) {
      for (const run of this.#measurement.runs) this.#take(run);
      return this.#stop('route-changed');
    }
    this.#restarts++;
    this.planner.seed(known);
    return true;
  }

  #stop(limit: DiscoveryLimit): false {
    this.limit = limit;
    this.done = true;
    return false;
  }

  #send(nowNs: number): number {
    let wake = Number.POSITIVE_INFINITY;
    for (const pacer of this.#pacers) {
      if (pacer === undefined || this.done) continue;
      if (this.#outstanding.size >= MOST_IN_FLIGHT) break;
      let waits = false;
      const taken = new Set<number>();
      const probes = pacer.take(nowNs, ({ flow }) => {
        if (!this.serial) return false;
        const busy = taken.has(flow) || this.#flow(flow).entry.outstanding > 0;
        if (!busy) taken.add(flow);
        waits ||= busy;
        return busy;
      });
      for (const probe of probes) wake = Math.min(wake, this.#sendOne(probe, nowNs));
      wake = Math.min(wake, pacer.wakeNs(nowNs));
      if (waits) wake = Math.min(wake, nowNs + BUSY_NS);
    }
    return wake;
  }

  #sendOne(probe: PacedProbe, nowNs: number): number {
    if (this.probesSent >= MOST_PROBES) {
      this.#stop('probes');
      return Number.POSITIVE_INFINITY;
    }
    this.probesSent++;
    const flow = this.#flow(probe.flow);
    const record = this.#measurement.sendFor(flow, probe.ttl, nowNs);
    flow.records.push(record);
    this.#probes.set(record, probe);
    this.#outstanding.add(record);
    return nowNs + this.#waitNs(probe.ttl);
  }

  /** As a fixed flow waits; a reply that names only its flow needs the whole wait to be told from an earlier one. */
  #waitNs(ttl: number): number {
    const { request, channel } = this.#measurement;
    const wait = request.waitMs * 1e6;
    const rtt = this.#measurement.rttFromNs(ttl);
    if (rtt === 0 || (this.serial && channel.inFlightPerFlow !== 1)) return wait;
    return Math.min(wait, Math.max(2.5 * rtt, rtt + 35e6));
  }

  #giveUp(nowNs: number): number {
    let wake = Number.POSITIVE_INFINITY;
    for (const record of this.#outstanding) {
      const due =
        record.sentAtNs + (record.state === 'failed' ? RETRY_AFTER_FAILURE_NS : this.#waitNs(record.ttl));
      if (nowNs < due) {
        wake = Math.min(wake, due);
        continue;
      }
      this.#outstanding.delete(record);
      if (record.state === 'outstanding') abandon(record);
      this.#missed(record, nowNs);
    }
    if (this.#sendFailures >= MOST_SEND_FAILURES) this.#stop('send-failed');
    return wake;
  }

  #missed(record: ProbeRecord, nowNs: number): void {
    const probe = this.#probes.get(record);
    if (probe === undefined) return;
    const pacer = this.#pacer(probe.ttl);
    if (probe.settled) pacer.dropped();
    else {
      const doubted = pacer.silenceIsDoubtful;
      const verdict = pacer.missed(probe, nowNs);
      if (pacer.silenceIsDoubtful !== doubted) this.planner.forgetSilence(probe.ttl);
      if (verdict !== 'again') this.planner.unanswered(probe.flow, probe.ttl, verdict === 'limited');
    }
    if (pacer.idle) this.#stale = true;
  }

  #settleSilence(): void {
    for (const pacer of this.#pacers) {
      for (const probe of pacer?.silenced() ?? []) {
        this.planner.unanswered(probe.flow, probe.ttl, pacer?.limited === true);
        if (pacer?.idle === true) this.#stale = true;
      }
    }
  }

  #pacer(ttl: number): HopPacer {
    let pacer = this.#pacers[ttl];
    if (pacer === undefined) {
      pacer = new HopPacer();
      this.#pacers[ttl] = pacer;
    }
    return pacer;
  }

  #flow(index: number): DiscoveryFlow {
    let flow = this.#flows[index];
    if (flow === undefined) {
      const number = this.#measurement.request.firstFlow + index;
      flow = new DiscoveryFlow(this, this.#measurement, this.#acquire(number), number);
      this.#flows[index] = flow;
    }
    return flow;
  }
}

function abandon(record: ProbeRecord): void {
  record.state = 'given-up';
  record.entry.outstanding--;
  if (record.sentAtNs > record.entry.lastGivenUpSentAtNs) record.entry.lastGivenUpSentAtNs = record.sentAtNs;
}

function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}
