// IPv4 addresses that travel inside IPv6 ones: a gateway somewhere takes them out again and sends to them. Who denies an
// IPv4 network means these too. Invariant: more may be found than there are, never fewer.

import { familyOf, parseAddress } from '../wire/address.ts';

/** Prefix in bytes, and where the four bytes of IPv4 are; RFC 6052 leaves byte 8 out. */
type Place = readonly [
  prefix: readonly number[],
  bytes: readonly [number, number, number, number],
  invert?: true,
];

const LAST = [12, 13, 14, 15] as const;

const PLACES: readonly Place[] = [
  // NAT64, well known (RFC 6052 section 2.1) and for local use (RFC 8215), whose prefix may be any of these lengths.
  [[0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0], LAST],
  [
    [0x00, 0x64, 0xff, 0x9b, 0, 1],
    [6, 7, 9, 10],
  ],
  [
    [0x00, 0x64, 0xff, 0x9b, 0, 1],
    [7, 9, 10, 11],
  ],
  [
    [0x00, 0x64, 0xff, 0x9b, 0, 1],
    [9, 10, 11, 12],
  ],
  [[0x00, 0x64, 0xff, 0x9b, 0, 1], LAST],
  // 6to4 (RFC 3056 section 2).
  [
    [0x20, 0x02],
    [2, 3, 4, 5],
  ],
  // Teredo (RFC 4380 section 4): its server, and the client with every bit turned over.
  [
    [0x20, 0x01, 0, 0],
    [4, 5, 6, 7],
  ],
  [[0x20, 0x01, 0, 0], LAST, true],
  // IPv4-compatible (RFC 4291 section 2.5.5.1) and IPv4-translated (RFC 2765 section 2.1).
  [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], LAST],
  [[0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0], LAST],
];

/** ISATAP (RFC 5214 section 6.1): any prefix, this interface identifier, the universal bit set or not. */
const ISATAP = [0, 0x5e, 0xfe] as const;

/** The IPv4 addresses in an IPv6 address, in the core's form; none for one that is IPv4 itself, or is ::1. */
export function embeddedIpv4(address: Uint8Array): Uint8Array[] {
  if (familyOf(address) === 4) return [];
  const found: Uint8Array[] = [];
  for (const [prefix, places, invert] of PLACES) {
    if (prefix.every((byte, i) => address[i] === byte))
      found.push(mapped(places.map((at) => (address[at] as number) ^ (invert === true ? 0xff : 0))));
  }
  if (((address[8] as number) & 0xfd) === 0 && ISATAP.every((byte, i) => address[9 + i] === byte))
    found.push(mapped(LAST.map((at) => address[at] as number)));
  return isLoopback(address) ? [] : found;
}

function mapped(bytes: readonly number[]): Uint8Array {
  const text = bytes.join('.');
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} is not an address`);
  return address;
}

function isLoopback(address: Uint8Array): boolean {
  return address.every((byte, i) => byte === (i === 15 ? 1 : 0));
}
