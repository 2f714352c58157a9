import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sampleConfig, sampleRound, sampleTarget } from '../../test/sample-rounds.ts';
import type { TargetConfig } from '../config/config.ts';
import type { GatewayConfig, PushEndpoint } from '../config/push.ts';
import { createTargetMetrics, type TargetMetrics } from '../metrics/target-metrics.ts';
import { VirtualClock } from '../monitor/virtual-clock.ts';
import { GatewayPusher } from './gateway-pusher.ts';
import { ACCEPTED, REFUSED, RecordingSender, unavailable } from './recording-sender.ts';

const ENDPOINT: PushEndpoint = {
  url: 'http://g:9091',
  timeoutMs: 1000,
  username: null,
  password: null,
  passwordFile: null,
  bearerTokenFile: null,
  headers: {},
  tls: { caFile: null, certFile: null, keyFile: null, serverName: null, insecureSkipVerify: false },
};
const GATEWAY: GatewayConfig = { endpoint: ENDPOINT, intervalMs: 10_000, job: 'traceroute' };
const [A, B] = [sampleTarget('a.example'), sampleTarget('b.example')];

class Bench {
  readonly clock = new VirtualClock();
  readonly sender = new RecordingSender();
  readonly said: string[] = [];
  readonly metrics: TargetMetrics;
  readonly pusher: GatewayPusher;

  constructor(targets: readonly TargetConfig[]) {
    this.metrics = createTargetMetrics(sampleConfig(targets));
    const say = (_: object, message: string): void => void this.said.push(message);
    this.pusher = new GatewayPusher(GATEWAY, {
      metrics: this.metrics,
      sender: this.sender,
      clock: this.clock,
      random: () => 0,
      log: { info: say, warn: say },
    });
    this.apply(targets);
  }

  apply(targets: readonly TargetConfig[]): void {
    this.metrics.apply(sampleConfig(targets));
    this.pusher.apply({ targets });
  }

  measure(target: TargetConfig): void {
    this.metrics.observeRound(sampleRound(target));
    this.pusher.measured(target.key);
  }

  bodyOf(at: number): string {
    return Buffer.from(this.sender.requests[at]?.body ?? []).toString();
  }
}

test('GatewayPusher puts what was measured since, and nothing else', async () => {
  const bench = new Bench([A, B]);
  bench.measure(A);
  await bench.clock.advance(10_000);
  assert.deepEqual(bench.sender.log, ['PUT a.example']);
  await bench.clock.advance(10_000);
  assert.equal(bench.sender.requests.length, 1);
  bench.measure(B);
  bench.measure(A);
  await bench.clock.advance(10_000);
  assert.deepEqual(bench.sender.log.slice(1), ['PUT a.example', 'PUT b.example']);
});

test("GatewayPusher's body has the target's series and its freshness, and no label of the group", async () => {
  const bench = new Bench([A]);
  bench.measure(A);
  await bench.clock.advance(10_000);
  const body = bench.bodyOf(0);
  assert.match(body, /^traceroute_hops\{target="a.example"\} 4$/m);
  assert.match(body, /^traceroute_push_timestamp_seconds\{target="a.example"\} 1700000010$/m);
  assert.match(body, /^traceroute_push_interval_seconds\{target="a.example"\} 60$/m);
  assert.doesNotMatch(body, /instance=|job=|# EOF/);
  for (const line of body.split('\n')) assert.ok(line.startsWith('#') || line.split(' ').length <= 2, line);
});

test('GatewayPusher puts all targets of one host into its one group', async () => {
  const icmp = sampleTarget('a.example', { way: 'icmp' });
  const tcp = { ...sampleTarget('a.example', { way: 'tcp' }), key: 'a.example tcp' };
  const bench = new Bench([icmp, tcp]);
  bench.measure(icmp);
  bench.measure(tcp);
  await bench.clock.advance(10_000);
  assert.deepEqual(bench.sender.log, ['PUT a.example']);
  assert.match(bench.bodyOf(0), /traceroute_hops\{target="a.example",way="icmp"\} 4\n.*way="tcp"\} 4/);
  // One of them goes: the group is put anew without it.
  bench.apply([icmp]);
  await bench.clock.advance(10_000);
  assert.deepEqual(bench.sender.log.slice(1), ['PUT a.example']);
  assert.doesNotMatch(bench.bodyOf(1), /tcp/);
});

test('GatewayPusher deletes the group of a target that goes, and not one that was never put', async () => {
  const bench = new Bench([A, B]);
  bench.measure(A);
  await bench.clock.advance(10_000);
  bench.apply([]);
  await bench.clock.advance(0);
  assert.deepEqual(bench.sender.log, ['PUT a.example', 'DELETE a.example']);
});

test('GatewayPusher deletes every group at its end, also one whose last put is under way', async () => {
  const bench = new Bench([A, B]);
  bench.measure(A);
  await bench.clock.advance(10_000);
  bench.measure(B);
  let finish = (): void => {};
  bench.sender.answer = ({ method }) =>
    method === 'PUT'
      ? new Promise((resolve) => {
          finish = () => resolve(ACCEPTED);
        })
      : ACCEPTED;
  await bench.clock.advance(10_000);
  const stopped = bench.pusher.stop(false);
  await bench.clock.advance(0);
  finish();
  await stopped;
  assert.deepEqual(bench.sender.log, [
    'PUT a.example',
    'PUT b.example',
    'DELETE a.example',
    'DELETE b.example',
  ]);
  assert.equal(bench.sender.closed, true);
});

test('GatewayPusher ends in time when the Pushgateway hangs, and says that groups stay', async () => {
  const bench = new Bench([A, B]);
  bench.measure(A);
  bench.measure(B);
  await bench.clock.advance(10_000);
  bench.sender.answer = () => new Promise(() => {});
  const stopped = bench.pusher.stop(false);
  await bench.clock.advance(5000);
  await stopped;
  assert.match(bench.said.join('\n'), /could not be deleted in time/);
});

test('GatewayPusher leaves the groups to its successor at a handover', async () => {
  const bench = new Bench([A]);
  bench.measure(A);
  await bench.clock.advance(10_000);
  await bench.pusher.stop(true);
  assert.deepEqual(bench.sender.log, ['PUT a.example']);
});

test('GatewayPusher tries again after a pause that doubles, and sends the newest values then', async () => {
  const bench = new Bench([A]);
  bench.sender.answer = () => unavailable();
  bench.measure(A);
  await bench.clock.advance(10_000);
  await bench.clock.advance(500);
  await bench.clock.advance(999);
  assert.equal(bench.sender.requests.length, 2);
  bench.metrics.observeRound(sampleRound(A, { startedAtMs: 1_795_424_460_000 }));
  bench.sender.answer = () => ACCEPTED;
  await bench.clock.advance(1);
  assert.equal(bench.sender.requests.length, 3);
  assert.match(bench.bodyOf(2), /last_run_timestamp_seconds\{target="a.example"\} 1795424460/);
  assert.deepEqual(bench.said, ['Cannot push: away', 'Pushing to the Pushgateway works again']);
  const { counters } = bench.pusher;
  assert.deepEqual([counters.attempts, counters.failures('unavailable'), counters.droppedInAll], [3, 2, 0]);
  assert.equal(counters.lastSuccessMs, bench.clock.epoch());
});

test('GatewayPusher takes requests that fail together for one failure, and is back a second after it', async () => {
  const four = Array.from({ length: 4 }, (_, i) => sampleTarget(`${i}.example`));
  const bench = new Bench(four);
  bench.sender.answer = () => unavailable();
  for (const target of four) bench.measure(target);
  await bench.clock.advance(10_000);
  assert.equal(bench.sender.requests.length, 4);
  bench.sender.answer = () => ACCEPTED;
  await bench.clock.advance(1000);
  assert.equal(bench.sender.requests.length, 8);
});

test('GatewayPusher waits as long as Retry-After says', async () => {
  const bench = new Bench([A]);
  bench.sender.answer = () => unavailable(7000);
  bench.measure(A);
  await bench.clock.advance(10_000);
  await bench.clock.advance(6999);
  assert.equal(bench.sender.requests.length, 1);
  await bench.clock.advance(1);
  assert.equal(bench.sender.requests.length, 2);
});

test('GatewayPusher counts values that newer ones took the place of, and holds one request a group', async () => {
  const bench = new Bench([A, B]);
  bench.sender.answer = () => unavailable(300_000);
  for (let i = 0; i < 5; i++) {
    bench.measure(A);
    bench.measure(B);
    await bench.clock.advance(10_000);
  }
  assert.equal(bench.pusher.queueLength, 2);
  // Ten values, of which two wait.
  assert.equal(bench.pusher.counters.dropped('superseded'), 8);
});

test('GatewayPusher does not repeat what was refused, and goes on with the others', async () => {
  const bench = new Bench([A, B]);
  bench.sender.answer = ({ url }) => (url.endsWith('a.example') ? REFUSED : ACCEPTED);
  bench.measure(A);
  bench.measure(B);
  await bench.clock.advance(60_000);
  assert.deepEqual(bench.sender.log, ['PUT a.example', 'PUT b.example']);
  assert.equal(bench.pusher.counters.dropped('refused'), 1);
});

test('GatewayPusher does not let one group that always fails hold up the others', async () => {
  const bench = new Bench([A, B]);
  bench.sender.answer = ({ url }) => (url.endsWith('a.example') ? unavailable() : ACCEPTED);
  bench.measure(A);
  bench.measure(B);
  await bench.clock.advance(20_000);
  assert.ok(bench.sender.log.includes('PUT b.example'));
});

test('GatewayPusher accounts for every value that was measured, whatever the Pushgateway does', async () => {
  const outcome = fc.constantFrom(ACCEPTED, ACCEPTED, REFUSED, unavailable(), unavailable(15_000));
  const targets = Array.from({ length: 5 }, (_, i) => sampleTarget(`host-${i}.example`));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.nat(4), { maxLength: 5 }), { minLength: 1, maxLength: 12 }),
      fc.infiniteStream(outcome),
      async (rounds, outcomes) => {
        const bench = new Bench(targets);
        let accepted = 0;
        bench.sender.answer = () => {
          const next = outcomes.next().value ?? ACCEPTED;
          if (next.kind === 'accepted') accepted++;
          return next;
        };
        let handedOver = 0;
        for (const measured of rounds) {
          const distinct = new Set(measured);
          for (const index of distinct) bench.measure(targets[index] as TargetConfig);
          handedOver += distinct.size;
          await bench.clock.advance(10_000);
        }
        const { counters, queueLength } = bench.pusher;
        const accounted =
          accepted + counters.dropped('superseded') + counters.dropped('refused') + queueLength;
        assert.equal(accounted, handedOver);
      },
    ),
    { seed: 5, numRuns: 100 },
  );
});

test('GatewayPusher leaves at the Pushgateway what is configured and measured, however targets come and go', async () => {
  const targets = Array.from({ length: 4 }, (_, i) => sampleTarget(`host-${i}.example`));
  const chosen = fc.subarray(targets);
  const outcome = fc.constantFrom(ACCEPTED, ACCEPTED, unavailable(), unavailable(4000));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(chosen, chosen, fc.integer({ min: 0, max: 12_000 })), {
        minLength: 1,
        maxLength: 10,
      }),
      fc.infiniteStream(outcome),
      async (steps, outcomes) => {
        const bench = new Bench([]);
        const there = new Set<string>();
        let moody = true;
        bench.sender.answer = async ({ method, url }) => {
          const next = moody ? (outcomes.next().value ?? ACCEPTED) : ACCEPTED;
          // Some answers are long on their way, so that wishes change meanwhile.
          if (moody) await new Promise<void>((resolve) => void bench.clock.after(3000, resolve));
          if (next.kind !== 'accepted') return next;
          if (method === 'PUT') there.add(url.slice(url.lastIndexOf('/') + 1));
          else there.delete(url.slice(url.lastIndexOf('/') + 1));
          return next;
        };
        let last: readonly TargetConfig[] = [];
        for (const [configured, measured, ms] of steps) {
          bench.apply(configured);
          last = configured;
          for (const target of measured) if (configured.includes(target)) bench.measure(target);
          await bench.clock.advance(ms);
        }
        moody = false;
        for (const target of last) bench.measure(target);
        await bench.clock.advance(200_000);
        assert.deepEqual([...there].sort(), last.map(({ host }) => host).sort());
        assert.equal(bench.pusher.queueLength, 0);
        const stopped = bench.pusher.stop(false);
        await bench.clock.advance(5000);
        await stopped;
        assert.deepEqual([...there], []);
      },
    ),
    { seed: 9, numRuns: 150 },
  );
});
