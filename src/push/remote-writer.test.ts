import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import snappy from 'snappyjs';
import { sampleConfig, samplePath, sampleRound, sampleTarget } from '../../test/sample-rounds.ts';
import type { TargetConfig } from '../config/config.ts';
import type { RemoteWriteConfig } from '../config/push.ts';
import { createTargetMetrics } from '../metrics/target-metrics.ts';
import { VirtualClock } from '../monitor/virtual-clock.ts';
import { decodeWriteRequest } from './decode-write-request.ts';
import { ACCEPTED, REFUSED, RecordingSender, unavailable } from './recording-sender.ts';
import { RemoteWriter } from './remote-writer.ts';
import { collectSamples } from './sample-collector.ts';

const REMOTE: RemoteWriteConfig = {
  endpoint: {
    url: 'http://p/api/v1/write',
    timeoutMs: 1000,
    username: null,
    password: null,
    passwordFile: null,
    bearerTokenFile: null,
    headers: {},
    tls: { caFile: null, certFile: null, keyFile: null, serverName: null, insecureSkipVerify: false },
  },
  intervalMs: 15_000,
  job: 'traceroute',
  instance: 'here',
  labels: { region: 'eu', site: 'default' },
  queueBytes: 1024 * 1024,
  maxAgeMs: 60_000,
};
const A = sampleTarget('a.example', { site: 'paris' });

function bench(targets: readonly TargetConfig[], config: Partial<RemoteWriteConfig> = {}) {
  const clock = new VirtualClock();
  const sender = new RecordingSender();
  const metrics = createTargetMetrics(sampleConfig(targets));
  const own = {
    *write(writer: { sample(name: string, labels: string, value: number): void }): Generator<void> {
      writer.sample('hopscope_targets', '', targets.length);
      yield;
    },
  };
  const silent = { info: () => undefined, warn: () => undefined };
  const writer = new RemoteWriter(
    { ...REMOTE, ...config },
    { metrics, own: () => [own], sender, clock, random: () => 0, log: silent },
  );
  writer.apply({ targets });
  /** Series of one request as `name{labels} value`. */
  const sent = (at: number): string[] =>
    decodeWriteRequest(snappy.uncompress(sender.requests[at]?.body ?? new Uint8Array())).map(
      ({ labels, value }) => `${labels.map((label) => label.join('=')).join(' ')} ${value}`,
    );
  return { clock, sender, metrics, writer, sent };
}

test('RemoteWriter samples all series every interval, with job, instance and the labels it is to add', async () => {
  const { clock, sender, metrics, sent } = bench([A]);
  metrics.observeRound(sampleRound(A));
  await clock.advance(15_000);
  const hops = sent(0).find((series) => series.includes('traceroute_hops'));
  assert.equal(
    hops,
    '__name__=traceroute_hops instance=a.example job=traceroute region=eu site=paris target=a.example 4',
  );
  assert.ok(
    sent(0).includes('__name__=hopscope_targets instance=here job=traceroute region=eu site=default 1'),
  );
  assert.deepEqual(sender.requests[0]?.headers, {
    'Content-Type': 'application/x-protobuf',
    'Content-Encoding': 'snappy',
    'X-Prometheus-Remote-Write-Version': '0.1.0',
  });
  const [first] = decodeWriteRequest(snappy.uncompress(sender.requests[0]?.body ?? new Uint8Array()));
  assert.equal(first?.atMs, 1_700_000_015_000);
  await clock.advance(15_000);
  assert.equal(sender.requests.length, 2);
});

test('RemoteWriter ends series that are there no more: of another path, of a target that went', async () => {
  const { clock, metrics, writer, sent } = bench([A]);
  metrics.observeRound(sampleRound(A));
  await clock.advance(15_000);
  metrics.observeRound(sampleRound(A, { path: samplePath({ pathId: 'beef00000001' }) }));
  await clock.advance(15_000);
  const ended = sent(1).filter((series) => series.endsWith(' NaN'));
  assert.equal(ended.length, 1);
  assert.match(ended[0] ?? '', /traceroute_path_info .*path_id=c0ffee123456/);
  metrics.apply(sampleConfig([]));
  writer.apply({ targets: [] });
  const series = sent(1).filter((text) => text.includes('a.example')).length - 1;
  await clock.advance(15_000);
  assert.equal(sent(2).filter((text) => text.endsWith(' NaN')).length, series);
  await clock.advance(15_000);
  assert.deepEqual(
    sent(3).filter((text) => text.endsWith(' NaN')),
    [],
  );
});

test('RemoteWriter ends everything at its end, its own series too', async () => {
  const { clock, metrics, writer, sent, sender } = bench([A]);
  metrics.observeRound(sampleRound(A));
  await clock.advance(15_000);
  await writer.stop(false);
  assert.equal(sender.requests.length, 2);
  assert.equal(sent(1).length, sent(0).length);
  assert.ok(sent(1).every((series) => series.endsWith(' NaN')));
  assert.equal(writer.counters.delivered, 2 * sent(0).length);
});

test('RemoteWriter keeps batches while the receiver is away and sends them in order, none twice', async () => {
  const { clock, metrics, sender, writer } = bench([A]);
  metrics.observeRound(sampleRound(A));
  sender.answer = () => unavailable();
  await clock.advance(45_000);
  assert.equal(writer.queueLength, 3);
  sender.requests.length = 0;
  sender.answer = () => ACCEPTED;
  await clock.advance(14_000);
  const times = sender.requests.map(
    ({ body }) => decodeWriteRequest(snappy.uncompress(body ?? new Uint8Array()))[0]?.atMs,
  );
  assert.deepEqual(times, [1_700_000_015_000, 1_700_000_030_000, 1_700_000_045_000]);
  assert.equal(writer.counters.droppedInAll, 0);
});

test('RemoteWriter counts what gets too old, and what is refused it does not repeat', async () => {
  const { clock, metrics, sender, writer, sent } = bench([A]);
  metrics.observeRound(sampleRound(A));
  sender.answer = () => unavailable(300_000);
  await clock.advance(15_000);
  const batch = sent(0).length;
  sender.answer = () => REFUSED;
  await clock.advance(300_000);
  const { counters } = writer;
  // Batches at 30, 45, ... 315 s: at 315 s those before 255 s are past the minute they may wait.
  assert.equal(counters.dropped('too_old'), 16 * batch);
  assert.equal(counters.dropped('refused'), 5 * batch);
  assert.equal(writer.queueLength, 0);
});

test('RemoteWriter counts what is left when it has to end', async () => {
  const { clock, metrics, sender, writer } = bench([A]);
  metrics.observeRound(sampleRound(A));
  await clock.advance(15_000);
  sender.answer = () => new Promise(() => {});
  const stopped = writer.stop(false);
  await clock.advance(5000);
  await stopped;
  assert.ok(writer.counters.dropped('shutdown') > 0);
});

test('RemoteWriter accounts for every sample, whatever the receiver does', async () => {
  const outcome = fc.constantFrom(ACCEPTED, ACCEPTED, REFUSED, unavailable(), unavailable(40_000));
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(outcome), fc.integer({ min: 1, max: 20 }), async (outcomes, ticks) => {
      const { clock, metrics, sender, writer } = bench([A], { queueBytes: 65_536, maxAgeMs: 60_000 });
      metrics.observeRound(sampleRound(A));
      sender.answer = () => outcomes.next().value ?? ACCEPTED;
      await clock.advance(15_000 * ticks);
      await clock.advance(1000);
      // The target's series and the exporter's one, every interval.
      const each = collectSamples(metrics).length + 1;
      const { counters } = writer;
      const accounted = counters.delivered + counters.droppedInAll + writer.samplesWaiting;
      assert.equal(accounted, each * ticks);
    }),
    { seed: 5, numRuns: 100 },
  );
});
