import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { CliHarness } from '../../test/cli-harness.ts';

interface Gateway {
  readonly url: string;
  readonly requests: { readonly line: string; readonly body: string }[];
}

async function gateway(context: TestContext, status = 200): Promise<Gateway> {
  const requests: { line: string; body: string }[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    requests.push({ line: `${request.method} ${request.url}`, body });
    response.writeHead(status).end('as asked');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** Runs a command whose clock is virtual while its HTTP is real. */
async function run(harness: CliHarness, ...argv: string[]): Promise<number> {
  let status: number | undefined;
  const running = harness.start(...argv).then((result) => {
    status = result;
  });
  while (status === undefined) {
    await Promise.race([running, harness.clock.advance(100)]);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return status;
}

test('push puts one group a host, with status 0 when all were reached', async (context) => {
  const { url, requests } = await gateway(context);
  const harness = new CliHarness({ names: { 'a.example': ['198.18.0.1'] } });
  assert.equal(
    await run(harness, 'push', 'a.example', '2001:db8:1::1', '--pushgateway', url, '--job', 'cron'),
    0,
  );
  const lines = requests.map(({ line }) => line).sort();
  assert.deepEqual(lines, [
    'PUT /metrics/job/cron/instance/2001:db8:1::1',
    'PUT /metrics/job/cron/instance/a.example',
  ]);
  for (const { body } of requests) {
    assert.match(body, /^traceroute_hops\{target="[^"]+"\} 13$/m);
    assert.match(body, /^traceroute_push_timestamp_seconds\{/m);
    assert.doesNotMatch(body, /traceroute_push_interval_seconds/);
  }
  assert.equal(harness.io.out + harness.io.err, '');
});

test('push of a host that does not answer is pushed as such, with status 1', async (context) => {
  const { url, requests } = await gateway(context);
  const harness = new CliHarness({ scenario: 'silent-tail' });
  assert.equal(await run(harness, 'push', '198.18.0.1', '--pushgateway', url), 1);
  assert.match(requests[0]?.body ?? '', /^traceroute_success\{target="198.18.0.1"\} 0$/m);
});

test('push of a name that does not resolve is pushed as a failure, with status 2', async (context) => {
  const { url, requests } = await gateway(context);
  const harness = new CliHarness();
  assert.equal(await run(harness, 'push', 'nowhere.example', '--pushgateway', url), 2);
  assert.match(
    requests[0]?.body ?? '',
    /^traceroute_failures_total\{target="nowhere.example",kind="dns"\} 1$/m,
  );
  assert.match(harness.io.err, /Cannot resolve "nowhere.example"/);
});

test('push that is refused says what the Pushgateway said, once, with status 3', async (context) => {
  const { url, requests } = await gateway(context, 400);
  const harness = new CliHarness();
  assert.equal(await run(harness, 'push', '198.18.0.1', '--pushgateway', url), 3);
  assert.match(harness.io.err, /^hopscope: A push was refused: .* answered 400 \(as asked\)\n$/);
  assert.equal(requests.length, 1);
});

test('push tries a Pushgateway that fails again until --push-timeout, with status 3', async (context) => {
  const { url, requests } = await gateway(context, 503);
  const harness = new CliHarness();
  const status = await run(harness, 'push', '198.18.0.1', '--pushgateway', url, '--push-timeout', '20m');
  assert.equal(status, 3);
  assert.ok(requests.length >= 3, `${requests.length} attempts`);
  assert.equal(harness.io.err.split('\n').length, 2);
});

test('push refuses what it cannot be meant by, before anything is sent', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['push', 'a.example'], /--pushgateway is missing/],
    [['push', 'a.example', '--pushgateway', 'x'], /--pushgateway: not a URL/],
    [['push', 'a.example', '--pushgateway', 'http://g/metrics'], /has \/metrics in it/],
    [['push', 'a.example', '--pushgateway', 'http://g', '--job', ''], /--job is empty/],
    [['push', 'a.example', '--pushgateway', 'http://g', '--username', 'u'], /belong together/],
    [
      ['push', 'a.example', '--pushgateway', 'http://g', '--push-timeout', '5'],
      /--push-timeout is a duration/,
    ],
  ];
  for (const [argv, expected] of cases) {
    const harness = new CliHarness();
    assert.equal(await harness.run(...argv), 2, argv.join(' '));
    assert.match(harness.io.err, expected);
    assert.equal(harness.engines.length, 0);
  }
});
