// PTR questions to the servers of resolv.conf. `dns.reverse` would not do: it reports a timeout as "no such name", late.

import { Resolver } from 'node:dns';
import { familyOf, parseAddress } from '../wire/address.ts';
import type { PtrAnswer } from './reverse-names.ts';

export interface PtrResolverOptions {
  /** `address:port` of the servers to ask instead of those of resolv.conf. */
  readonly servers?: readonly string[];
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** resolv.conf is read when a Resolver is made; another is made after this long, when nobody waits for an answer. */
const RESOLVER_FRESH_MS = 60_000;
/** One server gets so long, and two tries; the whole has a deadline of its own. */
const TRY_MS = 800;
/** Codes that say "there is none" rather than "I could not find out". */
const ABSENT = new Set(['ENOTFOUND', 'ENODATA']);

export class PtrResolver implements Disposable {
  readonly #options: PtrResolverOptions;
  #resolver: Resolver | null = null;
  #madeAtMs = 0;
  #underWay = 0;

  constructor(options: PtrResolverOptions) {
    this.#options = options;
  }

  lookUp(address: string): Promise<PtrAnswer> {
    const name = reverseName(address);
    if (name === null) return Promise.resolve({ kind: 'none' });
    const resolver = this.#current();
    this.#underWay++;
    return new Promise((resolve) => {
      resolver.resolvePtr(name, (error, names: readonly string[] | undefined) => {
        this.#underWay--;
        if (error === null) resolve({ kind: 'names', names: names ?? [] });
        else resolve({ kind: ABSENT.has(error.code ?? '') ? 'none' : 'failed' });
      });
    });
  }

  /** Ends the questions under way: a process that is done need not wait for them. */
  [Symbol.dispose](): void {
    this.#resolver?.cancel();
  }

  #current(): Resolver {
    const now = this.#options.now();
    const stale = this.#underWay === 0 && now - this.#madeAtMs > RESOLVER_FRESH_MS;
    if (this.#resolver !== null && !stale) return this.#resolver;
    this.#resolver = new Resolver({ timeout: TRY_MS, tries: 2 });
    this.#madeAtMs = now;
    if (this.#options.servers !== undefined) this.#resolver.setServers(this.#options.servers);
    return this.#resolver;
  }
}

/** `1.0.18.198.in-addr.arpa` (RFC 1035 section 3.5), or nibbles under ip6.arpa (RFC 3596 section 2.5). */
export function reverseName(address: string): string | null {
  const bytes = parseAddress(address);
  if (bytes === undefined) return null;
  if (familyOf(bytes) === 4) return `${bytes.subarray(12).toReversed().join('.')}.in-addr.arpa`;
  const nibbles = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${nibbles.split('').toReversed().join('.')}.ip6.arpa`;
}
