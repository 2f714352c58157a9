import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ADDRESS_LENGTH,
  addressesEqual,
  familyOf,
  formatAddress,
  parseAddress,
  readAddress,
  writeAddress,
} from './address.ts';

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

/** Strings close to addresses: two real ones cut and glued at any place, with a few characters changed. */
const nearlyAddress = fc
  .tuple(
    fc.oneof(fc.ipV4(), fc.ipV6()),
    fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('', ':', '::', '.', '0', '00', '256', '::ffff:', '%eth0')),
    fc.nat(40),
    fc.nat(40),
  )
  .map(([a, b, i, j]) => a.slice(0, i) + b.slice(j));

const canonical = (text: string): string => new URL(`http://[${text}]`).hostname.slice(1, -1);

test('parseAddress() accepts exactly what the platform does, zones excepted', () => {
  const text = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    nearlyAddress,
    fc.string({ unit: fc.constantFrom(...'0123456789abcdefF:.'), maxLength: 45 }),
  );
  fc.assert(
    fc.property(text, (candidate) => {
      const wanted = candidate.includes('%') ? 0 : isIP(candidate);
      const parsed = parseAddress(candidate);
      assert.equal(parsed !== undefined, wanted !== 0, candidate);
      if (parsed !== undefined) assert.equal(parsed.length, ADDRESS_LENGTH);
      if (wanted === 4) assert.equal(parsed && familyOf(parsed), 4);
    }),
    { seed: 1, numRuns: 20_000 },
  );
});

test('parseAddress() refuses leading zeros, zones, spaces and surplus groups', () => {
  const refused = [
    '',
    ' ',
    '01.2.3.4',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '0x1.2.3.4',
    '1.2.3.4 ',
    ':',
    ':::',
  ];
  refused.push('1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', '::12345', '1:', ':1');
  refused.push(
    '::1.2.3',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    'fe80::1%eth0',
    '[::1]',
    '::g',
  );
  for (const text of refused) assert.equal(parseAddress(text), undefined, text);
});

test('parseAddress() and the platform agree on the bytes of IPv6', () => {
  fc.assert(
    fc.property(fc.ipV6(), (text) => {
      const parsed = parseAddress(text);
      assert.ok(parsed !== undefined);
      const groups = Array.from({ length: 8 }, (_, i) =>
        (((parsed[2 * i] as number) << 8) | (parsed[2 * i + 1] as number)).toString(16),
      );
      assert.equal(canonical(text), canonical(groups.join(':')));
    }),
    { seed: 2, numRuns: 2000 },
  );
});

test('formatAddress() writes IPv6 as RFC 5952 and the platform do, IPv4-mapped as a dotted quad', () => {
  const sparse = fc.array(fc.oneof(fc.constant(0), fc.nat(0xff)), { minLength: 16, maxLength: 16 });
  fc.assert(
    fc.property(fc.oneof(bytesOf(16), sparse.map(Uint8Array.from.bind(Uint8Array))), (bytes) => {
      if (familyOf(bytes) === 4) return;
      const groups: string[] = [];
      for (let i = 0; i < 16; i += 2) {
        groups.push((((bytes[i] as number) << 8) | (bytes[i + 1] as number)).toString(16));
      }
      assert.equal(formatAddress(bytes), canonical(groups.join(':')));
    }),
    { seed: 3, numRuns: 5000 },
  );
  const mapped = parseAddress('::ffff:198.18.0.1');
  assert.ok(mapped !== undefined);
  assert.equal(formatAddress(mapped), '198.18.0.1');
});

test('formatAddress() keeps to RFC 5952 section 4 in its own examples', () => {
  for (const [text, wanted] of [
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:DB8::ABCD', '2001:db8::abcd'],
    ['::', '::'],
    ['1::', '1::'],
    ['::1', '::1'],
  ] as const) {
    const parsed = parseAddress(text);
    assert.ok(parsed !== undefined);
    assert.equal(formatAddress(parsed), wanted);
  }
});

test('parseAddress() undoes formatAddress()', () => {
  fc.assert(
    fc.property(bytesOf(16), (bytes) => assert.deepEqual(parseAddress(formatAddress(bytes)), bytes)),
    { seed: 4, numRuns: 5000 },
  );
});

test('formatAddress() and familyOf() read at the offset given', () => {
  const bytes = new Uint8Array(40).fill(0xa5);
  bytes.set(parseAddress('2001:db8::1') ?? [], 3);
  bytes.set(parseAddress('192.0.2.1') ?? [], 19);
  assert.equal(formatAddress(bytes, 3), '2001:db8::1');
  assert.equal(familyOf(bytes, 3), 6);
  assert.equal(formatAddress(bytes, 19), '192.0.2.1');
  assert.equal(familyOf(bytes, 19), 4);
});

test('writeAddress() and readAddress() carry an address through a packet and touch nothing else', () => {
  for (const [text, family] of [
    ['192.0.2.1', 4],
    ['2001:db8::1', 6],
  ] as const) {
    const address = parseAddress(text);
    assert.ok(address !== undefined);
    const packet = new Uint8Array(24).fill(0xa5);
    writeAddress(address, family, packet, 4);
    const length = family === 4 ? 4 : 16;
    assert.ok(packet.subarray(0, 4).every((byte) => byte === 0xa5));
    assert.ok(packet.subarray(4 + length).every((byte) => byte === 0xa5));
    const into = new Uint8Array(16).fill(0x5a);
    readAddress(packet, 4, family, into);
    assert.deepEqual(into, address);
  }
});

test('addressesEqual() sees a difference in any byte', () => {
  const address = Uint8Array.from({ length: 16 }, (_, i) => i);
  assert.ok(addressesEqual(address, Uint8Array.from(address)));
  for (let i = 0; i < 16; i++) {
    const other = Uint8Array.from(address);
    other[i] = 0xff;
    assert.ok(!addressesEqual(address, other), `byte ${i}`);
  }
});
