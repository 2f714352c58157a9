// One flow of one trace: which TTL is probed when, how long each probe is waited for, and when the flow is done.
// Invariant: every probe of a run has the same flow, so a balancer that hashes flows shows it one single path.
//
// The plan. A target whose distance is known gets all its TTLs at once; an unknown one gets the first few at once
// and the rest a fraction of a millisecond apart, so that a near destination stops the run before it overshoots.
// A flow of which only one probe may be in flight (TCP by connect; UDP where routers quote too little) first sends
// a scout to the farthest TTL, which bounds how long silent hops are waited for, and then walks up.

import type { FlowEntry } from './flow-table.ts';
import type { Measurement } from './measurement.ts';
import type { Mode, ProbeChannel, SendFailure } from './network.ts';
import { isDestination, type ProbeOwner, type ProbeRecord } from './probe-record.ts';
import type { TraceRequest } from './trace.ts';

/** TTLs sent at once to a destination of unknown distance. */
const FIRST_BURST = 8;
/** Then one TTL each so often. */
const SPREAD_NS = 400_000;
/** Without answers beyond it, no TTL above this is probed unasked. */
const FIRST_HORIZON = 30;
/** Probes for a TTL that decides the hop count (the last before the destination, or the destination's own). */
const DECISIVE_TRIES = 3;
const MOST_SEND_FAILURES = 3;
const RETRY_AFTER_NO_BUFFER_NS = 10_000_000;

/** What a run needs of the trace that it belongs to. */
export interface RunContext {
  readonly request: TraceRequest;
  readonly channel: ProbeChannel;
  /** Greatest RTT in nanoseconds answered at `ttl` or beyond by any flow, 0 for none. */
  rttFromNs(ttl: number): number;
  /** Sends a probe of this run now. */
  send(run: FlowRun, ttl: number, nowNs: number): ProbeRecord;
}

export class FlowRun implements ProbeOwner {
  readonly flow: number;
  readonly entry: FlowEntry;
  /** Probes by TTL; index 0 is unused. */
  readonly probes: ProbeRecord[][] = [];
  /** Least TTL at which the destination answered. */
  reachedTtl: number = Number.POSITIVE_INFINITY;
  /** Least TTL at which somebody said "unreachable". */
  unreachableTtl: number = Number.POSITIVE_INFINITY;
  /** Highest TTL that answered, 0 for none. */
  lastResponder = 0;
  /** Highest TTL sent in plan order. */
  horizon: number;
  done = false;
  sendFailures = 0;
  sendFailureDetail = '';
  /** Replies came whose quote did not say which probe they answer. */
  shortQuotes = false;
  readonly measurement: Measurement;
  readonly #context: RunContext;
  #nextReleaseNs = Number.NEGATIVE_INFINITY;
  #hintExceeded: boolean;
  #hintDoubtful = false;
  #retryAtNs = Number.NEGATIVE_INFINITY;
  #ambiguousReplies = 0;
  #drained = false;

  constructor(measurement: Measurement, entry: FlowEntry, flow: number) {
    this.measurement = measurement;
    this.#context = measurement;
    this.entry = entry;
    this.flow = flow;
    this.horizon = measurement.request.firstTtl - 1;
    this.#hintExceeded = measurement.request.distanceHint === null;
  }

  /** TTL at which the path ends as far as known, or Infinity. */
  get terminalTtl(): number {
    return Math.min(this.reachedTtl, this.unreachableTtl);
  }

  get mode(): Mode {
    return this.#context.channel.mode;
  }

  get minimumProof(): number {
    return this.#context.channel.minimumProof;
  }

  /** Highest TTL probed, 0 for none. */
  get highestSent(): number {
    return this.probes.length - 1;
  }

  /** The trace has ended: probes still in flight answer nobody. */
  close(): void {
    this.done = true;
    for (const record of this.#all()) {
      if (record.state === 'outstanding') this.giveUp(record);
      record.run = null;
      // What lingers only tells late and duplicate replies from strangers'.
      record.answer = null;
    }
  }

  /** Sends what is due and gives up what has waited long enough. Returns when to be called next; Infinity when done. */
  advance(nowNs: number): number {
    if (this.done) return Number.POSITIVE_INFINITY;
    const serial = this.#context.channel.inFlightPerFlow === 1 || this.shortQuotes;
    return serial ? this.#advanceSerially(nowNs) : this.#advanceAtOnce(nowNs);
  }

  /** Takes the answer to one of its probes (already noted in the record). */
  answered(record: ProbeRecord): void {
    const answer = record.answer;
    if (answer === null) return;
    if (record.ttl > this.lastResponder) this.lastResponder = record.ttl;
    if (isDestination(answer.kind)) this.reachedTtl = Math.min(this.reachedTtl, record.ttl);
    else if (answer.kind === 'unreachable') this.unreachableTtl = Math.min(this.unreachableTtl, record.ttl);
    else if (record.ttl >= (this.#context.request.distanceHint ?? 0)) this.#hintExceeded = true;
  }

  /** A reply for this flow came whose quote is too short to tell the probe. */
  ambiguous(): void {
    this.#ambiguousReplies++;
    this.shortQuotes = true;
  }

  failed(_record: ProbeRecord, failure: SendFailure, detail: string, _limit: number, nowNs: number): void {
    this.sendFailureDetail = detail;
    this.sendFailures++;
    if (failure === 'no-buffer') this.#retryAtNs = nowNs + RETRY_AFTER_NO_BUFFER_NS;
  }

  #advanceAtOnce(nowNs: number): number {
    if (this.sendFailures >= MOST_SEND_FAILURES && this.lastResponder === 0) return this.#finish();
    const wake = Math.min(this.#release(nowNs), this.#review(nowNs));
    return wake === Number.POSITIVE_INFINITY ? this.#finish() : wake;
  }

  #finish(): number {
    this.done = true;
    return Number.POSITIVE_INFINITY;
  }

  /** Sends the TTLs that are due; returns when the next is. */
  #release(nowNs: number): number {
    const limit = this.#releaseLimit();
    if (this.horizon >= limit) return Number.POSITIVE_INFINITY;
    if (this.#nextReleaseNs === Number.NEGATIVE_INFINITY) {
      const hint = this.#context.request.distanceHint;
      const burst = hint === null ? FIRST_BURST : hint - this.#context.request.firstTtl + 1;
      for (let i = 0; i < burst && this.horizon < limit; i++) this.#sendNext(nowNs);
      this.#nextReleaseNs = nowNs + SPREAD_NS;
    }
    while (this.horizon < limit && nowNs >= this.#nextReleaseNs) {
      this.#sendNext(nowNs);
      this.#nextReleaseNs = Math.max(this.#nextReleaseNs + SPREAD_NS, nowNs - 4 * SPREAD_NS);
    }
    return this.horizon < limit ? this.#nextReleaseNs : Number.POSITIVE_INFINITY;
  }

  /** Highest TTL that may be sent by now. */
  #releaseLimit(): number {
    const { request } = this.#context;
    if (this.terminalTtl !== Number.POSITIVE_INFINITY) return this.horizon;
    const first = request.firstTtl;
    const beyond = this.lastResponder + request.silentHopLimit;
    if (this.#hintExceeded) return Math.min(request.maxTtl, Math.max(FIRST_HORIZON, first + 1, beyond));
    const hint = request.distanceHint ?? 0;
    return Math.min(request.maxTtl, this.#hintDoubtful ? Math.max(hint, beyond) : Math.max(first, hint));
  }

  #sendNext(nowNs: number): void {
    this.horizon++;
    for (let i = 0; i < this.#context.request.queries; i++) this.#send(this.horizon, nowNs);
  }

  #send(ttl: number, nowNs: number): void {
    const record = this.#context.send(this, ttl, nowNs);
    const sent = this.probes[ttl];
    if (sent === undefined) this.probes[ttl] = [record];
    else sent.push(record);
  }

  /** Gives up what has waited long enough, asks again where the hop count hangs on it; returns when to look again. */
  #review(nowNs: number): number {
    let wake = Number.POSITIVE_INFINITY;
    const last = Math.min(this.terminalTtl, this.horizon);
    for (let ttl = last; ttl >= this.#context.request.firstTtl; ttl--) {
      wake = Math.min(wake, this.#giveUpAt(ttl, nowNs));
    }
    wake = Math.min(wake, this.#askAgain(this.#decisiveTtl(), nowNs));
    // Asking again or doubting a hint may have opened new TTLs.
    if (this.horizon < this.#releaseLimit()) wake = Math.min(wake, Math.max(nowNs, this.#nextReleaseNs));
    return wake;
  }

  /** Gives up the probes at `ttl` that have waited long enough; returns when the next of them will have. */
  #giveUpAt(ttl: number, nowNs: number): number {
    let wake = Number.POSITIVE_INFINITY;
    for (const record of this.probes[ttl] ?? []) {
      if (record.state !== 'outstanding') continue;
      const due = record.sentAtNs + this.waitNs(ttl);
      if (nowNs < due) wake = Math.min(wake, due);
      else this.giveUp(record);
    }
    return wake;
  }

  giveUp(record: ProbeRecord): void {
    record.state = 'given-up';
    this.entry.outstanding--;
    if (record.sentAtNs > this.entry.lastGivenUpSentAtNs) this.entry.lastGivenUpSentAtNs = record.sentAtNs;
  }

  /**
   * How long a probe is waited for: 2.5 times the greatest RTT seen at the same hop or beyond, and at least 35 ms
   * more than that RTT, so that a slow control plane is not taken for silence; the request's wait otherwise.
   */
  waitNs(ttl: number): number {
    const wait = this.#context.request.waitMs * 1e6;
    if (this.shortQuotes) return wait;
    const rtt = this.#context.rttFromNs(ttl);
    return rtt === 0 ? wait : Math.min(wait, Math.max(2.5 * rtt, rtt + 35e6));
  }

  /** The silent TTL on which the hop count hangs, or 0: the one before the end of the path, or the hinted last one. */
  #decisiveTtl(): number {
    const { request } = this.#context;
    const terminal = this.terminalTtl;
    if (terminal !== Number.POSITIVE_INFINITY) {
      return terminal > request.firstTtl && !this.#answeredAt(terminal - 1) ? terminal - 1 : 0;
    }
    if (request.distanceHint === null || this.#hintExceeded) return 0;
    const hint = Math.min(Math.max(request.distanceHint, request.firstTtl), request.maxTtl);
    return this.#answeredAt(hint) ? 0 : hint;
  }

  #answeredAt(ttl: number): boolean {
    return (this.probes[ttl] ?? []).some((record) => record.state === 'answered');
  }

  /** Probes a decisive TTL again once an answer is overdue; returns when it will be. */
  #askAgain(ttl: number, nowNs: number): number {
    const tried = this.probes[ttl];
    const latest = tried?.at(-1);
    if (ttl === 0 || tried === undefined || latest === undefined) return Number.POSITIVE_INFINITY;
    if (tried.length >= this.#context.request.queries + DECISIVE_TRIES - 1) return Number.POSITIVE_INFINITY;
    const rtt = this.#context.rttFromNs(this.#context.request.firstTtl);
    const patience = rtt === 0 ? this.#context.request.waitMs * 1e6 : 1.5 * rtt + 8e6;
    const due = Math.max(latest.sentAtNs + Math.min(patience, this.waitNs(ttl)), this.#retryAtNs);
    if (nowNs < due) return due;
    if (this.terminalTtl === Number.POSITIVE_INFINITY) this.#hintDoubtful = true;
    this.#send(ttl, nowNs);
    return nowNs + Math.min(patience, this.waitNs(ttl));
  }

  #advanceSerially(nowNs: number): number {
    const drainedAt = this.#drain(nowNs);
    if (drainedAt > nowNs) return drainedAt;
    for (;;) {
      if (this.sendFailures >= MOST_SEND_FAILURES && this.lastResponder === 0) return this.#finish();
      const waiting = this.#outstandingUntil(nowNs);
      if (waiting > nowNs) return waiting;
      const ttl = this.#nextSerialTtl();
      if (ttl === 0) return this.#finish();
      // Another trace may hold the flow's one place.
      if (this.entry.outstanding > 0) return nowNs + 2e6;
      if (nowNs < this.#retryAtNs) return this.#retryAtNs;
      this.horizon = Math.max(this.horizon, ttl);
      this.#send(ttl, nowNs);
    }
  }

  /** Before walking: waits for what was sent all at once, so that no straggler is taken for a later probe's answer. */
  #drain(nowNs: number): number {
    if (this.#drained || !this.shortQuotes) return nowNs;
    let until = nowNs;
    let waiting = 0;
    for (const record of this.#all()) {
      if (record.state !== 'outstanding') continue;
      waiting++;
      until = Math.max(until, record.sentAtNs + this.waitNs(record.ttl));
    }
    if (until > nowNs && waiting > this.#ambiguousReplies) return until;
    for (const record of this.#all()) {
      if (record.state === 'answered') continue;
      // Its answer may have come and could not be told apart: it is asked again, one at a time.
      record.voided = true;
      if (record.state !== 'outstanding') continue;
      record.state = 'given-up';
      this.entry.outstanding--;
    }
    this.#drained = true;
    return nowNs;
  }

  *#all(): Generator<ProbeRecord> {
    for (const records of this.probes) if (records !== undefined) yield* records;
  }

  /** Until when the probe in flight is waited for; `nowNs` when none is. */
  #outstandingUntil(nowNs: number): number {
    for (const record of this.#all()) {
      if (record.state !== 'outstanding') continue;
      const due = record.sentAtNs + this.waitNs(record.ttl);
      if (nowNs < due) return due;
      this.giveUp(record);
    }
    return nowNs;
  }

  /** The TTL to probe next in a walk, or 0 when the walk is over. */
  #nextSerialTtl(): number {
    const { request } = this.#context;
    const scout = this.#scoutTtl();
    if (scout > 0) return scout;
    const terminal = this.terminalTtl;
    let silent = 0;
    for (let ttl = request.firstTtl; ttl <= Math.min(terminal, request.maxTtl); ttl++) {
      if (this.#answeredAt(ttl)) {
        silent = 0;
        continue;
      }
      const tries = ttl === terminal - 1 ? DECISIVE_TRIES : 1;
      if (this.#triesAt(ttl) < tries) return ttl;
      silent++;
      // Past the last responder there is nothing to bound the walk but the limit.
      if (
        terminal === Number.POSITIVE_INFINITY &&
        silent >= request.silentHopLimit &&
        ttl > this.lastResponder
      )
        return 0;
    }
    return 0;
  }

  /** Farthest TTL first: is the destination there, and how far away in time? 0 when that is known or was asked. */
  #scoutTtl(): number {
    const { request } = this.#context;
    if (this.terminalTtl !== Number.POSITIVE_INFINITY) return 0;
    const hint = Math.min(request.distanceHint ?? request.maxTtl, request.maxTtl);
    const scout = this.#triesAt(hint) === 0 || hint < request.firstTtl ? hint : request.maxTtl;
    if (scout <= request.firstTtl || this.#triesAt(scout) > 0) return 0;
    return scout === hint || this.#hintExceeded ? scout : 0;
  }

  /** Probes at `ttl` that count as tries: those sent before a drain told nothing. */
  #triesAt(ttl: number): number {
    let tries = 0;
    for (const record of this.probes[ttl] ?? []) {
      if (record.state !== 'failed' && !record.voided) tries++;
    }
    return tries;
  }
}
