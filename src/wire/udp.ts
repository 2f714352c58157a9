// The UDP header (RFC 768). encodeUdp() writes the fields as given; sealUdp() computes the checksum once the
// payload is in place. Invariant: a sealed checksum is never 0, which would mean "none".
//
//   offset  field              RFC
//   0       source port        768
//   2       destination port   768
//   4       length             768 (header included, at least 8)
//   6       checksum           768, 8200 8.1 (with the pseudo header; 0 is sent as 0xffff)

import { sealChecksum } from './checksum.ts';
import { readUint16, writeUint16 } from './network-order.ts';

export const UDP_HEADER_LENGTH = 8;

export interface Udp {
  sourcePort: number;
  destinationPort: number;
  /** Bytes, header included, as the header says; in a quote more than what is left. */
  length: number;
  checksum: number;
}

export function newUdp(): Udp {
  return { sourcePort: 0, destinationPort: 0, length: 0, checksum: 0 };
}

/** The header at `offset`; undefined when [offset, end) or the length field is below 8. Fits quotes of 8 bytes. */
export function decodeUdp(
  bytes: Uint8Array,
  offset: number,
  end: number,
  into: Udp = newUdp(),
): Udp | undefined {
  if (end - offset < UDP_HEADER_LENGTH) return undefined;
  const length = readUint16(bytes, offset + 4);
  if (length < UDP_HEADER_LENGTH) return undefined;
  into.sourcePort = readUint16(bytes, offset);
  into.destinationPort = readUint16(bytes, offset + 2);
  into.length = length;
  into.checksum = readUint16(bytes, offset + 6);
  return into;
}

/** Writes the fields as given and returns 8. */
export function encodeUdp(header: Readonly<Udp>, bytes: Uint8Array, offset: number): number {
  writeUint16(bytes, offset, header.sourcePort);
  writeUint16(bytes, offset + 2, header.destinationPort);
  writeUint16(bytes, offset + 4, header.length);
  writeUint16(bytes, offset + 6, header.checksum);
  return UDP_HEADER_LENGTH;
}

/** Computes and stores the checksum of the datagram in [offset, end) over its pseudo header's sum, and returns it. */
export function sealUdp(bytes: Uint8Array, offset: number, end: number, pseudoSum: number): number {
  const value = sealChecksum(bytes, offset, end, offset + 6, pseudoSum);
  if (value !== 0) return value;
  writeUint16(bytes, offset + 6, 0xffff);
  return 0xffff;
}
