import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { capturedPacket, type PacketName } from '../../test/captured-packet.ts';
import { sealChecksum } from './checksum.ts';
import {
  decodeInterfaceInformation,
  decodeMplsStack,
  type ExtensionObject,
  type ExtensionSpan,
  encodeExtension,
  encodeInterfaceInformation,
  encodeMplsStack,
  findExtension,
  type InterfaceEntry,
  isExtension,
  MAX_EXTENSION_OBJECTS,
  MAX_INTERFACES,
  MAX_MPLS_ENTRIES,
  type MplsEntry,
} from './icmp-extension.ts';

const STACK = [
  { label: 16003, tc: 5, bottom: false, ttl: 1 },
  { label: 24001, tc: 0, bottom: true, ttl: 254 },
];

function find(packet: Uint8Array, end = packet.length): ExtensionSpan | undefined {
  const [icmpOffset, family] = packet[0] === 0x60 ? ([40, 6] as const) : ([20, 4] as const);
  const into = { offset: -1, length: -1 };
  if (findExtension(packet, icmpOffset, end, family, into)) return into;
  assert.deepEqual(into, { offset: -1, length: -1 });
  return undefined;
}

function spanIn(name: PacketName): ExtensionSpan & { packet: Uint8Array } {
  const packet = capturedPacket(name);
  const span = find(packet);
  assert.ok(span !== undefined, name);
  return { packet, ...span };
}

/** A structure of these objects amid 0xA5, and where it ends. */
function structure(objects: readonly ExtensionObject[]): { bytes: Uint8Array; end: number } {
  const bytes = new Uint8Array(4096).fill(0xa5);
  return { bytes, end: 4 + encodeExtension(objects, bytes, 4) };
}

const interfaces = (object: ExtensionObject): readonly InterfaceEntry[] => {
  const { bytes, end } = structure([object]);
  return decodeInterfaceInformation(bytes, 4, end - 4);
};

const rawInterface = (classType: number, ...payload: number[]): ExtensionObject => ({
  classNumber: 2,
  classType,
  payload: Uint8Array.from(payload),
});

const label: fc.Arbitrary<MplsEntry> = fc.record(
  {
    label: fc.nat(0xfffff),
    tc: fc.nat(7),
    bottom: fc.boolean(),
    ttl: fc.nat(0xff),
  },
  { noNullPrototype: true },
);

const entry: fc.Arbitrary<InterfaceEntry> = fc.record(
  {
    role: fc.constantFrom('incoming', 'sub-ip', 'outgoing', 'next-hop'),
    index: fc.nat(0xffffffff),
    address: fc.constantFrom('100.64.1.1', '2001:db8::1', '0.0.0.0', '::'),
    name: fc.string({ unit: fc.constantFrom(...'abcXYZ019-/. ü接'), maxLength: 21 }),
    mtu: fc.nat(0xffffffff),
  },
  { requiredKeys: ['role'], noNullPrototype: true },
) as fc.Arbitrary<InterfaceEntry>;

test('findExtension() and decodeMplsStack() read a message without a length attribute at offset 128', () => {
  const { packet, offset, length } = spanIn('ipv4-mpls-at-128');
  assert.equal(offset, 20 + 8 + 128);
  assert.equal(length, 16);
  assert.deepEqual(decodeMplsStack(packet, offset, length), STACK);
  assert.deepEqual(decodeInterfaceInformation(packet, offset, length), []);
});

test('findExtension() goes by the length attribute of either family', () => {
  const four = spanIn('ipv4-mpls-and-interface');
  assert.deepEqual(decodeMplsStack(four.packet, four.offset, four.length), STACK);
  assert.deepEqual(decodeInterfaceInformation(four.packet, four.offset, four.length), [
    { role: 'incoming', index: 15, address: '100.64.1.1', name: 'ge-0/0/1.0', mtu: 9192 },
  ]);
  const six = spanIn('ipv6-mpls-and-interfaces');
  assert.deepEqual(decodeMplsStack(six.packet, six.offset, six.length), STACK);
  assert.deepEqual(decodeInterfaceInformation(six.packet, six.offset, six.length), [
    { role: 'outgoing', index: 3, address: '2001:db8:1::1', name: 'Zürich-1' },
    { role: 'next-hop', address: '2001:db8:2::1' },
  ]);
});

test('findExtension() finds none in captured messages that have none', () => {
  for (const name of [
    'ipv4-icmp-time-exceeded-quoting-udp',
    'ipv4-icmp-unreachable-4-quoting-icmp',
    'ipv4-icmp-time-exceeded-quoting-icmp-with-options',
    'ipv4-icmp-echo-reply',
    'ipv6-icmp-time-exceeded-quoting-udp',
    'ipv6-icmp-unreachable-1-quoting-icmp',
    'ipv6-icmp-packet-too-big-quoting-icmp',
  ] as const) {
    assert.equal(find(capturedPacket(name)), undefined, name);
  }
});

test('encodeExtension() into a dirty buffer equals the fixtures', () => {
  const mpls = encodeMplsStack(STACK);
  for (const [name, objects] of [
    ['ipv4-mpls-at-128', [mpls]],
    [
      'ipv4-mpls-and-interface',
      [
        mpls,
        encodeInterfaceInformation({
          role: 'incoming',
          index: 15,
          address: '100.64.1.1',
          name: 'ge-0/0/1.0',
          mtu: 9192,
        }),
      ],
    ],
    [
      'ipv6-mpls-and-interfaces',
      [
        mpls,
        encodeInterfaceInformation({
          role: 'outgoing',
          index: 3,
          address: '2001:db8:1::1',
          name: 'Zürich-1',
        }),
        encodeInterfaceInformation({ role: 'next-hop', address: '2001:db8:2::1' }),
      ],
    ],
  ] as const) {
    const { packet, offset, length } = spanIn(name);
    const { bytes, end } = structure(objects);
    assert.deepEqual(bytes.subarray(4, end), packet.subarray(offset, offset + length), name);
    assert.ok(bytes.subarray(end).every((byte) => byte === 0xa5));
  }
});

test('decodeMplsStack() and decodeInterfaceInformation() undo encodeExtension()', () => {
  fc.assert(
    fc.property(
      fc.array(label, { maxLength: MAX_MPLS_ENTRIES }),
      fc.array(entry, { maxLength: MAX_INTERFACES }),
      (stack, entries) => {
        const { bytes, end } = structure([
          encodeMplsStack(stack),
          ...entries.map(encodeInterfaceInformation),
        ]);
        assert.ok(isExtension(bytes, 4, end));
        assert.deepEqual(decodeMplsStack(bytes, 4, end - 4), stack);
        assert.deepEqual(decodeInterfaceInformation(bytes, 4, end - 4), entries);
      },
    ),
    { seed: 1, numRuns: 1000 },
  );
});

test('findExtension() refuses a message cut short at any length', () => {
  for (const name of ['ipv4-mpls-at-128', 'ipv4-mpls-and-interface', 'ipv6-mpls-and-interfaces'] as const) {
    const packet = capturedPacket(name);
    for (let end = packet[0] === 0x60 ? 40 : 20; end < packet.length; end++) {
      assert.equal(find(packet, end), undefined, `${name} at ${end}`);
    }
  }
});

test('decodeMplsStack() and decodeInterfaceInformation() drop an object that is cut short', () => {
  const { packet, offset, length } = spanIn('ipv4-mpls-and-interface');
  for (let cut = 0; cut < length; cut++) {
    assert.deepEqual(decodeMplsStack(packet, offset, cut), cut < 16 ? [] : STACK, `${cut} bytes`);
    assert.deepEqual(decodeInterfaceInformation(packet, offset, cut), [], `${cut} bytes`);
  }
});

test('findExtension() refuses another version, a wrong checksum and a first object out of bounds', () => {
  const { packet, offset } = spanIn('ipv4-mpls-at-128');
  const altered = (at: number, value: number, checksum: 'kept' | 'right' | 'none'): unknown => {
    const other = Uint8Array.from(packet);
    other[offset + at] = value;
    if (checksum === 'right') sealChecksum(other, offset, other.length, offset + 2, 0);
    if (checksum === 'none') other.fill(0, offset + 2, offset + 4);
    return find(other);
  };
  assert.ok(altered(0, 0x20, 'kept') !== undefined);
  assert.equal(altered(0, 0x10, 'right'), undefined);
  assert.equal(altered(8, 0xff, 'kept'), undefined);
  assert.ok(altered(8, 0xff, 'right') !== undefined);
  assert.ok(altered(8, 0xff, 'none') !== undefined);
  for (const length of [0, 1, 2, 3, 13, 0xff])
    assert.equal(altered(5, length, 'right'), undefined, `${length}`);
});

test('decodeMplsStack() stops at the first malformed object and keeps what came before', () => {
  const { bytes, end } = structure([encodeMplsStack(STACK), encodeMplsStack(STACK)]);
  for (const length of [0, 3, 13, 0xffff]) {
    bytes.set([length >> 8, length & 0xff], 4 + 4 + 12);
    assert.deepEqual(decodeMplsStack(bytes, 4, end - 4), STACK, `object length ${length}`);
  }
});

test('decodeMplsStack() ignores a last entry that is not whole, and other classes', () => {
  const whole = encodeMplsStack(STACK);
  const ragged = { ...whole, payload: Uint8Array.of(...whole.payload, 1, 2, 3) };
  const other = { ...whole, classType: 2 };
  const { bytes, end } = structure([other, ragged]);
  assert.deepEqual(decodeMplsStack(bytes, 4, end - 4), STACK);
});

test('decodeMplsStack() and decodeInterfaceInformation() are bounded', () => {
  const deep = structure([encodeMplsStack(Array.from({ length: 40 }, () => STACK[0] as MplsEntry))]);
  assert.equal(decodeMplsStack(deep.bytes, 4, deep.end - 4).length, MAX_MPLS_ENTRIES);
  const one = encodeInterfaceInformation({ role: 'incoming', index: 1 });
  const many = structure(Array.from({ length: MAX_INTERFACES + 1 }, () => one));
  assert.equal(decodeInterfaceInformation(many.bytes, 4, many.end - 4).length, MAX_INTERFACES);
  const unknown = { classNumber: 99, classType: 0, payload: new Uint8Array(0) };
  const far = structure([...Array.from({ length: MAX_EXTENSION_OBJECTS }, () => unknown), one]);
  assert.deepEqual(decodeInterfaceInformation(far.bytes, 4, far.end - 4), []);
});

test('decodeInterfaceInformation() reads the role out of bits 7 and 6 alone', () => {
  const roles = ['incoming', 'sub-ip', 'outgoing', 'next-hop'];
  for (const [i, role] of roles.entries()) {
    assert.deepEqual(interfaces(rawInterface((i << 6) | 0x30)), [{ role }]);
  }
});

test('decodeInterfaceInformation() keeps the parts before one that does not fit', () => {
  assert.deepEqual(interfaces(rawInterface(0x0f, 0, 0, 0)), [{ role: 'incoming' }]);
  assert.deepEqual(interfaces(rawInterface(0x0f, 0, 0, 0, 9, 0, 1, 0, 0, 1, 2, 3)), [
    { role: 'incoming', index: 9 },
  ]);
  assert.deepEqual(interfaces(rawInterface(0x0f, 0, 0, 0, 9, 0, 7, 0, 0, 1, 2, 3, 4)), [
    { role: 'incoming', index: 9 },
  ]);
  assert.deepEqual(interfaces(rawInterface(0x03, 0, 0x61, 0, 0, 0, 0, 5, 0)), [{ role: 'incoming' }]);
  assert.deepEqual(interfaces(rawInterface(0x03, 8, 0x61, 0, 0)), [{ role: 'incoming' }]);
  assert.deepEqual(interfaces(rawInterface(0x03, 4, 0x61, 0, 0, 0, 0, 5)), [{ role: 'incoming', name: 'a' }]);
});

test('decodeInterfaceInformation() takes names of 63 bytes and refuses longer ones', () => {
  const name = 'n'.repeat(63);
  assert.deepEqual(interfaces(encodeInterfaceInformation({ role: 'outgoing', name })), [
    { role: 'outgoing', name },
  ]);
  assert.deepEqual(interfaces(rawInterface(0x02, 68, ...Array<number>(67).fill(0x61))), [
    { role: 'incoming' },
  ]);
});

test('decodeInterfaceInformation() lets nothing unprintable through in a name', () => {
  const named = (...bytes: number[]): string | undefined =>
    interfaces(rawInterface(0x02, bytes.length + 1, ...bytes))[0]?.name;
  assert.equal(named(0x65, 0x1b, 0x5b, 0x32, 0x4a), 'e?[2J');
  assert.equal(named(0x61, 0x0a, 0x62), 'a?b');
  assert.equal(named(0x61, 0, 0x62), 'a');
  assert.equal(named(0xff, 0x61, 0xc3), '?a?');
  assert.equal(named(0xe2, 0x80, 0xae, 0x61), '?a');
  assert.equal(named(0xc3, 0xbc, 0x31), 'ü1');
});

test('encodeInterfaceInformation() throws on an address that is none and on a name above 63 bytes', () => {
  assert.throws(() => encodeInterfaceInformation({ role: 'incoming', address: 'router' }), RangeError);
  assert.throws(() => encodeInterfaceInformation({ role: 'incoming', name: 'ü'.repeat(32) }), RangeError);
});
