// The search for a path's MTU, after the trace: packets that may not be fragmented, of lengths that mtu-bracket.ts
// chooses, in a few rounds side by side; then, where nobody has given a name to the narrow link, packets too long for
// it with every TTL, which die at it or before. Bounded in probes and rounds; it ends with the trace's deadline at the
// latest, and tells what it knows by then.

import type { FlowRun } from './flow-run.ts';
import type { FlowEntry } from './flow-table.ts';
import type { Measurement, MeasurementHost } from './measurement.ts';
import { MtuBracket, type Refusal } from './mtu-bracket.ts';
import type { Mode, ProbeChannel, Protocol, SendFailure } from './network.ts';
import { isDestination, type ProbeOwner, type ProbeRecord } from './probe-record.ts';
import type { MtuReport, MtuStep } from './trace.ts';

const MOST_PROBES = 200;
const MOST_SEND_FAILURES = 4;
/** Rounds in a row in which nobody answered, after which the one asked is given up. */
const MOST_SILENT_ROUNDS = 4;
/** After such a round: Linux gives one ICMP error a second to each address. */
const PAUSE_NS = 1e9;
const SWEEPS = 3;
/** TTLs past the last one that answered which a sweep asks again. */
const SWEEP_AGAIN = 6;

/** Who tells that a packet has arrived. */
interface Anchor {
  /** TTL of the packets meant for it. */
  readonly ttl: number;
  /** Its distance, as far as known. */
  readonly distance: number;
  readonly destination: boolean;
}

interface Planned {
  readonly ttl: number;
  /** 0 for the shortest. */
  readonly length: number;
}

export class MtuSearch implements ProbeOwner {
  readonly measurement: Measurement;
  readonly #host: MeasurementHost;
  readonly #bracket: MtuBracket;
  #channel: ProbeChannel;
  #entry: FlowEntry | null = null;
  #run: FlowRun | null = null;
  #anchors: Anchor[] = [];
  #phase: 'idle' | 'lengths' | 'sweep' | 'over' = 'idle';
  #plan: Planned[] = [];
  #batch: ProbeRecord[] = [];
  /** Every probe sent: the answer to one that was given up still counts. */
  readonly #records: ProbeRecord[] = [];
  #sent = 0;
  #failures = 0;
  #silentRounds = 0;
  #notBeforeNs = Number.NEGATIVE_INFINITY;
  /** Something has arrived at the anchor over this channel. */
  #anchored = false;
  #serial = false;
  /** The length that was sent without a shorter one beside it: most paths take all that the interface does. */
  #alone = 0;
  /** TTL to the number of times that the sweep asked it. */
  readonly #asked = new Map<number, number>();
  /** Highest TTL from which a too long packet was answered, and lowest at which it was refused. */
  #passed = 0;
  #refusedAt = Number.POSITIVE_INFINITY;

  constructor(measurement: Measurement, host: MeasurementHost) {
    this.measurement = measurement;
    this.#host = host;
    this.#channel = measurement.channel;
    this.#bracket = new MtuBracket(measurement.channel.family);
  }

  get entry(): FlowEntry {
    return this.#entry as FlowEntry;
  }

  get flow(): number {
    return this.entry.flow;
  }

  get mode(): Mode {
    return this.#channel.mode;
  }

  get minimumProof(): number {
    return this.#channel.minimumProof;
  }

  /** To be called once all flows are done. Sends what is due; returns when to be called next, Infinity when it is over. */
  advance(nowNs: number): number {
    if (this.#phase === 'idle') this.#begin();
    for (;;) {
      const due = this.#await(nowNs);
      if (due > nowNs) return due;
      if (this.#plan.length > 0 && this.#phase !== 'over') {
        if (nowNs < this.#notBeforeNs) return this.#notBeforeNs;
        // Another trace may hold the flow's one place.
        if (this.#serial && this.entry.outstanding > 0) return nowNs + 2e6;
        this.#send(nowNs);
        continue;
      }
      this.#weigh(nowNs);
      if (this.#phase === 'lengths') this.#planLengths(nowNs);
      if (this.#phase === 'sweep') this.#planSweep();
      if (this.#phase === 'over') return Number.POSITIVE_INFINITY;
    }
  }

  answered(record: ProbeRecord): void {
    const { answer } = record;
    const anchor = this.#anchors[0];
    if (answer === null || anchor === undefined) return;
    const sweeping = record.ttl !== anchor.ttl;
    if (answer.tooBig) {
      if (sweeping) this.#refusedAt = Math.min(this.#refusedAt, record.ttl);
      else if (record.packetLength > 0) this.#bracket.refused(refusalOf(record));
    } else if (sweeping) {
      if (answer.kind === 'time-exceeded') this.#passed = Math.max(this.#passed, record.ttl);
    } else if (!anchor.destination || isDestination(answer.kind)) {
      this.#anchored = true;
      if (record.packetLength > 0) this.#bracket.arrived(record.packetLength);
    }
  }

  /** Protocol of the packets, where it is not the trace's. */
  get substitute(): Protocol | null {
    const { protocol } = this.#channel;
    return this.#entry === null || protocol === this.measurement.channel.protocol ? null : protocol;
  }

  ambiguous(): void {
    this.#serial = true;
  }

  failed(record: ProbeRecord, failure: SendFailure, _detail: string, limit: number): void {
    this.measurement.probesSent--;
    if (failure === 'too-long') this.#bracket.refusedHere(record.packetLength, limit);
    if (failure !== 'too-long' || limit === 0) this.#failures++;
  }

  /** The trace has ended: probes still in flight answer nobody. */
  close(nowNs: number): void {
    for (const record of this.#records) this.#forget(record);
    this.#phase = 'over';
    if (this.#entry !== null) this.#host.release(this.#entry, nowNs);
    this.#entry = null;
  }

  /** What is known so far, or undefined while nothing is. */
  report(): MtuReport | undefined {
    const bracket = this.#bracket;
    const arrived = bracket.arrivedLength;
    const claim = bracket.claim;
    const bytes = arrived >= claim ? arrived : claim;
    if (bytes === 0) return undefined;
    const tightest = bracket.tightest;
    // The router's word counts where nothing longer came past it, and nothing shorter got lost behind it.
    const spoken = tightest !== undefined && (tightest.length === bracket.upper || claim === bytes);
    const narrowed = bytes < bracket.top;
    const hop = !narrowed ? 0 : spoken ? this.#hopOf(tightest) : this.#passed;
    return {
      bytes,
      hop,
      address: narrowed && spoken ? tightest.address : null,
      exact: bracket.settled && arrived === bytes && this.#anchors[0]?.destination === true,
      ...(bracket.top < 65_535 || arrived === bracket.top ? { interfaceBytes: bracket.top } : {}),
      ...stepsOf(
        bracket.refusals.filter(({ address }) => !spoken || address !== tightest.address),
        bytes,
        (refusal) => this.#hopOf(refusal),
      ),
    };
  }

  #begin(): void {
    const { measurement } = this;
    const { request, runs } = measurement;
    const run = runs.find(({ reachedTtl }) => reachedTtl !== Number.POSITIVE_INFINITY) ?? runs[0];
    if (run === undefined) return this.#end();
    this.#run = run;
    this.#serial = run.shortQuotes;
    const reached = run.reachedTtl !== Number.POSITIVE_INFINITY;
    const last = run.lastResponder;
    const refused = run.probes[last]?.some(({ answer }) => answer?.tooBig === true) ?? false;
    const ttl = request.maxTtl;
    if (reached) this.#anchors.push({ ttl, distance: run.reachedTtl, destination: true });
    // Its own packets were too long: how far it goes is not known, but shorter ones may arrive.
    else if (refused) this.#anchors.push({ ttl, distance: ttl, destination: true });
    if (!reached && last > 0 && !refused) {
      this.#anchors.push({ ttl: last, distance: last, destination: false });
    }
    this.#anchored = reached;
    if (this.#anchors.length === 0 || !this.#chooseChannel(run)) return this.#end();
    this.#phase = 'lengths';
  }

  /** The trace's own channel, or one of the same mode where that one cannot send packets of any length side by side. */
  #chooseChannel(run: FlowRun): boolean {
    const { channel } = this.measurement;
    const serial = channel.inFlightPerFlow === 1 || run.shortQuotes;
    // A SYN of an ordinary socket is as long as the kernel makes it.
    const fixed = channel.protocol === 'tcp' && channel.mode === 'unprivileged';
    const icmp = serial || fixed ? this.#host.open('icmp', channel.family, channel.mode) : undefined;
    const other = icmp ?? (fixed ? this.#host.open('udp', channel.family, channel.mode) : channel);
    if (other === undefined || run.flow >= other.maxFlows) return false;
    this.#use(other, run.flow);
    return true;
  }

  #use(channel: ProbeChannel, flow: number): void {
    const { measurement } = this;
    if (channel.protocol !== measurement.channel.protocol) this.#anchored = false;
    this.#serial = channel.protocol === measurement.channel.protocol && this.#serial;
    this.#channel = channel;
    const port = channel.protocol === 'icmp' ? 0 : (measurement.request.port ?? 0);
    this.#entry = this.#host.acquire(channel, measurement.destination, port, flow);
  }

  #end(): void {
    this.#phase = 'over';
    this.#plan = [];
  }

  /** Gives up what has waited long enough; returns until when the rest is waited for, `nowNs` for nothing. */
  #await(nowNs: number): number {
    let due = nowNs;
    for (const record of this.#batch) {
      if (record.state !== 'outstanding') continue;
      const until = record.sentAtNs + this.#waitNs();
      if (until > nowNs) due = Math.max(due, until);
      else this.#giveUp(record);
    }
    // What is enough for the next step need not wait for the rest.
    return due > nowNs && this.#isEnough() ? nowNs : due;
  }

  #isEnough(): boolean {
    return this.#plan.length === 0 && this.#phase === 'lengths' && this.#bracket.settled;
  }

  #waitNs(): number {
    const wait = this.measurement.request.waitMs * 1e6;
    const rtt = this.measurement.rttFromNs(this.#anchors[0]?.distance ?? 0);
    if (this.#serial || rtt === 0) return wait;
    return Math.min(wait, Math.max(2.5 * rtt, rtt + 35e6));
  }

  #send(nowNs: number): void {
    const { trafficClass } = this.measurement.request;
    do {
      const planned = this.#plan.shift();
      if (planned === undefined) return;
      this.#sent++;
      this.measurement.probesSent++;
      const probe = { packetLength: planned.length, trafficClass, dontFragment: true };
      const record = this.#host.send(this.#channel, this, planned.ttl, probe, nowNs);
      record.asksLimit = planned.length > this.#bracket.arrivedLength;
      this.#batch.push(record);
      this.#records.push(record);
    } while (!this.#serial);
  }

  /** The round is over: what was silent in it says something only where something else was not. */
  #weigh(nowNs: number): void {
    const batch = this.#batch;
    this.#batch = [];
    if (this.#phase !== 'lengths' || batch.length === 0) return;
    let arrivedLater = false;
    let heard = false;
    for (const record of batch.toReversed()) {
      if (record.state === 'failed') heard = true;
      if (record.state === 'failed' || record.state === 'outstanding' || record.answer?.tooBig === true)
        continue;
      const answered = record.answer !== null;
      if (record.packetLength <= this.#bracket.arrivedLength) this.#bracket.short(answered);
      else if (!answered && arrivedLater) this.#bracket.missed(record.packetLength);
      arrivedLater ||= answered;
    }
    heard ||= batch.some(({ answer }) => answer !== null);
    // The very first packet goes alone; its silence is no reason to wait.
    if (heard || batch.length === 1) this.#silentRounds = heard ? 0 : this.#silentRounds;
    else {
      this.#silentRounds++;
      this.#notBeforeNs = nowNs + PAUSE_NS;
    }
  }

  #planLengths(nowNs: number): void {
    const anchor = this.#anchors[0];
    if (anchor === undefined || this.#sent >= MOST_PROBES || this.#failures >= MOST_SEND_FAILURES)
      return this.#end();
    if (this.#silentRounds >= MOST_SILENT_ROUNDS) return this.#anchored ? this.#end() : this.#nextAnchor();
    const bracket = this.#bracket;
    const lengths = bracket.next();
    if (lengths.length === 0) {
      if (bracket.arrivedLength === 0) this.#nextChannel(nowNs);
      else this.#locate();
      return;
    }
    const { ttl } = anchor;
    const alone =
      this.#anchored && lengths.length === 1 && lengths[0] === bracket.top && this.#alone !== bracket.top;
    if (alone) this.#alone = bracket.top;
    const known = { ttl, length: bracket.arrivedLength };
    for (const [i, length] of lengths.entries()) {
      this.#plan.push({ ttl, length });
      const last = i === lengths.length - 1;
      if (last ? !alone : lengths[i + 1] === length) this.#plan.push(known);
    }
  }

  /** The destination does not answer over this channel: the last router that does must do. */
  #nextAnchor(): void {
    const last = this.#run?.lastResponder ?? 0;
    const hop = Math.min(last, (this.#anchors[0]?.distance ?? 0) - 1);
    if (this.#anchors[0]?.destination !== true || hop < 1) return this.#end();
    this.#anchors = [{ ttl: hop, distance: hop, destination: false }];
    this.#silentRounds = 0;
  }

  /** Not even the least length arrives: a firewall that minds data in a SYN, say. Another protocol may do better. */
  #nextChannel(nowNs: number): void {
    const { family, mode, protocol } = this.#channel;
    const icmp = protocol === 'tcp' ? this.#host.open('icmp', family, mode) : undefined;
    if (icmp === undefined || this.#entry === null) return this.#end();
    const { flow } = this.#entry;
    this.#host.release(this.#entry, nowNs);
    this.#bracket.forgetSilence();
    this.#use(icmp, flow);
  }

  /** The length is known; who makes it so? */
  #locate(): void {
    const bracket = this.#bracket;
    const { tightest } = bracket;
    if (bracket.arrivedLength === bracket.top) return this.#end();
    if (tightest?.length === bracket.upper && this.#hopsOf(tightest.address).length === 1) return this.#end();
    this.#phase = 'sweep';
  }

  /** A packet too long for the narrow link, with each TTL: routers before it answer that its time was exceeded. */
  #planSweep(): void {
    const end = Math.min(this.#anchors[0]?.distance ?? 0, this.#refusedAt);
    const length = this.#bracket.upper;
    let again = 0;
    for (let ttl = this.#passed + 1; ttl < end; ttl++) {
      const times = this.#asked.get(ttl) ?? 0;
      if (times >= SWEEPS || this.#sent + this.#plan.length >= MOST_PROBES) continue;
      if (times > 0 && ++again > SWEEP_AGAIN) break;
      this.#asked.set(ttl, times + 1);
      this.#plan.push({ ttl, length });
    }
    if (this.#plan.length === 0) this.#end();
  }

  /** TTLs at which this address has answered the trace. */
  #hopsOf(address: string): number[] {
    const hops: number[] = [];
    for (const [ttl, records] of (this.#run?.probes ?? []).entries()) {
      if (records?.some(({ answer }) => answer?.responder === address)) hops.push(ttl);
    }
    return hops;
  }

  #hopOf(refusal: Refusal): number {
    const hops = this.#hopsOf(refusal.address);
    if (hops.length === 1) return hops[0] as number;
    const distance = this.#anchors[0]?.distance ?? 0;
    // The sweep was about the tightest link only.
    if (refusal === this.#bracket.tightest && this.#passed > 0) {
      if (this.#refusedAt !== Number.POSITIVE_INFINITY) return this.#refusedAt - 1;
      if (this.#passed === distance - 1) return this.#passed;
    }
    const counted = refusal.quotedTtl > 0 ? refusal.ttl - refusal.quotedTtl + 1 : 0;
    return counted >= 1 && counted <= distance ? counted : 0;
  }

  #giveUp(record: ProbeRecord): void {
    record.state = 'given-up';
    record.entry.outstanding--;
    if (record.sentAtNs > record.entry.lastGivenUpSentAtNs)
      record.entry.lastGivenUpSentAtNs = record.sentAtNs;
  }

  #forget(record: ProbeRecord): void {
    if (record.state === 'outstanding') this.#giveUp(record);
    record.run = null;
    record.answer = null;
  }
}

function refusalOf(record: ProbeRecord): Refusal {
  const { answer, packetLength, ttl } = record;
  return {
    length: packetLength,
    address: answer?.responder ?? '',
    claim: answer?.mtu ?? 0,
    ttl,
    quotedTtl: answer?.quotedTtl ?? -1,
  };
}

/** Links that turned out narrower one after the other, where there is more than the one reported. */
function stepsOf(
  refusals: readonly Refusal[],
  bytes: number,
  hopOf: (refusal: Refusal) => number,
): { steps?: readonly MtuStep[] } {
  const steps: MtuStep[] = [];
  for (const refusal of refusals) {
    if (refusal.claim <= bytes || steps.some(({ address }) => address === refusal.address)) continue;
    steps.push({ bytes: refusal.claim, hop: hopOf(refusal), address: refusal.address });
  }
  return steps.length === 0 ? {} : { steps };
}
