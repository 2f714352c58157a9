import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { capturedPacket } from '../../test/captured-packet.ts';
import { familyOf, formatAddress } from './address.ts';
import {
  decodeIpv6,
  encodeIpv6,
  IPV6_HEADER_LENGTH,
  type Ipv6,
  MAX_EXTENSION_HEADERS,
  newIpv6,
  skipExtensionHeaders,
} from './ipv6.ts';

const address = fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((bytes) => familyOf(bytes) === 6);

const anyHeader: fc.Arbitrary<Ipv6> = fc.record(
  {
    trafficClass: fc.nat(0xff),
    flowLabel: fc.nat(0xfffff),
    payloadLength: fc.nat(0xffff),
    nextHeader: fc.nat(0xff),
    hopLimit: fc.nat(0xff),
    source: address,
    destination: address,
  },
  { noNullPrototype: true },
);

/** Walks `headers`, each [kind, bytes], towards UDP; undefined when the walk fails. */
function walk(headers: readonly (readonly [number, readonly number[]])[], cut = 0): unknown {
  const bytes = headers.flatMap(([, body], i) => [headers[i + 1]?.[0] ?? 17, ...body.slice(1)]);
  const packet = Uint8Array.of(0xa5, 0xa5, ...bytes);
  const into = { nextHeader: -1, offset: -1 };
  const done = skipExtensionHeaders(packet, 2, packet.length - cut, headers[0]?.[0] ?? 17, into);
  return done ? { nextHeader: into.nextHeader, skipped: into.offset - 2 } : undefined;
}

const options = (length: number): number[] => [0, length / 8 - 1, ...Array<number>(length - 2).fill(0xee)];
const fragment = (offset: number): number[] => [0, 0, offset >> 5, (offset << 3) & 0xff, 1, 2, 3, 4];

test('decodeIpv6() reads a captured echo request', () => {
  const packet = capturedPacket('ipv6-icmp-echo-request');
  const { source, destination, ...rest } = decodeIpv6(packet, 0, packet.length) ?? newIpv6();
  assert.equal(formatAddress(source), '2001:db8::2');
  assert.equal(formatAddress(destination), '2001:db8:f::1');
  assert.deepEqual(rest, {
    trafficClass: 0x48,
    flowLabel: 0x55a56,
    payloadLength: 64,
    nextHeader: 58,
    hopLimit: 64,
  });
});

test('decodeIpv6() decodes into the object given', () => {
  const packet = capturedPacket('ipv6-udp');
  const into = newIpv6();
  assert.equal(decodeIpv6(packet, 0, packet.length, into), into);
});

test('encodeIpv6() into a dirty buffer equals the captured headers', () => {
  for (const name of ['ipv6-icmp-echo-request', 'ipv6-udp', 'ipv6-tcp-syn-ack'] as const) {
    const packet = capturedPacket(name);
    const header = decodeIpv6(packet, 0, packet.length);
    assert.ok(header !== undefined);
    const buffer = new Uint8Array(60).fill(0xa5);
    assert.equal(encodeIpv6(header, buffer, 8), IPV6_HEADER_LENGTH);
    assert.deepEqual(buffer.subarray(8, 48), packet.subarray(0, 40), name);
    assert.ok(buffer.subarray(0, 8).every((byte) => byte === 0xa5));
    assert.ok(buffer.subarray(48).every((byte) => byte === 0xa5));
  }
});

test('decodeIpv6() undoes encodeIpv6()', () => {
  fc.assert(
    fc.property(anyHeader, fc.nat(9), (header, offset) => {
      const buffer = new Uint8Array(50).fill(0xa5);
      const end = offset + encodeIpv6(header, buffer, offset);
      assert.deepEqual(decodeIpv6(buffer, offset, end), header);
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test('decodeIpv6() refuses a header cut short at any length', () => {
  const packet = capturedPacket('ipv6-udp');
  for (let end = 0; end < IPV6_HEADER_LENGTH; end++) {
    assert.equal(decodeIpv6(packet, 0, end), undefined, `${end} bytes`);
  }
  assert.ok(decodeIpv6(packet, 0, IPV6_HEADER_LENGTH) !== undefined);
});

test('decodeIpv6() refuses other versions and IPv4-mapped addresses', () => {
  const packet = capturedPacket('ipv6-udp');
  for (let version = 0; version < 16; version++) {
    const other = Uint8Array.from(packet);
    other[0] = version << 4;
    assert.equal(decodeIpv6(other, 0, other.length) !== undefined, version === 6);
  }
  for (const at of [8, 24]) {
    const mapped = Uint8Array.from(packet);
    mapped.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff], at);
    assert.equal(decodeIpv6(mapped, 0, mapped.length), undefined);
  }
});

test('skipExtensionHeaders() finds UDP behind the destination options of a captured quote', () => {
  const packet = capturedPacket('ipv6-icmp-time-exceeded-quoting-destination-options');
  const quote = decodeIpv6(packet, 48, packet.length);
  assert.equal(quote?.nextHeader, 60);
  const into = { nextHeader: 0, offset: 0 };
  assert.ok(skipExtensionHeaders(packet, 88, packet.length, 60, into));
  assert.deepEqual(into, { nextHeader: 17, offset: 96 });
});

test('skipExtensionHeaders() stays where it is without extension headers', () => {
  assert.deepEqual(walk([]), { nextHeader: 17, skipped: 0 });
});

test('skipExtensionHeaders() walks every kind with its own unit of length', () => {
  const headers = [
    [0, options(16)],
    [60, options(8)],
    [43, options(24)],
    [44, fragment(0)],
    [51, [0, 4, ...Array<number>(22).fill(0)]],
  ] as const;
  assert.deepEqual(walk(headers), { nextHeader: 17, skipped: 16 + 8 + 24 + 8 + 24 });
});

test('skipExtensionHeaders() refuses a chain cut short at any length', () => {
  const headers = [
    [0, options(16)],
    [60, options(8)],
  ] as const;
  for (let cut = 1; cut <= 24; cut++) assert.equal(walk(headers, cut), undefined, `${cut} bytes cut`);
});

test('skipExtensionHeaders() refuses a later fragment and an endless chain', () => {
  assert.equal(walk([[44, fragment(185)]]), undefined);
  const endless = Array.from({ length: MAX_EXTENSION_HEADERS + 1 }, () => [60, options(8)] as const);
  assert.equal(walk(endless), undefined);
  assert.ok(walk(endless.slice(1)) !== undefined);
});
