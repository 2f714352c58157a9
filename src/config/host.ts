// Reads what a user gives as a target: in the configuration, as an argument, or as /probe's `target`. Everything
// that names one host without doubt is understood (name, IDN, address, host:port, [v6]:port, URL); everything else is
// refused in one sentence that says what to write. Nothing here asks a resolver.

import { domainToASCII } from 'node:url';
import { type Family, familyOf, formatAddress, parseAddress } from '../wire/address.ts';
import { quote } from './problem.ts';

export interface ParsedHost {
  /** What to resolve: an ASCII name in lower case without a final dot, or the canonical text of an address. */
  readonly name: string;
  /** Canonical numeric address, or null for a name. */
  readonly address: string | null;
  /** Family of `address`; null for a name. */
  readonly family: Family | null;
  /** Port written or, in a URL, implied by the scheme; null for none. TCP and UDP modules use it, ICMP has no use for it. */
  readonly port: number | null;
  /** The host as written, without port, path or brackets; an IDN stays as the user spelt it. */
  readonly label: string;
}

export interface HostRefusal {
  /** One sentence: what is wrong with the text, and what to write. */
  readonly refused: string;
}

/** RFC 1035 section 2.3.4: 255 octets on the wire are 253 characters of text. */
export const MAX_NAME_LENGTH = 253;
/** Nothing longer is even looked at; a URL may be longer than a name. */
const MAX_TEXT_LENGTH = 2048;

const SCHEME_PORTS: Readonly<Record<string, number | null>> = {
  http: 80,
  https: 443,
  ws: 80,
  wss: 443,
  ftp: 21,
  ssh: 22,
  tcp: null,
  udp: null,
  icmp: null,
};

/** Reads one target; surrounding white space is dropped. */
export function parseHost(given: string): ParsedHost | HostRefusal {
  const text = given.trim();
  if (text === '') return refuse('a target is empty; write a host name or an IP address');
  if (text.length > MAX_TEXT_LENGTH) {
    return refuse(`a target is ${text.length} characters long; a host name has at most ${MAX_NAME_LENGTH}`);
  }
  if (hasControlCharacter(text))
    return refuse(`${quote(text)} has a control character in it; write a host name`);
  if (/\s/.test(text)) return refuse(`${quote(text)} has a space in it; write one host name or IP address`);
  if (text.includes('://')) return parseUrl(text);
  if (text.includes('/')) {
    return refuse(
      `${quote(text)} is not a host (it has a "/" in it); write the host name or IP address alone`,
    );
  }
  if (text.includes('@'))
    return refuse(`${quote(text)} is not a host (it has an "@" in it); write the host alone`);
  return parseAuthority(text, null);
}

/** Why packets cannot be aimed at this numeric address, or undefined when they can. */
export function destinationRefusal(address: string): string | undefined {
  const bytes = parseAddress(address);
  if (bytes === undefined) return `${quote(address)} is not an IP address`;
  const first = bytes[familyOf(bytes) === 4 ? 12 : 0] as number;
  if (familyOf(bytes) === 4) {
    if (first === 0) return `${address} names no host (RFC 1122 section 3.2.1.3)`;
    if (first >= 224 && first <= 239)
      return `${address} is a multicast address; write the address of one host`;
    if (formatAddress(bytes) === '255.255.255.255')
      return `${address} is the broadcast address; write one host's`;
    return undefined;
  }
  if (bytes.every((byte) => byte === 0)) return ':: names no host (RFC 4291 section 2.5.2)';
  if (first === 0xff) return `${address} is a multicast address; write the address of one host`;
  if (first === 0xfe && ((bytes[1] as number) & 0xc0) === 0x80) {
    return `${address} is a link-local address, which no router forwards; write a routed address`;
  }
  return undefined;
}

function parseUrl(text: string): ParsedHost | HostRefusal {
  const [scheme = '', rest = ''] = text.split(/:\/\/(.*)/s, 2);
  const implied = SCHEME_PORTS[scheme.toLowerCase()];
  if (implied === undefined) {
    return refuse(
      `${quote(`${scheme}://`)} is not a scheme known here; write the host name or IP address alone`,
    );
  }
  const authority = rest.split(/[/?#]/, 1)[0] ?? '';
  if (authority.includes('@'))
    return refuse('a URL with a user name or password is no target; write the host alone');
  if (authority === '') return refuse(`${quote(text)} names no host; write a host name or an IP address`);
  return parseAuthority(authority, implied);
}

/** `host`, `host:port`, `[v6]`, `[v6]:port`, or a bare IPv6 address. */
function parseAuthority(text: string, impliedPort: number | null): ParsedHost | HostRefusal {
  if (text.includes('%')) {
    return refuse(
      `${quote(text)} has a zone; link-local addresses have no path to trace, write a routed address`,
    );
  }
  if (text.startsWith('[')) {
    const bracketed = /^\[([^[\]]*)\](?::(.*))?$/s.exec(text);
    if (bracketed === null) return refuse(`${quote(text)} has unbalanced brackets; write [2001:db8::1]:443`);
    const inner = bracketed[1] ?? '';
    if (!inner.includes(':')) return refuse(`${quote(text)}: only IPv6 addresses are written in brackets`);
    return withPort(bracketed[2], impliedPort, text, (port) => parseNumeric(inner, port));
  }
  const colons = text.split(':').length - 1;
  if (colons > 1) return parseNumeric(text, impliedPort);
  const [host = '', port] = text.split(':', 2);
  return withPort(port, impliedPort, text, (value) => parseNameOrIpv4(host, value));
}

function withPort(
  written: string | undefined,
  implied: number | null,
  text: string,
  read: (port: number | null) => ParsedHost | HostRefusal,
): ParsedHost | HostRefusal {
  if (written === undefined) return read(implied);
  const port = /^\d{1,5}$/.test(written) ? Number(written) : 0;
  if (port < 1 || port > 65535) {
    return refuse(`${quote(text)}: ${quote(written)} is not a port; ports are 1 to 65535`);
  }
  return read(port);
}

function parseNumeric(text: string, port: number | null): ParsedHost | HostRefusal {
  const bytes = parseAddress(text);
  if (bytes === undefined) return refuse(`${quote(text)} is not an IPv6 address; write it as in 2001:db8::1`);
  const address = formatAddress(bytes);
  const unusable = destinationRefusal(address);
  if (unusable !== undefined) return refuse(unusable);
  return { name: address, address, family: familyOf(bytes), port, label: text };
}

function parseNameOrIpv4(text: string, port: number | null): ParsedHost | HostRefusal {
  const undotted = text.endsWith('.') ? text.slice(0, -1) : text;
  const lastLabel = undotted.slice(undotted.lastIndexOf('.') + 1);
  // A name whose last label is a number is an address to every resolver library, each in its own way.
  if (/^(\d+|0x[0-9a-f]*)$/i.test(lastLabel)) {
    if (parseAddress(text) === undefined) {
      return refuse(
        `${quote(text)} is not an IPv4 address; write four numbers from 0 to 255 without leading zeros`,
      );
    }
    return parseNumeric(text, port);
  }
  const name = toAsciiName(undotted);
  if (typeof name !== 'string') return name;
  // Digits of other scripts are mapped to ours, and then are an address in disguise.
  if (/(^|\.)(\d+|0x[0-9a-f]*)$/.test(name))
    return refuse(
      `${quote(text)} is not an IPv4 address; write four numbers from 0 to 255 without leading zeros`,
    );
  return { name, address: null, family: null, port, label: undotted };
}

/** A host name in ASCII (RFC 5891), checked label by label (RFC 1123 section 2.1; underscores are met in practice). */
function toAsciiName(text: string): string | HostRefusal {
  const ascii = isAscii(text) ? text.toLowerCase() : domainToASCII(text);
  const shown = quote(text);
  if (ascii === '')
    return refuse(`${shown} is not a host name; write a name such as example.org, or an IP address`);
  if (ascii.length > MAX_NAME_LENGTH) {
    return refuse(
      `${shown} is too long for a host name: ${ascii.length} characters, at most ${MAX_NAME_LENGTH}`,
    );
  }
  for (const label of ascii.split('.')) {
    if (label === '')
      return refuse(`${shown} has an empty part between its dots; write a name such as example.org`);
    if (label.length > 63)
      return refuse(`${shown} has a part of ${label.length} characters; at most 63 are allowed`);
    if (!/^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/.test(label)) {
      return refuse(
        `${shown} is not a host name (${quote(label)} is no valid part); write a name such as example.org`,
      );
    }
  }
  return ascii;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;
  }
  return false;
}

function refuse(refused: string): HostRefusal {
  return { refused };
}
