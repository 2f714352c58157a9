import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeWriteRequest } from './decode-write-request.ts';
import { STALE, WriteRequest } from './write-request.ts';

test('WriteRequest writes one series in the wire format of protocol buffers', () => {
  const request = new WriteRequest();
  request.add('up', [['job', 'a']], 1, 300);
  // Spelt out by hand: field 1 (40 bytes) { 1: { 1: __name__, 2: up }, 1: { 1: job, 2: a }, 2: { 1: 1.0, 2: 300 } }.
  const expected = '0a280a0e0a085f5f6e616d655f5f120275700a080a036a6f62120161120c09000000000000f03f10ac02';
  assert.equal(Buffer.from(request.bytes()).toString('hex'), expected);
});

test('WriteRequest ends a series with the bits that Prometheus knows', () => {
  const request = new WriteRequest();
  request.add('up', [], STALE, 1);
  assert.match(Buffer.from(request.bytes()).toString('hex'), /09020000000000f07f1001$/);
});

test('WriteRequest is read back as it was given: labels sorted, empty ones left out', () => {
  const label = fc.tuple(fc.stringMatching(/^[a-z]{1,8}$/), fc.string({ maxLength: 300, unit: 'grapheme' }));
  const series = fc.record({
    name: fc.stringMatching(/^[a-z_]{1,20}$/),
    labels: fc.uniqueArray(label, { selector: ([name]) => name, maxLength: 6 }),
    value: fc.double({ noNaN: true }),
    atMs: fc.integer({ min: 0, max: 2 ** 48 }),
  });
  fc.assert(
    fc.property(fc.array(series, { maxLength: 20 }), (all) => {
      const request = new WriteRequest();
      for (const { name, labels, value, atMs } of all) request.add(name, labels, value, atMs);
      const expected = all.map(({ name, labels, value, atMs }) => ({
        labels: [['__name__', name], ...labels.filter(([, text]) => text !== '')].sort(
          ([a = ''], [b = '']) => (a < b ? -1 : 1),
        ),
        value,
        atMs,
      }));
      assert.deepEqual(decodeWriteRequest(request.bytes()), expected);
      assert.equal(request.samples, all.length);
    }),
    { seed: 11, numRuns: 200 },
  );
});
