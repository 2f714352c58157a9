// Replies under way, in the order they arrive: a binary heap over preallocated slots. Same time, same order as
// sent. Bounded: what finds no free slot, or is longer than one, is dropped and counted.

import type { ReplySink } from './simulator.ts';

export class DeliveryQueue implements ReplySink {
  /** All packets; the one at the head lies at [headOffset, headOffset + headLength). */
  readonly bytes: Uint8Array;
  /** Replies that found no slot. */
  dropped = 0;
  /** Stored with each reply that is delivered from now on. */
  tag = 0;
  readonly #slotLength: number;
  readonly #times: Float64Array;
  readonly #orders: Float64Array;
  readonly #slots: Int32Array;
  readonly #lengths: Int32Array;
  readonly #tags: Float64Array;
  readonly #free: Int32Array;
  #freeCount: number;
  #size = 0;
  #order = 0;

  /** @param slotLength longest packet, in bytes. */
  constructor(capacity: number, slotLength: number) {
    this.#slotLength = slotLength;
    this.bytes = new Uint8Array(capacity * slotLength);
    this.#times = new Float64Array(capacity);
    this.#orders = new Float64Array(capacity);
    this.#slots = new Int32Array(capacity);
    this.#lengths = new Int32Array(capacity);
    this.#tags = new Float64Array(capacity);
    // The lowest slot is taken first, so that an idle queue touches little memory.
    this.#free = Int32Array.from({ length: capacity }, (_, i) => capacity - 1 - i);
    this.#freeCount = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /** Time of the head, or Infinity. */
  get headAtNs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#times[0] as number);
  }

  get headOffset(): number {
    return (this.#slots[0] as number) * this.#slotLength;
  }

  get headLength(): number {
    return this.#lengths[this.#slots[0] as number] as number;
  }

  get headTag(): number {
    return this.#tags[this.#slots[0] as number] as number;
  }

  deliver(atNs: number, bytes: Uint8Array, length: number): void {
    if (this.#freeCount === 0 || length > this.#slotLength) {
      this.dropped++;
      return;
    }
    const slot = this.#free[--this.#freeCount] as number;
    const at = slot * this.#slotLength;
    for (let i = 0; i < length; i++) this.bytes[at + i] = bytes[i] as number;
    this.#lengths[slot] = length;
    this.#tags[slot] = this.tag;
    this.#rise(atNs, this.#order++, slot);
  }

  /** Removes the head. Its bytes stay until the next `deliver`. */
  drop(): void {
    if (this.#size === 0) return;
    this.#free[this.#freeCount++] = this.#slots[0] as number;
    this.#size--;
    if (this.#size > 0) this.#sink();
  }

  /** Removes everything. */
  clear(): void {
    while (this.#size > 0) this.drop();
  }

  #rise(time: number, order: number, slot: number): void {
    const times = this.#times;
    let i = this.#size++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      // A later order never passes an equal time.
      if ((times[parent] as number) <= time) break;
      this.#move(parent, i);
      i = parent;
    }
    this.#place(i, time, order, slot);
  }

  /** Moves the last entry into the head's place and down to where it belongs. */
  #sink(): void {
    const size = this.#size;
    const time = this.#times[size] as number;
    const order = this.#orders[size] as number;
    const slot = this.#slots[size] as number;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#before(child + 1, child)) child++;
      const at = this.#times[child] as number;
      if (time < at || (time === at && order < (this.#orders[child] as number))) break;
      this.#move(child, i);
      i = child;
    }
    this.#place(i, time, order, slot);
  }

  #before(a: number, b: number): boolean {
    const difference = (this.#times[a] as number) - (this.#times[b] as number);
    return difference < 0 || (difference === 0 && (this.#orders[a] as number) < (this.#orders[b] as number));
  }

  #move(from: number, to: number): void {
    this.#place(to, this.#times[from] as number, this.#orders[from] as number, this.#slots[from] as number);
  }

  #place(at: number, time: number, order: number, slot: number): void {
    this.#times[at] = time;
    this.#orders[at] = order;
    this.#slots[at] = slot;
  }
}
