// Slows down who guesses passwords: after some wrong ones in a row a client's next guesses are refused unheard, for longer
// each time. Who is known by a password that was right before is never held up.

import { RecentMap } from '../../monitor/recent-map.ts';

/** Wrong passwords that anybody may type. */
const FREE_FAILURES = 5;
const FIRST_MS = 1000;
const LONGEST_MS = 60_000;
/** Clients remembered; one that is forgotten starts over, and the checking itself is bounded besides. */
const MOST_CLIENTS = 4096;

interface Guesses {
  failures: number;
  blockedUntil: number;
}

export class LoginBrake {
  readonly #clients = new RecentMap<string, Guesses>(MOST_CLIENTS);

  /** Milliseconds until this client may try again; 0 when it may now. */
  waitMs(client: string, now: number): number {
    return Math.max(0, (this.#clients.get(client)?.blockedUntil ?? 0) - now);
  }

  failed(client: string, now: number): void {
    const guesses = this.#clients.get(client) ?? { failures: 0, blockedUntil: 0 };
    guesses.failures++;
    const over = guesses.failures - FREE_FAILURES;
    if (over >= 0) guesses.blockedUntil = now + Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(over, 30));
    this.#clients.set(client, guesses);
  }

  succeeded(client: string): void {
    this.#clients.delete(client);
  }
}
