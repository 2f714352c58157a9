// Where loss begins, from the answers of every hop at once. The loss that a probe meets up to a hop can only grow with
// distance; beside it a router may leave out replies of its own. So the cumulative loss is the hidden state of a Markov
// chain along the path, and the forward-backward algorithm gives the probability that it first rises at each hop.
// Invariant: a hop's own loss explains that hop alone; only what all later hops share can be loss on the way.

/** How much a hop may leave out by itself: not (the destination), as any router, or for certain (a limit was seen). */
export type OwnLoss = 'none' | 'possible' | 'certain';

export interface HopEvidence {
  readonly sent: number;
  readonly lost: number;
  readonly own: OwnLoss;
}

export interface LossFit {
  /** Logarithm of the probability of the evidence, up to a constant of the evidence alone; and of that without any loss. */
  readonly logEvidence: number;
  readonly logCleanEvidence: number;
  /** Probability that loss first rises at each hop, in the order given; with `clean` they add up to 1. */
  readonly starts: readonly number[];
  readonly clean: number;
  /** Probability of each hop that it leaves out replies of its own. */
  readonly own: readonly number[];
  /** The most probable cumulative loss at each hop. */
  readonly loss: readonly number[];
}

/** Cumulative loss in steps of 14 %, from what passes for none on. */
const LEVELS = 44;
const NO_LOSS = 5e-4;
const LEAST_LOSS = 4e-3;
const MOST_LOSS = 0.9995;
/** Prior probability that a link loses. */
const LOSSY = 0.01;
/** Prior probability that a router leaves out no replies of its own. */
const FAITHFUL: Readonly<Record<OwnLoss, number>> = { none: 1, possible: 0.95, certain: 0.02 };

/** As a logarithm, of the greatest. */
const NEGLIGIBLE = -60;

const LEVEL: readonly number[] = Array.from({ length: LEVELS }, (_, i) =>
  i === 0 ? NO_LOSS : LEAST_LOSS * (MOST_LOSS / LEAST_LOSS) ** ((i - 1) / (LEVELS - 2)),
);
const LOG_LOSS: readonly number[] = LEVEL.map((loss) => Math.log(loss));
const LOG_PASS: readonly number[] = LEVEL.map((loss) => Math.log1p(-loss));
/** Width of the loss that each level stands for. */
const WIDTH: readonly number[] = LEVEL.map((loss, i) => (i === 0 ? loss : loss - (LEVEL[i - 1] as number)));

/** Probability of a hop's answers given the loss on the way, as multiples of the greatest. */
interface Likelihood {
  /** With and without replies of its own left out. */
  readonly whole: Float64Array;
  readonly own: Float64Array;
  readonly logScale: number;
}

function likelihoodOf({ sent, lost, own }: HopEvidence): Likelihood {
  const logs = new Float64Array(LEVELS);
  let logScale = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < LEVELS; i++) {
    logs[i] = lost * (LOG_LOSS[i] as number) + (sent - lost) * (LOG_PASS[i] as number);
    logScale = Math.max(logScale, logs[i] as number);
  }
  const faithful = FAITHFUL[own];
  const whole = new Float64Array(LEVELS);
  const ofOwn = new Float64Array(LEVELS);
  // Own loss is anywhere between the loss on the way and everything.
  let above = 0;
  for (let i = LEVELS - 1; i >= 0; i--) {
    const below = (logs[i] as number) - logScale;
    const plain = below < NEGLIGIBLE ? 0 : Math.exp(below);
    const rest = 1 - (LEVEL[i] as number);
    const slab = i === LEVELS - 1 ? plain : Math.min(1, above / rest);
    ofOwn[i] = (1 - faithful) * slab;
    whole[i] = faithful * plain + (ofOwn[i] as number);
    above += plain * (WIDTH[i] as number);
  }
  return { whole, own: ofOwn, logScale };
}

/** Fits hops in the order of the path. */
export function fitLoss(hops: readonly HopEvidence[]): LossFit {
  const likelihoods = hops.map(likelihoodOf);
  const forward: Float64Array[] = [];
  /** What each forward step was divided by. */
  const scales: number[] = [];
  let logForward = 0;
  let logClean = 0;
  const first = new Float64Array(LEVELS);
  first[0] = 1;
  let previous: Float64Array = first;
  /** Probability that nothing was lost up to each hop, scaled as `forward` is. */
  const cleanUpTo: number[] = [1];
  for (const { whole, logScale } of likelihoods) {
    const here = step(previous, whole);
    const total = here.reduce((sum, value) => sum + value, 0);
    for (let i = 0; i < LEVELS; i++) here[i] = (here[i] as number) / total;
    const stay = (1 - LOSSY) * (whole[0] as number);
    cleanUpTo.push(((cleanUpTo.at(-1) as number) * stay) / total);
    logForward += Math.log(total) + logScale;
    logClean += Math.log(stay) + logScale;
    forward.push(here);
    scales.push(total);
    previous = here;
  }
  const starts: number[] = new Array<number>(hops.length).fill(0);
  const own: number[] = new Array<number>(hops.length).fill(0);
  let backward: Float64Array = new Float64Array(LEVELS).fill(1);
  for (let hop = hops.length - 1; hop >= 0; hop--) {
    const { whole, own: ofOwn } = likelihoods[hop] as Likelihood;
    const here = forward[hop] as Float64Array;
    starts[hop] = startAt(cleanUpTo[hop] as number, whole, here, backward, scales[hop] as number);
    own[hop] = ownAt(here, backward, whole, ofOwn);
    backward = stepBack(backward, whole);
  }
  const clean = cleanUpTo.at(-1) as number;
  const sum = starts.reduce((total, value) => total + value, clean);
  return {
    logEvidence: logForward,
    logCleanEvidence: logClean,
    starts: starts.map((value) => value / sum),
    clean: clean / sum,
    own,
    loss: bestPath(likelihoods),
  };
}

/** Only the evidence, of loss anywhere and of none, for comparing one set of flows with another. */
export function logEvidenceOf(
  hops: readonly HopEvidence[],
): Pick<LossFit, 'logEvidence' | 'logCleanEvidence'> {
  let logEvidence = 0;
  let logCleanEvidence = 0;
  let here: Float64Array = new Float64Array(LEVELS);
  here[0] = 1;
  for (const hop of hops) {
    const { whole, logScale } = likelihoodOf(hop);
    here = step(here, whole);
    const total = here.reduce((sum, value) => sum + value, 0);
    for (let i = 0; i < LEVELS; i++) here[i] = (here[i] as number) / total;
    logEvidence += Math.log(total) + logScale;
    logCleanEvidence += Math.log((1 - LOSSY) * (whole[0] as number)) + logScale;
  }
  return { logEvidence, logCleanEvidence };
}

/** One hop on: the loss stays, or rises to any higher level. */
function step(before: Float64Array, likelihood: Float64Array): Float64Array {
  const here = new Float64Array(LEVELS);
  let risen = 0;
  for (let i = 0; i < LEVELS; i++) {
    const stay = i === LEVELS - 1 ? 1 : 1 - LOSSY;
    here[i] = (likelihood[i] as number) * (stay * (before[i] as number) + risen);
    if (i < LEVELS - 1) risen += (LOSSY * (before[i] as number)) / (LEVELS - 1 - i);
  }
  return here;
}

/** What later hops say, seen from one hop nearer; scaled so that the greatest is 1. */
function stepBack(after: Float64Array, likelihood: Float64Array): Float64Array {
  const here = new Float64Array(LEVELS);
  let above = 0;
  let greatest = 0;
  for (let i = LEVELS - 1; i >= 0; i--) {
    const value = (likelihood[i] as number) * (after[i] as number);
    const rise = i === LEVELS - 1 ? 0 : (LOSSY * above) / (LEVELS - 1 - i);
    here[i] = (i === LEVELS - 1 ? value : (1 - LOSSY) * value) + rise;
    greatest = Math.max(greatest, here[i] as number);
    above += value;
  }
  if (greatest > 0) for (let i = 0; i < LEVELS; i++) here[i] = (here[i] as number) / greatest;
  return here;
}

/** Probability that nothing is lost before `hop` and something from it on. */
function startAt(
  cleanBefore: number,
  likelihood: Float64Array,
  forward: Float64Array,
  backward: Float64Array,
  scale: number,
): number {
  // The scale of `backward` cancels against the sum over all levels.
  let whole = 0;
  let risen = 0;
  for (let i = 0; i < LEVELS; i++) {
    whole += (forward[i] as number) * (backward[i] as number);
    if (i > 0) risen += (likelihood[i] as number) * (backward[i] as number);
  }
  return whole === 0 ? 0 : (cleanBefore * (LOSSY / (LEVELS - 1)) * risen) / (scale * whole);
}

function ownAt(
  forward: Float64Array,
  backward: Float64Array,
  whole: Float64Array,
  own: Float64Array,
): number {
  let all = 0;
  let part = 0;
  for (let i = 0; i < LEVELS; i++) {
    const weight = (forward[i] as number) * (backward[i] as number);
    all += weight;
    if ((whole[i] as number) > 0) part += (weight * (own[i] as number)) / (whole[i] as number);
  }
  return all === 0 ? 0 : part / all;
}

/** Viterbi: the most probable loss at each hop. */
function bestPath(likelihoods: readonly Likelihood[]): number[] {
  let scores: Float64Array = new Float64Array(LEVELS).fill(Number.NEGATIVE_INFINITY);
  scores[0] = 0;
  const origins: Uint8Array[] = [];
  for (const { whole } of likelihoods) {
    const next = new Float64Array(LEVELS);
    const origin = new Uint8Array(LEVELS);
    let best = Number.NEGATIVE_INFINITY;
    let bestFrom = 0;
    for (let i = 0; i < LEVELS; i++) {
      const stay = (scores[i] as number) + Math.log1p(i === LEVELS - 1 ? 0 : -LOSSY);
      const risen = best > stay;
      origin[i] = risen ? bestFrom : i;
      next[i] = Math.log(whole[i] as number) + (risen ? best : stay);
      const rise = (scores[i] as number) + Math.log(LOSSY / Math.max(1, LEVELS - 1 - i));
      if (rise > best) {
        best = rise;
        bestFrom = i;
      }
    }
    scores = next;
    origins.push(origin);
  }
  let level = scores.indexOf(Math.max(...scores));
  const loss: number[] = new Array<number>(likelihoods.length).fill(0);
  for (let hop = likelihoods.length - 1; hop >= 0; hop--) {
    loss[hop] = level === 0 ? 0 : (LEVEL[level] as number);
    level = (origins[hop] as Uint8Array)[level] as number;
  }
  return loss;
}
