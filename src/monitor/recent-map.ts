// A map that remembers the entries used most recently and forgets the rest.

export class RecentMap<Key, Value> {
  readonly #limit: number;
  readonly #entries = new Map<Key, Value>();

  readonly #onForgotten: (value: Value) => void;

  /** `onForgotten` hears of values that had to make room. */
  constructor(limit: number, onForgotten: (value: Value) => void = () => {}) {
    this.#limit = limit;
    this.#onForgotten = onForgotten;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The value, which thereby is the one used last. */
  get(key: Key): Value | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: Key, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#limit) return;
    const [oldest] = this.#entries;
    if (oldest === undefined) return;
    this.#entries.delete(oldest[0]);
    this.#onForgotten(oldest[1]);
  }

  delete(key: Key): void {
    this.#entries.delete(key);
  }
}
