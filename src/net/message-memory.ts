// An array of struct mmsghdr with what it points to, in one block of memory filled in once: a system call moves a
// whole batch, and nothing is allocated for a message.

import { allocate, type Libc, type Pointer } from './libc.ts';

/** Room for a sockaddr_in6. */
const NAME_STRIDE = 32;
/** Keeps payload slots off one another's cache sets. */
const SLOT_PAD = 64;

export interface MessageMemoryOptions {
  readonly capacity: number;
  readonly controlLength: number;
  readonly payloadLength: number;
}

export class MessageMemory {
  readonly capacity: number;
  readonly controlLength: number;
  readonly payloadLength: number;
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly #libc: Libc;
  readonly #headers: Pointer[] = [];
  readonly #controls: number;
  readonly #names: number;
  readonly #payloads: number;
  readonly #payloadStride: number;
  readonly #iovecs: number;

  constructor(libc: Libc, options: MessageMemoryOptions) {
    const { mmsghdr, iovec } = libc.layout;
    const { capacity } = options;
    this.#libc = libc;
    this.capacity = capacity;
    this.controlLength = (options.controlLength + 7) & ~7;
    this.payloadLength = options.payloadLength;
    this.#iovecs = capacity * mmsghdr.size;
    this.#names = this.#iovecs + capacity * iovec.size;
    this.#controls = this.#names + capacity * NAME_STRIDE;
    this.#payloads = this.#controls + capacity * this.controlLength;
    this.#payloadStride = ((options.payloadLength + 63) & ~63) + SLOT_PAD;
    this.bytes = allocate(this.#payloads + capacity * this.#payloadStride);
    this.view = new DataView(this.bytes.buffer);
    this.#link(libc.addressOf(this.bytes));
  }

  /** Address of header `index`, for a call that starts there. */
  header(index: number): Pointer {
    return this.#headers[index] as Pointer;
  }

  nameAt(index: number): number {
    return this.#names + index * NAME_STRIDE;
  }

  controlAt(index: number): number {
    return this.#controls + index * this.controlLength;
  }

  payloadAt(index: number): number {
    return this.#payloads + index * this.#payloadStride;
  }

  /** Bytes that the last call moved for message `index`. */
  moved(index: number): number {
    const { mmsghdr } = this.#libc.layout;
    return this.view.getUint32(index * mmsghdr.size + mmsghdr.moved, true);
  }

  flags(index: number): number {
    const { mmsghdr } = this.#libc.layout;
    return this.view.getUint32(index * mmsghdr.size + mmsghdr.flags, true);
  }

  controlLengthOf(index: number): number {
    const { mmsghdr } = this.#libc.layout;
    return this.view.getUint32(index * mmsghdr.size + mmsghdr.controlLength, true);
  }

  setControlLength(index: number, length: number): void {
    const { mmsghdr } = this.#libc.layout;
    this.view.setUint32(index * mmsghdr.size + mmsghdr.controlLength, length, true);
  }

  setNameLength(index: number, length: number): void {
    const { mmsghdr } = this.#libc.layout;
    this.view.setUint32(index * mmsghdr.size + mmsghdr.nameLength, length, true);
  }

  setPayloadLength(index: number, length: number): void {
    const { iovec } = this.#libc.layout;
    this.view.setUint32(this.#iovecs + index * iovec.size + iovec.length, length, true);
  }

  /** Makes the first `count` messages ready to receive: the kernel overwrote their lengths. */
  resetForReceive(count: number): void {
    for (let i = 0; i < count; i++) {
      this.setNameLength(i, NAME_STRIDE);
      this.setControlLength(i, this.controlLength);
    }
  }

  #link(base: Pointer): void {
    const { mmsghdr, iovec } = this.#libc.layout;
    for (let i = 0; i < this.capacity; i++) {
      const header = i * mmsghdr.size;
      const vector = this.#iovecs + i * iovec.size;
      this.#headers.push(base + BigInt(header));
      this.#setPointer(header + mmsghdr.name, base + BigInt(this.nameAt(i)));
      this.#setPointer(header + mmsghdr.iov, base + BigInt(vector));
      this.#setPointer(header + mmsghdr.control, base + BigInt(this.controlAt(i)));
      this.view.setUint32(header + mmsghdr.iovLength, 1, true);
      this.#setPointer(vector + iovec.base, base + BigInt(this.payloadAt(i)));
      this.setPayloadLength(i, this.payloadLength);
    }
    this.resetForReceive(this.capacity);
  }

  #setPointer(at: number, pointer: Pointer): void {
    if (this.#libc.layout.pointerSize === 8) this.view.setBigUint64(at, pointer, true);
    else this.view.setUint32(at, Number(pointer), true);
  }
}
