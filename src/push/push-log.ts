// Says that pushing fails when that begins, and that it works again when it does: not once for every request, nor once for
// every time that a server wavers.

import type { SendOutcome } from './http-sender.ts';

/** The part of a pino logger that is used here. */
export interface PushLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** The same complaint is not made again within this. */
const QUIET_MS = 300_000;
/** Distinct refusals remembered; they name the group. */
const MOST_REMEMBERED = 256;

export class OutageLog {
  readonly #log: PushLog;
  readonly #what: string;
  /** Complaint to when it was made. */
  readonly #said = new Map<string, number>();
  #away = false;

  /** @param what `to the Pushgateway`: how the way is called in a sentence */
  constructor(log: PushLog, what: string) {
    this.#log = log;
    this.#what = what;
  }

  /** @param nowMs on a clock that never goes back */
  heard(outcome: SendOutcome, nowMs: number): void {
    if (outcome.kind === 'accepted') {
      if (this.#away) this.#log.info({}, `Pushing ${this.#what} works again`);
      this.#away = false;
      return;
    }
    const complaint = outcome.kind === 'retry' ? outcome.reason : outcome.message;
    const before = this.#said.get(complaint);
    if (before !== undefined && nowMs - before < QUIET_MS) return;
    if (this.#said.size >= MOST_REMEMBERED) this.#said.clear();
    this.#said.set(complaint, nowMs);
    if (outcome.kind === 'retry') this.#away = true;
    this.#log.warn({}, outcome.message);
  }
}
