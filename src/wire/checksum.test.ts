import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { capturedPacket } from '../../test/captured-packet.ts';
import { parseAddress } from './address.ts';
import {
  checksum,
  compensationFor,
  onesComplementSubtract,
  onesComplementSum,
  pseudoHeaderSum,
  sealChecksum,
} from './checksum.ts';
import { writeUint16 } from './network-order.ts';

const word = fc.nat(0xffff);
const payload = fc.uint8Array({ maxLength: 1500 });

/** RFC 1071 word for word, in arithmetic that cannot overflow. */
function slowSum(bytes: Iterable<number>, initial: bigint): number {
  let sum = initial;
  let high = true;
  for (const byte of bytes) {
    sum += high ? BigInt(byte) << 8n : BigInt(byte);
    high = !high;
  }
  while (sum > 0xffffn) sum = (sum >> 16n) + (sum & 0xffffn);
  return Number(sum);
}

function address(text: string): Uint8Array {
  const parsed = parseAddress(text);
  assert.ok(parsed !== undefined);
  return parsed;
}

test('onesComplementSum() gives the sum of the example in RFC 1071 section 3', () => {
  const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  assert.equal(onesComplementSum(bytes, 0, 8), 0xddf2);
  assert.equal(checksum(bytes, 0, 8), 0x220d);
});

test('onesComplementSum() equals the sum by definition, at odd and even offsets and lengths', () => {
  fc.assert(
    fc.property(payload, fc.nat(8), fc.nat(0x7fffffff), (bytes, skipped, initial) => {
      const from = Math.min(skipped, bytes.length);
      assert.equal(
        onesComplementSum(bytes, from, bytes.length, initial),
        slowSum(bytes.subarray(from), BigInt(initial)),
      );
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test('onesComplementSum() does not overflow on the largest packet', () => {
  const bytes = new Uint8Array(0xffff).fill(0xff);
  assert.equal(onesComplementSum(bytes, 0, bytes.length, 0x7fffffff), slowSum(bytes, 0x7fffffffn));
});

test('onesComplementSum() reads nothing outside its range', () => {
  const bytes = new Uint8Array(9).fill(0xff);
  bytes.fill(0, 3, 6);
  assert.equal(onesComplementSum(bytes, 3, 6), 0);
  assert.equal(onesComplementSum(bytes, 4, 4, 7), 7);
});

test('checksum() of a captured IPv4 header, field included, is 0', () => {
  assert.equal(checksum(capturedPacket('ipv4-udp'), 0, 20), 0);
});

test('pseudoHeaderSum() verifies captured UDP, TCP and ICMPv6 packets', () => {
  const udp4 = capturedPacket('ipv4-udp');
  const sum4 = pseudoHeaderSum(address('100.64.0.2'), address('198.18.0.1'), 17, udp4.length - 20);
  assert.equal(onesComplementSum(udp4, 20, udp4.length, sum4), 0xffff);
  for (const [name, protocol] of [
    ['ipv6-udp', 17],
    ['ipv6-tcp-syn', 6],
    ['ipv6-icmp-echo-request', 58],
  ] as const) {
    const packet = capturedPacket(name);
    const sum = pseudoHeaderSum(
      address('2001:db8::2'),
      address('2001:db8:f::1'),
      protocol,
      packet.length - 40,
    );
    assert.equal(onesComplementSum(packet, 40, packet.length, sum), 0xffff, name);
  }
});

test('pseudoHeaderSum() of IPv4 equals the twelve bytes of RFC 768', () => {
  const quad = fc.uint8Array({ minLength: 4, maxLength: 4 });
  fc.assert(
    fc.property(
      quad,
      quad,
      fc.integer({ min: 1, max: 255 }),
      word,
      (source, destination, protocol, length) => {
        const mapped = (four: Uint8Array): Uint8Array => address(`::ffff:${four.join('.')}`);
        const header = [...source, ...destination, 0, protocol, length >> 8, length & 0xff];
        assert.equal(
          pseudoHeaderSum(mapped(source), mapped(destination), protocol, length),
          slowSum(header, 0n),
        );
      },
    ),
    { seed: 2, numRuns: 1000 },
  );
});

test('compensationFor() makes checksum() come out as wanted', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 200 }), word, word, (bytes, wanted, initial) => {
      writeUint16(bytes, 2, 0);
      writeUint16(bytes, 2, compensationFor(onesComplementSum(bytes, 0, bytes.length, initial), wanted));
      const computed = checksum(bytes, 0, bytes.length, initial);
      assert.equal(computed, wanted === 0xffff ? 0 : wanted);
    }),
    { seed: 3, numRuns: 5000 },
  );
});

test('compensationFor() gives 0x0000 for a wanted 0xffff, whatever the sum', () => {
  for (const first of [0, 0x1234, 0xffff]) {
    const bytes = new Uint8Array(4);
    writeUint16(bytes, 0, first);
    writeUint16(bytes, 2, compensationFor(first, 0xffff));
    assert.equal(checksum(bytes, 0, 4), 0);
  }
});

test('onesComplementSubtract() is what must be added to b to get a', () => {
  fc.assert(
    fc.property(word, word, (a, b) => {
      const difference = onesComplementSubtract(a, b);
      const sum = b + difference;
      assert.equal(((sum & 0xffff) + (sum >> 16)) % 0xffff, a % 0xffff);
      assert.equal(difference === 0, a % 0xffff === b % 0xffff);
    }),
    { seed: 4, numRuns: 5000 },
  );
  assert.equal(onesComplementSubtract(0xffff, 0), 0);
  assert.equal(onesComplementSubtract(0, 0xffff), 0);
});

test('sealChecksum() ignores what stood in the field and makes the range verify', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 100 }), word, (bytes, initial) => {
      const before = Uint8Array.from(bytes);
      const value = sealChecksum(bytes, 0, bytes.length, 2, initial);
      assert.equal(value, ((bytes[2] as number) << 8) | (bytes[3] as number));
      assert.equal(onesComplementSum(bytes, 0, bytes.length, initial) % 0xffff, 0);
      writeUint16(before, 2, value);
      assert.deepEqual(bytes, before);
    }),
    { seed: 5, numRuns: 1000 },
  );
});
