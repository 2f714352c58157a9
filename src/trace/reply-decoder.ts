// Bytes heard -> one Reply, or why they are none. Allocation-free; whatever the bytes, it returns and never throws.
// Invariant: a reply is reported only for an identifier of ours, and a quote that contradicts its own code never is.

import type { Family } from '../wire/address.ts';
import { checksum, onesComplementSubtract, onesComplementSum, pseudoHeaderSum } from '../wire/checksum.ts';
import { decodeIcmp, FRAGMENTATION_NEEDED, ICMP_HEADER_LENGTH, ICMP4, ICMP6, newIcmp } from '../wire/icmp.ts';
import { findExtension } from '../wire/icmp-extension.ts';
import { IP_PROTOCOL } from '../wire/ip-protocol.ts';
import { decodeIpv4, newIpv4 } from '../wire/ipv4.ts';
import { decodeIpv6, IPV6_HEADER_LENGTH, newIpv6, skipExtensionHeaders } from '../wire/ipv6.ts';
import { readUint16, readUint32 } from '../wire/network-order.ts';
import { decodeTcp, decodeTcpQuote, newTcp, TCP_FLAGS } from '../wire/tcp.ts';
import { decodeUdp, newUdp, UDP_HEADER_LENGTH } from '../wire/udp.ts';
import type { FlowIdentity } from './flow-identity.ts';
import { type Mode, PROOF, type Reply, type ReplyKind } from './network.ts';
import { PAYLOAD_LENGTH, SYN_LENGTH } from './probe-encoder.ts';

const TCP_CHECKSUM_AT = 16;

/** `unrelated`: somebody else's traffic. `malformed`: cut short or inconsistent. `forged`: ours by its fields, not by its code. */
export type DecodeOutcome = 'reply' | 'unrelated' | 'malformed' | 'forged';

export function newReply(): Reply {
  return {
    handle: -1,
    mode: 'raw',
    protocol: 'icmp',
    destination: new Uint8Array(16),
    destinationPort: 0,
    flow: 0,
    sequence: -1,
    otherSequence: -1,
    identificationRewritten: false,
    proof: PROOF.sequence,
    kind: 'time-exceeded',
    code: -1,
    responder: new Uint8Array(16),
    replyTtl: -1,
    quotedTtl: -1,
    quotedTrafficClass: -1,
    checksumDelta: -1,
    tooBig: false,
    mtu: 0,
    receivedAtNs: 0,
    bytes: new Uint8Array(0),
    extensionOffset: 0,
    extensionLength: 0,
  };
}

export class ReplyDecoder {
  readonly #identity: FlowIdentity;
  readonly #outer4 = newIpv4();
  readonly #quoted4 = newIpv4();
  readonly #quoted6 = newIpv6();
  readonly #icmp = newIcmp();
  readonly #echo = newIcmp();
  readonly #udp = newUdp();
  readonly #tcp = newTcp();
  readonly #upper = { nextHeader: 0, offset: 0 };
  readonly #extension = { offset: 0, length: 0 };

  constructor(identity: FlowIdentity) {
    this.#identity = identity;
  }

  /** An IPv4 packet in [offset, end), as a raw socket gives it. */
  decodePacket4(bytes: Uint8Array, offset: number, end: number, reply: Reply): DecodeOutcome {
    const outer = decodeIpv4(bytes, offset, end, this.#outer4);
    if (outer === undefined) return 'malformed';
    if (outer.fragmentOffset !== 0) return 'unrelated';
    const last = Math.min(end, offset + Math.max(outer.totalLength, outer.headerLength));
    const at = offset + outer.headerLength;
    reset(reply, 'raw', bytes, outer.source, outer.ttl);
    if (outer.protocol === IP_PROTOCOL.icmp) {
      // Raw sockets are handed ICMP before its checksum is looked at.
      if (last - at >= ICMP_HEADER_LENGTH && checksum(bytes, at, last) !== 0) return 'malformed';
      return this.#decodeIcmp(bytes, at, last, 4, reply);
    }
    return this.#decodeTransport(bytes, at, last, outer.protocol, reply);
  }

  /** An upper-layer packet over IPv6 in [offset, end): raw sockets give no IPv6 header. The kernel has checked ICMPv6 checksums. */
  decodeTransport6(
    protocol: number,
    bytes: Uint8Array,
    offset: number,
    end: number,
    source: Uint8Array,
    hopLimit: number,
    reply: Reply,
  ): DecodeOutcome {
    reset(reply, 'raw', bytes, source, hopLimit);
    if (protocol === IP_PROTOCOL.icmp6) return this.#decodeIcmp(bytes, offset, end, 6, reply);
    return this.#decodeTransport(bytes, offset, end, protocol, reply);
  }

  /**
   * An entry of an ordinary socket's error queue. [offset, end) is the quoted transport data as that queue gives
   * it: from the ICMP header on, or the UDP payload. The caller sets `replyTtl`, `mtu` and the extension itself.
   */
  decodeError(
    protocol: 'icmp' | 'udp',
    family: Family,
    bytes: Uint8Array,
    offset: number,
    end: number,
    destination: Uint8Array,
    destinationPort: number,
    flow: number,
    offender: Uint8Array,
    icmpType: number,
    icmpCode: number,
    reply: Reply,
  ): DecodeOutcome {
    reset(reply, 'unprivileged', bytes, offender, -1);
    if (!setKind(reply, family, icmpType, icmpCode)) return 'unrelated';
    reply.protocol = protocol;
    reply.destination.set(destination);
    reply.destinationPort = protocol === 'icmp' ? 0 : destinationPort;
    reply.flow = flow;
    if (protocol === 'udp') return this.#takePayload(bytes, offset, end, reply) ? 'reply' : 'forged';
    if (decodeIcmp(bytes, offset, end, family, this.#echo) === undefined) return 'malformed';
    return this.#takeEcho(bytes, offset, end, family, reply);
  }

  /** A datagram that an ordinary ICMP or UDP socket received: the destination's own answer. */
  decodeDatagram(
    protocol: 'icmp' | 'udp',
    family: Family,
    bytes: Uint8Array,
    offset: number,
    end: number,
    source: Uint8Array,
    sourcePort: number,
    flow: number,
    reply: Reply,
  ): DecodeOutcome {
    reset(reply, 'unprivileged', bytes, source, -1);
    if (protocol === 'icmp') {
      const echo = decodeIcmp(bytes, offset, end, family, this.#echo);
      if (echo === undefined) return 'malformed';
      if (echo.type !== (family === 4 ? ICMP4.echoReply : ICMP6.echoReply)) return 'unrelated';
      return this.#takeEchoReply(bytes, offset, end, reply, flow);
    }
    reply.protocol = 'udp';
    reply.destination.set(source);
    reply.destinationPort = sourcePort;
    reply.flow = flow;
    reply.kind = 'udp-reply';
    reply.proof = PROOF.socket;
    return 'reply';
  }

  #decodeIcmp(bytes: Uint8Array, at: number, end: number, family: Family, reply: Reply): DecodeOutcome {
    const icmp = decodeIcmp(bytes, at, end, family, this.#icmp);
    if (icmp === undefined) return 'malformed';
    if (icmp.type === (family === 4 ? ICMP4.echoReply : ICMP6.echoReply)) {
      decodeIcmp(bytes, at, end, family, this.#echo);
      const flow = this.#identity.flowOf(icmp.identifier);
      return flow < 0 ? 'unrelated' : this.#takeEchoReply(bytes, at, end, reply, flow);
    }
    if (!setKind(reply, family, icmp.type, icmp.code)) return 'unrelated';
    reply.mtu = icmp.mtu;
    let quoteEnd = end;
    if (findExtension(bytes, at, end, family, this.#extension)) {
      reply.extensionOffset = this.#extension.offset;
      reply.extensionLength = this.#extension.length;
      quoteEnd = this.#extension.offset;
    }
    const quote = at + ICMP_HEADER_LENGTH;
    return family === 4
      ? this.#takeQuote4(bytes, quote, quoteEnd, reply)
      : this.#takeQuote6(bytes, quote, quoteEnd, reply);
  }

  #takeQuote4(bytes: Uint8Array, at: number, end: number, reply: Reply): DecodeOutcome {
    const ip = decodeIpv4(bytes, at, end, this.#quoted4);
    if (ip === undefined) return 'malformed';
    if (ip.fragmentOffset !== 0) return 'unrelated';
    reply.destination.set(ip.destination);
    reply.quotedTtl = ip.ttl;
    reply.quotedTrafficClass = ip.trafficClass;
    const last = ip.totalLength < ip.headerLength ? end : Math.min(end, at + ip.totalLength);
    const outcome = this.#takeTransport(bytes, at + ip.headerLength, last, ip.protocol, 4, reply);
    return outcome === 'reply' ? this.#takeIdentification(ip.identification, reply) : outcome;
  }

  #takeQuote6(bytes: Uint8Array, at: number, end: number, reply: Reply): DecodeOutcome {
    const ip = decodeIpv6(bytes, at, end, this.#quoted6);
    if (ip === undefined) return 'malformed';
    const upper = this.#upper;
    const start = at + IPV6_HEADER_LENGTH;
    if (!skipExtensionHeaders(bytes, start, end, ip.nextHeader, upper)) return 'malformed';
    reply.destination.set(ip.destination);
    reply.quotedTtl = ip.hopLimit;
    reply.quotedTrafficClass = ip.trafficClass;
    return this.#takeTransport(
      bytes,
      upper.offset,
      Math.min(end, start + ip.payloadLength),
      upper.nextHeader,
      6,
      reply,
    );
  }

  /** The quoted transport header, and as much of the payload as there is. */
  #takeTransport(
    bytes: Uint8Array,
    at: number,
    end: number,
    protocol: number,
    family: Family,
    reply: Reply,
  ): DecodeOutcome {
    if (protocol === (family === 4 ? IP_PROTOCOL.icmp : IP_PROTOCOL.icmp6)) {
      const echo = decodeIcmp(bytes, at, end, family, this.#echo);
      if (echo === undefined) return 'malformed';
      if (echo.type !== (family === 4 ? ICMP4.echoRequest : ICMP6.echoRequest)) return 'unrelated';
      reply.flow = this.#identity.flowOf(echo.identifier);
      reply.protocol = 'icmp';
      return reply.flow < 0 ? 'unrelated' : this.#takeEcho(bytes, at, end, family, reply);
    }
    if (protocol === IP_PROTOCOL.udp) return this.#takeUdp(bytes, at, end, reply);
    if (protocol === IP_PROTOCOL.tcp) return this.#takeTcp(bytes, at, end, family, reply);
    return 'unrelated';
  }

  /** `#echo` holds the quoted echo request at `at`. */
  #takeEcho(bytes: Uint8Array, at: number, end: number, family: Family, reply: Reply): DecodeOutcome {
    reply.sequence = this.#echo.sequence;
    if (family === 4) {
      const sent = this.#identity.icmpChecksumOf(reply.flow);
      reply.checksumDelta = onesComplementSubtract(this.#echo.checksum, sent);
    }
    return this.#takePayload(bytes, at + ICMP_HEADER_LENGTH, end, reply) ? 'reply' : 'forged';
  }

  #takeUdp(bytes: Uint8Array, at: number, end: number, reply: Reply): DecodeOutcome {
    const udp = decodeUdp(bytes, at, end, this.#udp);
    if (udp === undefined) return 'malformed';
    reply.protocol = 'udp';
    reply.flow = this.#identity.flowOf(udp.sourcePort);
    if (reply.flow < 0) return 'unrelated';
    reply.destinationPort = udp.destinationPort;
    reply.sequence = udp.checksum;
    if (!this.#takePayload(bytes, at + UDP_HEADER_LENGTH, end, reply)) return 'forged';
    if (reply.proof >= PROOF.code) reply.checksumDelta = onesComplementSubtract(udp.checksum, reply.sequence);
    return 'reply';
  }

  #takeTcp(bytes: Uint8Array, at: number, end: number, family: Family, reply: Reply): DecodeOutcome {
    const tcp = decodeTcpQuote(bytes, at, end, this.#tcp);
    if (tcp === undefined) return 'malformed';
    reply.protocol = 'tcp';
    reply.flow = this.#identity.flowOf(tcp.sourcePort);
    if (reply.flow < 0) return 'unrelated';
    reply.destinationPort = tcp.destinationPort;
    if (family === 4) this.#weighTcpChecksum(bytes, at, end, reply);
    return this.#takeTcpSequence(tcp.sequence, reply);
  }

  /**
   * The checksum of a SYN depends on our address, which only the quote tells here: a translator puts addresses and ports
   * back into the quote and leaves the checksum. All past the header is zeros, and counts nothing.
   */
  #weighTcpChecksum(bytes: Uint8Array, at: number, end: number, reply: Reply): void {
    const header = at + SYN_LENGTH;
    if (end < header) return;
    const { source, destination, totalLength, headerLength } = this.#quoted4;
    const pseudo = pseudoHeaderSum(source, destination, IP_PROTOCOL.tcp, totalLength - headerLength);
    const quoted = readUint16(bytes, at + TCP_CHECKSUM_AT);
    const others = onesComplementSubtract(onesComplementSum(bytes, at, header, pseudo), quoted);
    reply.checksumDelta = onesComplementSubtract(quoted, ~others & 0xffff);
  }

  #takeTcpSequence(number: number, reply: Reply): DecodeOutcome {
    reply.sequence = number >>> 16;
    if (reply.sequence === 0) return 'forged';
    const { destination, destinationPort, flow, sequence } = reply;
    if (this.#identity.shortCodeOf(destination, destinationPort, flow, sequence) !== (number & 0xffff))
      return 'forged';
    reply.proof = PROOF.code;
    return 'reply';
  }

  /**
   * The probe's payload in [at, end), where a quote holds it. False when it is there and its code is wrong.
   * Zeros are padding (RFC 4884 section 5.3), not a payload.
   */
  #takePayload(bytes: Uint8Array, at: number, end: number, reply: Reply): boolean {
    if (end - at < PAYLOAD_LENGTH) return true;
    const sequence = readUint16(bytes, at + 2);
    const code = readUint32(bytes, at + 4);
    const handle = readUint32(bytes, at + 8);
    if (sequence === 0 && code === 0 && handle === 0) return true;
    const { protocol, destinationPort, flow } = reply;
    if (this.#identity.codeOf(protocol, destinationPort, flow, sequence, handle) !== code) return false;
    reply.sequence = sequence;
    reply.handle = handle;
    reply.proof = PROOF.code;
    return true;
  }

  /** Weighs the IPv4 identification of a quote whose payload is missing, and of UDP whose checksum a NAT changed. */
  #takeIdentification(identification: number, reply: Reply): DecodeOutcome {
    const { protocol, destination, destinationPort, flow } = reply;
    if (protocol === 'tcp') return 'reply';
    const expected = this.#identity.identificationOf(
      protocol,
      destination,
      destinationPort,
      flow,
      reply.sequence,
    );
    if (reply.proof >= PROOF.code) {
      reply.identificationRewritten = identification !== expected;
      return 'reply';
    }
    if (identification === expected) {
      reply.proof = PROOF.identification;
      if (protocol === 'udp') reply.checksumDelta = 0;
    } else if (protocol === 'udp') {
      const quoted = reply.sequence;
      const hidden = this.#identity.sequenceOfIdentification(
        destination,
        destinationPort,
        flow,
        identification,
      );
      if (hidden < 0) return 'reply';
      // A NAT changes the checksum, a scrubber the identification: the tracer knows which one was sent.
      reply.otherSequence = quoted;
      reply.sequence = hidden;
      reply.checksumDelta = onesComplementSubtract(quoted, hidden);
      reply.proof = PROOF.identification;
    }
    return 'reply';
  }

  /** `#echo` holds an echo reply at `at`. Its payload is whole, so its code must be right. */
  #takeEchoReply(bytes: Uint8Array, at: number, end: number, reply: Reply, flow: number): DecodeOutcome {
    reply.protocol = 'icmp';
    reply.kind = 'echo-reply';
    reply.flow = flow;
    reply.sequence = this.#echo.sequence;
    reply.destination.set(reply.responder);
    reply.destinationPort = 0;
    const payload = at + ICMP_HEADER_LENGTH;
    return this.#takePayload(bytes, payload, end, reply) && reply.proof === PROOF.code ? 'reply' : 'forged';
  }

  /** A segment or datagram that came straight from the destination. */
  #decodeTransport(
    bytes: Uint8Array,
    at: number,
    end: number,
    protocol: number,
    reply: Reply,
  ): DecodeOutcome {
    reply.destination.set(reply.responder);
    if (protocol === IP_PROTOCOL.udp) {
      const udp = decodeUdp(bytes, at, end, this.#udp);
      if (udp === undefined) return 'malformed';
      reply.flow = this.#identity.flowOf(udp.destinationPort);
      reply.protocol = 'udp';
      reply.destinationPort = udp.sourcePort;
      reply.kind = 'udp-reply';
      return reply.flow < 0 ? 'unrelated' : 'reply';
    }
    if (protocol !== IP_PROTOCOL.tcp) return 'unrelated';
    const tcp = decodeTcp(bytes, at, end, this.#tcp);
    if (tcp === undefined) return 'malformed';
    reply.flow = this.#identity.flowOf(tcp.destinationPort);
    if (reply.flow < 0 || (tcp.flags & TCP_FLAGS.ack) === 0) return 'unrelated';
    if ((tcp.flags & TCP_FLAGS.rst) !== 0) reply.kind = 'rst';
    else if ((tcp.flags & TCP_FLAGS.syn) !== 0) reply.kind = 'syn-ack';
    else return 'unrelated';
    reply.protocol = 'tcp';
    reply.destinationPort = tcp.sourcePort;
    const last = (tcp.acknowledgement - 1) >>> 0;
    const outcome = this.#takeTcpSequence(last, reply);
    return outcome === 'forged' && reply.kind === 'rst' ? this.#takeTcpReset(last, reply) : outcome;
  }

  /** A reset acknowledges the padding of a SYN too (RFC 9293 section 3.10.7.1): it came to one of the lengths sent lately. */
  #takeTcpReset(last: number, reply: Reply): DecodeOutcome {
    for (const padding of this.#identity.paddings) {
      if (this.#takeTcpSequence((last - padding) >>> 0, reply) === 'reply') return 'reply';
    }
    return 'forged';
  }
}

function reset(reply: Reply, mode: Mode, bytes: Uint8Array, responder: Uint8Array, replyTtl: number): void {
  reply.handle = -1;
  reply.destinationPort = 0;
  reply.mode = mode;
  reply.sequence = -1;
  reply.otherSequence = -1;
  reply.identificationRewritten = false;
  reply.proof = PROOF.sequence;
  reply.code = -1;
  reply.responder.set(responder);
  reply.replyTtl = replyTtl;
  reply.quotedTtl = -1;
  reply.quotedTrafficClass = -1;
  reply.checksumDelta = -1;
  reply.tooBig = false;
  reply.mtu = 0;
  reply.bytes = bytes;
  reply.extensionOffset = 0;
  reply.extensionLength = 0;
}

/** Sets kind and code from an ICMP error; false for messages that say nothing about a path. */
function setKind(reply: Reply, family: Family, type: number, code: number): boolean {
  const kind = kindOf(family, type, code);
  if (kind === undefined) return false;
  reply.kind = kind;
  reply.code = code;
  reply.tooBig =
    family === 4 ? type === ICMP4.unreachable && code === FRAGMENTATION_NEEDED : type === ICMP6.packetTooBig;
  return true;
}

/** RFC 792 and RFC 4443. Code 1 of time exceeded is a reassembly timer, not a hop. */
function kindOf(family: Family, type: number, code: number): ReplyKind | undefined {
  if (family === 4) {
    if (type === ICMP4.timeExceeded) return code === 0 ? 'time-exceeded' : undefined;
    if (type === ICMP4.unreachable) return code === 3 ? 'port-unreachable' : 'unreachable';
    return undefined;
  }
  if (type === ICMP6.timeExceeded) return code === 0 ? 'time-exceeded' : undefined;
  if (type === ICMP6.unreachable) return code === 4 ? 'port-unreachable' : 'unreachable';
  return type === ICMP6.packetTooBig ? 'unreachable' : undefined;
}
