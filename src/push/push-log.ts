// Says that pushing fails when that begins or changes, and that it works again when it does: not once for every request.

/** The part of a pino logger that is used here. */
export interface PushLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export class OutageLog {
  readonly #log: PushLog;
  readonly #what: string;
  #said: string | null = null;

  /** @param what `to the Pushgateway`: how the way is called in a sentence */
  constructor(log: PushLog, what: string) {
    this.#log = log;
    this.#what = what;
  }

  failed(message: string): void {
    if (message === this.#said) return;
    this.#said = message;
    this.#log.warn({}, message);
  }

  worked(): void {
    if (this.#said === null) return;
    this.#said = null;
    this.#log.info({}, `Pushing ${this.#what} works again`);
  }
}
