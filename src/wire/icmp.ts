// The ICMP header of both families (RFC 792, RFC 4443). One codec serves both; the type numbers and the place
// and unit of the length attribute are the only differences.
//
//   offset  field                                       RFC
//   0       type, 1 code                                792, 4443 2.1
//   2       checksum (v6: with the pseudo header)       792, 4443 2.3
//   4       echo: identifier, 6 sequence                792, 4443 4.1
//   4       errors v6: length in 8-byte units           4884 4.4, 4.5 (types 1, 3)
//   5       errors v4: length in 4-byte units           4884 4.1 to 4.3 (types 3, 11, 12)
//   6       v4 unreachable code 4: next-hop MTU         1191 4
//   4       v6 packet too big: MTU, 32 bits             4443 3.2
//   8       payload; in errors the quoted datagram      792, 4443 3

import type { Family } from './address.ts';
import { sealChecksum } from './checksum.ts';
import { readUint16, readUint32, writeUint16, writeUint32 } from './network-order.ts';

export const ICMP_HEADER_LENGTH = 8;

export const ICMP4 = {
  echoReply: 0,
  unreachable: 3,
  echoRequest: 8,
  timeExceeded: 11,
  parameterProblem: 12,
} as const;

export const ICMP6 = {
  unreachable: 1,
  packetTooBig: 2,
  timeExceeded: 3,
  parameterProblem: 4,
  echoRequest: 128,
  echoReply: 129,
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
  redirect: 137,
} as const;

/** Code of ICMP4.unreachable that says "fragmentation needed and DF set". */
export const FRAGMENTATION_NEEDED = 4;

export interface Icmp {
  type: number;
  code: number;
  checksum: number;
  /** High half of `word`; of meaning in echo messages. */
  identifier: number;
  /** Low half of `word`; of meaning in echo messages. */
  sequence: number;
  /** Octets 4 to 7, unsigned. */
  word: number;
  /** RFC 4884 length of the quoted datagram in bytes; 0 when absent or when the type has none. */
  lengthField: number;
  /** Next-hop MTU of "fragmentation needed" or "packet too big"; else 0. */
  mtu: number;
}

export function newIcmp(): Icmp {
  return { type: 0, code: 0, checksum: 0, identifier: 0, sequence: 0, word: 0, lengthField: 0, mtu: 0 };
}

/** The header at `offset`; undefined when [offset, end) holds less than 8 bytes. */
export function decodeIcmp(
  bytes: Uint8Array,
  offset: number,
  end: number,
  family: Family,
  into: Icmp = newIcmp(),
): Icmp | undefined {
  if (end - offset < ICMP_HEADER_LENGTH) return undefined;
  into.type = bytes[offset] as number;
  into.code = bytes[offset + 1] as number;
  into.checksum = readUint16(bytes, offset + 2);
  into.identifier = readUint16(bytes, offset + 4);
  into.sequence = readUint16(bytes, offset + 6);
  into.word = readUint32(bytes, offset + 4);
  into.lengthField = 0;
  if (carriesExtension(family, into.type)) {
    into.lengthField = family === 4 ? (bytes[offset + 5] as number) * 4 : (bytes[offset + 4] as number) * 8;
  }
  into.mtu = 0;
  if (family === 6 && into.type === ICMP6.packetTooBig) into.mtu = into.word;
  if (family === 4 && into.type === ICMP4.unreachable && into.code === FRAGMENTATION_NEEDED) {
    into.mtu = into.sequence;
  }
  return into;
}

/** Writes type, code, checksum and `word` as given (the other fields are views of `word`) and returns 8. Seal afterwards. */
export function encodeIcmp(
  header: Readonly<Pick<Icmp, 'type' | 'code' | 'checksum' | 'word'>>,
  bytes: Uint8Array,
  offset: number,
): number {
  bytes[offset] = header.type;
  bytes[offset + 1] = header.code;
  writeUint16(bytes, offset + 2, header.checksum);
  writeUint32(bytes, offset + 4, header.word);
  return ICMP_HEADER_LENGTH;
}

/**
 * Computes and stores the checksum of the message in [offset, end), payload included, and returns it.
 * IPv6 passes the sum of its pseudo header (RFC 4443 section 2.3); IPv4 has none and passes 0.
 */
export function sealIcmp(bytes: Uint8Array, offset: number, end: number, pseudoSum: number): number {
  return sealChecksum(bytes, offset, end, offset + 2, pseudoSum);
}

/** `word` of an echo message. */
export function echoWord(identifier: number, sequence: number): number {
  return (((identifier & 0xffff) << 16) | (sequence & 0xffff)) >>> 0;
}

/**
 * `word` of an error whose quoted datagram, padded, is `quoteLength` bytes long and is followed by an
 * extension structure: a multiple of 4 (IPv4) or 8 (IPv6), at most 1020 or 2040. The low half stays 0.
 */
export function lengthWord(family: Family, quoteLength: number): number {
  return family === 4 ? ((quoteLength >>> 2) & 0xff) << 16 : (((quoteLength >>> 3) & 0xff) << 24) >>> 0;
}

/** Whether RFC 4884 lets messages of this type carry an extension structure. */
export function carriesExtension(family: Family, type: number): boolean {
  if (family === 6) return type === ICMP6.unreachable || type === ICMP6.timeExceeded;
  return type === ICMP4.unreachable || type === ICMP4.timeExceeded || type === ICMP4.parameterProblem;
}
