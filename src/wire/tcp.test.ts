import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { capturedPacket } from '../../test/captured-packet.ts';
import { pseudoHeaderSum } from './checksum.ts';
import { decodeIpv4 } from './ipv4.ts';
import { decodeIpv6 } from './ipv6.ts';
import {
  decodeTcp,
  decodeTcpQuote,
  encodeTcp,
  newTcp,
  sealTcp,
  TCP_FLAGS,
  TCP_HEADER_LENGTH,
  TCP_QUOTE_LENGTH,
  type Tcp,
} from './tcp.ts';

const anyHeader: fc.Arbitrary<Tcp> = fc.record(
  {
    sourcePort: fc.nat(0xffff),
    destinationPort: fc.nat(0xffff),
    sequence: fc.nat(0xffffffff),
    acknowledgement: fc.nat(0xffffffff),
    headerLength: fc.integer({ min: 5, max: 15 }).map((words) => words * 4),
    flags: fc.nat(0xff),
    window: fc.nat(0xffff),
    checksum: fc.nat(0xffff),
  },
  { noNullPrototype: true },
);

test('decodeTcp() reads a captured SYN, SYN-ACK and RST', () => {
  const syn = capturedPacket('ipv4-tcp-syn');
  assert.deepEqual(decodeTcp(syn, 20, syn.length), {
    sourcePort: 40001,
    destinationPort: 81,
    sequence: 4176713039,
    acknowledgement: 0,
    headerLength: 40,
    flags: TCP_FLAGS.syn,
    window: 5440,
    checksum: 0xf15c,
  });
  const synAck = capturedPacket('ipv6-tcp-syn-ack');
  const answer = decodeTcp(synAck, 40, synAck.length);
  assert.equal(answer?.flags, TCP_FLAGS.syn | TCP_FLAGS.ack);
  assert.equal(answer?.sequence, 845734523);
  assert.equal(answer?.acknowledgement, 135463541);
  const rst = capturedPacket('ipv4-tcp-rst');
  const refusal = decodeTcp(rst, 20, rst.length);
  assert.equal(refusal?.flags, TCP_FLAGS.rst | TCP_FLAGS.ack);
  assert.equal(refusal?.acknowledgement, 1065127798);
});

test('decodeTcpQuote() reads ports and sequence out of 8 quoted bytes and leaves nothing stale', () => {
  const packet = capturedPacket('ipv4-icmp-time-exceeded-quoting-tcp');
  const into = { ...newTcp(), acknowledgement: 1, flags: 2, window: 3, checksum: 4 };
  assert.deepEqual(decodeTcpQuote(packet, 48, 48 + TCP_QUOTE_LENGTH, into), {
    sourcePort: 40001,
    destinationPort: 81,
    sequence: 4176713039,
    acknowledgement: 0,
    headerLength: 0,
    flags: 0,
    window: 0,
    checksum: 0,
  });
});

test('decodeTcpQuote() reads every field once 20 bytes are quoted, options cut short or not', () => {
  const packet = capturedPacket('ipv4-icmp-time-exceeded-quoting-tcp');
  const whole = decodeTcp(packet, 48, packet.length);
  for (let end = 48 + TCP_HEADER_LENGTH; end <= packet.length; end++) {
    assert.deepEqual(decodeTcpQuote(packet, 48, end), whole);
  }
});

test('encodeTcp() and sealTcp() into a dirty buffer equal the captures', () => {
  for (const [name, offset] of [
    ['ipv4-tcp-syn', 20],
    ['ipv4-tcp-rst', 20],
    ['ipv6-tcp-syn-ack', 40],
  ] as const) {
    const packet = capturedPacket(name);
    const tcp = decodeTcp(packet, offset, packet.length);
    const ip = decodeIpv4(packet, 0, packet.length) ?? decodeIpv6(packet, 0, packet.length);
    assert.ok(tcp !== undefined && ip !== undefined);
    const buffer = new Uint8Array(packet.length).fill(0xa5);
    const written = encodeTcp({ ...tcp, checksum: 0xdead }, buffer, offset);
    buffer.set(packet.subarray(offset + written), offset + written);
    const sum = pseudoHeaderSum(ip.source, ip.destination, 6, packet.length - offset);
    assert.equal(sealTcp(buffer, offset, buffer.length, sum), tcp.checksum);
    assert.deepEqual(buffer.subarray(offset), packet.subarray(offset), name);
    assert.ok(buffer.subarray(0, offset).every((byte) => byte === 0xa5));
  }
});

test('decodeTcp() undoes encodeTcp()', () => {
  fc.assert(
    fc.property(anyHeader, fc.nat(9), (tcp, offset) => {
      const buffer = new Uint8Array(70).fill(0xa5);
      encodeTcp(tcp, buffer, offset);
      assert.deepEqual(decodeTcp(buffer, offset, offset + tcp.headerLength), tcp);
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test('decodeTcp() refuses a header cut short at any length, options included', () => {
  const packet = capturedPacket('ipv4-tcp-syn');
  for (let length = 0; length < 40; length++) {
    const into = newTcp();
    assert.equal(decodeTcp(packet, 20, 20 + length, into), undefined, `${length} bytes`);
    assert.deepEqual(into, newTcp());
  }
  assert.ok(decodeTcp(packet, 20, 60) !== undefined);
});

test('decodeTcpQuote() refuses a quote below 8 bytes', () => {
  const packet = capturedPacket('ipv4-tcp-syn');
  for (let length = 0; length < TCP_QUOTE_LENGTH; length++) {
    assert.equal(decodeTcpQuote(packet, 20, 20 + length), undefined, `${length} bytes`);
  }
});

test('decodeTcp() refuses a data offset below 5', () => {
  for (let words = 0; words < 16; words++) {
    const segment = new Uint8Array(60);
    segment[12] = words << 4;
    assert.equal(decodeTcp(segment, 0, 60) !== undefined, words >= 5, `data offset ${words}`);
  }
});
