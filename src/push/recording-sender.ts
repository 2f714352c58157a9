// A server that takes pushes, for tests: remembers what was sent and answers as the test says.

import type { HttpSender, SendOutcome, SendRequest } from './http-sender.ts';

export const ACCEPTED: SendOutcome = { kind: 'accepted' };
export const REFUSED: SendOutcome = { kind: 'refused', message: 'A push was refused: bad' };

export function unavailable(retryAfterMs: number | null = null): SendOutcome {
  return { kind: 'retry', reason: 'unavailable', message: 'Cannot push: away', retryAfterMs };
}

export class RecordingSender implements HttpSender {
  readonly requests: SendRequest[] = [];
  answer: (request: SendRequest) => SendOutcome | Promise<SendOutcome> = () => ACCEPTED;
  closed = false;
  #abandon: () => void = () => {};
  readonly #gone: Promise<SendOutcome>;

  constructor() {
    this.#gone = new Promise((resolve) => {
      this.#abandon = () => resolve({ kind: 'retry', reason: 'network', message: 'cut', retryAfterMs: null });
    });
  }

  /** `PUT host`, in the order sent. */
  get log(): string[] {
    return this.requests.map(({ method, url }) => `${method} ${url.slice(url.lastIndexOf('/') + 1)}`);
  }

  async send(request: SendRequest): Promise<SendOutcome> {
    this.requests.push(request);
    return Promise.race([this.answer(request), this.#gone]);
  }

  [Symbol.dispose](): void {
    this.closed = true;
    this.#abandon();
  }
}
