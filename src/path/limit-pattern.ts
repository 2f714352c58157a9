// Whether the misses of a hop come as a limit on replies makes them. A token bucket answers the first probes of a burst
// and not the rest, and about as many in every burst; loss strikes whichever probe, as often twice as chance has it.
// Invariant: what is tested is the order and the company of the misses, never their number.

/** Words of 16 bits that one hop's record takes. */
export const PATTERN_WORDS = 5;

const PAIRS = 0;
const BOTH_ANSWERED = 1;
const BOTH_MISSED = 2;
/** Twice the excess of "answered before missed" over what chance has, from this middle on. */
const HEAD = 3;
/** Four times its variance. */
const HEAD_VARIANCE = 4;
const MIDDLE = 32_768;

/** Probes of one round that are looked at. */
const MOST_PROBES = 48;
const MOST_COUNT = 30_000;
/** One-sided normal quantile at 1e-4. */
const Z_ORDER = 3.72;
/** Probability by chance below which pairs are too few or too many. */
const PAIR_ALPHA = 1e-4;

export class LimitPattern {
  readonly #words: Uint16Array;
  readonly #at: number;

  /** On the record that begins at `at` in `words`; zeros are an empty one. */
  constructor(words: Uint16Array, at: number) {
    this.#words = words;
    this.#at = at;
  }

  /** One round of a hop: whether each probe was answered, in the order they left. */
  note(answers: readonly boolean[]): void {
    const n = Math.min(MOST_PROBES, answers.length);
    if (n < 2) return;
    let answered = 0;
    let before = 0;
    for (let i = 0; i < n; i++) {
      if (answers[i] === true) answered++;
      else before += answered;
    }
    const missed = n - answered;
    if (this.#get(HEAD) === 0) this.#set(HEAD, MIDDLE);
    this.#add(PAIRS, (n * (n - 1)) / 2);
    this.#add(BOTH_ANSWERED, (answered * (answered - 1)) / 2);
    this.#add(BOTH_MISSED, (missed * (missed - 1)) / 2);
    this.#add(HEAD, 2 * before - answered * missed);
    this.#add(HEAD_VARIANCE, Math.round((answered * missed * (n + 1)) / 3));
    if (this.#get(PAIRS) > MOST_COUNT || this.#get(HEAD_VARIANCE) > MOST_COUNT) this.#halve();
  }

  /** The answers come first (Mann-Whitney), or about as many in every burst: a bucket of this hop's own. */
  get isLimited(): boolean {
    const variance = this.#get(HEAD_VARIANCE) / 4;
    const excess = (this.#get(HEAD) - MIDDLE) / 2;
    if (variance > 0 && excess > Z_ORDER * Math.sqrt(variance)) return true;
    const { expected, seen } = this.#pairs();
    return poissonAtMost(seen, expected) < PAIR_ALPHA;
  }

  /** Misses keep company: a bucket that others empty too, or a router busy for a while. */
  get isClumped(): boolean {
    const { expected, seen } = this.#pairs();
    return seen > expected && 1 - poissonAtMost(seen - 1, expected) < PAIR_ALPHA;
  }

  /** Pairs of probes of one round with the same outcome, of the rarer one: as seen, and as chance has it. */
  #pairs(): { readonly expected: number; readonly seen: number } {
    const pairs = this.#get(PAIRS);
    if (pairs === 0) return { expected: 0, seen: 0 };
    const both = this.#get(BOTH_ANSWERED);
    const none = this.#get(BOTH_MISSED);
    const share = (2 * both + (pairs - both - none)) / (2 * pairs);
    return share < 0.5
      ? { expected: pairs * share * share, seen: both }
      : { expected: pairs * (1 - share) * (1 - share), seen: none };
  }

  #halve(): void {
    for (let word = 0; word < PATTERN_WORDS; word++) this.#set(word, this.#get(word) >>> 1);
    this.#set(HEAD, this.#get(HEAD) + MIDDLE / 2);
  }

  #get(word: number): number {
    return this.#words[this.#at + word] as number;
  }

  #set(word: number, value: number): void {
    this.#words[this.#at + word] = value;
  }

  #add(word: number, value: number): void {
    this.#set(word, this.#get(word) + value);
  }
}

/** P(X <= k) of a Poisson variable; normal beyond 200, where the sum would be long. */
function poissonAtMost(k: number, mean: number): number {
  if (k < 0) return 0;
  if (mean === 0) return 1;
  if (mean > 200) return normalAtMost((k + 0.5 - mean) / Math.sqrt(mean));
  let term = Math.exp(-mean);
  let sum = term;
  for (let i = 1; i <= k; i++) {
    term *= mean / i;
    sum += term;
  }
  return Math.min(1, sum);
}

/** Abramowitz and Stegun 26.2.17, error below 7.5e-8. */
function normalAtMost(z: number): number {
  const x = Math.abs(z);
  const t = 1 / (1 + 0.2316419 * x);
  const poly =
    t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  const tail = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * poly;
  return z > 0 ? 1 - tail : tail;
}
