// The 48-bit names of paths and AS paths. Invariant: a name is a function of addresses (or AS numbers) and
// their TTLs alone; it is the same on every machine and in every release, so its test vectors never change.
//
// Construction: HalfSipHash-2-4 twice over the same words, under two fixed keys; 32 bits of the first and the
// upper 16 of the second. Two of n paths share a name with a probability of about n^2 / 2^49.

import { KeyedHash } from '../trace/keyed-hash.ts';
import { parseAddress } from '../wire/address.ts';

/** Leading bytes of the binary expansion of pi: keys that hide nothing. */
const FIRST_KEY = Uint8Array.of(0x24, 0x3f, 0x6a, 0x88, 0x85, 0xa3, 0x08, 0xd3);
const SECOND_KEY = Uint8Array.of(0x13, 0x19, 0x8a, 0x2e, 0x03, 0x70, 0x73, 0x44);

const HOPS_TAG = 0x68_6f_70_73;
const AS_TAG = 0x61_73_70_68;

/**
 * Name of a route given as the addresses at each TTL from 1 on (an empty list for a silent hop), or null when no
 * address is in it. Order and repetition within one TTL do not matter, nor do silent hops at the end.
 * @param reached whether the last address is the destination's; a path cut short has another name than a whole one.
 */
export function hashHops(hops: readonly (readonly string[])[], reached: boolean): string | null {
  let length = hops.length;
  while (length > 0 && hops[length - 1]?.length === 0) length--;
  if (length === 0) return null;
  const words = [HOPS_TAG, reached ? 1 : 0];
  for (let i = 0; i < length; i++) {
    const addresses = [...new Set(hops[i])].sort();
    words.push(((i + 1) << 16) | addresses.length);
    for (const address of addresses) pushAddress(words, address);
  }
  return nameOf(words);
}

/** Name of an AS path, or null when it is empty. */
export function hashAsPath(asPath: readonly number[]): string | null {
  return asPath.length === 0 ? null : nameOf([AS_TAG, ...asPath]);
}

function pushAddress(words: number[], address: string): void {
  const bytes = parseAddress(address);
  if (bytes === undefined) {
    // Not an address that this house prints; still it must not collide with another.
    words.push(-1, address.length);
    for (let i = 0; i < address.length; i++) words.push(address.charCodeAt(i));
    return;
  }
  for (let i = 0; i < 16; i += 4) {
    words.push(
      (bytes[i] as number) |
        ((bytes[i + 1] as number) << 8) |
        ((bytes[i + 2] as number) << 16) |
        ((bytes[i + 3] as number) << 24),
    );
  }
}

function nameOf(words: readonly number[]): string {
  const first = digest(FIRST_KEY, words).toString(16).padStart(8, '0');
  return first + (digest(SECOND_KEY, words) >>> 16).toString(16).padStart(4, '0');
}

function digest(key: Uint8Array, words: readonly number[]): number {
  const hash = new KeyedHash(key);
  hash.begin();
  for (const word of words) hash.add(word | 0);
  return hash.end();
}
