// The system's name resolution: /etc/hosts, search domains and whatever else nsswitch.conf says.
// Invariant: lookups occupy a bounded share of libuv's threads, so servers that never answer hold up nothing else.

import { lookup } from 'node:dns/promises';
import type { Family } from '../wire/address.ts';
import type { NameAnswer, NameResolver } from './name-resolver.ts';

/** libuv's default; bin/ raises it through the environment. */
const DEFAULT_THREADS = 4;
/** Lookups waiting for a thread; beyond that a round's lookup fails at once. */
const MOST_WAITING = 20_000;

const REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such host; check the spelling, or the zone',
  EAI_AGAIN: 'the name servers do not answer; check /etc/resolv.conf and the network',
  ENODATA: 'the name exists but has no address of this family',
};

export function createSystemResolver(): NameResolver {
  const threads = Number(process.env['UV_THREADPOOL_SIZE'] ?? DEFAULT_THREADS) || DEFAULT_THREADS;
  return new SystemResolver(Math.max(1, threads - 2));
}

class SystemResolver implements NameResolver {
  readonly #limit: number;
  #running = 0;
  readonly #waiting: { go: () => void; signal: AbortSignal }[] = [];
  /** Lookups under way: the same question is asked once. */
  readonly #asked = new Map<string, Promise<NameAnswer>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  async resolve(name: string, family: Family | null, signal: AbortSignal): Promise<NameAnswer> {
    const key = `${family ?? 0} ${name}`;
    const underWay = this.#asked.get(key);
    if (underWay !== undefined) return underWay;
    if (this.#waiting.length >= MOST_WAITING) return failed(name, 'too many lookups wait for an answer');
    if (this.#running >= this.#limit) await new Promise<void>((go) => this.#waiting.push({ go, signal }));
    if (signal.aborted) {
      this.#next();
      return failed(name, 'the lookup was given up while it waited for its turn');
    }
    return this.#asked.get(key) ?? this.#ask(key, name, family);
  }

  #ask(key: string, name: string, family: Family | null): Promise<NameAnswer> {
    this.#running++;
    const answer = ask(name, family).finally(() => {
      this.#running--;
      this.#asked.delete(key);
      this.#next();
    });
    this.#asked.set(key, answer);
    return answer;
  }

  #next(): void {
    if (this.#running < this.#limit) this.#waiting.shift()?.go();
  }
}

async function ask(name: string, family: Family | null): Promise<NameAnswer> {
  try {
    const found = await lookup(name, { all: true, family: family ?? 0, verbatim: true });
    return { kind: 'addresses', addresses: found.map(({ address }) => address) };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    return failed(name, REASONS[code] ?? (error instanceof Error ? error.message : String(error)));
  }
}

function failed(name: string, why: string): NameAnswer {
  return { kind: 'failed', message: `Cannot resolve ${JSON.stringify(name)}: ${why}` };
}
