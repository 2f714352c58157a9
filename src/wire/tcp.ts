// The TCP header (RFC 9293 section 3.1). encodeTcp() writes the fields as given; sealTcp() computes the
// checksum once options and payload are in place.
//
//   offset  field                               RFC
//   0       source port, 2 destination port     9293 3.1
//   4       sequence number                     9293 3.1
//   8       acknowledgment number               9293 3.1
//   12      data offset 4 bits, reserved 4      9293 3.1 (in words of 4 bytes, 5 to 15)
//   13      flags                               9293 3.1, 3168 6.1
//   14      window                              9293 3.1
//   16      checksum                            9293 3.1, 8200 8.1 (with the pseudo header)
//   18      urgent pointer, 20 options          9293 3.1

import { sealChecksum } from './checksum.ts';
import { readUint16, readUint32, writeUint16, writeUint32 } from './network-order.ts';

/** Length of the header without options. */
export const TCP_HEADER_LENGTH = 20;

/** What RFC 792 obliges a router to quote of a segment: ports and sequence number. */
export const TCP_QUOTE_LENGTH = 8;

export const TCP_FLAGS = {
  fin: 0x01,
  syn: 0x02,
  rst: 0x04,
  psh: 0x08,
  ack: 0x10,
  urg: 0x20,
  ece: 0x40,
  cwr: 0x80,
} as const;

export interface Tcp {
  sourcePort: number;
  destinationPort: number;
  /** Unsigned 32 bits. */
  sequence: number;
  acknowledgement: number;
  /** Bytes, options included: 20 to 60; 0 where a quote does not hold it. */
  headerLength: number;
  flags: number;
  window: number;
  checksum: number;
}

export function newTcp(): Tcp {
  return {
    sourcePort: 0,
    destinationPort: 0,
    sequence: 0,
    acknowledgement: 0,
    headerLength: TCP_HEADER_LENGTH,
    flags: 0,
    window: 0,
    checksum: 0,
  };
}

/** The header at `offset`; undefined when [offset, end) does not hold all of it, options included. */
export function decodeTcp(
  bytes: Uint8Array,
  offset: number,
  end: number,
  into: Tcp = newTcp(),
): Tcp | undefined {
  if (end - offset < TCP_HEADER_LENGTH) return undefined;
  const headerLength = ((bytes[offset + 12] as number) >> 4) * 4;
  if (headerLength < TCP_HEADER_LENGTH || headerLength > end - offset) return undefined;
  return decodeTcpQuote(bytes, offset, end, into);
}

/**
 * The header in a quote of at least 8 bytes; undefined below that. A quote of 20 bytes or more gives every
 * field, even with its options cut short; a shorter one gives ports and sequence, with the rest, `headerLength`
 * included, 0.
 */
export function decodeTcpQuote(
  bytes: Uint8Array,
  offset: number,
  end: number,
  into: Tcp = newTcp(),
): Tcp | undefined {
  if (end - offset < TCP_QUOTE_LENGTH) return undefined;
  const whole = end - offset >= TCP_HEADER_LENGTH;
  into.sourcePort = readUint16(bytes, offset);
  into.destinationPort = readUint16(bytes, offset + 2);
  into.sequence = readUint32(bytes, offset + 4);
  into.acknowledgement = whole ? readUint32(bytes, offset + 8) : 0;
  into.headerLength = whole ? ((bytes[offset + 12] as number) >> 4) * 4 : 0;
  into.flags = whole ? (bytes[offset + 13] as number) : 0;
  into.window = whole ? readUint16(bytes, offset + 14) : 0;
  into.checksum = whole ? readUint16(bytes, offset + 16) : 0;
  return into;
}

/** Writes the first 20 bytes as given, urgent pointer 0, and returns 20; options up to `headerLength` are the caller's. */
export function encodeTcp(header: Readonly<Tcp>, bytes: Uint8Array, offset: number): number {
  writeUint16(bytes, offset, header.sourcePort);
  writeUint16(bytes, offset + 2, header.destinationPort);
  writeUint32(bytes, offset + 4, header.sequence);
  writeUint32(bytes, offset + 8, header.acknowledgement);
  bytes[offset + 12] = (header.headerLength >>> 2) << 4;
  bytes[offset + 13] = header.flags;
  writeUint16(bytes, offset + 14, header.window);
  writeUint16(bytes, offset + 16, header.checksum);
  writeUint16(bytes, offset + 18, 0);
  return TCP_HEADER_LENGTH;
}

/** Computes and stores the checksum of the segment in [offset, end) over its pseudo header's sum, and returns it. */
export function sealTcp(bytes: Uint8Array, offset: number, end: number, pseudoSum: number): number {
  return sealChecksum(bytes, offset, end, offset + 16, pseudoSum);
}
