// Who may be probed on demand: lists of networks and names. Deny wins over allow; an empty allow list allows all.
// Invariant: what is traced is the address that was judged here; an IPv4 network that is denied is denied inside IPv6 too.

import { type Family, familyOf, formatAddress, parseAddress } from '../wire/address.ts';
import type { ProbeAccess } from './config.ts';
import { embeddedIpv4 } from './embedded-ipv4.ts';
import { quote } from './problem.ts';

/**
 * What may not be probed where nothing is said: addresses of the link alone, where clouds keep the metadata of their
 * machines. Loopback is not among them: a trace of it tells of an open port at most, and is what people try first.
 */
export const DEFAULT_DENY: readonly string[] = ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254'];

export type AccessPattern =
  | { readonly kind: 'network'; readonly bytes: Uint8Array; readonly bits: number }
  | { readonly kind: 'name'; readonly name: string }
  /** `*.example.org`: every name below it. */
  | { readonly kind: 'domain'; readonly suffix: string };

/** Reads `198.18.0.0/15`, `2001:db8::1`, `example.org` or `*.example.org`; text says what is wrong instead. */
export function parseAccessPattern(text: string): AccessPattern | string {
  if (text === '*') return { kind: 'domain', suffix: '' };
  const [base = '', length, ...more] = text.split('/');
  const bytes = parseAddress(base);
  if (bytes !== undefined) {
    const width = familyOf(bytes) === 4 ? 32 : 128;
    const bits = length === undefined ? width : /^\d{1,3}$/.test(length) ? Number(length) : -1;
    if (more.length > 0 || bits < 0 || bits > width) {
      return `${quote(text)} is not a network: the length is 0 to ${width}`;
    }
    const prefixBits = bits + 128 - width;
    if (hasBitsAfter(bytes, prefixBits)) {
      return `${quote(text)} has bits set past its length; write ${formatAddress(masked(bytes, prefixBits))}/${bits}`;
    }
    return { kind: 'network', bytes, bits: prefixBits };
  }
  const name = text.toLowerCase();
  const bare = name.startsWith('*.') ? name.slice(2) : name;
  if (
    bare.length > 253 ||
    !/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/.test(bare)
  ) {
    return `${quote(text)} is neither a network (198.18.0.0/15) nor a name (example.org, *.example.org)`;
  }
  if (/(^|\.)\d+$/.test(bare))
    return `${quote(text)} is not an IP address or network; write it as in 198.18.0.0/15`;
  return bare === name ? { kind: 'name', name } : { kind: 'domain', suffix: `.${bare}` };
}

/** Decides on one target. Patterns that do not parse are a configuration error, found before this is called. */
export interface AccessRule {
  /**
   * Why this target may not be probed, or undefined when it may. `name` is the ASCII name asked for (null for a numeric
   * target); `address` what it resolved to, or null before that: then only what names alone forbid is refused.
   */
  refusal(name: string | null, address: string | null): string | undefined;
}

export function createAccessRule(access: Pick<ProbeAccess, 'allow' | 'deny'>): AccessRule {
  const allow = access.allow.map(parsed);
  const deny = access.deny.map(parsed);
  const allowsByAddress = allow.some((pattern) => pattern.kind === 'network');
  const refusal = (name: string | null, address: string | null): string | undefined => {
    const bytes = address === null ? undefined : parseAddress(address);
    const shown = name ?? address ?? '';
    // Only text that lists can be held against may pass: no zone, no number that some library takes for an address.
    if (address !== null && bytes === undefined)
      return `${quote(shown)} may not be probed: ${quote(address)} is not a plain IP address`;
    const disguised = bytes === undefined ? [] : embeddedIpv4(bytes);
    const denied = deny.findIndex(
      (pattern) => matches(pattern, name, bytes) || disguised.some((inner) => matches(pattern, name, inner)),
    );
    if (denied !== -1) {
      return `${quote(shown)} may not be probed: probe.deny lists ${quote(access.deny[denied] ?? '')}`;
    }
    if (allow.length === 0 || allow.some((pattern) => matches(pattern, name, bytes))) return undefined;
    // A name may still resolve into an allowed network.
    if (bytes === undefined && allowsByAddress) return undefined;
    return `${quote(shown)} may not be probed: nothing in probe.allow covers it`;
  };
  return { refusal };
}

/** A set of networks; names are no part of it. */
export interface NetworkSet {
  has(address: string): boolean;
}

/** @param networks that parse, as configuration has found */
export function createNetworkSet(networks: readonly string[]): NetworkSet {
  const patterns = networks.map(parsed);
  return {
    has: (address) => {
      const bytes = parseAddress(address);
      return bytes !== undefined && patterns.some((pattern) => matches(pattern, null, bytes));
    },
  };
}

function parsed(text: string): AccessPattern {
  const pattern = parseAccessPattern(text);
  if (typeof pattern === 'string') throw new Error(pattern);
  return pattern;
}

function matches(pattern: AccessPattern, name: string | null, address: Uint8Array | undefined): boolean {
  switch (pattern.kind) {
    case 'network':
      return (
        address !== undefined &&
        sameFamily(pattern, address) &&
        samePrefix(pattern.bytes, address, pattern.bits)
      );
    case 'name':
      return name === pattern.name;
    case 'domain':
      return pattern.suffix === '' || (name?.endsWith(pattern.suffix) ?? false);
  }
}

/** `::/0` must not cover IPv4 merely because IPv4 is stored in its mapped form. */
function sameFamily(
  pattern: { readonly bytes: Uint8Array; readonly bits: number },
  address: Uint8Array,
): boolean {
  const family: Family = pattern.bits >= 96 ? familyOf(pattern.bytes) : 6;
  return family === familyOf(address);
}

function samePrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = bits & 7;
  if (rest === 0) return true;
  const mask = (0xff << (8 - rest)) & 0xff;
  return ((a[whole] as number) & mask) === ((b[whole] as number) & mask);
}

function masked(bytes: Uint8Array, bits: number): Uint8Array {
  return bytes.map((byte, i) => byte & ((0xff << Math.max(0, 8 - Math.max(0, bits - i * 8))) & 0xff));
}

function hasBitsAfter(bytes: Uint8Array, bits: number): boolean {
  return masked(bytes, bits).some((byte, i) => byte !== bytes[i]);
}
