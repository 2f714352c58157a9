// Says that pushing fails when that begins, and that it works again when it does: not once for every request, nor once for
// every time that a server wavers. Invariant: the lines within five minutes are bounded, whatever a server says.

import type { SendOutcome } from './http-sender.ts';

/** The part of a pino logger that is used here. */
export interface PushLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** The same complaint is not made again within this. */
const QUIET_MS = 300_000;
/** Refusals said within that time; each names its group, of which there may be thousands. */
const MOST_REFUSALS = 8;

export class OutageLog {
  readonly #log: PushLog;
  readonly #what: string;
  /** Reason for trying again to when it was said. */
  readonly #said = new Map<string, number>();
  /** Refusals said since `#refusedSinceMs`. */
  #refused = new Set<string>();
  #refusedSinceMs = Number.NEGATIVE_INFINITY;
  #away = false;

  /** @param what `to the Pushgateway`: how the way is called in a sentence */
  constructor(log: PushLog, what: string) {
    this.#log = log;
    this.#what = what;
  }

  /** @param nowMs on a clock that never goes back */
  heard(outcome: SendOutcome, nowMs: number): void {
    switch (outcome.kind) {
      case 'accepted':
        if (this.#away) this.#log.info({}, `Pushing ${this.#what} works again`);
        this.#away = false;
        return;
      case 'refused':
        this.#sayRefused(outcome.message, nowMs);
        return;
      case 'retry': {
        const before = this.#said.get(outcome.reason);
        if (before !== undefined && nowMs - before < QUIET_MS) return;
        this.#said.set(outcome.reason, nowMs);
        this.#away = true;
        this.#log.warn({}, outcome.message);
      }
    }
  }

  #sayRefused(message: string, nowMs: number): void {
    if (nowMs - this.#refusedSinceMs >= QUIET_MS) {
      this.#refused = new Set();
      this.#refusedSinceMs = nowMs;
    }
    if (this.#refused.has(message) || this.#refused.size > MOST_REFUSALS) return;
    const rest = this.#refused.size === MOST_REFUSALS;
    this.#refused.add(message);
    this.#log.warn(
      {},
      rest ? `Pushing ${this.#what}: more is refused, see hopscope_push_failures_total` : message,
    );
  }
}
