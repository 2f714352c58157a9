import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sampleConfig, sampleRound, sampleTarget } from '../../test/sample-rounds.ts';
import { exposeText, renderLabels } from '../metrics/exposition.ts';
import { createTargetMetrics } from '../metrics/target-metrics.ts';
import { collectSamples, parseLabels } from './sample-collector.ts';

test('parseLabels() reads back what renderLabels() wrote', () => {
  const labels = fc.dictionary(fc.stringMatching(/^[a-z_]{1,8}$/), fc.string({ minLength: 1 }), {
    maxKeys: 5,
  });
  fc.assert(
    fc.property(labels, (given) => {
      assert.deepEqual(Object.fromEntries(parseLabels(renderLabels(given))), { ...given });
    }),
    { seed: 3, numRuns: 500 },
  );
});

test('collectSamples() finds exactly the samples that the exposition has', () => {
  const target = sampleTarget('example.org', { site: 'a "b" \\ c' });
  const metrics = createTargetMetrics(sampleConfig([target]));
  metrics.observeRound(sampleRound(target));
  const lines = exposeText([metrics])
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const samples = collectSamples(metrics).map(({ name, labels, value }) => `${name}{${labels}} ${value}`);
  assert.deepEqual(samples, lines);
  assert.ok(samples.length > 40);
});
