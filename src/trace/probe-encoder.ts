// A probe as bytes: a whole IP packet for raw sockets, or what an ordinary socket is given to send.
//
// Payload of ICMP and UDP probes, and of nothing else:
//   0  compensation: holds the checksum at its constant (ICMP) or makes it the sequence (UDP over raw sockets)
//   2  sequence
//   4  code: 32 bits keyed with the run's secret
//   8  handle: the tracer's name for the probe, vouched for by the code
//  12  zeros up to the packet length asked for

import { type Family, familyOf } from '../wire/address.ts';
import { compensationFor, onesComplementSum, pseudoHeaderSum } from '../wire/checksum.ts';
import { echoWord, encodeIcmp, ICMP_HEADER_LENGTH, ICMP4, ICMP6, sealIcmp } from '../wire/icmp.ts';
import { IP_PROTOCOL } from '../wire/ip-protocol.ts';
import { encodeIpv4, IPV4_HEADER_LENGTH, newIpv4 } from '../wire/ipv4.ts';
import { encodeIpv6, IPV6_HEADER_LENGTH, newIpv6 } from '../wire/ipv6.ts';
import { writeUint16, writeUint32 } from '../wire/network-order.ts';
import { encodeTcp, newTcp, sealTcp, TCP_FLAGS, TCP_HEADER_LENGTH } from '../wire/tcp.ts';
import { encodeUdp, newUdp, UDP_HEADER_LENGTH } from '../wire/udp.ts';
import type { FlowIdentity } from './flow-identity.ts';
import type { Probe, Protocol } from './network.ts';

export const PAYLOAD_LENGTH = 12;

const SHORTEST_ICMP = ICMP_HEADER_LENGTH + PAYLOAD_LENGTH;
/** Maximum segment size option (RFC 9293 section 3.2): firewalls drop bare SYNs as scans. */
const TCP_OPTIONS_LENGTH = 4;
const ADVERTISED_MSS = 1460;
/** Header and option of a TCP probe. */
export const SYN_LENGTH: number = TCP_HEADER_LENGTH + TCP_OPTIONS_LENGTH;

export class ProbeEncoder {
  readonly #identity: FlowIdentity;
  readonly #ipv4 = newIpv4();
  readonly #ipv6 = newIpv6();
  readonly #udp = newUdp();
  readonly #tcp = newTcp();

  constructor(identity: FlowIdentity) {
    this.#identity = identity;
  }

  /**
   * Writes the whole IP packet of `probe` at `offset` and returns its length. `source` may be :: mapped 0.0.0.0
   * for ICMP over IPv4 (the kernel fills it in); UDP and TCP checksums need the true one.
   */
  encodePacket(
    probe: Probe,
    protocol: Protocol,
    source: Uint8Array,
    into: Uint8Array,
    offset: number,
  ): number {
    const family = familyOf(probe.destination);
    const ipLength = family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
    const transportLength = Math.max(probe.packetLength - ipLength, shortestTransport(protocol));
    const at = offset + ipLength;
    const end = at + transportLength;
    into.fill(0, at, end);
    if (protocol === 'icmp') this.#encodeIcmp(probe, family, source, into, at, end);
    else if (protocol === 'udp') this.#encodeUdp(probe, source, into, at, end);
    else this.#encodeTcp(probe, source, into, at, end);
    if (family === 4) this.#encodeIpv4(probe, protocol, source, transportLength, into, offset);
    else this.#encodeIpv6(probe, protocol, source, transportLength, into, offset);
    return ipLength + transportLength;
  }

  /**
   * Writes what an ordinary datagram socket is given: for ICMP the message (the kernel sets identifier and
   * checksum, and arrives at the flow's constant), for UDP the payload. Returns its length.
   */
  encodeDatagram(probe: Probe, protocol: 'icmp' | 'udp', into: Uint8Array, offset: number): number {
    const family = familyOf(probe.destination);
    const ipLength = family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
    const length = Math.max(probe.packetLength - ipLength, SHORTEST_ICMP);
    if (protocol === 'icmp') {
      into.fill(0, offset, offset + length);
      this.#fillIcmp(probe, family, into, offset, offset + length);
      return length;
    }
    into.fill(0, offset, offset + length - UDP_HEADER_LENGTH);
    this.#fillPayload(probe, 'udp', into, offset);
    return length - UDP_HEADER_LENGTH;
  }

  #encodeIpv4(
    probe: Probe,
    protocol: Protocol,
    source: Uint8Array,
    payloadLength: number,
    into: Uint8Array,
    offset: number,
  ): void {
    const header = this.#ipv4;
    header.trafficClass = probe.trafficClass;
    header.totalLength = IPV4_HEADER_LENGTH + payloadLength;
    header.identification = this.#identity.identificationOf(
      protocol,
      probe.destination,
      probe.destinationPort,
      probe.flow,
      probe.sequence,
    );
    header.dontFragment = probe.dontFragment;
    header.ttl = probe.ttl;
    header.protocol = IP_PROTOCOL[protocol];
    header.source = source;
    header.destination = probe.destination;
    encodeIpv4(header, into, offset);
  }

  #encodeIpv6(
    probe: Probe,
    protocol: Protocol,
    source: Uint8Array,
    payloadLength: number,
    into: Uint8Array,
    offset: number,
  ): void {
    const header = this.#ipv6;
    header.trafficClass = probe.trafficClass;
    header.flowLabel = this.#identity.flowLabelOf(probe.flow);
    header.payloadLength = payloadLength;
    header.nextHeader = protocol === 'icmp' ? IP_PROTOCOL.icmp6 : IP_PROTOCOL[protocol];
    header.hopLimit = probe.ttl;
    header.source = source;
    header.destination = probe.destination;
    encodeIpv6(header, into, offset);
  }

  #encodeIcmp(
    probe: Probe,
    family: Family,
    source: Uint8Array,
    into: Uint8Array,
    at: number,
    end: number,
  ): void {
    this.#fillIcmp(probe, family, into, at, end);
    sealIcmp(
      into,
      at,
      end,
      family === 4 ? 0 : pseudoHeaderSum(source, probe.destination, IP_PROTOCOL.icmp6, end - at),
    );
  }

  /** Header without checksum, and a payload that makes the checksum the flow's constant. */
  #fillIcmp(probe: Probe, family: Family, into: Uint8Array, at: number, end: number): void {
    encodeIcmp(
      {
        type: family === 4 ? ICMP4.echoRequest : ICMP6.echoRequest,
        code: 0,
        checksum: 0,
        word: echoWord(this.#identity.identifierOf(probe.flow), probe.sequence),
      },
      into,
      at,
    );
    const payload = at + ICMP_HEADER_LENGTH;
    this.#fillPayload(probe, 'icmp', into, payload);
    const wanted = this.#identity.icmpChecksumOf(probe.flow);
    // The pseudo header of ICMPv6 counts the length in: a longer probe must come to the same checksum all the same.
    const longer = family === 4 ? 0 : end - at - SHORTEST_ICMP;
    const sum = onesComplementSum(into, at, end, longer);
    writeUint16(into, payload, compensationFor(sum, wanted));
  }

  #encodeUdp(probe: Probe, source: Uint8Array, into: Uint8Array, at: number, end: number): void {
    const header = this.#udp;
    header.sourcePort = this.#identity.identifierOf(probe.flow);
    header.destinationPort = probe.destinationPort;
    header.length = end - at;
    header.checksum = 0;
    encodeUdp(header, into, at);
    const payload = at + UDP_HEADER_LENGTH;
    this.#fillPayload(probe, 'udp', into, payload);
    const pseudo = pseudoHeaderSum(source, probe.destination, IP_PROTOCOL.udp, end - at);
    writeUint16(into, payload, compensationFor(onesComplementSum(into, at, end, pseudo), probe.sequence));
    writeUint16(into, at + 6, probe.sequence);
  }

  #encodeTcp(probe: Probe, source: Uint8Array, into: Uint8Array, at: number, end: number): void {
    const header = this.#tcp;
    const { destination, destinationPort, flow, sequence } = probe;
    const code = this.#identity.shortCodeOf(destination, destinationPort, flow, sequence);
    this.#identity.notePadding(end - at - SYN_LENGTH);
    header.sourcePort = this.#identity.identifierOf(probe.flow);
    header.destinationPort = probe.destinationPort;
    header.sequence = ((sequence << 16) | code) >>> 0;
    header.acknowledgement = 0;
    header.headerLength = TCP_HEADER_LENGTH + TCP_OPTIONS_LENGTH;
    header.flags = TCP_FLAGS.syn;
    header.window = 0xffff;
    encodeTcp(header, into, at);
    writeUint32(into, at + TCP_HEADER_LENGTH, (2 << 24) | (4 << 16) | ADVERTISED_MSS);
    sealTcp(into, at, end, pseudoHeaderSum(source, probe.destination, IP_PROTOCOL.tcp, end - at));
  }

  #fillPayload(probe: Probe, protocol: Protocol, into: Uint8Array, at: number): void {
    writeUint16(into, at, 0);
    writeUint16(into, at + 2, probe.sequence);
    const { destinationPort, flow, sequence, handle } = probe;
    writeUint32(into, at + 4, this.#identity.codeOf(protocol, destinationPort, flow, sequence, handle));
    writeUint32(into, at + 8, handle);
  }
}

function shortestTransport(protocol: Protocol): number {
  return protocol === 'tcp' ? SYN_LENGTH : SHORTEST_ICMP;
}
