import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RollUp } from './roll-up.ts';
import { RttSketch } from './rtt-sketch.ts';
import { RunState } from './run-pack.ts';

const runs = fc.array(
  fc.record({
    rttUnits: fc.oneof(fc.constant(-1), fc.integer({ min: 1, max: 5_000_000 })),
    path: fc.integer({ min: -1, max: 4 }),
    reached: fc.boolean(),
    hopCount: fc.integer({ min: 1, max: 20 }),
    lossUnits: fc.integer({ min: 0, max: 10_000 }),
    failure: fc.constantFrom('', '', '', 'no such name'),
  }),
  { maxLength: 60 },
);

function stateOf(run: Partial<RunState>, i: number): RunState {
  return Object.assign(new RunState(), { atMs: 1_795_424_400_000 + i * 1000 }, run);
}

test('RollUp.merge() of parts equals the roll-up of the whole', () => {
  fc.assert(
    fc.property(runs, fc.nat(60), (list, cut) => {
      const states = list.map(stateOf);
      const whole = new RollUp();
      for (const state of states) whole.add(state);
      const left = new RollUp();
      const right = new RollUp();
      for (const state of states.slice(0, cut)) left.add(state);
      for (const state of states.slice(cut)) right.add(state);
      left.merge(right);
      assert.deepEqual(figures(left), figures(whole));
    }),
  );
});

test('RollUp.decode() gives back what encode() was given', () => {
  fc.assert(
    fc.property(runs, (list) => {
      const rollUp = new RollUp();
      for (const [i, run] of list.entries()) rollUp.add(stateOf(run, i));
      assert.deepEqual(figures(RollUp.decode(rollUp.encode())), figures(rollUp));
    }),
  );
});

/** Stays apart: where parts meet amid runs without a path, the stay may be counted in either. */
function figures(rollUp: RollUp): object {
  const { runs: count, reached, failed, lossUnits, firstAtMs, lastAtMs, lastPath, hopCounts, paths } = rollUp;
  const { rtts } = rollUp;
  return {
    ...{ count, reached, failed, lossUnits, firstAtMs, lastAtMs, lastPath },
    hopCounts: [...hopCounts].sort(),
    paths: [...paths].sort(([a], [b]) => a - b),
    quantiles: [rtts.count, rtts.minMs, rtts.quantile(0.5), rtts.quantile(0.95)],
  };
}

test('RttSketch.quantile() is within 1 % of the exact value', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 2, max: 3_000_000_000 }), { minLength: 1, maxLength: 300 }),
      fc.constantFrom(0.01, 0.5, 0.95, 1),
      (list, share) => {
        const sketch = new RttSketch();
        for (const us of list) sketch.add(us / 1000);
        const sorted = list.toSorted((a, b) => a - b);
        const exact = (sorted[Math.max(0, Math.ceil(share * list.length) - 1)] as number) / 1000;
        const found = sketch.quantile(share) as number;
        assert.ok(Math.abs(found - exact) <= exact * 0.0101, `${found} for ${exact}`);
      },
    ),
  );
});
