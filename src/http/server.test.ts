import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { type FakeServices, type FakeSettings, fakeServices } from '../../test/fake-http-services.ts';
import { sampleConfig, sampleRound, sampleTarget } from '../../test/sample-rounds.ts';
import { HttpError } from './http-error.ts';
import type { ProbeOutcome } from './http-services.ts';
import { parseListenAddress } from './listen-address.ts';
import { type HttpServer, startHttpServer } from './server.ts';

interface Running extends AsyncDisposable {
  readonly services: FakeServices;
  readonly server: HttpServer;
  readonly url: string;
  readonly port: number;
}

async function start(settings: FakeSettings = {}, prefix = ''): Promise<Running> {
  const services = fakeServices(settings);
  const server = await startHttpServer(services, { listen: [parseListenAddress('127.0.0.1:0')], prefix });
  const bound = server.addresses[0];
  assert.ok(bound !== undefined);
  return {
    services,
    server,
    url: bound.url,
    port: bound.port,
    [Symbol.asyncDispose]: () => server.close(0),
  };
}

async function get(
  url: string,
  init: RequestInit = {},
): Promise<{ status: number; headers: Headers; body: string }> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

/** A raw request whose body is not decoded. */
async function getRaw(
  url: string,
  headers: Record<string, string>,
): Promise<{ headers: IncomingMessage['headers']; body: Buffer }> {
  const request: ClientRequest = httpRequest(url, { headers, agent: false });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { headers: response.headers, body: Buffer.concat(chunks) };
}

/** A promise and its resolver. */
function gate<T>(): { promise: Promise<T>; open: (value: T) => void } {
  const { promise, resolve } = Promise.withResolvers<T>();
  return { promise, open: resolve };
}

const reached: ProbeOutcome = { kind: 'round', round: sampleRound(sampleTarget('a.example.org')) };

test('/metrics answers text by default and OpenMetrics where asked, and never traces', async () => {
  await using running = await start();
  const plain = await get(`${running.url}metrics`);
  assert.equal(plain.status, 200);
  assert.equal(plain.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  assert.match(plain.body, /^traceroute_success\{target="a\.example\.org",site="paris"\} 1$/m);
  const open = await get(`${running.url}metrics`, {
    headers: { accept: 'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5' },
  });
  assert.equal(
    open.headers.get('content-type'),
    'application/openmetrics-text; version=1.0.0; charset=utf-8',
  );
  assert.match(open.body, /# EOF\n$/);
  assert.equal(running.services.calls.length, 0);
});

test('/metrics compresses with gzip or zstd where the client accepts it', async () => {
  await using running = await start();
  const plain = await getRaw(`${running.url}metrics`, {});
  const zipped = await getRaw(`${running.url}metrics`, { 'accept-encoding': 'gzip' });
  assert.equal(zipped.headers['content-encoding'], 'gzip');
  assert.deepEqual(gunzipSync(zipped.body), plain.body);
  const zstd = await getRaw(`${running.url}metrics`, { 'accept-encoding': 'zstd' });
  assert.equal(zstd.headers['content-encoding'], 'zstd');
  assert.deepEqual(zstdDecompressSync(zstd.body), plain.body);
  assert.equal(plain.headers['content-encoding'], undefined);
});

test('/metrics cuts the connection when a source fails halfway, and logs it', async () => {
  const failing = {
    *write(): Generator<void> {
      yield;
      throw new Error('broken source');
    },
  };
  await using running = await start({ metrics: [failing] });
  await assert.rejects(async () => (await fetch(`${running.url}metrics`)).text());
  assert.match(running.services.errors.join(), /broken source/);
});

test('/probe answers the series of its own trace and counts the request', async () => {
  await using running = await start();
  const { status, body } = await get(
    `${running.url}probe?target=a.example.org&module=tcp&hostname=www.example.org`,
    {
      headers: { 'X-Prometheus-Scrape-Timeout-Seconds': '3' },
    },
  );
  assert.equal(status, 200);
  assert.match(body, /^probe_success 1$/m);
  assert.match(body, /^probe_timeout_seconds 2\.5$/m);
  const [call] = running.services.calls;
  assert.equal(call?.host, 'a.example.org');
  assert.equal(call?.moduleName, 'tcp');
  assert.equal(call?.options.deadlineMs, 2500);
  assert.equal(call?.options.hostname, 'www.example.org');
  assert.deepEqual(running.services.results, ['success']);
});

test('/probe answers 200 with probe_success 0 when the probe fails', async () => {
  const round = sampleRound(sampleTarget('a'), {
    trace: null,
    path: null,
    address: null,
    family: null,
    failure: { reason: 'dns', message: 'Cannot resolve "a": no such name' },
  });
  await using running = await start({ probe: async () => ({ kind: 'round', round }) });
  const { status, body } = await get(`${running.url}probe?target=a.example.org`);
  assert.equal(status, 200);
  assert.match(body, /^probe_success 0$/m);
  assert.doesNotMatch(body, /^probe_traceroute_rtt/m);
  const debug = await get(`${running.url}probe?target=a.example.org&debug=true`);
  assert.match(debug.body, /failed: Cannot resolve "a": no such name/);
  assert.deepEqual(running.services.results, ['failure', 'failure']);
});

test('/probe?debug=true answers the log, the hop table and the metrics as text', async () => {
  await using running = await start();
  const { headers, body } = await get(`${running.url}probe?target=a.example.org&debug=true`);
  assert.equal(headers.get('content-type'), 'text/plain; charset=utf-8');
  assert.match(body, /^ 1 {2}100\.64\.0\.1 {2}1\.250 ms$/m);
  assert.match(body, /^ 2 {2}\* {22}no answer to 1$/m);
  assert.match(body, /^ 4 {2}198\.18\.0\.1 {2}20\.125 ms {2}echo-reply$/m);
  assert.match(body, /^probe_success 1$/m);
  assert.match(body, /^Module "icmp":$/m);
});

test('/probe answers 400 to what cannot be probed, without probing', async () => {
  await using running = await start();
  for (const query of ['', '?target=', '?target=a%20b', '?target=a.b&module=x', '?target=a.b&target=c.d']) {
    const { status, body } = await get(`${running.url}probe${query}`);
    assert.equal(status, 400, query);
    assert.equal(body.trimEnd().split('\n').length, 1);
  }
  assert.equal(running.services.calls.length, 0);
  assert.deepEqual(running.services.results, Array(5).fill('bad_request'));
});

test('/probe answers 403, 429 and 503 with the reason', async () => {
  const outcomes: ProbeOutcome[] = [
    { kind: 'forbidden', message: 'probe.deny lists it' },
    { kind: 'busy', message: 'too many' },
    { kind: 'cancelled' },
  ];
  await using running = await start({ probe: async () => outcomes.shift() ?? reached });
  const forbidden = await get(`${running.url}probe?target=a.b`);
  assert.deepEqual([forbidden.status, forbidden.body], [403, 'probe.deny lists it\n']);
  const busy = await get(`${running.url}probe?target=a.b`);
  assert.deepEqual([busy.status, busy.body, busy.headers.get('retry-after')], [429, 'too many\n', '1']);
  assert.equal((await get(`${running.url}probe?target=a.b`)).status, 503);
  assert.deepEqual(running.services.results, ['forbidden', 'busy', 'cancelled']);
});

test('/probe answers 500 without detail when the service throws, and logs the detail', async () => {
  await using running = await start({ probe: async () => Promise.reject(new Error('secret detail')) });
  const { status, body } = await get(`${running.url}probe?target=a.b`);
  assert.equal(status, 500);
  assert.doesNotMatch(body, /secret/);
  assert.match(running.services.errors.join(), /secret detail/);
  assert.deepEqual(running.services.results, ['error']);
});

test('/probe requests do not wait for one another', async () => {
  const first = gate<ProbeOutcome>();
  await using running = await start({
    probe: (call) => (call.host === 'slow.example.org' ? first.promise : Promise.resolve(reached)),
  });
  const slow = get(`${running.url}probe?target=slow.example.org`);
  const quick = await Promise.all(
    Array.from({ length: 64 }, (_, i) => get(`${running.url}probe?target=q${i}.example.org`)),
  );
  assert.deepEqual(new Set(quick.map((answer) => answer.status)), new Set([200]));
  first.open(reached);
  assert.equal((await slow).status, 200);
});

test('/probe aborts its signal when the client goes away', async () => {
  const asked = gate<AbortSignal>();
  await using running = await start({
    probe: ({ options }) => {
      asked.open(options.signal);
      return new Promise((resolve) =>
        options.signal.addEventListener('abort', () => resolve({ kind: 'cancelled' })),
      );
    },
  });
  const socket = connect(running.port, '127.0.0.1');
  socket.write('GET /probe?target=a.example.org HTTP/1.1\r\nHost: x\r\n\r\n');
  const signal = await asked.promise;
  socket.destroy();
  if (!signal.aborted) await once(signal, 'abort');
  await running.server.close(0);
  assert.deepEqual(running.services.results, ['cancelled']);
});

test('the server answers HEAD without a body and without asking the source', async () => {
  let asked = 0;
  const source = {
    *write(): Generator<void> {
      asked++;
      yield;
    },
  };
  await using running = await start({ metrics: [source] });
  const { status, body } = await get(`${running.url}metrics`, { method: 'HEAD' });
  assert.deepEqual([status, body, asked], [200, '', 0]);
  assert.equal((await get(running.url, { method: 'HEAD' })).body, '');
});

test('the server answers 404 with the paths there are, and 405 with Allow', async () => {
  await using running = await start();
  const missing = await get(`${running.url}metrisc`);
  assert.equal(missing.status, 404);
  assert.match(missing.body, /\/metrics \/probe/);
  const wrong = await get(`${running.url}metrics`, { method: 'DELETE' });
  assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'GET, HEAD']);
  const reload = await get(`${running.url}-/reload`);
  assert.deepEqual([reload.status, reload.headers.get('allow')], [405, 'POST, PUT']);
  assert.equal(running.services.reloads, 0);
});

test('/-/reload reloads on POST and PUT, and tells why it could not', async () => {
  await using good = await start();
  assert.equal((await get(`${good.url}-/reload`, { method: 'POST' })).status, 200);
  assert.equal((await get(`${good.url}-/reload`, { method: 'PUT', body: 'ignored' })).status, 200);
  assert.equal(good.services.reloads, 2);
  await using bad = await start({ reload: () => Promise.reject(new Error('hopscope.yml:3:1: unknown key')) });
  const { status, body } = await get(`${bad.url}-/reload`, { method: 'POST' });
  assert.equal(status, 500);
  assert.match(body, /the old one stays: hopscope\.yml:3:1: unknown key/);
});

test('/-/reload refuses a page of another site', async () => {
  await using running = await start();
  const raw = httpRequest(`${running.url}-/reload`, {
    method: 'POST',
    headers: { 'sec-fetch-site': 'cross-site' },
    agent: false,
  });
  raw.end();
  const [response] = (await once(raw, 'response')) as [IncomingMessage];
  response.resume();
  assert.equal(response.statusCode, 403);
  assert.equal(running.services.reloads, 0);
});

test('the server is healthy but not ready before a configuration is applied', async () => {
  await using running = await start({ config: null });
  const statusOf = async (path: string): Promise<number> => (await get(`${running.url}${path}`)).status;
  assert.equal(await statusOf('-/healthy'), 200);
  for (const path of ['-/ready', 'sd', 'config', 'probe?target=a.b'])
    assert.equal(await statusOf(path), 503, path);
  assert.equal(await statusOf('metrics'), 200);
  assert.equal(await statusOf(''), 200);
  await using later = await start();
  assert.equal((await get(`${later.url}-/ready`)).status, 200);
});

test('/config answers the text in force', async () => {
  await using running = await start({ config: sampleConfig([], { text: 'targets: [] # <secret>\n' }) });
  const { headers, body } = await get(`${running.url}config`);
  assert.equal(body, 'targets: [] # <secret>\n');
  assert.equal(headers.get('content-type'), 'text/plain; charset=utf-8');
});

test('/sd answers target groups that Prometheus can scrape through /probe', async () => {
  await using running = await start();
  const { headers, body } = await get(`${running.url}sd`);
  assert.match(headers.get('content-type') ?? '', /^application\/json/);
  assert.deepEqual(JSON.parse(body), [
    {
      targets: ['a.example.org'],
      labels: { site: 'paris', __param_module: 'icmp', __meta_hopscope_interval_seconds: '60' },
    },
    {
      targets: ['b.example.org'],
      labels: { __param_module: 'icmp', __meta_hopscope_interval_seconds: '60' },
    },
  ]);
});

test('every answer carries the security headers', async () => {
  await using running = await start();
  for (const path of ['', 'metrics', 'probe', 'nothing', 'config', '-/reload']) {
    const { headers } = await get(`${running.url}${path}`);
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/, path);
    assert.doesNotMatch(headers.get('content-security-policy') ?? '', /unsafe/, path);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('referrer-policy'), 'no-referrer');
  }
});

test('a route prefix moves every endpoint, and the root leads there', async () => {
  await using running = await start({}, '/net/hopscope');
  const { port } = running;
  assert.match(running.url, /\/net\/hopscope\/$/);
  assert.equal((await get(`${running.url}-/healthy`)).status, 200);
  assert.equal((await get(`http://127.0.0.1:${port}/metrics`)).status, 404);
  assert.equal((await get(`http://127.0.0.1:${port}/net/hopscopemetrics`)).status, 404);
  for (const path of ['/', '/net/hopscope']) {
    const { status, headers } = await get(`http://127.0.0.1:${port}${path}`);
    assert.equal(status, 302);
    const location = new URL(headers.get('location') ?? '', `http://127.0.0.1:${port}${path}`);
    assert.equal(location.pathname, '/net/hopscope/');
  }
});

test('the server survives request lines and headers that make no sense', async () => {
  await using running = await start();
  const lines = [
    'GET //evil.example.org/metrics HTTP/1.1\r\nHost: x',
    'GET http://other.example.org/-/healthy HTTP/1.1\r\nHost: x',
    'GET /%zz?%zz=%zz HTTP/1.1\r\nHost: x',
    'GET /probe?target=%ff%fe%00 HTTP/1.1\r\nHost: x',
    'GARBAGE',
    `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x`,
    'OPTIONS * HTTP/1.1\r\nHost: x',
    'CONNECT a:1 HTTP/1.1\r\nHost: x',
    'GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: ;;;q=\r\nAccept-Encoding: ,,;q=z',
  ];
  const statuses: (string | undefined)[] = [];
  for (const line of lines) {
    const socket = connect(running.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end(`${line}\r\nConnection: close\r\n\r\n`);
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
    });
    await once(socket, 'close');
    statuses.push(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
  }
  assert.deepEqual(statuses, ['404', '200', '404', '400', '400', '431', '404', undefined, '200']);
  assert.equal((await get(`${running.url}-/healthy`)).status, 200);
  assert.deepEqual(running.services.errors, []);
});

test('startHttpServer() listens on several addresses, IPv6 among them', async () => {
  const services = fakeServices();
  await using server = await startHttpServer(services, {
    listen: [parseListenAddress('127.0.0.1:0'), parseListenAddress('[::1]:0')],
    prefix: '',
  });
  assert.equal(server.addresses.length, 2);
  for (const { url } of server.addresses) assert.equal((await get(`${url}-/healthy`)).status, 200);
});

test('startHttpServer() names the address that it cannot have and the remedy, and keeps none', async () => {
  await using running = await start();
  const listen = [parseListenAddress('127.0.0.1:0'), parseListenAddress(`127.0.0.1:${running.port}`)];
  await assert.rejects(
    startHttpServer(fakeServices(), { listen, prefix: '' }),
    (error) =>
      error instanceof HttpError &&
      error.code === 'in-use' &&
      error.message.includes(`127.0.0.1:${running.port}`) &&
      error.message.includes('--web.listen-address'),
  );
  await assert.rejects(
    startHttpServer(fakeServices(), { listen: [parseListenAddress('192.0.2.1:0')], prefix: '' }),
    { name: 'HttpError', code: 'no-such-address' },
  );
});

test('close() lets a request in progress end, and closes idle connections at once', async () => {
  const probe = gate<ProbeOutcome>();
  const asked = gate<void>();
  const running = await start({
    probe: () => {
      asked.open();
      return probe.promise;
    },
  });
  const idle = connect(running.port, '127.0.0.1');
  idle.on('error', () => undefined);
  idle.resume();
  await once(idle, 'connect');
  const answer = get(`${running.url}probe?target=a.example.org`);
  await asked.promise;
  const closed = running.server.close(60_000);
  await once(idle, 'close');
  probe.open(reached);
  const { status, headers } = await answer;
  assert.equal(status, 200);
  assert.equal(headers.get('connection'), 'close');
  await closed;
  await assert.rejects(fetch(`${running.url}-/healthy`));
});

test('close() cuts what has not ended within the bound', async () => {
  const asked = gate<void>();
  const running = await start({
    probe: () => {
      asked.open();
      return new Promise(() => undefined);
    },
  });
  const answer = assert.rejects(get(`${running.url}probe?target=a.example.org`));
  await asked.promise;
  await running.server.close(1);
  await answer;
});
