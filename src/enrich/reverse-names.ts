// Names of addresses by reverse DNS, looked up behind everybody's back. Invariant: asking never waits; lookups under way,
// those that wait, and what is remembered are bounded; a server that hangs costs a slot for a while and nothing else.

import type { EnrichClock } from './database-file.ts';
import { RecentCache } from './recent-cache.ts';

/** What a lookup found. It must settle, though nobody relies on when. */
export type PtrAnswer =
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'failed' };

export type PtrLookup = (address: string) => Promise<PtrAnswer>;

export interface ReverseNamesOptions {
  readonly lookUp: PtrLookup;
  readonly clock: EnrichClock;
  /** Lookups at the same time; default 16. */
  readonly concurrency?: number;
  /** After so long a lookup counts as failed; default 2 s. */
  readonly deadlineMs?: number;
  /** Addresses remembered; default 32,768. */
  readonly cacheLimit?: number;
}

/** Addresses that wait for a slot. One that finds no room is asked about again when somebody wants it again. */
const MAX_WAITING = 4096;
const HOUR_MS = 3_600_000;
/** A name holds for an hour, as most zones say themselves; that there is none, for ten minutes... */
const NAME_FRESH_MS = HOUR_MS;
const NONE_FRESH_MS = HOUR_MS / 6;
/** ...and a server that failed is left alone for a minute. */
const FAILURE_FRESH_MS = HOUR_MS / 60;

interface Remembered {
  readonly name: string | null;
  readonly freshUntilMs: number;
}

export class ReverseNames {
  readonly #lookUp: PtrLookup;
  readonly #clock: EnrichClock;
  readonly #concurrency: number;
  readonly #deadlineMs: number;
  readonly #known: RecentCache<string, Remembered>;
  /** Waiting or under way. */
  readonly #asked = new Set<string>();
  #waiting: string[] = [];
  #running = 0;
  #settled: (() => void)[] = [];
  #stopped = false;

  constructor({ lookUp, clock, concurrency, deadlineMs, cacheLimit }: ReverseNamesOptions) {
    this.#lookUp = lookUp;
    this.#clock = clock;
    this.#concurrency = concurrency ?? 16;
    this.#deadlineMs = deadlineMs ?? 2000;
    this.#known = new RecentCache(cacheLimit ?? 32_768);
  }

  /** The name as far as it is known now; a lookup begins where that is not fresh. */
  nameOf(address: string): string | null {
    const known = this.#known.get(address);
    if (known === undefined || known.freshUntilMs <= this.#clock.now()) this.#ask(address);
    return known?.name ?? null;
  }

  /** Resolves when no lookup waits or is under way. */
  settled(): Promise<void> {
    if (this.#asked.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#settled.push(resolve));
  }

  /** Begins no lookup any more. */
  stop(): void {
    this.#stopped = true;
    for (const address of this.#waiting) this.#asked.delete(address);
    this.#waiting = [];
  }

  #ask(address: string): void {
    if (this.#stopped || this.#asked.has(address)) return;
    if (this.#running < this.#concurrency) {
      this.#asked.add(address);
      void this.#run(address);
    } else if (this.#waiting.length < MAX_WAITING) {
      this.#asked.add(address);
      this.#waiting.push(address);
    }
  }

  async #run(address: string): Promise<void> {
    this.#running++;
    const answer = await this.#answerInTime(address);
    this.#running--;
    this.#asked.delete(address);
    this.#remember(address, answer);
    const next = this.#waiting.shift();
    if (next !== undefined) void this.#run(next);
    if (this.#asked.size > 0) return;
    for (const resolve of this.#settled.splice(0)) resolve();
  }

  #answerInTime(address: string): Promise<PtrAnswer> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(this.#deadlineMs, () => resolve({ kind: 'failed' }));
      const settle = (answer: PtrAnswer): void => {
        cancel();
        resolve(answer);
      };
      this.#lookUp(address).then(settle, () => settle({ kind: 'failed' }));
    });
  }

  #remember(address: string, answer: PtrAnswer): void {
    const now = this.#clock.now();
    if (answer.kind === 'failed') {
      // What it was called before is more likely right than no name at all.
      const name = this.#known.get(address)?.name ?? null;
      this.#known.set(address, { name, freshUntilMs: now + FAILURE_FRESH_MS });
      return;
    }
    const name = answer.kind === 'names' ? chooseName(answer.names, address) : null;
    this.#known.set(address, { name, freshUntilMs: now + (name === null ? NONE_FRESH_MS : NAME_FRESH_MS) });
  }
}

/** RFC 1035 section 2.3.4. */
const MAX_NAME_LENGTH = 253;
/** Answers beyond these are not looked at. */
const MAX_NAMES = 64;

/** One of the names, always the same one; null where none can be shown. */
export function chooseName(names: readonly string[], address: string): string | null {
  const shown = names
    .slice(0, MAX_NAMES)
    .map(printableName)
    .filter((name) => name !== null && name !== address);
  return shown.sort()[0] ?? null;
}

/**
 * Whoever runs the reverse zone of a router may put anything there. What host names are made of stays; all else becomes
 * `?`, so that a name can neither move a cursor nor be markup, and what is too long is no name.
 */
export function printableName(name: string): string | null {
  const text = name.endsWith('.') ? name.slice(0, -1) : name;
  if (text === '' || text.length > MAX_NAME_LENGTH) return null;
  return text.toLowerCase().replace(/[^a-z0-9._-]/g, '?');
}
