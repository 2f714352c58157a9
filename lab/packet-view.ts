// One packet on its way through the simulated internet: its header fields, where they lie, and the hash that
// balancers take of it. A view is reused for every packet; nothing is allocated when it loads one.

import type { Family } from '../src/wire/address.ts';
import { ICMP4, ICMP6 } from '../src/wire/icmp.ts';
import { IP_PROTOCOL } from '../src/wire/ip-protocol.ts';
import { decodeIpv4, newIpv4 } from '../src/wire/ipv4.ts';
import { decodeIpv6, IPV6_HEADER_LENGTH, newIpv6, skipExtensionHeaders } from '../src/wire/ipv6.ts';
import { readUint16, readUint32 } from '../src/wire/network-order.ts';
import { mix32 } from './random.ts';

/** Bits of `PacketView.kind`. */
export const KIND = { icmp: 1, udp: 2, tcp: 4, other: 8 } as const;

/** Bits of the mask given to `flowHash`. */
export const HASH = { identifier: 1, flowLabel: 2, trafficClass: 4 } as const;

export class PacketView {
  bytes: Uint8Array = new Uint8Array(0);
  offset = 0;
  /** Of the whole IP packet, as its header says. */
  length = 0;
  family: Family = 4;
  ttl = 0;
  trafficClass = 0;
  flowLabel = 0;
  dontFragment = false;
  /** IPv4 only. */
  identification = 0;
  /** Of the network header, extension headers included. */
  headerLength = 0;
  protocol = 0;
  kind: number = KIND.other;
  /** Whether the transport header is here: false in later fragments. */
  first = true;
  source: Uint8Array = new Uint8Array(16);
  destination: Uint8Array = new Uint8Array(16);
  /** UDP and TCP; 0 for ICMP. */
  sourcePort = 0;
  destinationPort = 0;
  readonly #v4 = newIpv4();
  readonly #v6 = newIpv6();
  readonly #upper = { nextHeader: 0, offset: 0 };
  /** By mask; valid while `#hashed` has the mask's bit. */
  readonly #hashes = new Uint32Array(8);
  #hashed = 0;

  /** Where the transport header begins. */
  get transport(): number {
    return this.offset + this.headerLength;
  }

  /** End of the packet in `bytes`. */
  get end(): number {
    return this.offset + this.length;
  }

  /** Loads the packet in [offset, end); false when it is no IP packet, is cut short, or lacks 8 transport bytes. */
  load(bytes: Uint8Array, offset: number, end: number): boolean {
    this.bytes = bytes;
    this.offset = offset;
    this.#hashed = 0;
    if (end - offset < 20) return false;
    const version = (bytes[offset] as number) >> 4;
    if (!(version === 4 ? this.#loadIpv4(bytes, offset, end) : this.#loadIpv6(bytes, offset, end)))
      return false;
    if (this.end > end) return false;
    return !this.first || this.#loadTransport(bytes);
  }

  /**
   * What a balancer hashes: addresses, protocol, the first four transport bytes (ports; type, code and checksum
   * of ICMP), and what `mask` adds. Unsigned 32 bits.
   */
  flowHash(mask: number): number {
    if ((this.#hashed & (1 << mask)) === 0) {
      this.#hashes[mask] = this.#computeHash(mask);
      this.#hashed |= 1 << mask;
    }
    return this.#hashes[mask] as number;
  }

  #computeHash(mask: number): number {
    let h = this.protocol;
    for (let i = 0; i < 16; i += 4) {
      h = absorb(h, readUint32(this.source, i));
      h = absorb(h, readUint32(this.destination, i));
    }
    if (this.first) {
      h = absorb(h, readUint32(this.bytes, this.transport));
      if (mask & HASH.identifier && this.kind === KIND.icmp) {
        h = absorb(h, readUint16(this.bytes, this.transport + 4));
      }
    }
    if (mask & HASH.flowLabel) h = absorb(h, this.flowLabel);
    if (mask & HASH.trafficClass) h = absorb(h, this.trafficClass >> 2);
    return mix32(h);
  }

  #loadIpv4(bytes: Uint8Array, offset: number, end: number): boolean {
    const header = decodeIpv4(bytes, offset, end, this.#v4);
    if (header === undefined) return false;
    this.family = 4;
    this.length = header.totalLength;
    this.ttl = header.ttl;
    this.trafficClass = header.trafficClass;
    this.flowLabel = 0;
    this.dontFragment = header.dontFragment;
    this.identification = header.identification;
    this.headerLength = header.headerLength;
    this.protocol = header.protocol;
    this.first = header.fragmentOffset === 0;
    this.source.set(header.source);
    this.destination.set(header.destination);
    return true;
  }

  #loadIpv6(bytes: Uint8Array, offset: number, end: number): boolean {
    const header = decodeIpv6(bytes, offset, end, this.#v6);
    if (header === undefined) return false;
    this.family = 6;
    this.length = IPV6_HEADER_LENGTH + header.payloadLength;
    this.ttl = header.hopLimit;
    this.trafficClass = header.trafficClass;
    this.flowLabel = header.flowLabel;
    this.dontFragment = true;
    this.identification = 0;
    const upper = this.#upper;
    const start = offset + IPV6_HEADER_LENGTH;
    const walked = skipExtensionHeaders(bytes, start, Math.min(end, this.end), header.nextHeader, upper);
    this.headerLength = (walked ? upper.offset : start) - offset;
    this.protocol = walked ? upper.nextHeader : header.nextHeader;
    this.first = walked;
    this.source.set(header.source);
    this.destination.set(header.destination);
    return true;
  }

  #loadTransport(bytes: Uint8Array): boolean {
    if (this.length - this.headerLength < 8) return false;
    const at = this.transport;
    this.kind = KIND.other;
    this.sourcePort = 0;
    this.destinationPort = 0;
    if (this.protocol === IP_PROTOCOL.udp || this.protocol === IP_PROTOCOL.tcp) {
      this.kind = this.protocol === IP_PROTOCOL.udp ? KIND.udp : KIND.tcp;
      this.sourcePort = readUint16(bytes, at);
      this.destinationPort = readUint16(bytes, at + 2);
    } else if (this.protocol === (this.family === 4 ? IP_PROTOCOL.icmp : IP_PROTOCOL.icmp6)) {
      const type = bytes[at];
      // Errors and neighbour discovery are nothing that anybody answers (RFC 1122 section 3.2.2).
      if (type === (this.family === 4 ? ICMP4.echoRequest : ICMP6.echoRequest)) this.kind = KIND.icmp;
    }
    return true;
  }
}

function absorb(hash: number, word: number): number {
  const h = Math.imul(hash ^ Math.imul(word, 0xcc9e2d51), 0x1b873593);
  return ((h << 13) | (h >>> 19)) + 0xe6546b64;
}
