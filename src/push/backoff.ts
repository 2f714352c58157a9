// How long to leave a server alone that did not take what was sent: twice as long each time, jittered, so that many
// senders do not come back at once. A server that says how long is obeyed.

export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  readonly #random: () => number;
  #failures = 0;

  /** @param random numbers in [0, 1) */
  constructor(firstMs: number, mostMs: number, random: () => number) {
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
    this.#random = random;
  }

  /** Failures since the last success. */
  get failures(): number {
    return this.#failures;
  }

  succeeded(): void {
    this.#failures = 0;
  }

  /** How long to wait after one more failure: at least what the server asked for. */
  failed(retryAfterMs: number | null): number {
    const fullMs = Math.min(this.#mostMs, this.#firstMs * 2 ** Math.min(this.#failures, 30));
    this.#failures++;
    return Math.max(retryAfterMs ?? 0, fullMs * (0.5 + this.#random() / 2));
  }
}
