// The header fields of a flow, as balancers see them, and the shortest packet that has them.

import type { Protocol } from '../src/trace/network.ts';
import { familyOf, parseAddress } from '../src/wire/address.ts';
import { ICMP4, ICMP6 } from '../src/wire/icmp.ts';
import { IP_PROTOCOL } from '../src/wire/ip-protocol.ts';
import { encodeIpv4, IPV4_HEADER_LENGTH, newIpv4 } from '../src/wire/ipv4.ts';
import { encodeIpv6, IPV6_HEADER_LENGTH, newIpv6 } from '../src/wire/ipv6.ts';
import { writeUint16 } from '../src/wire/network-order.ts';
import type { Scenario } from './scenario.ts';
import { sourceOf } from './timeline.ts';

export interface FlowFields {
  readonly target: string;
  readonly protocol: Protocol;
  /** UDP and TCP; default 33,000. */
  readonly sourcePort?: number;
  /** UDP and TCP; default 33,434 and 443. */
  readonly destinationPort?: number;
  /** ICMP; default 1 and 0. */
  readonly identifier?: number;
  readonly checksum?: number;
  readonly flowLabel?: number;
  readonly trafficClass?: number;
  /** Default: the scenario's source. */
  readonly source?: string;
}

const TRANSPORT_LENGTH = 20;
const SYN_OFFSET_AND_FLAGS = 0x5002;

/** A packet with these fields and no other meaning; throws a RangeError when an address is none. */
export function flowPacket(scenario: Scenario, flow: FlowFields): Uint8Array {
  const destination = parseAddress(flow.target);
  if (destination === undefined) throw new RangeError(`not an address: ${flow.target}`);
  const family = familyOf(destination);
  const { v4, v6 } = sourceOf(scenario);
  const source = parseAddress(flow.source ?? (family === 4 ? v4 : v6));
  if (source === undefined) throw new RangeError(`not an address: ${flow.source}`);
  const icmpNumber = family === 4 ? IP_PROTOCOL.icmp : IP_PROTOCOL.icmp6;
  const protocol = flow.protocol === 'icmp' ? icmpNumber : IP_PROTOCOL[flow.protocol];
  const at = family === 4 ? IPV4_HEADER_LENGTH : IPV6_HEADER_LENGTH;
  const bytes = new Uint8Array(at + TRANSPORT_LENGTH);
  const trafficClass = flow.trafficClass ?? 0;
  if (family === 4) {
    const lengths = { totalLength: bytes.length, ttl: TRANSPORT_LENGTH };
    encodeIpv4({ ...newIpv4(), ...lengths, trafficClass, protocol, source, destination }, bytes, 0);
  } else {
    const fields = { payloadLength: TRANSPORT_LENGTH, hopLimit: 64, flowLabel: flow.flowLabel ?? 0 };
    encodeIpv6(
      { ...newIpv6(), ...fields, trafficClass, nextHeader: protocol, source, destination },
      bytes,
      0,
    );
  }
  if (flow.protocol === 'icmp') {
    bytes[at] = family === 4 ? ICMP4.echoRequest : ICMP6.echoRequest;
    writeUint16(bytes, at + 2, flow.checksum ?? 0);
    writeUint16(bytes, at + 4, flow.identifier ?? 1);
    return bytes;
  }
  writeUint16(bytes, at, flow.sourcePort ?? 33_000);
  writeUint16(bytes, at + 2, flow.destinationPort ?? (flow.protocol === 'udp' ? 33_434 : 443));
  if (flow.protocol === 'udp') writeUint16(bytes, at + 4, TRANSPORT_LENGTH);
  else writeUint16(bytes, at + 12, SYN_OFFSET_AND_FLAGS);
  return bytes;
}
