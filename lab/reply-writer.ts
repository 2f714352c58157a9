// Writes the packets that routers and hosts answer with into one reused buffer. Every reply is a whole IP packet
// with correct lengths and checksums, and quotes the probe as it was when it came to the one who answers.

import type { Family } from '../src/wire/address.ts';
import { writeAddress } from '../src/wire/address.ts';
import { checksum, onesComplementSubtract, pseudoHeaderSum, sealChecksum } from '../src/wire/checksum.ts';
import { ICMP_HEADER_LENGTH, ICMP4, ICMP6, lengthWord, sealIcmp } from '../src/wire/icmp.ts';
import { IP_PROTOCOL } from '../src/wire/ip-protocol.ts';
import { encodeIpv4, IPV4_HEADER_LENGTH, newIpv4 } from '../src/wire/ipv4.ts';
import { encodeIpv6, IPV6_HEADER_LENGTH, newIpv6 } from '../src/wire/ipv6.ts';
import { readUint16, readUint32, writeUint16, writeUint32 } from '../src/wire/network-order.ts';
import { encodeTcp, newTcp, sealTcp, TCP_FLAGS, TCP_HEADER_LENGTH } from '../src/wire/tcp.ts';
import { sealUdp } from '../src/wire/udp.ts';
import { KIND, type PacketView } from './packet-view.ts';
import type { AnswerPlan } from './plans.ts';
import { mix32 } from './random.ts';

/** RFC 1812 section 4.3.2.3, RFC 4443 section 2.4 (c). */
const LONGEST_ERROR: Readonly<Record<Family, number>> = { 4: 576, 6: 1280 };
const QUOTE_BEFORE_EXTENSION = 128;

/** How the probe differs, where it is answered, from how it was sent. */
export interface Rewriting {
  trafficClass: number;
  /** Addresses to be seen in the quote. */
  source: Uint8Array;
  destination: Uint8Array;
  /** Whether the transport checksum in the quote follows the addresses that it was sent with, or these. */
  checksumSource: Uint8Array;
  checksumDestination: Uint8Array;
  /** Source port or ICMP identifier in the quote, and that which the checksum follows; -1 for what was sent. */
  port: number;
  checksumPort: number;
}

export interface IcmpError {
  readonly from: Uint8Array;
  /** As the reply arrives. */
  readonly ttl: number;
  readonly type: number;
  readonly code: number;
  /** Second word of the ICMP header: the MTU, where there is one. */
  readonly word: number;
  /** TTL to be seen in the quote. */
  readonly quotedTtl: number;
  readonly extension: Uint8Array | null;
}

export class ReplyWriter {
  /** The reply written last, from 0 on. */
  readonly bytes: Uint8Array = new Uint8Array(65536);
  readonly #v4 = newIpv4();
  readonly #v6 = newIpv6();
  readonly #tcp = newTcp();

  /** An ICMP error about `view`, from a responder with this plan. Returns the packet's length. */
  error(view: PacketView, error: IcmpError, plan: AnswerPlan, rewriting: Rewriting): number {
    const { extension } = error;
    const { family } = view;
    const icmp = family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
    const quote = icmp + ICMP_HEADER_LENGTH;
    const most = LONGEST_ERROR[family] - quote;
    const wanted = plan.quote < 0 ? most : plan.quote === 0 ? view.headerLength + 8 : plan.quote;
    let length = Math.min(view.length, most, Math.max(wanted, view.headerLength + 8));
    if (extension !== null) length = Math.min(length, QUOTE_BEFORE_EXTENSION);
    this.#quote(view, quote, length, rewriting, error.quotedTtl);
    let end = quote + length;
    let second = error.word;
    if (extension !== null) {
      this.bytes.fill(0, end, quote + QUOTE_BEFORE_EXTENSION);
      end = quote + QUOTE_BEFORE_EXTENSION;
      this.bytes.set(extension, end);
      end += extension.length;
      if (plan.extensionLength) second = (second | lengthWord(family, QUOTE_BEFORE_EXTENSION)) >>> 0;
    }
    this.bytes[icmp] = error.type;
    this.bytes[icmp + 1] = error.code;
    writeUint32(this.bytes, icmp + 4, second);
    return this.#finishIcmp(view, error.from, error.ttl, icmp, end, plan);
  }

  echoReply(view: PacketView, from: Uint8Array, ttl: number, plan: AnswerPlan): number {
    const icmp = this.#copyTransport(view);
    this.bytes[icmp] = view.family === 4 ? ICMP4.echoReply : ICMP6.echoReply;
    return this.#finishIcmp(view, from, ttl, icmp, icmp + view.length - view.headerLength, plan);
  }

  /** The same payload, sent back. */
  udpReply(view: PacketView, from: Uint8Array, ttl: number, plan: AnswerPlan): number {
    const udp = this.#copyTransport(view);
    const length = view.length - view.headerLength;
    writeUint16(this.bytes, udp, view.destinationPort);
    writeUint16(this.bytes, udp + 2, view.sourcePort);
    sealUdp(this.bytes, udp, udp + length, pseudoHeaderSum(from, view.source, IP_PROTOCOL.udp, length));
    return this.#network(view, from, ttl, IP_PROTOCOL.udp, udp + length, plan);
  }

  /** SYN-ACK, or RST where `open` is false (RFC 9293 section 3.10.7). */
  tcpReply(view: PacketView, from: Uint8Array, ttl: number, plan: AnswerPlan, open: boolean): number {
    const at = view.family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
    const flags = view.bytes[view.transport + 13] as number;
    const dataOffset = ((view.bytes[view.transport + 12] as number) >> 4) * 4;
    const occupied =
      Math.max(0, view.length - view.headerLength - dataOffset) +
      ((flags & TCP_FLAGS.syn) !== 0 ? 1 : 0) +
      ((flags & TCP_FLAGS.fin) !== 0 ? 1 : 0);
    const sequence = readUint32(view.bytes, view.transport + 4);
    const tcp = this.#tcp;
    tcp.sourcePort = view.destinationPort;
    tcp.destinationPort = view.sourcePort;
    tcp.sequence = open
      ? mix32(sequence)
      : (flags & TCP_FLAGS.ack) !== 0
        ? readUint32(view.bytes, view.transport + 8)
        : 0;
    tcp.acknowledgement = (sequence + occupied) >>> 0;
    tcp.headerLength = TCP_HEADER_LENGTH;
    tcp.flags = open ? TCP_FLAGS.syn | TCP_FLAGS.ack : TCP_FLAGS.rst | TCP_FLAGS.ack;
    tcp.window = open ? 65535 : 0;
    encodeTcp(tcp, this.bytes, at);
    const end = at + TCP_HEADER_LENGTH;
    sealTcp(this.bytes, at, end, pseudoHeaderSum(from, view.source, IP_PROTOCOL.tcp, TCP_HEADER_LENGTH));
    return this.#network(view, from, ttl, IP_PROTOCOL.tcp, end, plan);
  }

  #copyTransport(view: PacketView): number {
    const at = view.family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
    const { bytes } = view;
    const from = view.transport;
    const length = view.length - view.headerLength;
    for (let i = 0; i < length; i++) this.bytes[at + i] = bytes[from + i] as number;
    return at;
  }

  #quote(view: PacketView, at: number, length: number, rewriting: Rewriting, quotedTtl: number): void {
    const { bytes } = view;
    const { offset } = view;
    // A plain loop: copies of tens of bytes are faster than TypedArray.set on a subarray, which allocates.
    for (let i = 0; i < length; i++) this.bytes[at + i] = bytes[offset + i] as number;
    const transport = at + view.headerLength;
    this.#rewriteChecksum(view, transport, at + length, rewriting);
    if (view.family === 6) {
      const word = readUint32(this.bytes, at);
      writeUint32(this.bytes, at, (word & 0xf00fffff) | (rewriting.trafficClass << 20));
      this.bytes[at + 7] = quotedTtl;
      writeAddress(rewriting.source, 6, this.bytes, at + 8);
      writeAddress(rewriting.destination, 6, this.bytes, at + 24);
      return;
    }
    this.bytes[at + 1] = rewriting.trafficClass;
    this.bytes[at + 8] = quotedTtl;
    writeAddress(rewriting.source, 4, this.bytes, at + 12);
    writeAddress(rewriting.destination, 4, this.bytes, at + 16);
    sealChecksum(this.bytes, at, transport, at + 10, 0);
  }

  /** What a translator did to the transport checksum (RFC 1624 equation 3), where the quote holds it. */
  #rewriteChecksum(view: PacketView, transport: number, end: number, rewriting: Rewriting): void {
    const { checksumSource, checksumDestination, checksumPort, port } = rewriting;
    const moved = checksumSource !== view.source || checksumDestination !== view.destination;
    if (!moved && checksumPort < 0) return;
    const portAt = transport + (view.kind === KIND.icmp ? 4 : 0);
    const oldPort = readUint16(this.bytes, portAt);
    if (port >= 0) writeUint16(this.bytes, portAt, port);
    const field = transport + checksumField(view);
    if (field + 2 > end) return;
    const ports = checksumPort < 0 ? 0 : onesComplementSubtract(checksumPort, oldPort);
    // The checksum of ICMP over IPv4 covers no addresses.
    const bare = view.kind === KIND.icmp && view.family === 4;
    const before = bare ? 0 : pseudoHeaderSum(view.source, view.destination, 0, 0);
    const after = bare ? 0 : pseudoHeaderSum(checksumSource, checksumDestination, 0, 0);
    const old = readUint16(this.bytes, field);
    const shift = onesComplementSubtract(after, before);
    writeUint16(this.bytes, field, onesComplementSubtract(onesComplementSubtract(old, shift), ports));
  }

  #finishIcmp(
    view: PacketView,
    from: Uint8Array,
    ttl: number,
    icmp: number,
    end: number,
    plan: AnswerPlan,
  ): number {
    const protocol = view.family === 4 ? IP_PROTOCOL.icmp : IP_PROTOCOL.icmp6;
    const pseudo = view.family === 4 ? 0 : pseudoHeaderSum(from, view.source, protocol, end - icmp);
    sealIcmp(this.bytes, icmp, end, pseudo);
    return this.#network(view, from, ttl, protocol, end, plan);
  }

  /** The IP header in front of what ends at `end`, addressed to the probe's source; returns `end`. */
  #network(
    view: PacketView,
    from: Uint8Array,
    ttl: number,
    protocol: number,
    end: number,
    plan: AnswerPlan,
  ): number {
    if (view.family === 4) {
      const header = this.#v4;
      header.totalLength = end;
      header.identification = plan.memory.identification;
      plan.memory.identification = (plan.memory.identification + 1) & 0xffff;
      header.ttl = ttl;
      header.protocol = protocol;
      header.source.set(from);
      header.destination.set(view.source);
      encodeIpv4(header, this.bytes, 0);
    } else {
      const header = this.#v6;
      header.payloadLength = end - IPV6_HEADER_LENGTH;
      header.nextHeader = protocol;
      header.hopLimit = ttl;
      header.source.set(from);
      header.destination.set(view.source);
      encodeIpv6(header, this.bytes, 0);
    }
    return end;
  }
}

/** Whether a TCP segment is the first of a connection. */
export function isSyn(view: PacketView): boolean {
  const flags = view.bytes[view.transport + 13] as number;
  return (
    view.kind === KIND.tcp &&
    view.length - view.headerLength >= TCP_HEADER_LENGTH &&
    (flags & (TCP_FLAGS.syn | TCP_FLAGS.ack | TCP_FLAGS.rst)) === TCP_FLAGS.syn
  );
}

/** Whether a TCP segment closes, and would be sent again if nobody answered. */
export function isFin(view: PacketView): boolean {
  const flags = view.bytes[view.transport + 13] as number;
  return (
    view.kind === KIND.tcp &&
    view.length - view.headerLength >= TCP_HEADER_LENGTH &&
    (flags & (TCP_FLAGS.fin | TCP_FLAGS.rst)) === TCP_FLAGS.fin
  );
}

/** Whether the packet's transport checksum is right; what is not is dropped by the host it comes to. */
export function transportSound(view: PacketView): boolean {
  const length = view.length - view.headerLength;
  if (view.kind === KIND.udp && readUint16(view.bytes, view.transport + 6) === 0) return view.family === 4;
  const pseudo =
    view.kind === KIND.icmp && view.family === 4
      ? 0
      : pseudoHeaderSum(view.source, view.destination, view.protocol, length);
  return checksum(view.bytes, view.transport, view.end, pseudo) === 0;
}

function checksumField(view: PacketView): number {
  if (view.kind === KIND.tcp) return 16;
  return view.kind === KIND.udp ? 6 : 2;
}
