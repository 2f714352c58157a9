// Protocol Buffers on the wire (protobuf.dev/programming-guides/encoding): the few types that Prometheus' exposition has.

const LONG_TEXT = 64;

/** Bytes that grow. Fields are written in the order they are called for. */
export class ProtobufSink {
  #bytes = Buffer.allocUnsafe(4096);
  length = 0;

  clear(): void {
    this.length = 0;
  }

  /** A copy of what was written. */
  take(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.length));
  }

  varint(value: number): void {
    this.#reserve(10);
    let rest = value;
    // Counts may exceed 32 bits, which is all that shifting could do.
    while (rest >= 0x80) {
      this.#bytes[this.length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.length++] = rest;
  }

  /** An unsigned or enumerated field. */
  unsigned(field: number, value: number): void {
    this.varint(field << 3);
    this.varint(value);
  }

  /** A field of type sint: zigzag, so that small negative numbers are short. */
  signed(field: number, value: number): void {
    this.unsigned(field, value < 0 ? -2 * value - 1 : 2 * value);
  }

  double(field: number, value: number): void {
    this.varint((field << 3) | 1);
    this.#reserve(8);
    this.length = this.#bytes.writeDoubleLE(value, this.length);
  }

  text(field: number, value: string): void {
    this.varint((field << 3) | 2);
    const length = Buffer.byteLength(value);
    this.varint(length);
    this.#reserve(length);
    if (length !== value.length || length > LONG_TEXT) {
      this.length += this.#bytes.write(value, this.length);
      return;
    }
    // Short ASCII, as nearly all of it is: a call into the runtime takes longer than this.
    for (let i = 0; i < length; i++) this.#bytes[this.length++] = value.charCodeAt(i);
  }

  /** A message, of which these are the bytes. */
  message(field: number, content: ProtobufSink): void {
    this.varint((field << 3) | 2);
    this.varint(content.length);
    this.append(content);
  }

  append(other: ProtobufSink): void {
    this.#reserve(other.length);
    other.#bytes.copy(this.#bytes, this.length, 0, other.length);
    this.length += other.length;
  }

  #reserve(more: number): void {
    if (this.length + more <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.length + more));
    grown.set(this.#bytes.subarray(0, this.length));
    this.#bytes = grown;
  }
}
