// From the round-trip times in an RttWindow: which hop adds delay, and when and from where the delay changed for good.
// Invariant: what a hop adds shows at all that answer behind it; a reply that is only made slowly shows nowhere else.

import { findShift, type Shift } from './change-point.ts';
import type { DelayReport, DelayShift } from './delay.ts';
import { DESTINATION_ROUNDS, decodeRtt, HOP_ROUNDS, type RttWindow } from './rtt-window.ts';
import { type Interval, Z_95 } from './statistics.ts';

/** Rounds in which a hop must have answered before its median is used. */
const LEAST_ROUNDS = 3;
/** A hop whose medians are known no better than to this share of the change says nothing of it. */
const UNSURE_SHARE = 0.7;
/** Less than this and 1 % is below what clocks and hosts add. */
const LEAST_SHIFT_MS = 0.1;
const LEAST_SHIFT_SHARE = 0.01;

export function leastShiftMs(beforeMs: number): number {
  return LEAST_SHIFT_MS + LEAST_SHIFT_SHARE * beforeMs;
}

/** RTT figures of one hop; milliseconds. */
export interface HopDelay {
  readonly rttMinMs: number;
  readonly rttMedianMs: number;
  readonly rttP95Ms: number;
  readonly addedMs: number | null;
  readonly addedInterval: Interval | null;
}

interface Centre {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** By TTL from 1 on, the destination last at `destinationTtl` (0: not known); null for a hop without an answer. */
export function hopDelays(window: RttWindow, destinationTtl: number): (HopDelay | null)[] {
  const end = destinationTtl > 0 ? destinationTtl : window.horizon;
  const hops = Array.from({ length: end }, (_, i) =>
    figuresOf(i + 1 === destinationTtl ? window.destination(HOP_ROUNDS) : window.hop(i + 1)),
  );
  const forward = forwardCentres(hops);
  let previous: Centre = { median: 0, low: 0, high: 0 };
  return hops.map((figures, i) => {
    if (figures === null) return null;
    const { min, median, p95 } = figures;
    const here = forward[i] as Centre | null;
    const own = { rttMinMs: min, rttMedianMs: median, rttP95Ms: p95 };
    if (here === null) return { ...own, addedMs: null, addedInterval: null };
    const addedMs = Math.max(0, here.median - previous.median);
    const addedInterval = { low: here.low - previous.high, high: here.high - previous.low };
    previous = here;
    return { ...own, addedMs, addedInterval };
  });
}

/** Order statistics of one hop's codes, in milliseconds; the interval of the median stays within what was seen. */
function figuresOf(codes: Uint16Array): Figures | null {
  const sorted = codes.filter((code) => code > 0).sort();
  const n = sorted.length;
  if (n === 0) return null;
  const at = (rank: number): number => decodeRtt(sorted[Math.max(0, Math.min(n - 1, rank))] as number);
  const reach = (Z_95 * Math.sqrt(n)) / 2;
  return {
    count: n,
    min: at(0),
    median: n % 2 === 1 ? at(n >> 1) : (at((n >> 1) - 1) + at(n >> 1)) / 2,
    p95: at(Math.floor(0.95 * n)),
    low: at(Math.floor(n / 2 - reach) - 1),
    high: at(Math.ceil(n / 2 + reach)),
  };
}

interface Figures extends Centre {
  readonly count: number;
  readonly min: number;
  readonly p95: number;
}

/** Delay as far as each hop: the least median from it on, since nothing behind it can come sooner than it is reached. */
function forwardCentres(hops: readonly (Figures | null)[]): (Centre | null)[] {
  const centres: (Centre | null)[] = new Array<Centre | null>(hops.length).fill(null);
  let least: Centre | null = null;
  for (let i = hops.length - 1; i >= 0; i--) {
    const figures = hops[i] ?? null;
    if (figures === null || figures.count < LEAST_ROUNDS) continue;
    if (least === null || figures.median < least.median) least = figures;
    // One that answers later than those behind it does not tell how far it is.
    if (figures.low <= least.high) centres[i] = least;
  }
  return centres;
}

/** Null where the destination has not answered lately. */
export function delayReport(
  window: RttWindow,
  delays: readonly (HopDelay | null)[],
  shift: DelayShift | null,
): DelayReport | null {
  const figures = figuresOf(window.destination(DESTINATION_ROUNDS));
  if (figures === null) return null;
  let slowestHop = 0;
  let slowestHopAddsMs = 0;
  for (const [i, delay] of delays.entries()) {
    if (delay?.addedMs == null || (delay.addedInterval?.low ?? 0) <= 0) continue;
    if (delay.addedMs > slowestHopAddsMs) {
      slowestHop = i + 1;
      slowestHopAddsMs = delay.addedMs;
    }
  }
  return {
    rttMinMs: figures.min,
    rttMedianMs: figures.median,
    interval: { low: figures.low, high: figures.high },
    rttP95Ms: figures.p95,
    rounds: figures.count,
    slowestHop,
    slowestHopAddsMs,
    shift,
  };
}

/**
 * A change of the destination's median within the latest `rounds` rounds, or null.
 * @param destinationTtl hops to the destination, 0 where not known.
 * @param reroutedTtl where the route changed meanwhile, 0 where it did not.
 */
export function findDelayShift(
  window: RttWindow,
  rounds: number,
  destinationTtl: number,
  reroutedTtl: number,
): { readonly shift: DelayShift; readonly roundsAfter: number } | null {
  const all = window.destination(rounds);
  const answered = all.filter((code) => code > 0);
  const found = findShift(answered, decodeRtt, leastShiftMs);
  if (found === null) return null;
  const roundsAfter = roundsHolding(all, found.count);
  const shift: DelayShift = {
    atMs: window.timeMs(roundsAfter - 1),
    detectedAtMs: window.timeMs(0),
    beforeMs: found.before,
    afterMs: found.after,
    interval: found.interval,
    fromHop: reroutedTtl > 0 ? reroutedTtl : hopOf(window, found, roundsAfter, destinationTtl),
  };
  return { shift, roundsAfter };
}

/** How many of the latest rounds hold so many answers. */
function roundsHolding(codes: Uint16Array, count: number): number {
  let left = count;
  for (let i = codes.length - 1; i >= 0; i--) {
    if (codes[i] !== 0) left--;
    if (left === 0) return codes.length - i;
  }
  return codes.length;
}

/** Half the width of the intervals of both medians. */
function unsureOf(before: Figures, after: Figures): number {
  return Math.hypot(before.high - before.low, after.high - after.low) / 2;
}

/**
 * First hop from which the change persists: the one that leaves least to explain, when hops before it are to be as they
 * were and those from it on to have changed as the destination did. A hop of which too little is known says nothing.
 */
function hopOf(window: RttWindow, shift: Shift, roundsAfter: number, destinationTtl: number): number {
  // What the hops did before a change that took long to show is no longer known.
  if (destinationTtl === 0 || roundsAfter > HOP_ROUNDS - LEAST_ROUNDS) return 0;
  const known: { readonly ttl: number; readonly share: number }[] = [];
  for (let ttl = 1; ttl < destinationTtl; ttl++) {
    const codes = window.hop(ttl);
    const split = Math.max(0, codes.length - roundsAfter);
    const before = figuresOf(codes.subarray(0, split));
    const after = figuresOf(codes.subarray(split));
    if (before === null || after === null) continue;
    if (before.count < LEAST_ROUNDS || after.count < LEAST_ROUNDS) continue;
    const share = (after.median - before.median) / shift.difference;
    if (unsureOf(before, after) < UNSURE_SHARE * Math.abs(shift.difference)) known.push({ ttl, share });
  }
  known.push({ ttl: destinationTtl, share: 1 });
  let best = 0;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const [i, { ttl, share }] of known.entries()) {
    if (share < 0.5) continue;
    let cost = 0;
    for (const [j, other] of known.entries()) {
      cost += Math.min(1, Math.abs(j < i ? other.share : other.share - 1));
    }
    if (cost < bestCost) {
      bestCost = cost;
      best = ttl;
    }
  }
  return best;
}
