// Address prefixes, and the table that finds the longest one holding an address. Lengths are in bits of the
// 16-byte form, so that IPv4 a.b.c.d/n is n + 96 here and one table serves both families.

import type { Family } from '../src/wire/address.ts';
import { addressesEqual, familyOf, parseAddress } from '../src/wire/address.ts';

export interface Prefix {
  readonly address: Uint8Array;
  /** 0 to 128. */
  readonly length: number;
  readonly family: Family;
}

/** Parses `address` or `address/length`; undefined when it is neither, or has bits set beyond its length. */
export function parsePrefix(text: string): Prefix | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  const family = familyOf(address);
  const longest = family === 4 ? 32 : 128;
  const digits = slash < 0 ? String(longest) : text.slice(slash + 1);
  if (!/^[0-9]{1,3}$/.test(digits) || Number(digits) > longest) return undefined;
  const length = Number(digits) + (family === 4 ? 96 : 0);
  const masked = Uint8Array.from(address);
  maskInto(address, length, masked);
  return addressesEqual(address, masked) ? { address, length, family } : undefined;
}

export function prefixHolds(prefix: Prefix, address: Uint8Array): boolean {
  const masked = new Uint8Array(16);
  maskInto(address, prefix.length, masked);
  return addressesEqual(masked, prefix.address);
}

/** The last 32 bits of a 16-byte address, unsigned. */
export function lowWord(address: Uint8Array): number {
  return (
    ((address[12] as number) * 0x1000000 +
      ((address[13] as number) << 16) +
      ((address[14] as number) << 8) +
      (address[15] as number)) >>>
    0
  );
}

/** A copy of `address` with `add` added to its last 32 bits. */
export function addressPlus(address: Uint8Array, add: number): Uint8Array {
  const result = Uint8Array.from(address);
  const low = (lowWord(address) + add) >>> 0;
  new DataView(result.buffer).setUint32(12, low);
  return result;
}

function maskInto(address: Uint8Array, length: number, into: Uint8Array): void {
  for (let i = 0; i < 16; i++) {
    const bits = Math.min(8, Math.max(0, length - i * 8));
    into[i] = (address[i] as number) & (0xff00 >> bits);
  }
}

interface Entry<Value> {
  readonly prefix: Prefix;
  readonly value: Value;
}

/** Longest-prefix match. Looking up allocates nothing. */
export class PrefixTable<Value> {
  /** By length, longest first; within a length by a hash of the masked address. */
  readonly #lengths: { readonly length: number; readonly buckets: Map<number, Entry<Value>[]> }[] = [];
  readonly #masked = new Uint8Array(16);

  /** Adds a prefix; one given before is replaced. */
  set(prefix: Prefix, value: Value): void {
    let row = this.#lengths.find((candidate) => candidate.length === prefix.length);
    if (row === undefined) {
      row = { length: prefix.length, buckets: new Map() };
      this.#lengths.push(row);
      this.#lengths.sort((a, b) => b.length - a.length);
    }
    const hash = hashAddress(prefix.address);
    const bucket = row.buckets.get(hash) ?? [];
    const kept = bucket.filter((entry) => !addressesEqual(entry.prefix.address, prefix.address));
    row.buckets.set(hash, [...kept, { prefix, value }]);
  }

  get(address: Uint8Array): Value | undefined {
    for (const row of this.#lengths) {
      maskInto(address, row.length, this.#masked);
      const bucket = row.buckets.get(hashAddress(this.#masked));
      if (bucket === undefined) continue;
      for (const entry of bucket) if (addressesEqual(entry.prefix.address, this.#masked)) return entry.value;
    }
    return undefined;
  }
}

function hashAddress(address: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < 16; i++) hash = Math.imul(hash ^ (address[i] as number), 0x01000193);
  return hash >>> 0;
}
