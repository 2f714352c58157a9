import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capturedPacket, PACKET_NAMES } from '../../test/captured-packet.ts';
import { fuzz, type Record, recordFields } from '../../test/packet-mutator.ts';
import type { Family } from './address.ts';
import { decodeIcmp, newIcmp } from './icmp.ts';
import {
  decodeInterfaceInformation,
  decodeMplsStack,
  findExtension,
  isExtension,
  MAX_INTERFACE_NAME_BYTES,
  MAX_INTERFACES,
  MAX_MPLS_ENTRIES,
} from './icmp-extension.ts';
import { IP_PROTOCOL } from './ip-protocol.ts';
import { decodeIpv4, newIpv4 } from './ipv4.ts';
import { decodeIpv6, IPV6_HEADER_LENGTH, newIpv6, skipExtensionHeaders } from './ipv6.ts';
import { decodeTcp, decodeTcpQuote, newTcp } from './tcp.ts';
import { decodeUdp, newUdp } from './udp.ts';

const PACKETS = 1_000_000;

/** One set of objects to decode into. */
const newWorkplace = () => ({
  ipv4: newIpv4(),
  ipv6: newIpv6(),
  icmp: newIcmp(),
  udp: newUdp(),
  tcp: newTcp(),
  upper: { nextHeader: 0, offset: 0 },
  extension: { offset: 0, length: 0 },
});

/** Walks packets as a receiver would, whole messages and quotes alike, and counts what each decoder accepted. */
class Walker {
  readonly accepted: { [decoder: string]: number } = {};
  readonly #record: Record;
  readonly #into: ReturnType<typeof newWorkplace>;

  constructor(record: Record, into: ReturnType<typeof newWorkplace>) {
    this.#record = record;
    this.#into = into;
  }

  #take(decoder: string, decoded: object | undefined): void {
    this.#record(decoder);
    if (decoded === undefined) return;
    this.accepted[decoder] = (this.accepted[decoder] ?? 0) + 1;
    recordFields(this.#record, decoded);
  }

  packet(bytes: Uint8Array, offset: number, end: number, depth: number): void {
    const into = this.#into;
    const ipv4 = decodeIpv4(bytes, offset, end, into.ipv4);
    this.#take('ipv4', ipv4);
    if (ipv4 !== undefined) {
      this.transport(bytes, offset + ipv4.headerLength, end, ipv4.protocol, 4, depth);
      return;
    }
    const ipv6 = decodeIpv6(bytes, offset, end, into.ipv6);
    this.#take('ipv6', ipv6);
    if (ipv6 === undefined) return;
    const start = offset + IPV6_HEADER_LENGTH;
    if (!skipExtensionHeaders(bytes, start, end, ipv6.nextHeader, into.upper)) return;
    const { nextHeader, offset: upper } = into.upper;
    assert.ok(upper >= start && upper <= end);
    this.#take('extension headers', { nextHeader, skipped: upper - start });
    this.transport(bytes, upper, end, nextHeader, 6, depth);
  }

  transport(
    bytes: Uint8Array,
    offset: number,
    end: number,
    protocol: number,
    family: Family,
    depth: number,
  ): void {
    const into = this.#into;
    if (protocol === IP_PROTOCOL.udp) this.#take('udp', decodeUdp(bytes, offset, end, into.udp));
    if (protocol === IP_PROTOCOL.tcp) {
      this.#take('tcp', decodeTcp(bytes, offset, end, into.tcp));
      this.#take('tcp quote', decodeTcpQuote(bytes, offset, end, into.tcp));
    }
    if (protocol !== IP_PROTOCOL.icmp && protocol !== IP_PROTOCOL.icmp6) return;
    const icmp = decodeIcmp(bytes, offset, end, family, into.icmp);
    this.#take('icmp', icmp);
    if (findExtension(bytes, offset, end, family, into.extension)) {
      const { offset: at, length } = into.extension;
      assert.ok(at >= offset + 8 && at + length === end);
      this.extension(bytes, at, length);
    }
    if (icmp !== undefined && depth > 0) this.packet(bytes, offset + 8, end, depth - 1);
  }

  extension(bytes: Uint8Array, offset: number, length: number): void {
    const labels = decodeMplsStack(bytes, offset, length);
    assert.ok(labels.length <= MAX_MPLS_ENTRIES);
    for (const label of labels) this.#take('mpls', label);
    const interfaces = decodeInterfaceInformation(bytes, offset, length);
    assert.ok(interfaces.length <= MAX_INTERFACES);
    for (const entry of interfaces) {
      this.#take('interface', entry);
      if (entry.name === undefined) continue;
      assert.ok(entry.name.length <= MAX_INTERFACE_NAME_BYTES);
      assert.doesNotMatch(entry.name, /[\p{C}\p{Zl}\p{Zp}]/u);
    }
  }

  /** Every decoder at a place where nothing of its kind need be. */
  anywhere(bytes: Uint8Array, offset: number, end: number, dice: number): void {
    const at = offset + (dice % Math.max(1, end - offset + 1));
    const family = dice & 0x100 ? 4 : 6;
    this.packet(bytes, at, end, 0);
    for (const protocol of [1, 6, 17]) this.transport(bytes, at, end, protocol, family, 0);
    this.#record(isExtension(bytes, at, end));
    this.extension(bytes, at, end - at);
  }
}

test(`every decoder survives ${PACKETS} mutated packets and reads nothing outside`, () => {
  const kept = newWorkplace();
  const accepted: { [decoder: string]: number } = {};
  fuzz({
    seed: 0x5eed,
    packets: PACKETS,
    corpus: PACKET_NAMES.map(capturedPacket),
    decode: (bytes, offset, end, record, again, dice) => {
      // Once into objects that hold the last packet's values, once into new ones: nothing stale may show.
      const walker = new Walker(record, again ? newWorkplace() : kept);
      walker.packet(bytes, offset, end, 1);
      if (dice % 4 === 0) walker.anywhere(bytes, offset, end, dice >> 2);
      for (const [decoder, count] of Object.entries(walker.accepted)) {
        accepted[decoder] = (accepted[decoder] ?? 0) + count;
      }
    },
  });
  const decoders = [
    'ipv4',
    'ipv6',
    'extension headers',
    'udp',
    'tcp',
    'tcp quote',
    'icmp',
    'mpls',
    'interface',
  ];
  for (const decoder of decoders) {
    assert.ok((accepted[decoder] ?? 0) > PACKETS / 100, `${decoder} accepted ${accepted[decoder] ?? 0}`);
  }
});
