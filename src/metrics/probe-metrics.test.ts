import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressHash } from './probe-metrics.ts';

test('addressHash() is that of the blackbox exporter', () => {
  assert.equal(addressHash('127.0.0.1'), 99_635_399);
  assert.equal(addressHash('::1'), 1_751_717_746);
});
