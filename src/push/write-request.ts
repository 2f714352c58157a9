// The body of a remote write (prometheus.WriteRequest, remote-write specification 1.0): protocol buffers, written by hand,
// for four messages are not worth a library.
//
//   WriteRequest { repeated TimeSeries timeseries = 1; }   TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; }
//   Label { string name = 1; string value = 2; }           Sample { double value = 1; int64 timestamp = 2; }

/** Marks a series as ended: the NaN whose bits Prometheus knows (value.StaleNaN). Every other NaN is a value. */
export const STALE: unique symbol = Symbol('stale');

export type SampleValue = number | typeof STALE;

const STALE_BITS = 0x7ff0000000000002n;
const FIELD_1_BYTES = 0x0a;
const FIELD_2_BYTES = 0x12;
const FIELD_1_DOUBLE = 0x09;
const FIELD_2_VARINT = 0x10;

/** Collects series with one sample each. */
export class WriteRequest {
  #bytes = Buffer.allocUnsafe(64 * 1024);
  #length = 0;
  samples = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  /** One series with its sample. Labels in any order; those with an empty value are left out, as they do not exist. */
  add(
    name: string,
    labels: Iterable<readonly [string, string]>,
    value: SampleValue,
    timestampMs: number,
  ): void {
    const all: (readonly [string, string])[] = [['__name__', name]];
    for (const label of labels) if (label[1] !== '') all.push(label);
    // Receivers may rely on labels being sorted by name.
    all.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    let size = 0;
    const sizes: (readonly [nameLength: number, valueLength: number, inner: number])[] = [];
    for (const [label, text] of all) {
      const nameLength = Buffer.byteLength(label);
      const valueLength = Buffer.byteLength(text);
      const inner = 2 + varintSize(nameLength) + nameLength + varintSize(valueLength) + valueLength;
      sizes.push([nameLength, valueLength, inner]);
      size += 1 + varintSize(inner) + inner;
    }
    const sampleSize = 1 + 8 + 1 + varintSize(timestampMs);
    size += 1 + varintSize(sampleSize) + sampleSize;
    this.#reserve(size + 16);
    this.#tagged(FIELD_1_BYTES, size);
    for (const [i, [label, text]] of all.entries()) {
      const [nameLength, valueLength, inner] = sizes[i] as readonly [number, number, number];
      this.#tagged(FIELD_1_BYTES, inner);
      this.#text(FIELD_1_BYTES, label, nameLength);
      this.#text(FIELD_2_BYTES, text, valueLength);
    }
    this.#tagged(FIELD_2_BYTES, sampleSize);
    this.#bytes[this.#length++] = FIELD_1_DOUBLE;
    // As bits: a NaN that passes through a double may lose what makes it this NaN.
    if (value === STALE) this.#bytes.writeBigUInt64LE(STALE_BITS, this.#length);
    else this.#bytes.writeDoubleLE(value, this.#length);
    this.#length += 8;
    this.#tagged(FIELD_2_VARINT, timestampMs);
    this.samples++;
  }

  /** The request's bytes; valid until the next `add`. */
  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #text(tag: number, text: string, length: number): void {
    this.#tagged(tag, length);
    this.#bytes.write(text, this.#length);
    this.#length += length;
  }

  #tagged(tag: number, value: number): void {
    this.#bytes[this.#length++] = tag;
    let left = value;
    while (left >= 0x80) {
      this.#bytes[this.#length++] = (left % 0x80) | 0x80;
      left = Math.floor(left / 0x80);
    }
    this.#bytes[this.#length++] = left;
  }

  #reserve(size: number): void {
    if (this.#length + size <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + size));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Not by bits: milliseconds since 1970 have more than 32. */
function varintSize(value: number): number {
  let size = 1;
  for (let left = value; left >= 0x80; left = Math.floor(left / 0x80)) size++;
  return size;
}
