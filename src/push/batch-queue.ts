// Batches of samples that wait to be sent, oldest first, bounded by size and by age.
// Invariant: what is let go of is told, with the reason and the number of samples.

export interface Batch {
  readonly body: Uint8Array;
  readonly samples: number;
  /** Epoch milliseconds of its samples. */
  readonly atMs: number;
}

export class BatchQueue {
  readonly #mostBytes: number;
  readonly #maxAgeMs: number;
  readonly #onDropped: (reason: 'queue_full' | 'too_old', samples: number) => void;
  readonly #batches: Batch[] = [];
  #bytes = 0;

  constructor(
    mostBytes: number,
    maxAgeMs: number,
    onDropped: (reason: 'queue_full' | 'too_old', samples: number) => void,
  ) {
    this.#mostBytes = mostBytes;
    this.#maxAgeMs = maxAgeMs;
    this.#onDropped = onDropped;
  }

  get length(): number {
    return this.#batches.length;
  }

  get samples(): number {
    return this.#batches.reduce((sum, { samples }) => sum + samples, 0);
  }

  add(batch: Batch): void {
    this.#batches.push(batch);
    this.#bytes += batch.body.length;
    while (this.#bytes > this.#mostBytes && this.#batches.length > 1) this.#drop('queue_full');
  }

  /** The oldest that is still worth sending; it stays until `remove`. */
  first(nowMs: number): Batch | undefined {
    for (;;) {
      const batch = this.#batches[0];
      if (batch === undefined || nowMs - batch.atMs <= this.#maxAgeMs) return batch;
      this.#drop('too_old');
    }
  }

  /** Takes out a batch that was dealt with; it may have made room for others meanwhile. */
  remove(batch: Batch): boolean {
    if (this.#batches[0] !== batch) return false;
    this.#batches.shift();
    this.#bytes -= batch.body.length;
    return true;
  }

  #drop(reason: 'queue_full' | 'too_old'): void {
    const batch = this.#batches.shift();
    if (batch === undefined) return;
    this.#bytes -= batch.body.length;
    this.#onDropped(reason, batch.samples);
  }
}
