// The figures of one static target as of its latest round, and the totals over all its rounds.
// Invariant: a value that the latest round did not yield is NaN, and NaN is never exposed.

import type { TargetConfig } from '../config/config.ts';
import type { Round } from '../monitor/round.ts';
import type { DelayShift } from '../path/delay.ts';
import { PATH_CHANGE_KINDS } from '../path/observation.ts';
import type { Trace } from '../trace/trace.ts';
import { DURATION_BUCKETS, ROUND_FAILURE_KINDS, RTT_BUCKETS } from './catalogue.ts';
import { destinationRtts, destinationTally } from './destination.ts';
import { Buckets, renderLabels } from './exposition.ts';
import { NativeHistogram } from './native-histogram.ts';
import type { Slab, Slot } from './slab.ts';

export const RTT: Buckets = new Buckets(RTT_BUCKETS);
export const DURATION: Buckets = new Buckets(DURATION_BUCKETS);

/** Indices into a slot's doubles. */
export const FIELD = {
  success: 0,
  hops: 1,
  paths: 2,
  pathId: 3,
  asPathId: 4,
  lastChange: 5,
  lastRun: 6,
  probesSent: 7,
  probesLost: 8,
  rttSum: 9,
  durationSum: 10,
  rtt: 11,
  /** Failure of the latest round: 0 for none, else one more than its index in ROUND_FAILURE_KINDS. */
  failure: 12,
  /** One for each of ROUND_FAILURE_KINDS. */
  failures: 13,
  forwardLoss: 16,
  lossStartHop: 17,
  delayShift: 18,
  delayShiftAt: 19,
  delayShiftHop: 20,
  mtu: 21,
  /** One for each of PATH_CHANGE_KINDS. */
  changes: 22,
} as const;

export const DOUBLES_PER_TARGET: number = FIELD.changes + PATH_CHANGE_KINDS.length;
export const COUNTS_PER_TARGET: number = RTT.length + DURATION.length;

/** Addresses of one hop that get a series each; a hop with more is a balancer over more routers than this. */
const MAX_ADDRESSES_PER_HOP = 16;

export interface HopFigures {
  readonly ttl: number;
  readonly addresses: readonly string[];
  /** NaN for a silent hop. */
  readonly rttSeconds: number;
  readonly replyRatio: number;
}

/** What has no value before something happens. */
const ABSENT_AT_FIRST: readonly number[] = [
  FIELD.lastChange,
  FIELD.delayShift,
  FIELD.delayShiftAt,
  FIELD.delayShiftHop,
];

export class TargetState {
  target: TargetConfig;
  /** The target's labels, rendered once. */
  labels: string;
  /** Whether another target has the same labels and was there before: two equal series would spoil a scrape. */
  shadowed = false;
  /** Forgotten: the slot may belong to another target by now. */
  gone = false;
  destination = '';
  asPath = '';
  hops: readonly HopFigures[] = [];
  readonly slot: Slot;
  readonly rttNative: NativeHistogram = new NativeHistogram();
  readonly durationNative: NativeHistogram = new NativeHistogram();

  constructor(target: TargetConfig, slab: Slab) {
    this.target = target;
    this.labels = targetLabels(target);
    this.slot = slab.allocate();
    for (const field of ABSENT_AT_FIRST) this.set(field, Number.NaN);
  }

  get(field: number): number {
    return this.slot.doubles[this.slot.doublesAt + field] as number;
  }

  set(field: number, value: number): void {
    this.slot.doubles[this.slot.doublesAt + field] = value;
  }

  add(field: number, value: number): void {
    this.set(field, this.get(field) + value);
  }

  /** Takes in one round. Hops are not touched: they have a budget of their own. */
  observe(round: Round): void {
    const { path, trace } = round;
    this.set(FIELD.success, path?.reached ? 1 : 0);
    this.set(FIELD.hops, path?.reached ? path.hopCount : 0);
    this.set(FIELD.paths, path?.paths ?? Number.NaN);
    this.set(FIELD.pathId, pathIdNumber(path?.pathId ?? null));
    this.set(FIELD.asPathId, pathIdNumber(path?.asPathId ?? null));
    this.set(FIELD.rtt, path?.rttMs == null ? Number.NaN : path.rttMs / 1000);
    this.set(FIELD.mtu, trace?.mtu?.bytes ?? Number.NaN);
    this.set(FIELD.lastRun, (round.startedAtMs + round.durationMs) / 1000);
    this.set(FIELD.forwardLoss, path?.loss?.lossRatio ?? Number.NaN);
    this.set(FIELD.lossStartHop, path?.loss?.startHop ?? Number.NaN);
    this.#noteShift(path?.delay?.shift ?? null);
    this.destination = round.address ?? '';
    this.asPath = path?.asPath.join(' ') ?? '';
    this.#observe(FIELD.durationSum, DURATION, RTT.length, round.durationMs / 1000);
    this.durationNative.observe(round.durationMs / 1000);
    const failure = round.failure === null ? -1 : ROUND_FAILURE_KINDS.indexOf(round.failure.reason);
    this.set(FIELD.failure, failure + 1);
    if (failure !== -1) this.add(FIELD.failures + failure, 1);
    if (trace === null || path === null) return;
    const rtts = destinationRtts(trace);
    for (const rtt of rtts) {
      this.#observe(FIELD.rttSum, RTT, 0, rtt);
      this.rttNative.observe(rtt);
    }
    const tally = destinationTally(
      rtts.length,
      path.lossRatio,
      trace.flows.length * round.target.module.queries,
    );
    this.add(FIELD.probesSent, tally.sent);
    this.add(FIELD.probesLost, tally.lost);
    for (const change of path.changes) {
      this.add(FIELD.changes + PATH_CHANGE_KINDS.indexOf(change.kind), 1);
      this.set(FIELD.lastChange, change.atMs / 1000);
    }
  }

  #noteShift(shift: DelayShift | null): void {
    if (shift === null) return;
    this.set(FIELD.delayShift, (shift.afterMs - shift.beforeMs) / 1000);
    this.set(FIELD.delayShiftAt, shift.detectedAtMs / 1000);
    this.set(FIELD.delayShiftHop, shift.fromHop);
  }

  #observe(sumField: number, buckets: Buckets, at: number, value: number): void {
    const index = this.slot.countsAt + at + buckets.indexOf(value);
    this.slot.counts[index] = (this.slot.counts[index] as number) + 1;
    this.add(sumField, value);
  }
}

/** The labels of a target: `target`, then the user's own. */
export function targetLabels(target: TargetConfig): string {
  return renderLabels({ target: target.host, ...target.labels });
}

/** A path identity of 12 hexadecimal digits as the number it spells; exact, for 48 bits fit a double's 53. */
export function pathIdNumber(pathId: string | null): number {
  return pathId === null ? Number.NaN : Number.parseInt(pathId, 16);
}

/** The figures of the hops of a trace. */
export function hopFigures(trace: Trace): HopFigures[] {
  return trace.hops.map((hop) => {
    const rtts = hop.replies.map((reply) => reply.rttMs / 1000);
    return {
      ttl: hop.ttl,
      addresses: [...new Set(hop.replies.map((reply) => reply.address))].slice(0, MAX_ADDRESSES_PER_HOP),
      rttSeconds: rtts.length === 0 ? Number.NaN : Math.min(...rtts),
      replyRatio: hop.sent === 0 ? Number.NaN : Math.min(1, rtts.length / hop.sent),
    };
  });
}
