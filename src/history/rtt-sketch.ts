// Many RTTs in few numbers: counts in buckets whose bounds grow by 2 %, so that every quantile is right within 1 %.
// (DDSketch: Masson, Rim, Lee, VLDB 2019.) Invariant: merging two sketches is the same as having filled one.

import type { ByteReader, ByteWriter } from './byte-codec.ts';

const LOG_GROWTH = Math.log(1.02);
/** A microsecond to an hour is 1,112 buckets; what is below or above stands in the first or last. */
const MAX_BUCKET = 1200;

export class RttSketch {
  readonly #counts = new Map<number, number>();
  count = 0;
  minMs: number = Number.POSITIVE_INFINITY;

  add(rttMs: number): void {
    const bucket = bucketOf(rttMs);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.count++;
    if (rttMs < this.minMs) this.minMs = rttMs;
  }

  merge(other: RttSketch): void {
    for (const [bucket, count] of other.#counts) {
      this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + count);
    }
    this.count += other.count;
    this.minMs = Math.min(this.minMs, other.minMs);
  }

  /** The value below which `share` of the RTTs lie; null where there are none. */
  quantile(share: number): number | null {
    if (this.count === 0) return null;
    const rank = Math.max(1, Math.ceil(share * this.count));
    let seen = 0;
    for (const [bucket, count] of this.#sorted()) {
      seen += count;
      if (seen >= rank) return Math.max(this.minMs, middleOf(bucket));
    }
    return null;
  }

  encode(writer: ByteWriter): void {
    writer.varint(this.#counts.size);
    if (this.#counts.size === 0) return;
    writer.varint(Math.round(this.minMs * 1000));
    let before = 0;
    for (const [bucket, count] of this.#sorted()) {
      writer.varint(bucket - before);
      writer.varint(count);
      before = bucket;
    }
  }

  static decode(reader: ByteReader): RttSketch {
    const sketch = new RttSketch();
    const size = reader.varint();
    if (size > MAX_BUCKET + 1) throw new RangeError('A sketch in the bytes has too many buckets');
    if (size === 0) return sketch;
    sketch.minMs = reader.varint() / 1000;
    let bucket = 0;
    for (let i = 0; i < size; i++) {
      bucket += reader.varint();
      const count = reader.varint();
      sketch.#counts.set(bucket, count);
      sketch.count += count;
    }
    return sketch;
  }

  #sorted(): [number, number][] {
    return [...this.#counts].sort((a, b) => a[0] - b[0]);
  }
}

function bucketOf(rttMs: number): number {
  const us = rttMs * 1000;
  return us <= 1 ? 0 : Math.min(MAX_BUCKET, Math.ceil(Math.log(us) / LOG_GROWTH));
}

/** More digits than were measured say nothing, and cost room in every answer. */
export function toMicrosecond(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** The geometric middle of a bucket in milliseconds. */
function middleOf(bucket: number): number {
  return Math.exp((bucket - 0.5) * LOG_GROWTH) / 1000;
}
