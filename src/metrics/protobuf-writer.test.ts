import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type DecodedFamily, decodeMetricFamilies } from '../../test/metric-families.ts';
import { sampleConfig, sampleRound, sampleTarget, unreachedRound } from '../../test/sample-rounds.ts';
import {
  type ExpositionWriter,
  expose,
  exposeText,
  formatBound,
  formatNumber,
  type MetricSource,
  renderLabels,
} from './exposition.ts';
import { nativeIndex } from './native-histogram.ts';
import { probeMetrics } from './probe-metrics.ts';
import { createTargetMetrics, type TargetMetrics } from './target-metrics.ts';

async function decode(sources: readonly MetricSource[]): Promise<DecodedFamily[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of expose(sources, 'protobuf')) chunks.push(chunk);
  return decodeMetricFamilies(Buffer.concat(chunks));
}

/** Series as text has them. */
function seriesOf(families: readonly DecodedFamily[]): string[] {
  const lines: string[] = [];
  const line = (name: string, labels: string, value: number): void => {
    lines.push(`${name}${labels === '' ? '' : `{${labels}}`} ${formatNumber(value)}`);
  };
  for (const { name, metrics } of families) {
    for (const { labels, value, histogram } of metrics) {
      const own = renderLabels(labels);
      if (value !== undefined) line(name, own, value);
      if (histogram === undefined) continue;
      for (const [bound, count] of histogram.buckets) {
        const le = bound === Number.POSITIVE_INFINITY ? '+Inf' : formatBound(bound);
        line(`${name}_bucket`, renderLabels({ ...labels, le }), count);
      }
      line(`${name}_sum`, own, histogram.sum);
      line(`${name}_count`, own, histogram.count);
    }
  }
  return lines;
}

function textSeries(sources: readonly MetricSource[]): string[] {
  return exposeText(sources)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

const odd = sampleTarget('example.org', { note: 'a "quoted" \\n \\ back\nslash, x="y"', site: 'Zürich' });

function store(): TargetMetrics {
  const dead = sampleTarget('dead.example.org');
  const metrics = createTargetMetrics(
    sampleConfig([odd, dead], { metrics: { hops: true, seriesBudget: 100 } }),
  );
  metrics.observeRound(sampleRound(odd));
  metrics.observeRound(sampleRound(odd, { durationMs: 900 }));
  metrics.observeRound(unreachedRound(dead));
  return metrics;
}

describe('ProtobufWriter', () => {
  it('says what text says: the same series, labels and values in the same order', async () => {
    const timing = { durationMs: 24, timeoutMs: 9500 };
    const sources = [store(), probeMetrics(sampleRound(odd), timing)];
    assert.deepEqual(seriesOf(await decode(sources)), textSeries(sources));
  });

  it('gives types and help, and a counter its whole name', async () => {
    const families = await decode([store()]);
    const typeOf = (name: string): string | undefined =>
      families.find((family) => family.name === name)?.type;
    assert.equal(typeOf('traceroute_success'), 'gauge');
    assert.equal(typeOf('traceroute_path_info'), 'gauge');
    assert.equal(typeOf('traceroute_path_changes_total'), 'counter');
    assert.equal(typeOf('traceroute_rtt_seconds'), 'histogram');
    assert.ok(families.every(({ help }) => help.length > 10));
  });

  it('has native buckets with every observation, and says so where there is none yet', async () => {
    const families = await decode([store()]);
    const of = (name: string, target: string): NonNullable<DecodedFamily['metrics'][0]['histogram']> => {
      const family = families.find((one) => one.name === name);
      const histogram = family?.metrics.find(({ labels }) => labels['target'] === target)?.histogram;
      assert.ok(histogram !== undefined);
      return histogram;
    };
    const rtt = of('traceroute_rtt_seconds', 'example.org');
    assert.equal(rtt.schema, 3);
    assert.deepEqual([...rtt.native], [[nativeIndex(0.020125), 2]]);
    const duration = of('traceroute_duration_seconds', 'example.org');
    assert.deepEqual(
      [...duration.native],
      [
        [nativeIndex(0.0235), 1],
        [nativeIndex(0.9), 1],
      ],
    );
    const none = of('traceroute_rtt_seconds', 'dead.example.org');
    assert.deepEqual([none.count, none.native.size, none.schema], [0, 0, 3]);
  });

  it('writes a long family in several messages, none of them much longer than a chunk', async () => {
    const targets = Array.from({ length: 3000 }, (_, i) => sampleTarget(`t${i}.example.org`));
    const metrics = createTargetMetrics(sampleConfig(targets));
    for (const target of targets) metrics.observeRound(sampleRound(target));
    const sizes: number[] = [];
    for await (const chunk of expose([metrics], 'protobuf')) sizes.push(chunk.length);
    assert.ok(sizes.length > 10);
    assert.ok(Math.max(...sizes) < 80 * 1024);
    const families = await decode([metrics]);
    assert.ok(families.filter(({ name }) => name === 'traceroute_rtt_seconds').length > 1);
    assert.equal(seriesOf(families).length, textSeries([metrics]).length);
  });

  it('leaves out a family without samples', async () => {
    const empty: MetricSource = {
      *write(writer: ExpositionWriter): Generator<void> {
        writer.family({ name: 'a', type: 'gauge', help: 'Nothing has a value here.' });
        yield;
      },
    };
    assert.deepEqual(await decode([empty]), []);
  });
});
