import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { capturedPacket } from '../../test/captured-packet.ts';
import type { Family } from './address.ts';
import { pseudoHeaderSum } from './checksum.ts';
import {
  carriesExtension,
  decodeIcmp,
  echoWord,
  encodeIcmp,
  FRAGMENTATION_NEEDED,
  ICMP_HEADER_LENGTH,
  ICMP4,
  ICMP6,
  lengthWord,
  newIcmp,
  sealIcmp,
} from './icmp.ts';
import { decodeIpv6 } from './ipv6.ts';

test('decodeIcmp() reads captured echo messages of both families', () => {
  const request = capturedPacket('ipv4-icmp-echo-request');
  assert.deepEqual(decodeIcmp(request, 20, request.length, 4), {
    type: ICMP4.echoRequest,
    code: 0,
    checksum: 0x60a6,
    identifier: 10586,
    sequence: 1,
    word: echoWord(10586, 1),
    lengthField: 0,
    mtu: 0,
  });
  const reply = capturedPacket('ipv6-icmp-echo-reply');
  const decoded = decodeIcmp(reply, 40, reply.length, 6);
  assert.equal(decoded?.type, ICMP6.echoReply);
  assert.equal(decoded?.identifier, 10598);
  assert.equal(decoded?.sequence, 1);
});

test('decodeIcmp() reads the types and codes of captured errors', () => {
  for (const [name, offset, family, type, code] of [
    ['ipv4-icmp-time-exceeded-quoting-udp', 20, 4, ICMP4.timeExceeded, 0],
    ['ipv4-icmp-unreachable-3-quoting-udp', 20, 4, ICMP4.unreachable, 3],
    ['ipv6-icmp-time-exceeded-quoting-tcp', 40, 6, ICMP6.timeExceeded, 0],
    ['ipv6-icmp-unreachable-1-quoting-icmp', 40, 6, ICMP6.unreachable, 1],
    ['ipv6-icmp-unreachable-4-quoting-udp', 40, 6, ICMP6.unreachable, 4],
    ['ipv6-icmp-neighbour-solicitation', 40, 6, ICMP6.neighbourSolicitation, 0],
  ] as const) {
    const packet = capturedPacket(name);
    const decoded = decodeIcmp(packet, offset, packet.length, family);
    assert.deepEqual([decoded?.type, decoded?.code, decoded?.lengthField], [type, code, 0], name);
  }
});

test('decodeIcmp() reads the MTU of captured "fragmentation needed" and "packet too big"', () => {
  const four = capturedPacket('ipv4-icmp-unreachable-4-quoting-icmp');
  const needed = decodeIcmp(four, 20, four.length, 4);
  assert.equal(needed?.code, FRAGMENTATION_NEEDED);
  assert.equal(needed?.mtu, 1400);
  const six = capturedPacket('ipv6-icmp-packet-too-big-quoting-icmp');
  const tooBig = decodeIcmp(six, 40, six.length, 6);
  assert.equal(tooBig?.type, ICMP6.packetTooBig);
  assert.equal(tooBig?.mtu, 1400);
});

test('decodeIcmp() reads the length attribute in the unit of its family, and only where a type has one', () => {
  const four = capturedPacket('ipv4-mpls-and-interface');
  assert.equal(decodeIcmp(four, 20, four.length, 4)?.lengthField, 128);
  const six = capturedPacket('ipv6-mpls-and-interfaces');
  assert.equal(decodeIcmp(six, 40, six.length, 6)?.lengthField, 128);
  for (const family of [4, 6] as const) {
    for (let type = 0; type <= 0xff; type++) {
      const message = new Uint8Array(8).fill(0x20);
      message[0] = type;
      const wanted = carriesExtension(family, type) ? 0x20 * (family === 4 ? 4 : 8) : 0;
      assert.equal(decodeIcmp(message, 0, 8, family)?.lengthField, wanted, `family ${family} type ${type}`);
    }
  }
});

test('encodeIcmp() and sealIcmp() into a dirty buffer equal the captures', () => {
  for (const [name, offset, family] of [
    ['ipv4-icmp-echo-request', 20, 4],
    ['ipv4-icmp-time-exceeded-quoting-tcp', 20, 4],
    ['ipv4-icmp-unreachable-4-quoting-icmp', 20, 4],
    ['ipv6-icmp-echo-reply', 40, 6],
    ['ipv6-icmp-packet-too-big-quoting-icmp', 40, 6],
    ['ipv6-icmp-neighbour-solicitation', 40, 6],
  ] as const) {
    const packet = capturedPacket(name);
    const icmp = decodeIcmp(packet, offset, packet.length, family);
    assert.ok(icmp !== undefined);
    const buffer = new Uint8Array(packet.length).fill(0xa5);
    const written = encodeIcmp({ ...icmp, checksum: 0xdead }, buffer, offset);
    buffer.set(packet.subarray(offset + written), offset + written);
    const ip = decodeIpv6(packet, 0, packet.length);
    const sum = ip === undefined ? 0 : pseudoHeaderSum(ip.source, ip.destination, 58, ip.payloadLength);
    assert.equal(sealIcmp(buffer, offset, buffer.length, sum), icmp.checksum);
    assert.deepEqual(buffer.subarray(offset), packet.subarray(offset), name);
    assert.ok(buffer.subarray(0, offset).every((byte) => byte === 0xa5));
  }
});

test('decodeIcmp() undoes encodeIcmp()', () => {
  const header = fc.record(
    {
      type: fc.nat(0xff),
      code: fc.nat(0xff),
      checksum: fc.nat(0xffff),
      word: fc.nat(0xffffffff),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(header, fc.constantFrom<Family>(4, 6), fc.nat(9), (icmp, family, offset) => {
      const buffer = new Uint8Array(20).fill(0xa5);
      const end = offset + encodeIcmp(icmp, buffer, offset);
      const decoded = decodeIcmp(buffer, offset, end, family);
      assert.ok(decoded !== undefined);
      const { type, code, checksum, word } = decoded;
      assert.deepEqual({ type, code, checksum, word }, icmp);
      assert.equal(echoWord(decoded.identifier, decoded.sequence), icmp.word);
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test('lengthWord() is what decodeIcmp() reads back', () => {
  for (const [family, type, unit] of [
    [4, ICMP4.unreachable, 4],
    [6, ICMP6.timeExceeded, 8],
  ] as const) {
    for (let units = 0; units <= 0xff; units++) {
      const buffer = new Uint8Array(8);
      encodeIcmp({ type, code: 0, checksum: 0, word: lengthWord(family, units * unit) }, buffer, 0);
      assert.equal(decodeIcmp(buffer, 0, 8, family)?.lengthField, units * unit);
    }
  }
});

test('decodeIcmp() refuses a header cut short at any length and leaves the object alone', () => {
  const packet = capturedPacket('ipv4-icmp-echo-request');
  for (let length = 0; length < ICMP_HEADER_LENGTH; length++) {
    const into = newIcmp();
    assert.equal(decodeIcmp(packet, 20, 20 + length, 4, into), undefined, `${length} bytes`);
    assert.deepEqual(into, newIcmp());
  }
});
