import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleConfig, sampleRound, sampleTarget } from '../../test/sample-rounds.ts';
import { type GatewayConfig, NO_PUSH, type PushConfig, type PushEndpoint } from '../config/push.ts';
import { exposeText } from '../metrics/exposition.ts';
import { createTargetMetrics } from '../metrics/target-metrics.ts';
import { VirtualClock } from '../monitor/virtual-clock.ts';
import { createPusher } from './pusher.ts';
import { RecordingSender } from './recording-sender.ts';

const A = sampleTarget('a.example');

function gatewayTo(url: string, more: Partial<GatewayConfig> = {}): PushConfig {
  const tls = { caFile: null, certFile: null, keyFile: null, serverName: null, insecureSkipVerify: false };
  const endpoint: PushEndpoint = {
    url,
    timeoutMs: 1000,
    username: null,
    password: null,
    passwordFile: null,
    bearerTokenFile: null,
    headers: {},
    tls,
  };
  return { ...NO_PUSH, gateway: { endpoint, intervalMs: 10_000, job: 'traceroute', ...more } };
}

function bench(said: string[] = []) {
  const clock = new VirtualClock();
  const metrics = createTargetMetrics(sampleConfig([A]));
  /** All requests of all senders that there ever were, in order. */
  const log: string[] = [];
  let senders = 0;
  const pusher = createPusher({
    version: '1',
    metrics,
    own: () => [],
    clock,
    random: () => 0,
    log: { info: () => undefined, warn: (_, message) => void said.push(message) },
    sender: () => {
      senders++;
      const sender = new RecordingSender();
      sender.answer = ({ method, url }) => {
        log.push(`${method} ${url}`);
        return { kind: 'accepted' };
      };
      return sender;
    },
  });
  const apply = (push: PushConfig): void => pusher.apply({ targets: [A], push });
  const measure = (): void => {
    metrics.observeRound(sampleRound(A));
    pusher.measured(A.key);
  };
  return { clock, pusher, log, apply, measure, senders: () => senders };
}

const GROUP = '/metrics/job/traceroute/instance/a.example';

test('Pusher pushes nothing and has no series where nothing is configured', async () => {
  const { clock, pusher, log, apply, measure } = bench();
  apply(NO_PUSH);
  measure();
  await clock.advance(60_000);
  assert.deepEqual([log, exposeText([pusher.metrics])], [[], '']);
  await pusher.stop();
});

test('Pusher goes on undisturbed over a reload that changes nothing of it', async () => {
  const { clock, log, apply, measure, senders } = bench();
  apply(gatewayTo('http://g'));
  measure();
  await clock.advance(9000);
  apply(gatewayTo('http://g'));
  await clock.advance(1000);
  assert.deepEqual([log, senders()], [[`PUT http://g${GROUP}`], 1]);
});

test('Pusher keeps the groups when only the interval changes, and moves them when the place does', async () => {
  const { clock, log, apply, measure } = bench();
  apply(gatewayTo('http://g'));
  measure();
  await clock.advance(10_000);
  apply(gatewayTo('http://g', { intervalMs: 1000 }));
  await clock.advance(1000);
  assert.deepEqual(log, [`PUT http://g${GROUP}`, `PUT http://g${GROUP}`]);
  apply(gatewayTo('http://h'));
  await clock.advance(10_000);
  assert.deepEqual(log.slice(2), [`DELETE http://g${GROUP}`, `PUT http://h${GROUP}`]);
  apply(NO_PUSH);
  await clock.advance(0);
  assert.deepEqual(log.slice(4), [`DELETE http://h${GROUP}`]);
});

test('Pusher says goodbye at its end, and takes nothing any more', async () => {
  const { clock, pusher, log, apply, measure } = bench();
  apply(gatewayTo('http://g'));
  measure();
  await clock.advance(10_000);
  await pusher.stop();
  apply(gatewayTo('http://h'));
  measure();
  await clock.advance(60_000);
  assert.deepEqual(log, [`PUT http://g${GROUP}`, `DELETE http://g${GROUP}`]);
});

test("Pusher's series are there from the start, at zero", () => {
  const { pusher, apply } = bench();
  apply(gatewayTo('http://g'));
  const text = exposeText([pusher.metrics]);
  assert.match(text, /^hopscope_push_attempts_total\{way="pushgateway"\} 0$/m);
  assert.match(text, /^hopscope_push_failures_total\{way="pushgateway",reason="timeout"\} 0$/m);
  assert.match(text, /^hopscope_push_dropped_total\{reason="superseded"\} 0$/m);
  assert.match(text, /^hopscope_push_queue_length\{way="pushgateway"\} 0$/m);
  assert.doesNotMatch(text, /last_success|hopscope_push_samples/);
});

test('Pusher warns of passwords in clear text, and not on loopback or over TLS', () => {
  const said: string[] = [];
  const { apply } = bench(said);
  const withLogin = (url: string): PushConfig => {
    const plain = gatewayTo(url).gateway as GatewayConfig;
    return {
      ...NO_PUSH,
      gateway: { ...plain, endpoint: { ...plain.endpoint, username: 'u', password: 'p' } },
    };
  };
  apply(withLogin('https://g.example:9091'));
  apply(withLogin('http://127.0.0.1:9091'));
  apply(gatewayTo('http://g.example:9091'));
  assert.deepEqual(said, []);
  apply(withLogin('http://g.example:9091'));
  assert.match(said.join(), /^Passwords and tokens for g\.example:9091 travel in clear text/);
});
