import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { type ApiServer, NOW_MS, startApiServer } from '../../../test/api-server.ts';
import { rerouteOf, routeRound } from '../../../test/route-rounds.ts';
import { sampleTarget } from '../../../test/sample-rounds.ts';
import { LiveFeed, MAX_CLIENT_BYTES, MAX_LIVE_CLIENTS } from './live-feed.ts';
import { API_SCHEMAS } from './schemas.ts';

const A = sampleTarget('a.example.org', { site: 'paris' });
const PATH = 'a b c D';

interface Event {
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the feed says.
  readonly data: any;
}

/** A client that reads, event by event. */
class Client implements Disposable {
  readonly #request: ClientRequest;
  readonly #response: IncomingMessage;
  #text = '';
  #events: Event[] = [];
  ended = false;

  constructor(request: ClientRequest, response: IncomingMessage) {
    this.#request = request;
    this.#response = response;
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => this.#take(chunk));
    response.on('end', () => {
      this.ended = true;
    });
    response.on('error', () => {});
  }

  get headers(): IncomingMessage['headers'] {
    return this.#response.headers;
  }

  /** The next event of a type, others passed over; null at the end of the feed. */
  async next(type: string): Promise<Event | null> {
    for (;;) {
      const at = this.#events.findIndex((event) => event.type === type);
      if (at !== -1) return this.#events.splice(0, at + 1).at(-1) ?? null;
      if (this.ended) return null;
      await Promise.race([once(this.#response, 'data'), once(this.#response, 'end')]);
    }
  }

  [Symbol.dispose](): void {
    this.#request.destroy();
  }

  #take(chunk: string): void {
    this.#text += chunk;
    const parts = this.#text.split('\n\n');
    this.#text = parts.pop() ?? '';
    for (const part of parts) {
      const type = /^event: (.*)$/m.exec(part)?.[1] ?? '';
      const data = /^data: (.*)$/m.exec(part)?.[1] ?? '{}';
      this.#events.push({ type, data: JSON.parse(data) });
    }
  }
}

async function listen(server: ApiServer, path: string): Promise<Client> {
  const request = httpRequest(new URL(path, server.url), { agent: false });
  request.on('error', () => {});
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return new Client(request, response);
}

/** A client that asks and never reads. */
async function deafClient(server: ApiServer): Promise<Socket> {
  const socket = connect({ port: server.port, host: '127.0.0.1' });
  socket.pause();
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write('GET /api/v1/live HTTP/1.1\r\nHost: x\r\n\r\n');
  return socket;
}

function check({ type, data }: Event): void {
  const result = API_SCHEMAS['LiveEvent']?.safeParse({ type, ...data });
  assert.ok(result?.success, `${type}: ${result?.error?.message}`);
}

/** Resolves when `good` says yes; looks again after each turn of the loop. */
async function until(good: () => boolean): Promise<void> {
  while (!good()) await new Promise((resolve) => setImmediate(resolve));
}

test('/api/v1/live tells runs and changes as they happen, each as its schema says', async () => {
  await using server = await startApiServer();
  using client = await listen(server, '/api/v1/live');
  using other = await listen(server, '/api/v1/live?target=somebody');
  assert.equal(client.headers['content-type'], 'text/event-stream; charset=utf-8');
  assert.equal(client.headers['content-encoding'], undefined);
  const hello = await client.next('hello');
  assert.deepEqual(hello?.data, { nowMs: NOW_MS, version: '0.1.0' });
  await until(() => server.record.api.live.clients === 2);
  const changes = [rerouteOf(PATH, 'a x c D', 2, NOW_MS)];
  server.record.observe(routeRound(A, { flows: [PATH], atMs: NOW_MS - 10, changes }));
  const change = await client.next('change');
  const run = await client.next('run');
  assert.equal(change?.data.change.target, A.key);
  assert.equal(run?.data.run.state, 'ok');
  server.record.apply([A]);
  const targets = await client.next('targets');
  for (const event of [hello, change, run, targets]) {
    assert.ok(event !== null);
    check(event);
  }
  assert.equal((await other.next('targets'))?.type, 'targets', 'the filter keeps out other targets alone');
});

test('LiveFeed holds 200 clients of which half never read within its bound, and all leave nothing behind', async () => {
  await using server = await startApiServer();
  const { live } = server.record.api;
  const readers = await Promise.all(Array.from({ length: 100 }, () => listen(server, '/api/v1/live')));
  const deaf = await Promise.all(Array.from({ length: 100 }, () => deafClient(server)));
  await until(() => live.clients === 200);
  const padding = 'x'.repeat(16 * 1024);
  let most = 0;
  for (let i = 0; i < 600; i++) {
    live.publish({ type: 'run', target: null, data: { i, padding } });
    most = Math.max(most, live.waitingBytes);
    // Those that read may; 600 events of 16 KiB are more than any kernel buffers for those that do not.
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(most <= 200 * MAX_CLIENT_BYTES);
  live.publish({ type: 'change', target: null, data: { last: true } });
  for (const reader of readers) {
    assert.ok((await reader.next('change')) !== null);
    reader[Symbol.dispose]();
  }
  await until(() => live.clients === 100);
  assert.ok(live.waitingBytes <= 100 * MAX_CLIENT_BYTES);
  // One that wakes up is told that it has missed something.
  const late = deaf.pop();
  assert.ok(late !== undefined);
  let text = '';
  late.setEncoding('utf8');
  late.on('data', (chunk: string) => {
    text = (text + chunk).slice(-40_000);
  });
  late.resume();
  await until(() => /event: resync\ndata: \{"dropped":\d+\}/.test(text));
  for (const socket of [late, ...deaf]) socket.destroy();
  await until(() => live.clients === 0);
  assert.equal(live.waitingBytes, 0);
});

test('LiveFeed turns away clients past its number, and takes them again when others have gone', async () => {
  await using server = await startApiServer();
  const clients = await Promise.all(
    Array.from({ length: MAX_LIVE_CLIENTS }, () => listen(server, '/api/v1/live')),
  );
  await until(() => server.record.api.live.clients === MAX_LIVE_CLIENTS);
  const refused = await server.get('/api/v1/live');
  assert.equal(refused.status, 503);
  assert.match(refused.json.error.message, /Too many live feeds: 256 are open/);
  clients.pop()?.[Symbol.dispose]();
  await until(() => server.record.api.live.clients === MAX_LIVE_CLIENTS - 1);
  using one = await listen(server, '/api/v1/live');
  assert.ok((await one.next('hello')) !== null);
  for (const client of clients) client[Symbol.dispose]();
});

test('LiveFeed.close() ends every feed after what waits, and refuses new ones', async () => {
  await using server = await startApiServer();
  using client = await listen(server, '/api/v1/live');
  await until(() => server.record.api.live.clients === 1);
  server.record.api.live.publish({ type: 'run', target: null, data: { last: 1 } });
  server.record.close();
  assert.deepEqual((await client.next('run'))?.data, { last: 1 });
  assert.equal(await client.next('run'), null);
  assert.equal(server.record.api.live.clients, 0);
  assert.equal((await server.get('/api/v1/live')).status, 503);
});

test('LiveFeed asks nothing of a HEAD request', async () => {
  await using server = await startApiServer();
  const request = httpRequest(new URL('/api/v1/live', server.url), { method: 'HEAD', agent: false });
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  assert.equal(response.statusCode, 200);
  assert.equal(server.record.api.live.clients, 0);
  request.destroy();
});

test('LiveFeed drops what one client does not take, not what another does', async () => {
  const feed = new LiveFeed({ now: () => 0, version: '0' });
  const signal = new AbortController().signal;
  const open = (): AsyncIterator<Buffer> => {
    const { body } = feed.subscribe(null, signal);
    assert.ok(typeof body === 'function');
    return body()[Symbol.asyncIterator]();
  };
  const [fast, slow] = [open(), open()];
  let bytes = 0;
  const data = { padding: 'y'.repeat(1000) };
  for (let i = 0; i < 1000; i++) {
    feed.publish({ type: 'run', target: null, data });
    bytes += ((await fast.next()).value as Buffer).length;
    assert.ok(feed.waitingBytes <= MAX_CLIENT_BYTES);
  }
  assert.ok(bytes > 1_000_000);
  const { value } = await slow.next();
  assert.match(String(value), /^event: resync\ndata: \{"dropped":\d+\}\n\n$/);
  await fast.return?.();
  await slow.return?.();
  assert.equal(feed.clients, 0);
});
