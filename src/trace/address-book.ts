// Interned textual addresses: a responder heard a million times is formatted once. Bounded: when full it starts over.

import { ADDRESS_LENGTH, addressesEqual, formatAddress } from '../wire/address.ts';

interface Entry {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly next: Entry | undefined;
}

export class AddressBook {
  readonly #buckets = new Map<number, Entry>();
  readonly #capacity: number;
  #size = 0;

  constructor(capacity = 65_536) {
    this.#capacity = capacity;
  }

  /** Canonical text of the 16-byte address `bytes`. */
  textOf(bytes: Uint8Array): string {
    const key = addressHash(bytes);
    for (let entry = this.#buckets.get(key); entry !== undefined; entry = entry.next) {
      if (addressesEqual(entry.bytes, bytes)) return entry.text;
    }
    if (this.#size >= this.#capacity) {
      this.#buckets.clear();
      this.#size = 0;
    }
    const text = formatAddress(bytes);
    this.#buckets.set(key, {
      bytes: bytes.slice(0, ADDRESS_LENGTH),
      text,
      next: this.#buckets.get(key),
    });
    this.#size++;
    return text;
  }
}

/** A 30-bit hash of a 16-byte address (FNV-1a), small enough to be a map key without allocation. */
export function addressHash(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < ADDRESS_LENGTH; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return (hash ^ (hash >>> 15)) & 0x3fff_ffff;
}
