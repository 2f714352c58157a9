import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { capturedPacket } from '../../test/captured-packet.ts';
import { compensationFor, onesComplementSum, pseudoHeaderSum } from './checksum.ts';
import { decodeIpv4 } from './ipv4.ts';
import { decodeIpv6 } from './ipv6.ts';
import { writeUint16 } from './network-order.ts';
import { decodeUdp, encodeUdp, newUdp, sealUdp, UDP_HEADER_LENGTH } from './udp.ts';

const CAPTURED = [
  ['ipv4-udp', 20],
  ['ipv6-udp', 40],
] as const;

const port = fc.nat(0xffff);

test('decodeUdp() reads captured traceroute probes', () => {
  const four = capturedPacket('ipv4-udp');
  assert.deepEqual(decodeUdp(four, 20, four.length), {
    sourcePort: 40000,
    destinationPort: 33434,
    length: 52,
    checksum: 0x60ea,
  });
  const six = capturedPacket('ipv6-udp');
  assert.deepEqual(decodeUdp(six, 40, six.length), {
    sourcePort: 40000,
    destinationPort: 33434,
    length: 32,
    checksum: 0xfdbb,
  });
});

test('decodeUdp() reads a quote of 8 bytes, whose length field promises more', () => {
  const packet = capturedPacket('ipv4-icmp-unreachable-3-quoting-udp');
  assert.equal(decodeUdp(packet, 48, 56)?.destinationPort, 33436);
  assert.equal(decodeUdp(packet, 48, 56)?.length, 52);
});

test('encodeUdp() and sealUdp() into a dirty buffer equal the captures', () => {
  for (const [name, offset] of CAPTURED) {
    const packet = capturedPacket(name);
    const udp = decodeUdp(packet, offset, packet.length);
    const ip = decodeIpv4(packet, 0, packet.length) ?? decodeIpv6(packet, 0, packet.length);
    assert.ok(udp !== undefined && ip !== undefined);
    const buffer = new Uint8Array(packet.length).fill(0xa5);
    const written = encodeUdp({ ...udp, checksum: 0xdead }, buffer, offset);
    buffer.set(packet.subarray(offset + written), offset + written);
    const sum = pseudoHeaderSum(ip.source, ip.destination, 17, udp.length);
    assert.equal(sealUdp(buffer, offset, buffer.length, sum), udp.checksum);
    assert.deepEqual(buffer.subarray(offset), packet.subarray(offset), name);
    assert.ok(buffer.subarray(0, offset).every((byte) => byte === 0xa5));
  }
});

test('decodeUdp() undoes encodeUdp()', () => {
  const header = fc.record(
    {
      sourcePort: port,
      destinationPort: port,
      length: fc.integer({ min: 8, max: 0xffff }),
      checksum: port,
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(header, fc.nat(9), (udp, offset) => {
      const buffer = new Uint8Array(20).fill(0xa5);
      assert.deepEqual(decodeUdp(buffer, offset, offset + encodeUdp(udp, buffer, offset)), udp);
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test('decodeUdp() refuses a header cut short at any length and leaves the object alone', () => {
  const packet = capturedPacket('ipv4-udp');
  for (let length = 0; length < UDP_HEADER_LENGTH; length++) {
    const into = newUdp();
    assert.equal(decodeUdp(packet, 20, 20 + length, into), undefined, `${length} bytes`);
    assert.deepEqual(into, newUdp());
  }
});

test('decodeUdp() rejects a length below 8', () => {
  for (let length = 0; length < 12; length++) {
    const packet = new Uint8Array(8);
    packet[5] = length;
    assert.equal(decodeUdp(packet, 0, 8) !== undefined, length >= 8, `length ${length}`);
  }
});

test('sealUdp() sends a computed 0 as 0xffff (RFC 768)', () => {
  const datagram = Uint8Array.of(0x12, 0x34, 0x56, 0x78, 0, 10, 0, 0, 0, 0);
  const pseudoSum = 0x4321;
  writeUint16(datagram, 8, compensationFor(onesComplementSum(datagram, 0, 10, pseudoSum), 0));
  assert.equal(sealUdp(datagram, 0, 10, pseudoSum), 0xffff);
  assert.equal(decodeUdp(datagram, 0, 10)?.checksum, 0xffff);
});
