// From the answers in a ReplyWindow to a LossReport: how much is lost, from which hop on, and on which branch.
// Invariant: a hop is named only where the evidence for it outweighs that for all other hops together.

import type { LossReport, LossStep } from './loss.ts';
import { fitLoss, type HopEvidence, type LossFit, logEvidenceOf } from './loss-model.ts';
import { DESTINATION_ROW, type ReplyWindow, type Tally } from './reply-window.ts';
import { shareRatio, wilsonInterval } from './statistics.ts';

/** Address that a flow meets at a TTL; empty where it is not known. */
export type AddressAt = (flow: number, ttl: number) => string;

/** What the probability of loss at all, and that of one place for its start, must reach for a hop to be named. */
const CREDIBLE = 0.9;
const CREDIBLE_START = 0.6;
/** A hop that more probably than this leaves out replies of its own cannot tell whether loss begins there. */
const OWN = 0.5;
/** Evidence by which one branch must explain the loss better than the whole route, as a logarithm; prior included. */
const BRANCH_EVIDENCE = Math.log(100);
/** A likelihood ratio among flows below this could not reach that. */
const FLOW_RATIO = 10;
const MOST_BRANCHES = 16;
/** Flows of which all subsets are branches to be thought of, addresses or not. */
const FEW_FLOWS = 4;
const MOST_STEPS = 4;

interface Hop extends HopEvidence {
  readonly row: number;
}

/** How a hop, or the destination, answered over a period. */
export interface TalliedHop {
  readonly ttl: number;
  readonly sent: number;
  readonly lost: number;
}

export interface TalliedLoss {
  /** First hop from which loss persists to the destination; 0 for none that is credible. */
  readonly startHop: number;
  /** By hop in the order given: probability that it leaves out replies of its own. */
  readonly own: readonly number[];
}

/**
 * Where loss begins, from tallies alone: those of the routers that ever answered, from the nearest on, and that of the
 * destination, last.
 */
export function locateLoss(routers: readonly TalliedHop[], destination: TalliedHop): TalliedLoss {
  const hops: Hop[] = routers.map(({ ttl, sent, lost }) => ({ row: ttl, sent, lost, own: 'possible' }));
  hops.push({ row: DESTINATION_ROW, sent: destination.sent, lost: destination.lost, own: 'none' });
  const fit = fitLoss(hops);
  const credible = destination.lost > 0 && 1 - fit.clean >= CREDIBLE;
  return {
    startHop: credible ? nameStart(hops, fit, destination.ttl).startHop : 0,
    own: fit.own.slice(0, routers.length),
  };
}

/** Null where the destination has never answered. */
export function attributeLoss(window: ReplyWindow, addressAt: AddressAt): LossReport | null {
  const every = 2 ** window.flows - 1;
  const tally: Tally = { sent: 0, lost: 0 };
  if (!window.tally(DESTINATION_ROW, every, tally)) return null;
  const { sent, lost } = tally;
  const plain: LossReport = {
    sent,
    lost,
    lossRatio: sent === 0 ? 0 : lost / sent,
    interval: wilsonInterval(lost, sent),
    startHop: 0,
    cleanHop: 0,
    confidence: 0,
    lossProbability: 0,
    steps: [],
    flows: null,
  };
  // Nothing can persist to a destination that answers everything.
  if (lost === 0) return plain;
  return located(window, every, plain, addressAt);
}

function located(window: ReplyWindow, every: number, plain: LossReport, addressAt: AddressAt): LossReport {
  const hops = evidenceOf(window, every);
  const whole = fitLoss(hops);
  const limited = hops.at(-1)?.own === 'certain';
  const report = limited ? { ...plain, ...lossBeforeLimit(hops, whole) } : plain;
  const lossProbability = 1 - whole.clean;
  const branch = branchThatLoses(window, every, hops, whole, addressAt);
  if (branch !== null) {
    const named = nameStart(branch.hops, branch.fit, destinationHop(window, branch.mask));
    return { ...report, ...named, lossProbability: 1 - branch.fit.clean, flows: flowsOf(branch.mask) };
  }
  if (lossProbability < CREDIBLE) return { ...report, lossProbability };
  return { ...report, ...nameStart(hops, whole, destinationHop(window, every)), lossProbability };
}

/** Of a destination that limits its replies: the loss at the last hop that tells. */
function lossBeforeLimit(hops: readonly Hop[], fit: LossFit): Pick<LossReport, 'lossRatio' | 'interval'> {
  const at = hops.findLastIndex((hop, i) => hop.own !== 'certain' && (fit.own[i] as number) < OWN);
  const hop = hops[at];
  if (hop === undefined) return { lossRatio: 0, interval: { low: 0, high: 1 } };
  return { lossRatio: hop.lost / Math.max(1, hop.sent), interval: wilsonInterval(hop.lost, hop.sent) };
}

/** Hops that answer, from the nearest on, the destination last. */
function evidenceOf(window: ReplyWindow, mask: number): Hop[] {
  const hops: Hop[] = [];
  const tally: Tally = { sent: 0, lost: 0 };
  const add = (row: number): void => {
    if (!window.tally(row, mask, tally) || tally.sent === 0) return;
    const limited = window.pattern(row)?.isLimited === true;
    const own = limited ? 'certain' : row === DESTINATION_ROW ? 'none' : 'possible';
    hops.push({ row, sent: tally.sent, lost: tally.lost, own });
  };
  for (let ttl = 1; ttl <= window.horizon; ttl++) add(ttl);
  add(DESTINATION_ROW);
  return hops;
}

/**
 * The place where loss begins. A hop that leaves out replies of its own cannot tell: where loss may begin there or
 * behind it, it shows at the next that does.
 */
function nameStart(
  hops: readonly Hop[],
  fit: LossFit,
  destination: number,
): Pick<LossReport, 'startHop' | 'cleanHop' | 'confidence' | 'steps'> {
  const ttlOf = ({ row }: Hop): number => (row === DESTINATION_ROW ? destination : row);
  const tells = (i: number): boolean => (hops[i] as Hop).own !== 'certain' && (fit.own[i] as number) <= OWN;
  const credible = CREDIBLE_START * (1 - fit.clean);
  let start = hops.findIndex(({ own }, i) => own !== 'certain' && (fit.starts[i] as number) >= credible);
  let confidence = fit.starts[start] ?? 0;
  for (let i = 0, mass = 0; i < hops.length && start === -1; i++) {
    mass += fit.starts[i] as number;
    if (!tells(i)) continue;
    if (mass >= credible) {
      start = i;
      confidence = mass;
    }
    mass = 0;
  }
  if (start === -1) return { startHop: 0, cleanHop: 0, confidence: 0, steps: [] };
  const clean = hops.findLastIndex((_, i) => i < start && tells(i));
  return {
    startHop: ttlOf(hops[start] as Hop),
    cleanHop: clean === -1 ? 0 : ttlOf(hops[clean] as Hop),
    confidence,
    steps: stepsFrom(hops, fit, start, ttlOf),
  };
}

function stepsFrom(
  hops: readonly Hop[],
  fit: LossFit,
  start: number,
  ttlOf: (hop: Hop) => number,
): LossStep[] {
  const steps: LossStep[] = [];
  let before = 0;
  for (let i = start; i < hops.length; i++) {
    const level = fit.loss[i] as number;
    if (level <= before || (i > start && (fit.own[i] as number) > OWN)) continue;
    before = level;
    // All hops as far as the next rise share this loss: together they measure it better than the model's grid.
    const shared = { sent: 0, lost: 0 };
    for (let j = i; j < hops.length && fit.loss[j] === level; j++) {
      if (j > i && (fit.own[j] as number) > OWN) continue;
      shared.sent += (hops[j] as Hop).sent;
      shared.lost += (hops[j] as Hop).lost;
    }
    steps.push({ hop: ttlOf(hops[i] as Hop), lossRatio: shared.lost / Math.max(1, shared.sent) });
    if (steps.length === MOST_STEPS) break;
  }
  return steps;
}

interface Branch {
  readonly mask: number;
  readonly hops: readonly Hop[];
  readonly fit: LossFit;
}

/** The flows that alone lose, where that explains the answers much better than loss that all flows share. */
function branchThatLoses(
  window: ReplyWindow,
  every: number,
  hops: readonly Hop[],
  whole: LossFit,
  addressAt: AddressAt,
): Branch | null {
  if (window.flows < 2) return null;
  // Hops that leave out replies of their own tell branches from one another by chance only.
  const told = new Set(
    hops.flatMap((hop, i) => (hop.own !== 'certain' && (whole.own[i] as number) <= OWN ? [hop.row] : [])),
  );
  const telling = (mask: number): Hop[] => evidenceOf(window, mask).filter(({ row }) => told.has(row));
  if (flowsDiffer(window, every, told) < FLOW_RATIO) return null;
  const masks = branchesOf(window, every, addressAt);
  const shared = logEvidenceOf(telling(every)).logEvidence;
  let best: { readonly mask: number; readonly score: number } | null = null;
  for (const mask of masks) {
    const { logEvidence } = logEvidenceOf(telling(mask));
    const score = logEvidence + logEvidenceOf(telling(every & ~mask)).logCleanEvidence - shared;
    if (score > (best?.score ?? Number.NEGATIVE_INFINITY)) best = { mask, score };
  }
  if (best === null || best.score - Math.log(masks.length) < BRANCH_EVIDENCE) return null;
  const own = evidenceOf(window, best.mask);
  const fit = fitLoss(own);
  return 1 - fit.clean < CREDIBLE ? null : { mask: best.mask, hops: own, fit };
}

/** Likelihood ratio of the loss of all flows, over these rows together, being one. */
function flowsDiffer(window: ReplyWindow, every: number, rows: ReadonlySet<number>): number {
  const tally: Tally = { sent: 0, lost: 0 };
  const flows = flowsOf(every).map((flow) => {
    const sum = { sent: 0, lost: 0 };
    for (const row of rows) {
      window.tally(row, 1 << flow, tally);
      sum.sent += tally.sent;
      sum.lost += tally.lost;
    }
    return sum;
  });
  const whole = flows.reduce((a, b) => ({ sent: a.sent + b.sent, lost: a.lost + b.lost }));
  return flows.reduce((sum, { sent, lost }) => sum + shareRatio(lost, sent, whole.lost, whole.sent), 0);
}

/** Sets of flows that meet one address at some TTL where others meet another; of few flows, every set. */
function branchesOf(window: ReplyWindow, every: number, addressAt: AddressAt): number[] {
  const masks = new Set<number>();
  if (window.flows <= FEW_FLOWS) for (let mask = 1; mask < every; mask++) masks.add(mask);
  else {
    for (let flow = 0; flow < window.flows && masks.size < MOST_BRANCHES; flow++) masks.add(1 << flow);
    for (let ttl = 1; ttl <= window.horizon; ttl++) {
      const sets = new Map<string, number>();
      for (let flow = 0; flow < window.flows; flow++) {
        const address = addressAt(flow, ttl);
        if (address !== '') sets.set(address, (sets.get(address) ?? 0) | (1 << flow));
      }
      if (sets.size < 2) continue;
      for (const mask of sets.values()) if (masks.size < 2 * MOST_BRANCHES) masks.add(mask);
    }
  }
  // Flows that nobody probes are no branch.
  const probed = flowsOf(every).reduce(
    (mask, flow) => (window.sentIn(DESTINATION_ROW, 1 << flow) > 0 ? mask | (1 << flow) : mask),
    0,
  );
  return [...masks].filter((mask) => (mask & probed) === mask && mask !== probed);
}

function flowsOf(mask: number): number[] {
  const flows: number[] = [];
  for (let flow = 0; flow < 16; flow++) if ((mask & (1 << flow)) !== 0) flows.push(flow);
  return flows;
}

/** TTL at which the nearest of these flows meets the destination; beyond all routers where that is forgotten. */
function destinationHop(window: ReplyWindow, mask: number): number {
  const lengths = flowsOf(mask).flatMap((flow) => {
    const length = window.lengthOf(flow);
    return length > 0 ? [length] : [];
  });
  return lengths.length === 0 ? window.horizon + 1 : Math.min(...lengths);
}
