// Addresses as bytes. Every address in the core is 16 bytes, IPv4 in its mapped form (::ffff:a.b.c.d,
// RFC 4291 section 2.5.5.2), so that comparing, hashing and storing need no second code path.

export type Family = 4 | 6;

/** Length of every address in the core, in bytes. */
export const ADDRESS_LENGTH = 16;

const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] as const;

/** Parses textual IPv4 (dotted quad, no leading zeros) or IPv6 (RFC 4291, no zone); undefined when it is neither. */
export function parseAddress(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(ADDRESS_LENGTH);
  if (!text.includes(':')) return parseIpv4Into(text, bytes) ? withMappedPrefix(bytes) : undefined;
  return parseIpv6Into(text, bytes) ? bytes : undefined;
}

/** The family of the address at `offset`: 4 when it is IPv4-mapped. */
export function familyOf(bytes: Uint8Array, offset = 0): Family {
  for (let i = 0; i < 12; i++) if (bytes[offset + i] !== MAPPED_PREFIX[i]) return 6;
  return 4;
}

/** Canonical text of the address at `offset`: dotted quad, or RFC 5952. */
export function formatAddress(bytes: Uint8Array, offset = 0): string {
  if (familyOf(bytes, offset) === 4) {
    return `${bytes[offset + 12]}.${bytes[offset + 13]}.${bytes[offset + 14]}.${bytes[offset + 15]}`;
  }
  return formatIpv6(bytes, offset);
}

/** Copies the 4 or 16 address bytes at `from` out of a packet into `into`, in the core's form. */
export function readAddress(packet: Uint8Array, from: number, family: Family, into: Uint8Array): void {
  if (family === 6) {
    for (let i = 0; i < 16; i++) into[i] = packet[from + i] as number;
    return;
  }
  for (let i = 0; i < 12; i++) into[i] = MAPPED_PREFIX[i] as number;
  for (let i = 0; i < 4; i++) into[12 + i] = packet[from + i] as number;
}

/** Writes the 4 or 16 significant bytes of `address` into a packet. */
export function writeAddress(address: Uint8Array, family: Family, packet: Uint8Array, at: number): void {
  if (family === 4) for (let i = 0; i < 4; i++) packet[at + i] = address[12 + i] as number;
  else for (let i = 0; i < 16; i++) packet[at + i] = address[i] as number;
}

export function addressesEqual(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = ADDRESS_LENGTH - 1; i >= 0; i--) if (a[i] !== b[i]) return false;
  return true;
}

function withMappedPrefix(bytes: Uint8Array): Uint8Array {
  bytes.set(MAPPED_PREFIX, 0);
  return bytes;
}

function parseIpv4Into(text: string, into: Uint8Array): boolean {
  const parts = text.split('.');
  if (parts.length !== 4) return false;
  for (const [i, part] of parts.entries()) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return false;
    into[12 + i] = Number(part);
  }
  return true;
}

function parseIpv6Into(text: string, into: Uint8Array): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 2 ? parseGroups(halves[1] ?? '', true) : [];
  if (head === undefined || tail === undefined) return false;
  const given = head.length + tail.length;
  if (halves.length === 1 ? given !== 16 : given > 14) return false;
  into.fill(0);
  into.set(head, 0);
  into.set(tail, 16 - tail.length);
  return true;
}

/** Bytes of colon-separated groups; a dotted quad may stand last where `mayEndInIpv4`. */
function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [i, group] of groups.entries()) {
    if (group.includes('.')) {
      const quad = new Uint8Array(ADDRESS_LENGTH);
      if (!mayEndInIpv4 || i !== groups.length - 1 || !parseIpv4Into(group, quad)) return undefined;
      bytes.push(...quad.subarray(12));
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes.length > 16 ? undefined : bytes;
}

function formatIpv6(bytes: Uint8Array, offset: number): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) {
    groups.push(((bytes[offset + i] as number) << 8) | (bytes[offset + i + 1] as number));
  }
  const zeros = longestZeroRun(groups);
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (zeros.length < 2) return hex(groups);
  return `${hex(groups.slice(0, zeros.start))}::${hex(groups.slice(zeros.start + zeros.length))}`;
}

/** The first longest run of zero groups (RFC 5952 section 4.2.3). */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= groups.length; i++) {
    if (groups[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}
