// The Internet checksum (RFC 1071) and its arithmetic: 16-bit ones-complement sums, in which 0x0000 and
// 0xffff are the same number. Invariant: every sum returned is folded to 16 bits, and is 0 only when every
// byte summed and the initial sum were 0.

import { readUint16, writeUint16 } from './network-order.ts';

function fold(sum: number): number {
  const once = (sum >>> 16) + (sum & 0xffff);
  return (once >>> 16) + (once & 0xffff);
}

/**
 * The folded sum of the 16-bit words of [from, to), added to `initial`. An odd last byte counts as the high
 * byte of a word (RFC 1071 section 1). At most 65,535 bytes; `initial` below 2^31.
 */
export function onesComplementSum(bytes: Uint8Array, from: number, to: number, initial = 0): number {
  let sum = initial;
  let at = from;
  for (const last = to - 1; at < last; at += 2) sum += readUint16(bytes, at);
  if (at < to) sum += (bytes[at] as number) << 8;
  return fold(sum);
}

/** The complement of `onesComplementSum`: what a checksum field over [from, to) must hold, the field itself being 0. */
export function checksum(bytes: Uint8Array, from: number, to: number, initial = 0): number {
  return ~onesComplementSum(bytes, from, to, initial) & 0xffff;
}

/**
 * Sum of the pseudo header of RFC 768 (IPv4) or RFC 8200 section 8.1 (IPv6): both addresses, the protocol and
 * the length of the upper-layer packet in bytes. One sum serves both families: the prefix ::ffff:0:0/96 of a
 * mapped IPv4 address adds 0xffff, which is zero, and the wider fields of IPv6 add zeros.
 */
export function pseudoHeaderSum(
  source: Uint8Array,
  destination: Uint8Array,
  protocol: number,
  length: number,
): number {
  const addresses = onesComplementSum(destination, 0, 16, onesComplementSum(source, 0, 16));
  return fold(addresses + protocol + fold(length));
}

/**
 * The 16-bit word that, added to `sum`, makes the final checksum (the complement of the sum) equal `wanted`.
 * `sum` covers everything the checksum covers, with the word and the checksum field counted as 0.
 *
 * Ambiguity: 0x0000 and 0xffff are one number, and the sum with the word never folds to 0. A `wanted` of 0xffff
 * therefore gives a computed checksum of 0x0000, as a `wanted` of 0x0000 does; UDP sends that as 0xffff. All
 * other values come out as wanted.
 */
export function compensationFor(sum: number, wanted: number): number {
  return fold((~wanted & 0xffff) + (~fold(sum) & 0xffff));
}

/**
 * The ones-complement difference a - b of two 16-bit numbers, 0 to 0xfffe; 0 exactly when they are the same
 * number, 0x0000 and 0xffff being the same.
 */
export function onesComplementSubtract(a: number, b: number): number {
  const difference = fold((a & 0xffff) + (~b & 0xffff));
  return difference === 0xffff ? 0 : difference;
}

/** Computes the checksum over [from, to) plus `initial`, stores it in the field at `at`, and returns it. */
export function sealChecksum(
  bytes: Uint8Array,
  from: number,
  to: number,
  at: number,
  initial: number,
): number {
  writeUint16(bytes, at, 0);
  const value = checksum(bytes, from, to, initial);
  writeUint16(bytes, at, value);
  return value;
}
