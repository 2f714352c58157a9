import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MetricDefinition } from './catalogue.ts';
import {
  Buckets,
  CHUNK_LENGTH,
  ExpositionWriter,
  escapeLabelValue,
  expose,
  exposeText,
  formatBound,
  formatNumber,
  type MetricSource,
  renderLabels,
} from './exposition.ts';

const gauge: MetricDefinition = { name: 'a_seconds', type: 'gauge', unit: 'seconds', help: 'A "b" \\ c.' };
const counter: MetricDefinition = { name: 'a_total', type: 'counter', help: 'A.' };

function source(definition: MetricDefinition, count: number): MetricSource {
  return {
    *write(writer) {
      writer.family(definition);
      for (let i = 0; i < count; i++) {
        writer.sample(definition.name, `i="${i}"`, i);
        if (writer.full) yield;
      }
    },
  };
}

test('exposeText() names an OpenMetrics counter family without _total, and ends with # EOF', () => {
  assert.equal(
    exposeText([source(counter, 1)], 'openmetrics'),
    '# TYPE a counter\n# HELP a A.\na_total{i="0"} 0\n# EOF\n',
  );
  assert.equal(
    exposeText([source(counter, 1)]),
    '# HELP a_total A.\n# TYPE a_total counter\na_total{i="0"} 0\n',
  );
});

test('exposeText() writes UNIT in OpenMetrics and escapes quotes in its help only', () => {
  assert.equal(
    exposeText([source(gauge, 1)], 'openmetrics'),
    '# TYPE a_seconds gauge\n# UNIT a_seconds seconds\n# HELP a_seconds A \\"b\\" \\\\ c.\na_seconds{i="0"} 0\n# EOF\n',
  );
  assert.match(exposeText([source(gauge, 1)]), /^# HELP a_seconds A "b" \\\\ c\.\n/);
});

test('exposeText() leaves out a family without samples', () => {
  assert.equal(exposeText([source(gauge, 0), source(counter, 0)]), '');
  assert.equal(exposeText([source(gauge, 0)], 'openmetrics'), '# EOF\n');
});

test('expose() yields chunks of about 64 KiB that join to the whole text', async () => {
  const chunks: Buffer[] = [];
  for await (const chunk of expose([source(gauge, 20_000)], 'text')) chunks.push(chunk);
  assert.ok(chunks.length > 5);
  for (const chunk of chunks) assert.ok(chunk.length < CHUNK_LENGTH + 100);
  assert.equal(Buffer.concat(chunks).toString(), exposeText([source(gauge, 20_000)]));
});

test('expose() lets other work run between chunks', async () => {
  let turns = 0;
  let done = false;
  const count = (): void => {
    turns++;
    if (!done) setImmediate(count);
  };
  setImmediate(count);
  let chunks = 0;
  for await (const _ of expose([source(gauge, 20_000)], 'text')) chunks++;
  done = true;
  assert.ok(turns >= chunks - 1);
});

test('expose() asks a source for no more than the reader pulls', async () => {
  let written = 0;
  const counting: MetricSource = {
    *write(writer) {
      writer.family(gauge);
      for (written = 0; written < 100_000; written++) {
        writer.sample('a_seconds', `i="${written}"`, written);
        if (writer.full) yield;
      }
    },
  };
  const chunks = expose([counting], 'text');
  await chunks.next();
  assert.ok(written < 10_000);
  await chunks.return();
  assert.ok(written < 10_000);
});

test('escapeLabelValue() is undone by the rules of the format for any string', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const escaped = escapeLabelValue(value);
      assert.doesNotMatch(escaped.replaceAll(/\\[\\"n]/g, ''), /[\\"\n]/);
      const back = escaped.replaceAll(/\\([\\"n])/g, (_, character) =>
        character === 'n' ? '\n' : character,
      );
      assert.equal(back, value.toWellFormed());
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('renderLabels() leaves out empty values', () => {
  assert.equal(renderLabels({ a: '1', b: '', c: '"' }), 'a="1",c="\\""');
  assert.equal(renderLabels({}), '');
});

test('formatNumber() and formatBound() write what Prometheus reads', () => {
  const numbers = [
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
    0,
    -1.5,
    1e21,
    1e-7,
    2 ** 48 - 1,
  ];
  assert.deepEqual(numbers.map(formatNumber), [
    '+Inf',
    '-Inf',
    'NaN',
    '0',
    '-1.5',
    '1e+21',
    '1e-7',
    '281474976710655',
  ]);
  assert.deepEqual([0.005, 1, 30, Number.POSITIVE_INFINITY].map(formatBound), [
    '0.005',
    '1.0',
    '30.0',
    '+Inf',
  ]);
});

test('Buckets take a bound as inclusive, and histogram() writes cumulative counts', () => {
  const buckets = new Buckets([0.1, 1]);
  assert.deepEqual(
    [0, 0.1, 0.11, 1, 1.1].map((value) => buckets.indexOf(value)),
    [0, 0, 1, 1, 2],
  );
  const writer = new ExpositionWriter('text');
  writer.family({ name: 'h', type: 'histogram', help: 'H.' });
  writer.histogram('h', 'a="1"', buckets, Uint32Array.of(9, 2, 3, 4, 9), 1, 5.5);
  assert.equal(
    writer.take(),
    `# HELP h H.\n# TYPE h histogram\nh_bucket{a="1",le="0.1"} 2\nh_bucket{a="1",le="1.0"} 5\nh_bucket{a="1",le="+Inf"} 9\nh_sum{a="1"} 5.5\nh_count{a="1"} 9\n`,
  );
});
