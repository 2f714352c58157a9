// A histogram with exponential buckets, as Prometheus calls native. Invariant: it has a bucket for every value, none is
// wider than 9 %, and it takes a few hundred bytes however many values come in.

/** Eight buckets for each doubling: the n-th ends at 2^(n/8). */
export const NATIVE_SCHEMA = 3;
const BUCKETS_PER_DOUBLING = 2 ** NATIVE_SCHEMA;
/** About a microsecond; what is less is as good as nothing. A power of two, where a bucket ends. */
export const NATIVE_ZERO_THRESHOLD: number = 2 ** -20;
const LEAST_INDEX = -20 * BUCKETS_PER_DOUBLING + 1;
/** 512 seconds: longer than anything that is measured here. */
const MOST_INDEX = 9 * BUCKETS_PER_DOUBLING;
/** Room made at each end when a value falls beyond it. */
const SPARE = 4;

export class NativeHistogram {
  zeroCount = 0;
  /** Index of the bucket that `counts[0]` is of. */
  first = 0;
  counts: Uint32Array = new Uint32Array(0);

  observe(value: number): void {
    if (value <= NATIVE_ZERO_THRESHOLD) {
      this.zeroCount++;
      return;
    }
    const index = nativeIndex(value);
    if (index < this.first || index >= this.first + this.counts.length) this.#makeRoom(index);
    const at = index - this.first;
    this.counts[at] = (this.counts[at] as number) + 1;
  }

  #makeRoom(index: number): void {
    const empty = this.counts.length === 0;
    const from = Math.max(LEAST_INDEX, (empty ? index : Math.min(index, this.first)) - SPARE);
    const last = empty ? index : Math.max(index, this.first + this.counts.length - 1);
    const counts = new Uint32Array(Math.min(MOST_INDEX, last + SPARE) - from + 1);
    counts.set(this.counts, empty ? 0 : this.first - from);
    this.first = from;
    this.counts = counts;
  }
}

/** The bucket that holds a value: its upper bound is inclusive. */
export function nativeIndex(value: number): number {
  const index = Math.ceil(Math.log2(value) * BUCKETS_PER_DOUBLING);
  return Math.max(LEAST_INDEX, Math.min(MOST_INDEX, index));
}
