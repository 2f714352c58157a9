import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { capturedPacket } from '../../test/captured-packet.ts';
import { formatAddress } from './address.ts';
import { decodeIpv4, encodeIpv4, IPV4_HEADER_LENGTH, type Ipv4, newIpv4 } from './ipv4.ts';

const mapped = fc
  .uint8Array({ minLength: 4, maxLength: 4 })
  .map((quad) => Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...quad));

const anyHeader: fc.Arbitrary<Ipv4> = fc.record(
  {
    headerLength: fc.constant(IPV4_HEADER_LENGTH),
    trafficClass: fc.nat(0xff),
    totalLength: fc.nat(0xffff),
    identification: fc.nat(0xffff),
    dontFragment: fc.boolean(),
    moreFragments: fc.boolean(),
    fragmentOffset: fc.nat(0x1fff).map((units) => units * 8),
    ttl: fc.nat(0xff),
    protocol: fc.nat(0xff),
    checksum: fc.nat(0xffff),
    source: mapped,
    destination: mapped,
  },
  { noNullPrototype: true },
);

test('decodeIpv4() reads a captured echo request', () => {
  const packet = capturedPacket('ipv4-icmp-echo-request');
  const { source, destination, ...rest } = decodeIpv4(packet, 0, packet.length) ?? newIpv4();
  assert.equal(formatAddress(source), '100.64.0.2');
  assert.equal(formatAddress(destination), '198.18.0.1');
  assert.deepEqual(rest, {
    headerLength: 20,
    trafficClass: 0x48,
    totalLength: 84,
    identification: 51251,
    dontFragment: true,
    moreFragments: false,
    fragmentOffset: 0,
    ttl: 64,
    protocol: 1,
    checksum: 0x47d8,
  });
});

test('decodeIpv4() takes the options of a captured record-route reply into headerLength, in the quote too', () => {
  const packet = capturedPacket('ipv4-icmp-time-exceeded-quoting-icmp-with-options');
  assert.equal(decodeIpv4(packet, 0, packet.length)?.headerLength, 60);
  const quote = decodeIpv4(packet, 68, packet.length);
  assert.equal(quote?.headerLength, 60);
  assert.equal(quote?.ttl, 1);
  assert.equal(quote?.identification, 51631);
});

test('decodeIpv4() decodes into the object given', () => {
  const packet = capturedPacket('ipv4-udp');
  const into = newIpv4();
  const { source } = into;
  assert.equal(decodeIpv4(packet, 0, packet.length, into), into);
  assert.equal(into.source, source);
});

test('encodeIpv4() into a dirty buffer equals the captured headers', () => {
  for (const name of [
    'ipv4-icmp-echo-request',
    'ipv4-udp',
    'ipv4-tcp-syn-ack',
    'ipv4-icmp-echo-reply',
  ] as const) {
    const packet = capturedPacket(name);
    const header = decodeIpv4(packet, 0, packet.length);
    assert.ok(header !== undefined);
    header.checksum = 0;
    const buffer = new Uint8Array(40).fill(0xa5);
    assert.equal(encodeIpv4(header, buffer, 8), IPV4_HEADER_LENGTH);
    assert.deepEqual(buffer.subarray(8, 28), packet.subarray(0, 20), name);
    assert.ok(buffer.subarray(0, 8).every((byte) => byte === 0xa5));
    assert.ok(buffer.subarray(28).every((byte) => byte === 0xa5));
  }
});

test('decodeIpv4() undoes encodeIpv4()', () => {
  fc.assert(
    fc.property(anyHeader, fc.nat(9), (header, offset) => {
      const buffer = new Uint8Array(32).fill(0xa5);
      const end = offset + encodeIpv4(header, buffer, offset);
      const decoded = decodeIpv4(buffer, offset, end);
      assert.ok(decoded !== undefined);
      assert.deepEqual({ ...decoded, checksum: 0 }, { ...header, checksum: 0 });
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test('decodeIpv4() refuses a header cut short at any length and leaves the object alone', () => {
  const packet = capturedPacket('ipv4-icmp-time-exceeded-quoting-icmp-with-options');
  for (let end = 0; end < 60; end++) {
    const into = newIpv4();
    assert.equal(decodeIpv4(packet, 0, end, into), undefined, `${end} bytes`);
    assert.deepEqual(into, newIpv4());
  }
  assert.ok(decodeIpv4(packet, 0, 60) !== undefined);
});

test('decodeIpv4() refuses other versions and header lengths below 20', () => {
  for (let first = 0; first <= 0xff; first++) {
    const packet = new Uint8Array(60);
    packet[0] = first;
    const accepted = decodeIpv4(packet, 0, 60) !== undefined;
    assert.equal(accepted, first >= 0x45 && first <= 0x4f, `first byte ${first}`);
  }
});
