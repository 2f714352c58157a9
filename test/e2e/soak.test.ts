// A short soak: every fault of the long one (bench/soak.ts) once, with reloads, churn and storms on top. What is asserted
// are counts that must agree whatever the machine's pace, and bounds.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SOAK_FAULTS } from '../soak/soak-faults.ts';
import { type ProcessSample, runSoak } from '../soak/soak-run.ts';

const FAULT_MS = 1400;
const HEAP_PLAY_BYTES = 24e6;

it('hopscope serve accounts for every round, run and push, and keeps to its descriptors and memory, whatever fails', async () => {
  const lines: string[] = [];
  const { samples, checks, faults, reloads, storms, log } = await runSoak({
    ...{ targets: 150, intervalMs: 3000, pushMs: 2000 },
    durationMs: (2 * SOAK_FAULTS.length + 2) * FAULT_MS,
    ...{ sampleMs: 1000, reloadMs: 3000, stormMs: 8000, stormClients: 100, faultMs: FAULT_MS },
    diskBytes: 8 * 2 ** 20,
    say: (line) => void lines.push(line),
  });
  const broken = checks.filter(({ kept }) => !kept).map(({ promise, seen }) => `${promise}: ${seen}`);
  assert.deepEqual(broken, [], log);
  assert.ok(checks.length >= 9);
  for (const { name } of SOAK_FAULTS) assert.ok(faults.includes(name), `${name} in ${faults.join(', ')}`);
  assert.ok(reloads >= 3 && (storms['200'] ?? 0) > 0);
  assert.equal(new Set(samples.map(({ threads }) => threads)).size, 1);
  const least = (some: readonly ProcessSample[]): number => Math.min(...some.map(({ heapUsed }) => heapUsed));
  const third = Math.floor(samples.length / 3);
  const [middle, last] = [least(samples.slice(third, 2 * third)), least(samples.slice(2 * third))];
  assert.ok(last < middle + HEAP_PLAY_BYTES, `${middle}, then ${last}`);
});
