import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readUint16, readUint32, writeUint16, writeUint32 } from './network-order.ts';

test('the readers and writers of network order agree with DataView and touch no other byte', () => {
  fc.assert(
    fc.property(fc.nat(0xffff), fc.nat(0xffffffff), fc.nat(5), (short, long, at) => {
      const bytes = new Uint8Array(12).fill(0xa5);
      const wanted = new Uint8Array(12).fill(0xa5);
      new DataView(wanted.buffer).setUint16(at, short);
      new DataView(wanted.buffer).setUint32(at + 2, long);
      writeUint16(bytes, at, short);
      writeUint32(bytes, at + 2, long);
      assert.deepEqual(bytes, wanted);
      assert.equal(readUint16(bytes, at), short);
      assert.equal(readUint32(bytes, at + 2), long);
    }),
    { seed: 1, numRuns: 1000 },
  );
});

test('writeUint16() and writeUint32() keep the low bits of what does not fit', () => {
  const bytes = new Uint8Array(4);
  writeUint16(bytes, 0, 0x12345);
  assert.equal(readUint16(bytes, 0), 0x2345);
  writeUint32(bytes, 0, -1);
  assert.equal(readUint32(bytes, 0), 0xffffffff);
});
