// The extension structure behind the quote of an ICMP error: MPLS label stacks and interface information.
// Invariant: whatever the bytes say, nothing outside the given range is read and the number of objects,
// labels and interfaces is bounded. What is malformed ends the reading; what came before it stands.
//
//   part        offset  field                                        RFC
//   structure   0       version 4 bits (2), reserved 12              4884 7
//               2       checksum over the structure, 0 = none        4884 7
//   object      0       length in bytes, header included             4884 7.1
//               2       class, 3 class type, 4 payload               4884 7.1
//   MPLS stack  0       label 20, traffic class 3, bottom 1, TTL 8   4950 3 (class 1, type 1; 4 bytes an entry)
//   interface   type    role in bits 7-6; then present: index bit 3, 5837 4.1 (class 2)
//                       address bit 2, name bit 1, MTU bit 0
//               index   ifIndex, 32 bits                             5837 4.1
//               address AFI 16 bits, reserved 16, 4 or 16 bytes      5837 4.2
//               name    length octet (itself included), UTF-8, NULs  5837 4.3
//               MTU     32 bits                                      5837 4.1

import {
  ADDRESS_LENGTH,
  type Family,
  familyOf,
  formatAddress,
  parseAddress,
  readAddress,
} from './address.ts';
import { onesComplementSum, sealChecksum } from './checksum.ts';
import { carriesExtension, ICMP_HEADER_LENGTH } from './icmp.ts';
import { readUint16, readUint32, writeUint16, writeUint32 } from './network-order.ts';

export const EXTENSION_HEADER_LENGTH = 4;
export const EXTENSION_OBJECT_HEADER_LENGTH = 4;

/** RFC 4884 section 4: the least length of a quote that an extension follows, and where older routers put it. */
export const QUOTE_LENGTH = 128;

export const MAX_EXTENSION_OBJECTS = 16;
export const MAX_MPLS_ENTRIES = 16;
export const MAX_INTERFACES = 8;
/** RFC 5837 section 4.3: 63 octets after the length octet. */
export const MAX_INTERFACE_NAME_BYTES = 63;

const VERSION = 2;
const MPLS_CLASS = 1;
const MPLS_STACK_TYPE = 1;
const INTERFACE_CLASS = 2;
const HAS_INDEX = 0x08;
const HAS_ADDRESS = 0x04;
const HAS_NAME = 0x02;
const HAS_MTU = 0x01;
const ROLES = ['incoming', 'sub-ip', 'outgoing', 'next-hop'] as const;
/** Address family numbers as RFC 5837 section 4.2 uses them. */
const AFI_IPV4 = 1;
const AFI_IPV6 = 2;

export interface MplsEntry {
  /** 20 bits. */
  readonly label: number;
  /** Traffic class, 3 bits. */
  readonly tc: number;
  readonly bottom: boolean;
  readonly ttl: number;
}

/** What a responder told about one of its interfaces; parts it left out are absent. */
export interface InterfaceEntry {
  readonly role: (typeof ROLES)[number];
  readonly index?: number;
  readonly address?: string;
  /** At most 63 bytes of UTF-8, everything unprintable replaced by `?`. */
  readonly name?: string;
  readonly mtu?: number;
}

export interface ExtensionSpan {
  offset: number;
  length: number;
}

export interface ExtensionObject {
  readonly classNumber: number;
  readonly classType: number;
  readonly payload: Uint8Array;
}

/**
 * Looks in the ICMP message at [icmpOffset, end) for an extension structure and stores where it lies. The
 * length attribute tells; where it is 0 the structure is tried at offset 128 of the quote, as routers older
 * than the attribute send it (RFC 4884 section 5.5). False, with `into` untouched, when there is none.
 */
export function findExtension(
  bytes: Uint8Array,
  icmpOffset: number,
  end: number,
  family: Family,
  into: ExtensionSpan,
): boolean {
  if (end - icmpOffset < ICMP_HEADER_LENGTH) return false;
  if (!carriesExtension(family, bytes[icmpOffset] as number)) return false;
  const told = family === 4 ? (bytes[icmpOffset + 5] as number) * 4 : (bytes[icmpOffset + 4] as number) * 8;
  const offset = icmpOffset + ICMP_HEADER_LENGTH + (told === 0 ? QUOTE_LENGTH : told);
  if (!isExtension(bytes, offset, end)) return false;
  into.offset = offset;
  into.length = end - offset;
  return true;
}

/**
 * Whether [offset, end) is an extension structure: version 2, a checksum that is right or 0 (none sent), and
 * a well-formed first object, without which an unchecked one could be any payload that starts with 0x20.
 */
export function isExtension(bytes: Uint8Array, offset: number, end: number): boolean {
  const first = offset + EXTENSION_HEADER_LENGTH;
  if (end - first < EXTENSION_OBJECT_HEADER_LENGTH || (bytes[offset] as number) >> 4 !== VERSION)
    return false;
  const sent = readUint16(bytes, offset + 2);
  if (sent !== 0 && onesComplementSum(bytes, offset, end) !== 0xffff) return false;
  return objectLength(bytes, first, end) !== 0;
}

/** The MPLS labels of the structure at [offset, offset + length), outermost first, at most MAX_MPLS_ENTRIES. */
export function decodeMplsStack(bytes: Uint8Array, offset: number, length: number): readonly MplsEntry[] {
  const entries: MplsEntry[] = [];
  eachObject(bytes, offset, length, (classNumber, classType, from, to) => {
    if (classNumber !== MPLS_CLASS || classType !== MPLS_STACK_TYPE) return;
    for (let at = from; to - at >= 4 && entries.length < MAX_MPLS_ENTRIES; at += 4) {
      const word = readUint32(bytes, at);
      entries.push({
        label: word >>> 12,
        tc: (word >>> 9) & 7,
        bottom: (word & 0x100) !== 0,
        ttl: word & 0xff,
      });
    }
  });
  return entries;
}

/** The interfaces that the structure at [offset, offset + length) describes, at most MAX_INTERFACES. */
export function decodeInterfaceInformation(
  bytes: Uint8Array,
  offset: number,
  length: number,
): readonly InterfaceEntry[] {
  const entries: InterfaceEntry[] = [];
  eachObject(bytes, offset, length, (classNumber, classType, from, to) => {
    if (classNumber !== INTERFACE_CLASS || entries.length === MAX_INTERFACES) return;
    entries.push(decodeInterface(bytes, from, to, classType));
  });
  return entries;
}

type ObjectVisitor = (classNumber: number, classType: number, from: number, to: number) => void;

/** Visits the payload [from, to) of each object, up to the first malformed one. */
function eachObject(bytes: Uint8Array, offset: number, length: number, visit: ObjectVisitor): void {
  const end = offset + length;
  let at = offset + EXTENSION_HEADER_LENGTH;
  for (let count = 0; count < MAX_EXTENSION_OBJECTS; count++) {
    const size = objectLength(bytes, at, end);
    if (size === 0) return;
    const payload = at + EXTENSION_OBJECT_HEADER_LENGTH;
    visit(bytes[at + 2] as number, bytes[at + 3] as number, payload, at + size);
    at += size;
  }
}

/** Length of the object at `at`, header included; 0 when it is malformed or nothing is left. */
function objectLength(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < EXTENSION_OBJECT_HEADER_LENGTH) return 0;
  const length = readUint16(bytes, at);
  return length < EXTENSION_OBJECT_HEADER_LENGTH || length > end - at ? 0 : length;
}

function decodeInterface(bytes: Uint8Array, from: number, to: number, classType: number): InterfaceEntry {
  const entry: { -readonly [Key in keyof InterfaceEntry]: InterfaceEntry[Key] } = {
    role: ROLES[classType >> 6] as InterfaceEntry['role'],
  };
  let at = from;
  if (classType & HAS_INDEX) {
    if (to - at < 4) return entry;
    entry.index = readUint32(bytes, at);
    at += 4;
  }
  if (classType & HAS_ADDRESS) {
    const family = to - at < 4 ? undefined : familyOfAfi(readUint16(bytes, at));
    const size = family === 4 ? 8 : 20;
    if (family === undefined || to - at < size) return entry;
    const address = new Uint8Array(ADDRESS_LENGTH);
    readAddress(bytes, at + 4, family, address);
    entry.address = formatAddress(address);
    at += size;
  }
  if (classType & HAS_NAME) {
    const size = at < to ? (bytes[at] as number) : 0;
    if (size === 0 || size > 1 + MAX_INTERFACE_NAME_BYTES || size > to - at) return entry;
    entry.name = printableName(bytes.subarray(at + 1, at + size));
    at += size;
  }
  if (classType & HAS_MTU && to - at >= 4) entry.mtu = readUint32(bytes, at);
  return entry;
}

function familyOfAfi(afi: number): Family | undefined {
  if (afi === AFI_IPV4) return 4;
  return afi === AFI_IPV6 ? 6 : undefined;
}

/** Text of a NUL-padded name. Controls, format characters and stray bytes must not reach terminals or labels. */
function printableName(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  const text = new TextDecoder().decode(nul === -1 ? bytes : bytes.subarray(0, nul));
  return text.replace(/[\p{C}\p{Zl}\p{Zp}\ufffd]/gu, '?');
}

/** Writes a structure of these objects, checksum included, and returns its length in bytes. */
export function encodeExtension(
  objects: readonly ExtensionObject[],
  bytes: Uint8Array,
  offset: number,
): number {
  writeUint16(bytes, offset, VERSION << 12);
  let at = offset + EXTENSION_HEADER_LENGTH;
  for (const { classNumber, classType, payload } of objects) {
    writeUint16(bytes, at, EXTENSION_OBJECT_HEADER_LENGTH + payload.length);
    bytes[at + 2] = classNumber;
    bytes[at + 3] = classType;
    bytes.set(payload, at + EXTENSION_OBJECT_HEADER_LENGTH);
    at += EXTENSION_OBJECT_HEADER_LENGTH + payload.length;
  }
  sealChecksum(bytes, offset, at, offset + 2, 0);
  return at - offset;
}

export function encodeMplsStack(entries: readonly MplsEntry[]): ExtensionObject {
  const payload = new Uint8Array(entries.length * 4);
  for (const [i, { label, tc, bottom, ttl }] of entries.entries()) {
    writeUint32(payload, i * 4, (label << 12) | ((tc & 7) << 9) | (bottom ? 0x100 : 0) | (ttl & 0xff));
  }
  return { classNumber: MPLS_CLASS, classType: MPLS_STACK_TYPE, payload };
}

/** Throws a RangeError on an address that is none, or a name above 63 bytes: both are the caller's to choose. */
export function encodeInterfaceInformation(entry: InterfaceEntry): ExtensionObject {
  const parts: Uint8Array[] = [];
  let classType = ROLES.indexOf(entry.role) << 6;
  if (entry.index !== undefined) {
    classType |= HAS_INDEX;
    parts.push(uint32(entry.index));
  }
  if (entry.address !== undefined) {
    classType |= HAS_ADDRESS;
    parts.push(addressPart(entry.address));
  }
  if (entry.name !== undefined) {
    classType |= HAS_NAME;
    parts.push(namePart(entry.name));
  }
  if (entry.mtu !== undefined) {
    classType |= HAS_MTU;
    parts.push(uint32(entry.mtu));
  }
  const payload = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    payload.set(part, at);
    at += part.length;
  }
  return { classNumber: INTERFACE_CLASS, classType, payload };
}

function uint32(value: number): Uint8Array {
  const part = new Uint8Array(4);
  writeUint32(part, 0, value);
  return part;
}

function addressPart(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) throw new RangeError(`an interface address must be IPv4 or IPv6, got "${text}"`);
  const family = familyOf(address);
  const part = new Uint8Array(family === 4 ? 8 : 20);
  writeUint16(part, 0, family === 4 ? AFI_IPV4 : AFI_IPV6);
  part.set(family === 4 ? address.subarray(12) : address, 4);
  return part;
}

/** The name NUL-padded to a multiple of 4 bytes, length octet included. */
function namePart(name: string): Uint8Array {
  const text = new TextEncoder().encode(name);
  if (text.length > MAX_INTERFACE_NAME_BYTES) {
    throw new RangeError(
      `an interface name is at most ${MAX_INTERFACE_NAME_BYTES} bytes, got ${text.length}`,
    );
  }
  const part = new Uint8Array((1 + text.length + 3) & ~3);
  part[0] = part.length;
  part.set(text, 1);
  return part;
}
