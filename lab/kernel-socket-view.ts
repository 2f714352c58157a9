// What ordinary sockets send and are given: ICMP errors quote from the ICMP header, UDP ones only what follows the
// UDP header, and a TCP connection knows its own answers, one attempt per flow and destination at a time.
// It finds the socket of each incoming packet as Linux does: by the quoted addresses and ports.

import type { Family, Probe, Protocol, Reply } from '../src/trace/network.ts';
import { PROOF } from '../src/trace/network.ts';
import type { ProbeCodec } from '../src/trace/probe-codec.ts';
import type { DecodeOutcome } from '../src/trace/reply-decoder.ts';
import { familyOf, formatAddress } from '../src/wire/address.ts';
import { pseudoHeaderSum } from '../src/wire/checksum.ts';
import { ICMP_HEADER_LENGTH, ICMP4, ICMP6 } from '../src/wire/icmp.ts';
import { findExtension } from '../src/wire/icmp-extension.ts';
import { IP_PROTOCOL } from '../src/wire/ip-protocol.ts';
import { decodeIpv4, encodeIpv4, IPV4_HEADER_LENGTH, newIpv4 } from '../src/wire/ipv4.ts';
import { decodeIpv6, encodeIpv6, IPV6_HEADER_LENGTH, newIpv6 } from '../src/wire/ipv6.ts';
import { readUint16, readUint32 } from '../src/wire/network-order.ts';
import { encodeTcp, newTcp, sealTcp, TCP_FLAGS, TCP_HEADER_LENGTH } from '../src/wire/tcp.ts';
import { encodeUdp, sealUdp, UDP_HEADER_LENGTH } from '../src/wire/udp.ts';
import { mix32 } from './random.ts';

/** Connections under way at once; the oldest is forgotten. */
const MOST_ATTEMPTS = 4096;

interface Attempt {
  readonly handle: number;
  readonly sequence: number;
}

/** The addresses and transport of a packet, or of the quote in one. */
interface Parsed {
  family: Family;
  source: Uint8Array;
  destination: Uint8Array;
  ttl: number;
  protocol: number;
  at: number;
}

export class KernelSocketView {
  readonly #codec: ProbeCodec;
  readonly #v4 = newIpv4();
  readonly #v6 = newIpv6();
  readonly #tcp = newTcp();
  readonly #outer = newParsed();
  readonly #quoted = newParsed();
  readonly #extension = { offset: 0, length: 0 };
  readonly #attempts = new Map<string, Attempt>();
  #count = 0;

  constructor(codec: ProbeCodec) {
    this.#codec = codec;
  }

  /** Writes the packet that the kernel makes of a probe at 0; returns its length. */
  send(probe: Probe, protocol: Protocol, source: Uint8Array, into: Uint8Array): number {
    const family = familyOf(probe.destination);
    const at = family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
    this.#count++;
    const { encoder } = this.#codec;
    // The kernel fills in identifier and checksum, and comes to what the encoder writes for raw sockets.
    if (protocol === 'icmp') return encoder.encodePacket(probe, protocol, source, into, 0);
    const end = protocol === 'udp' ? this.#udp(probe, source, into, at) : this.#syn(probe, source, into, at);
    this.#network(probe, protocol, family, source, into, end - at);
    return end;
  }

  /** What the socket concerned hears of a packet; `unrelated` when there is none. */
  hear(bytes: Uint8Array, offset: number, end: number, reply: Reply): DecodeOutcome {
    const outer = this.#outer;
    if (!this.#parse(bytes, offset, end, outer)) return 'malformed';
    const { at, family, protocol } = outer;
    if (protocol === IP_PROTOCOL.udp || protocol === IP_PROTOCOL.tcp) {
      if (end - at < UDP_HEADER_LENGTH) return 'malformed';
      const flow = this.#codec.identity.flowOf(readUint16(bytes, at + 2));
      if (flow < 0) return 'unrelated';
      return protocol === IP_PROTOCOL.udp
        ? this.#hearDatagram(bytes, at, end, flow, reply)
        : this.#hearSegment(bytes, at, flow, reply);
    }
    if (end - at < ICMP_HEADER_LENGTH) return 'malformed';
    if (bytes[at] !== (family === 4 ? ICMP4.echoReply : ICMP6.echoReply))
      return this.#hearError(bytes, end, reply);
    const flow = this.#codec.identity.flowOf(readUint16(bytes, at + 4));
    if (flow < 0) return 'unrelated';
    const outcome = this.#codec.decoder.decodeDatagram(
      'icmp',
      family,
      bytes,
      at,
      end,
      outer.source,
      0,
      flow,
      reply,
    );
    reply.replyTtl = outer.ttl;
    return outcome;
  }

  #udp(probe: Probe, source: Uint8Array, into: Uint8Array, at: number): number {
    const length =
      UDP_HEADER_LENGTH + this.#codec.encoder.encodeDatagram(probe, 'udp', into, at + UDP_HEADER_LENGTH);
    const sourcePort = this.#codec.identity.identifierOf(probe.flow);
    encodeUdp({ sourcePort, destinationPort: probe.destinationPort, length, checksum: 0 }, into, at);
    sealUdp(into, at, at + length, pseudoHeaderSum(source, probe.destination, IP_PROTOCOL.udp, length));
    return at + length;
  }

  #syn(probe: Probe, source: Uint8Array, into: Uint8Array, at: number): number {
    const tcp = this.#tcp;
    tcp.sourcePort = this.#codec.identity.identifierOf(probe.flow);
    tcp.destinationPort = probe.destinationPort;
    tcp.sequence = mix32(this.#count);
    tcp.acknowledgement = 0;
    tcp.headerLength = TCP_HEADER_LENGTH;
    tcp.flags = TCP_FLAGS.syn;
    tcp.window = 64_240;
    encodeTcp(tcp, into, at);
    const end = at + TCP_HEADER_LENGTH;
    sealTcp(into, at, end, pseudoHeaderSum(source, probe.destination, IP_PROTOCOL.tcp, TCP_HEADER_LENGTH));
    const key = attemptKey(probe.flow, probe.destination, probe.destinationPort);
    this.#attempts.delete(key);
    this.#attempts.set(key, { handle: probe.handle, sequence: tcp.sequence });
    if (this.#attempts.size > MOST_ATTEMPTS) {
      for (const oldest of this.#attempts.keys()) {
        this.#attempts.delete(oldest);
        break;
      }
    }
    return end;
  }

  #network(
    probe: Probe,
    protocol: 'udp' | 'tcp',
    family: Family,
    source: Uint8Array,
    into: Uint8Array,
    length: number,
  ): void {
    if (family === 4) {
      const header = this.#v4;
      header.trafficClass = probe.trafficClass;
      header.totalLength = IPV4_HEADER_LENGTH + length;
      header.identification = mix32(this.#count) & 0xffff;
      header.dontFragment = probe.dontFragment;
      header.moreFragments = false;
      header.fragmentOffset = 0;
      header.ttl = probe.ttl;
      header.protocol = IP_PROTOCOL[protocol];
      header.source.set(source);
      header.destination.set(probe.destination);
      encodeIpv4(header, into, 0);
      return;
    }
    const header = this.#v6;
    header.trafficClass = probe.trafficClass;
    header.flowLabel = this.#codec.identity.flowLabelOf(probe.flow);
    header.payloadLength = length;
    header.nextHeader = IP_PROTOCOL[protocol];
    header.hopLimit = probe.ttl;
    header.source.set(source);
    header.destination.set(probe.destination);
    encodeIpv6(header, into, 0);
  }

  #hearDatagram(bytes: Uint8Array, at: number, end: number, flow: number, reply: Reply): DecodeOutcome {
    const { family, source, ttl } = this.#outer;
    const payload = at + UDP_HEADER_LENGTH;
    const port = readUint16(bytes, at);
    const { decoder } = this.#codec;
    const outcome = decoder.decodeDatagram('udp', family, bytes, payload, end, source, port, flow, reply);
    reply.replyTtl = ttl;
    return outcome;
  }

  /** The answer to a connection attempt. The socket tells whom it tried to reach, not who answered. */
  #hearSegment(bytes: Uint8Array, at: number, flow: number, reply: Reply): DecodeOutcome {
    const { family, source } = this.#outer;
    const port = readUint16(bytes, at);
    const key = attemptKey(flow, source, port);
    const attempt = this.#attempts.get(key);
    if (attempt === undefined || readUint32(bytes, at + 8) !== (attempt.sequence + 1) >>> 0)
      return 'unrelated';
    this.#attempts.delete(key);
    this.#codec.decoder.decodeDatagram('udp', family, bytes, at, at, source, port, flow, reply);
    reply.protocol = 'tcp';
    reply.kind = ((bytes[at + 13] as number) & TCP_FLAGS.rst) !== 0 ? 'rst' : 'syn-ack';
    reply.handle = attempt.handle;
    reply.proof = PROOF.socket;
    return 'reply';
  }

  #hearError(bytes: Uint8Array, end: number, reply: Reply): DecodeOutcome {
    const { at, family, source, ttl } = this.#outer;
    const quoted = this.#quoted;
    let quoteEnd = end;
    const extended = findExtension(bytes, at, end, family, this.#extension);
    if (extended) quoteEnd = this.#extension.offset;
    if (!this.#parse(bytes, at + ICMP_HEADER_LENGTH, quoteEnd, quoted)) return 'malformed';
    const protocol = protocolOf(quoted);
    if (protocol === undefined || quoteEnd - quoted.at < 8) return 'unrelated';
    const icmp = protocol === 'icmp';
    const flow = this.#codec.identity.flowOf(readUint16(bytes, quoted.at + (icmp ? 4 : 0)));
    if (flow < 0) return 'unrelated';
    const port = icmp ? 0 : readUint16(bytes, quoted.at + 2);
    const attempt = protocol === 'tcp' ? this.#attemptFor(bytes, flow, port) : undefined;
    if (protocol === 'tcp' && attempt === undefined) return 'unrelated';
    const from = icmp ? quoted.at : protocol === 'udp' ? quoted.at + UDP_HEADER_LENGTH : quoteEnd;
    const outcome = this.#codec.decoder.decodeError(
      icmp ? 'icmp' : 'udp',
      family,
      bytes,
      from,
      quoteEnd,
      quoted.destination,
      port,
      flow,
      source,
      bytes[at] as number,
      bytes[at + 1] as number,
      reply,
    );
    reply.protocol = protocol;
    reply.replyTtl = ttl;
    reply.mtu = mtuOf(bytes, at, family);
    if (extended) {
      reply.extensionOffset = this.#extension.offset;
      reply.extensionLength = this.#extension.length;
    }
    if (attempt !== undefined) {
      reply.handle = attempt.handle;
      reply.proof = PROOF.socket;
    }
    return outcome;
  }

  /** The attempt that the quoted SYN belongs to; the kernel lets no other sequence number pass. */
  #attemptFor(bytes: Uint8Array, flow: number, port: number): Attempt | undefined {
    const { at, destination } = this.#quoted;
    const key = attemptKey(flow, destination, port);
    const attempt = this.#attempts.get(key);
    if (attempt === undefined || readUint32(bytes, at + 4) !== attempt.sequence) return undefined;
    this.#attempts.delete(key);
    return attempt;
  }

  #parse(bytes: Uint8Array, offset: number, end: number, into: Parsed): boolean {
    if (end - offset < IPV4_HEADER_LENGTH) return false;
    if ((bytes[offset] as number) >> 4 === 4) {
      const header = decodeIpv4(bytes, offset, end, this.#v4);
      if (header === undefined) return false;
      into.family = 4;
      into.source.set(header.source);
      into.destination.set(header.destination);
      into.ttl = header.ttl;
      into.protocol = header.protocol;
      into.at = offset + header.headerLength;
      return true;
    }
    const header = decodeIpv6(bytes, offset, end, this.#v6);
    if (header === undefined) return false;
    into.family = 6;
    into.source.set(header.source);
    into.destination.set(header.destination);
    into.ttl = header.hopLimit;
    into.protocol = header.nextHeader;
    into.at = offset + IPV6_HEADER_LENGTH;
    return true;
  }
}

function newParsed(): Parsed {
  return {
    family: 4,
    source: new Uint8Array(16),
    destination: new Uint8Array(16),
    ttl: 0,
    protocol: 0,
    at: 0,
  };
}

function protocolOf({ family, protocol }: Parsed): Protocol | undefined {
  if (protocol === IP_PROTOCOL.udp) return 'udp';
  if (protocol === IP_PROTOCOL.tcp) return 'tcp';
  return protocol === (family === 4 ? IP_PROTOCOL.icmp : IP_PROTOCOL.icmp6) ? 'icmp' : undefined;
}

function attemptKey(flow: number, destination: Uint8Array, port: number): string {
  return `${flow} ${port} ${formatAddress(destination)}`;
}

/** Next-hop MTU where the message is about that, else 0. */
function mtuOf(bytes: Uint8Array, icmp: number, family: Family): number {
  const type = bytes[icmp];
  if (family === 6) return type === ICMP6.packetTooBig ? readUint32(bytes, icmp + 4) : 0;
  return type === ICMP4.unreachable && bytes[icmp + 1] === 4 ? readUint16(bytes, icmp + 6) : 0;
}
