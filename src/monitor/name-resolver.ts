// Names to addresses: the port, and the choice of one address among several.
// Invariant: for the same answer the same address is chosen, whatever order the servers put it in.

import { destinationRefusal } from '../config/host.ts';
import { type Family, familyOf, formatAddress, parseAddress } from '../wire/address.ts';

/** What a resolver answered. Failing is an answer, not an exception. */
export type NameAnswer =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[] }
  /** One sentence: what failed and why. */
  | { readonly kind: 'failed'; readonly message: string };

export interface NameResolver {
  /**
   * All addresses of an ASCII name, of one family or (null) of both, in any order. When `signal` is aborted the answer
   * is wanted no more: the promise settles soon after, with anything.
   */
  resolve(name: string, family: Family | null, signal: AbortSignal): Promise<NameAnswer>;
}

export interface AddressWish {
  /** The only family that may be used, or null for either. */
  readonly family: Family | null;
  readonly preferFamily: Family;
  /** Families that this host can probe in; used to choose only where either may be used. */
  readonly usable: ReadonlySet<Family>;
  /** The address used last time, or null: it is kept while it is still among the answers. */
  readonly previous: string | null;
}

export interface ChosenAddress {
  readonly address: string;
  readonly family: Family;
}

/** The address to trace; text says why there is none. */
export function chooseAddress(answers: readonly string[], wish: AddressWish): ChosenAddress | string {
  const seen = new Map<string, ChosenAddress>();
  let refused: string | undefined;
  for (const answer of answers) {
    const bytes = parseAddress(answer);
    if (bytes === undefined) continue;
    const address = formatAddress(bytes);
    const family = familyOf(bytes);
    if (wish.family !== null && family !== wish.family) continue;
    const refusal = destinationRefusal(address);
    if (refusal === undefined) seen.set(address, { address, family });
    else refused ??= refusal;
  }
  const chosen = [...seen.values()].toSorted((a, b) => rank(a, wish) - rank(b, wish) || compare(a, b));
  const best = chosen[0];
  if (best !== undefined) {
    const kept = wish.previous === null ? undefined : seen.get(wish.previous);
    return kept !== undefined && rank(kept, wish) === rank(best, wish) ? kept : best;
  }
  if (refused !== undefined) return refused;
  return wish.family === null ? 'the name has no address' : `the name has no IPv${wish.family} address`;
}

/** Lower is better. */
function rank(candidate: ChosenAddress, wish: AddressWish): number {
  const usable = wish.usable.size === 0 || wish.usable.has(candidate.family);
  return (usable ? 0 : 2) + (candidate.family === wish.preferFamily ? 0 : 1);
}

function compare(a: ChosenAddress, b: ChosenAddress): number {
  const [left, right] = [parseAddress(a.address), parseAddress(b.address)];
  if (left === undefined || right === undefined) return 0;
  return Buffer.compare(left, right);
}
