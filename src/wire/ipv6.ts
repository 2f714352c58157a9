// The IPv6 header (RFC 8200 section 3) and the walk over its extension headers. Decoding looks at the header
// alone: in a quote the payload may be cut short.
//
//   offset  field                        RFC
//   0       version 4 bits               8200 3
//   0.5     traffic class 8 bits         8200 7, 2474, 3168
//   1.5     flow label 20 bits           6437 2
//   4       payload length               8200 3
//   6       next header                  8200 3
//   7       hop limit                    8200 3
//   8       source, 24 destination       8200 3

import { ADDRESS_LENGTH, familyOf, readAddress, writeAddress } from './address.ts';
import { readUint16, readUint32, writeUint16, writeUint32 } from './network-order.ts';

export const IPV6_HEADER_LENGTH = 40;

/** Extension headers followed before the walk gives up; RFC 8200 section 4.1 names six in its longest usual order. */
export const MAX_EXTENSION_HEADERS = 8;

const HOP_BY_HOP = 0;
const ROUTING = 43;
const FRAGMENT = 44;
const AUTHENTICATION = 51;
const DESTINATION_OPTIONS = 60;

export interface Ipv6 {
  trafficClass: number;
  flowLabel: number;
  payloadLength: number;
  nextHeader: number;
  hopLimit: number;
  /** 16 bytes, never an IPv4-mapped address. */
  source: Uint8Array;
  destination: Uint8Array;
}

export function newIpv6(): Ipv6 {
  return {
    trafficClass: 0,
    flowLabel: 0,
    payloadLength: 0,
    nextHeader: 0,
    hopLimit: 0,
    source: new Uint8Array(ADDRESS_LENGTH),
    destination: new Uint8Array(ADDRESS_LENGTH),
  };
}

/**
 * The header at `offset`; undefined when [offset, end) does not hold it, the version is not 6, or an address
 * is IPv4-mapped: such an address never stands in a packet (Linux drops it too), and let through it would
 * pass for an IPv4 responder. `into` is left untouched then.
 */
export function decodeIpv6(
  bytes: Uint8Array,
  offset: number,
  end: number,
  into: Ipv6 = newIpv6(),
): Ipv6 | undefined {
  if (end - offset < IPV6_HEADER_LENGTH || (bytes[offset] as number) >> 4 !== 6) return undefined;
  if (familyOf(bytes, offset + 8) === 4 || familyOf(bytes, offset + 24) === 4) return undefined;
  const first = readUint32(bytes, offset);
  into.trafficClass = (first >>> 20) & 0xff;
  into.flowLabel = first & 0xfffff;
  into.payloadLength = readUint16(bytes, offset + 4);
  into.nextHeader = bytes[offset + 6] as number;
  into.hopLimit = bytes[offset + 7] as number;
  readAddress(bytes, offset + 8, 6, into.source);
  readAddress(bytes, offset + 24, 6, into.destination);
  return into;
}

/** Writes the header as given and returns 40. */
export function encodeIpv6(header: Readonly<Ipv6>, bytes: Uint8Array, offset: number): number {
  writeUint32(bytes, offset, (6 << 28) | ((header.trafficClass & 0xff) << 20) | (header.flowLabel & 0xfffff));
  writeUint16(bytes, offset + 4, header.payloadLength);
  bytes[offset + 6] = header.nextHeader;
  bytes[offset + 7] = header.hopLimit;
  writeAddress(header.source, 6, bytes, offset + 8);
  writeAddress(header.destination, 6, bytes, offset + 24);
  return IPV6_HEADER_LENGTH;
}

/** Where the walk over extension headers ended. */
export interface UpperLayer {
  /** Protocol of what stands at `offset`. */
  nextHeader: number;
  offset: number;
}

/**
 * Walks from `offset`, where a header of kind `nextHeader` stands, over hop-by-hop options, destination
 * options, routing, fragment and authentication headers (RFC 8200 section 4, RFC 4302 section 2), and leaves
 * the first other header in `into`. False, with `into` untouched, when [offset, end) cuts a header short,
 * when there are more than MAX_EXTENSION_HEADERS, or when a fragment other than the first leaves no
 * upper-layer header to find. `into.offset` may equal `end`.
 */
export function skipExtensionHeaders(
  bytes: Uint8Array,
  offset: number,
  end: number,
  nextHeader: number,
  into: UpperLayer,
): boolean {
  let kind = nextHeader;
  let at = offset;
  for (let count = 0; isExtensionHeader(kind); count++) {
    if (count === MAX_EXTENSION_HEADERS || end - at < 8) return false;
    if (kind === FRAGMENT && readUint16(bytes, at + 2) >> 3 !== 0) return false;
    const length = extensionHeaderLength(kind, bytes[at + 1] as number);
    if (length > end - at) return false;
    kind = bytes[at] as number;
    at += length;
  }
  into.nextHeader = kind;
  into.offset = at;
  return true;
}

function isExtensionHeader(kind: number): boolean {
  return (
    kind === HOP_BY_HOP ||
    kind === DESTINATION_OPTIONS ||
    kind === ROUTING ||
    kind === FRAGMENT ||
    kind === AUTHENTICATION
  );
}

/** Bytes, from the header's second octet: 8-byte units past the first, but 4-byte ones in RFC 4302, none in a fragment header. */
function extensionHeaderLength(kind: number, octet: number): number {
  if (kind === FRAGMENT) return 8;
  return kind === AUTHENTICATION ? (octet + 2) * 4 : (octet + 1) * 8;
}
