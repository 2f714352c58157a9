import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { missChance, nodeFailure, stoppingPoint } from './multipath-stopping.ts';

/** As published with the algorithm, for k from 2 on. */
const AT_95 = [6, 11, 16, 21, 27, 33, 39, 45, 51, 57, 63, 70, 76, 83, 90, 96];
const AT_99 = [8, 15, 21, 28, 36, 43, 51, 58, 66, 74, 82, 90, 98, 106, 115, 123];

/** Exact chance that a search which stops at the stopping points misses some of `width` successors. */
function failureOf(width: number, failure: number): number {
  // reach[k]: chance that after n flows k successors are known and no stopping point was met.
  let reach = new Map([[1, 1]]);
  let failed = 0;
  for (let flows = 1; reach.size > 0; flows++) {
    const next = new Map<number, number>();
    for (const [known, chance] of reach) {
      if (flows >= stoppingPoint(known + 1, failure)) {
        if (known < width) failed += chance;
        continue;
      }
      if (known === width) continue;
      next.set(known, (next.get(known) ?? 0) + (chance * known) / width);
      next.set(known + 1, (next.get(known + 1) ?? 0) + (chance * (width - known)) / width);
    }
    reach = next;
  }
  return failed;
}

describe('stoppingPoint()', () => {
  it('gives the published numbers, and never fewer', () => {
    // The closed form is a union bound: at k = 14 and 17 it asks for one flow more than the exact chance.
    const more = (k: number): number => (k === 14 || k === 17 ? 1 : 0);
    for (const [i, n] of AT_95.entries()) assert.equal(stoppingPoint(i + 2, 0.05), n + more(i + 2));
    for (const [i, n] of AT_99.entries()) assert.equal(stoppingPoint(i + 2, 0.01), n);
  });

  it('keeps the exact chance of failure of every width to 64 under its bound', () => {
    for (const failure of [0.05, 0.01, 0.001]) {
      for (let width = 2; width <= 64; width++) {
        const exact = failureOf(width, failure);
        assert.ok(exact <= failure, `width ${width}: ${exact} > ${failure}`);
        assert.ok(exact > failure / 5, `width ${width}: ${exact} is far below ${failure}`);
      }
    }
  });
});

describe('missChance()', () => {
  it('passes under the bound exactly at the stopping point', () => {
    for (const failure of [0.05, 0.01, 0.0005]) {
      for (let known = 1; known <= 40; known++) {
        const stop = stoppingPoint(known + 1, failure);
        assert.ok(missChance(known, stop) <= failure);
        assert.ok(missChance(known, stop - 1) > failure);
      }
    }
  });

  it('is no chance at all before the first flow', () => {
    assert.ok(missChance(0, 0) > 1);
  });
});

describe('nodeFailure()', () => {
  it('shares the failure of a graph among its branches', () => {
    assert.equal(nodeFailure(0.05, 1), 0.050000000000000044);
    assert.ok(Math.abs(1 - (1 - nodeFailure(0.05, 7)) ** 7 - 0.05) < 1e-12);
  });
});
