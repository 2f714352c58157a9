// Numbers of many records in a few typed arrays: 100,000 targets cost their numbers and not an object for each.
// Invariant: a slot handed out is zero, and belongs to one record until it is released.

const SLOTS_PER_BLOCK = 256;

/** Where the numbers of one record are: `doubles[doublesAt + i]` and `counts[countsAt + i]`. */
export interface Slot {
  readonly doubles: Float64Array;
  readonly doublesAt: number;
  readonly counts: Uint32Array;
  readonly countsAt: number;
}

export class Slab {
  readonly #doublesPerSlot: number;
  readonly #countsPerSlot: number;
  #free: Slot[] = [];

  constructor(doublesPerSlot: number, countsPerSlot: number) {
    this.#doublesPerSlot = doublesPerSlot;
    this.#countsPerSlot = countsPerSlot;
  }

  allocate(): Slot {
    if (this.#free.length === 0) this.#grow();
    return this.#free.pop() as Slot;
  }

  release(slot: Slot): void {
    slot.doubles.fill(0, slot.doublesAt, slot.doublesAt + this.#doublesPerSlot);
    slot.counts.fill(0, slot.countsAt, slot.countsAt + this.#countsPerSlot);
    this.#free.push(slot);
  }

  #grow(): void {
    const doubles = new Float64Array(SLOTS_PER_BLOCK * this.#doublesPerSlot);
    const counts = new Uint32Array(SLOTS_PER_BLOCK * this.#countsPerSlot);
    for (let i = SLOTS_PER_BLOCK - 1; i >= 0; i--) {
      this.#free.push({
        doubles,
        doublesAt: i * this.#doublesPerSlot,
        counts,
        countsAt: i * this.#countsPerSlot,
      });
    }
  }
}
