// The IPv4 header (RFC 791 section 3.1). Decoding looks at the header alone: in a quote the payload may be cut
// short, and middleboxes rewrite the quoted total length and checksum, so neither is judged here.
//
//   offset  field                               RFC
//   0       version 4 bits, header length 4     791 3.1 (in words of 4 bytes, 5 to 15)
//   1       traffic class (DSCP 6, ECN 2)       2474 3, 3168 5
//   2       total length                        791 3.1
//   4       identification                      6864 4
//   6       reserved 1, DF 1, MF 1, offset 13   791 3.1 (offset in units of 8 bytes)
//   8       TTL                                 791 3.1
//   9       protocol                            791 3.1
//   10      header checksum                     791 3.1
//   12      source, 16 destination, 20 options  791 3.1

import { ADDRESS_LENGTH, readAddress, writeAddress } from './address.ts';
import { sealChecksum } from './checksum.ts';
import { readUint16, writeUint16 } from './network-order.ts';

/** Length of the header without options. */
export const IPV4_HEADER_LENGTH = 20;

export interface Ipv4 {
  /** Bytes, options included: 20 to 60. */
  headerLength: number;
  trafficClass: number;
  totalLength: number;
  identification: number;
  dontFragment: boolean;
  moreFragments: boolean;
  /** Bytes, a multiple of 8. */
  fragmentOffset: number;
  ttl: number;
  protocol: number;
  checksum: number;
  /** 16 bytes, IPv4 mapped. */
  source: Uint8Array;
  destination: Uint8Array;
}

export function newIpv4(): Ipv4 {
  return {
    headerLength: IPV4_HEADER_LENGTH,
    trafficClass: 0,
    totalLength: 0,
    identification: 0,
    dontFragment: false,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 0,
    protocol: 0,
    checksum: 0,
    source: new Uint8Array(ADDRESS_LENGTH),
    destination: new Uint8Array(ADDRESS_LENGTH),
  };
}

/**
 * The header at `offset`; undefined when [offset, end) does not hold all of it, options included, or the
 * version is not 4. `into` is left untouched then.
 */
export function decodeIpv4(
  bytes: Uint8Array,
  offset: number,
  end: number,
  into: Ipv4 = newIpv4(),
): Ipv4 | undefined {
  if (end - offset < IPV4_HEADER_LENGTH) return undefined;
  const first = bytes[offset] as number;
  const headerLength = (first & 0x0f) * 4;
  if (first >> 4 !== 4 || headerLength < IPV4_HEADER_LENGTH || headerLength > end - offset) return undefined;
  const fragment = readUint16(bytes, offset + 6);
  into.headerLength = headerLength;
  into.trafficClass = bytes[offset + 1] as number;
  into.totalLength = readUint16(bytes, offset + 2);
  into.identification = readUint16(bytes, offset + 4);
  into.dontFragment = (fragment & 0x4000) !== 0;
  into.moreFragments = (fragment & 0x2000) !== 0;
  into.fragmentOffset = (fragment & 0x1fff) * 8;
  into.ttl = bytes[offset + 8] as number;
  into.protocol = bytes[offset + 9] as number;
  into.checksum = readUint16(bytes, offset + 10);
  readAddress(bytes, offset + 12, 4, into.source);
  readAddress(bytes, offset + 16, 4, into.destination);
  return into;
}

/** Writes a header without options and with its checksum computed; ignores `headerLength` and `checksum`. Returns 20. */
export function encodeIpv4(header: Readonly<Ipv4>, bytes: Uint8Array, offset: number): number {
  const flags = (header.dontFragment ? 0x4000 : 0) | (header.moreFragments ? 0x2000 : 0);
  bytes[offset] = 0x45;
  bytes[offset + 1] = header.trafficClass;
  writeUint16(bytes, offset + 2, header.totalLength);
  writeUint16(bytes, offset + 4, header.identification);
  writeUint16(bytes, offset + 6, flags | (header.fragmentOffset >>> 3));
  bytes[offset + 8] = header.ttl;
  bytes[offset + 9] = header.protocol;
  writeAddress(header.source, 4, bytes, offset + 12);
  writeAddress(header.destination, 4, bytes, offset + 16);
  sealChecksum(bytes, offset, offset + IPV4_HEADER_LENGTH, offset + 10, 0);
  return IPV4_HEADER_LENGTH;
}
