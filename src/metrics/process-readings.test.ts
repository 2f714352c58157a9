import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createProcessReader } from './process-readings.ts';

test('createProcessReader() reads figures that a running process has', () => {
  using reader = createProcessReader();
  const readings = reader.read();
  assert.ok(readings.cpuSeconds > 0);
  assert.ok(readings.residentBytes > readings.heapUsedBytes);
  assert.ok(readings.startTimeSeconds > 1.7e9);
  assert.ok(readings.openFds !== null && readings.maxFds !== null && readings.openFds < readings.maxFds);
  for (const lag of Object.values(readings.loopLag)) assert.ok(lag >= 0 && Number.isFinite(lag));
});
