// /api/v1 as the page knows it, over a made-up world: for looking at the page at any size, and for tests of what no real
// exporter does on demand. `node test/fake-api.ts [TARGETS] [PORT]` serves it with the built page.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type {
  ApiAddress,
  ApiChange,
  ApiChangeGroup,
  ApiDiff,
  ApiLiveEvent,
  ApiStatus,
  ApiTraceNow,
} from '../src/http/api-shapes.ts';
import { type BuiltPage, loadBuiltPage, pageFileHandler } from '../src/http/built-page.ts';
import { index } from '../src/http/index-page.ts';
import { LANDING_STYLE_FILE, LANDING_STYLE_PATH } from '../src/http/landing-style.ts';
import { type Answer, send } from '../src/http/response.ts';
import type { HttpRequest } from '../src/http/router.ts';
import { ensurePage, PAGE_FOLDER } from '../web/build.ts';
import { FakeWorld, type WorldOptions } from './fake-api-world.ts';
import { fakeServices } from './fake-http-services.ts';

export interface FakeApiOptions extends WorldOptions {
  /** Below it everything is; empty or `/x`. */
  readonly prefix?: string;
  /** Milliseconds between two runs of one target in the live feed; 0 for a silent feed. */
  readonly runEveryMs?: number;
  readonly port?: number;
}

export interface FakeApi extends AsyncDisposable {
  readonly url: string;
  readonly world: FakeWorld;
  /** Everyone who listens hears it. */
  tell(event: ApiLiveEvent): void;
  /** One run of every target at once. */
  tellRuns(): void;
  /** Cuts all live feeds; with `true` new ones are refused until it is called with `false`. */
  cutFeeds(refuse: boolean): void;
  /** Paths below /api/v1 that answer with this status from now on; null for all as they should. */
  fail: ((path: string) => number | null) | null;
}

export async function startFakeApi(options: FakeApiOptions): Promise<FakeApi> {
  const page = loadBuiltPage(PAGE_FOLDER);
  if (page === null) throw new Error('The page is not built: node web/build.ts');
  const server = new FakeServer(options, page);
  await server.listen(options.port ?? 0);
  return server;
}

type Json = object;

class FakeServer implements FakeApi {
  readonly world: FakeWorld;
  fail: FakeApi['fail'] = null;
  readonly #page: BuiltPage;
  readonly #prefix: string;
  readonly #server: Server;
  readonly #feeds = new Set<ServerResponse>();
  readonly #traces = new Map<string, ApiTraceNow>();
  readonly #timer: NodeJS.Timeout | undefined;
  #refusing = false;

  constructor(options: FakeApiOptions, page: BuiltPage) {
    this.world = new FakeWorld(options);
    this.#page = page;
    this.#prefix = options.prefix ?? '';
    this.#server = createServer((request, response) => void this.#handle(request, response));
    const every = options.runEveryMs ?? 0;
    if (every > 0) {
      let next = 0;
      const tick = Math.max(20, every / this.world.targets.length);
      const many = Math.max(1, Math.round((this.world.targets.length * tick) / every));
      this.#timer = setInterval(() => {
        for (let i = 0; i < many; i++) this.#tellRun(next++ % this.world.targets.length);
      }, tick);
    }
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}${this.#prefix}/`;
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  tell({ type, ...data }: ApiLiveEvent): void {
    const body = 'run' in data || 'change' in data || 'trace' in data ? data : data;
    for (const feed of this.#feeds) feed.write(`event: ${type}\ndata: ${JSON.stringify(body)}\n\n`);
  }

  tellRuns(): void {
    for (let i = 0; i < this.world.targets.length; i++) this.#tellRun(i);
  }

  #tellRun(i: number): void {
    const target = this.world.targets[i];
    if (target === undefined || this.#feeds.size === 0) return;
    const now = Date.now();
    const { state, reason, address, hops, rttMs, lossRatio, paths, pathId, asPath } = this.world.describe(
      target,
      now,
    );
    const run = { atMs: now, state, reason, address, hops, rttMs, lossRatio, paths, pathId, asPath };
    this.tell({ type: 'run', target: target.key, run });
  }

  cutFeeds(refuse: boolean): void {
    this.#refusing = refuse;
    for (const feed of this.#feeds) feed.destroy();
    this.#feeds.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://fake');
    const path = url.pathname.slice(this.#prefix.length);
    if (path.startsWith('/api/v1/')) {
      const below = path.slice('/api/v1/'.length);
      const status = this.fail?.(below) ?? null;
      if (status !== null) return reply(response, status, { error: { status, message: 'Told to fail.' } });
      if (below === 'live') return this.#feed(response);
      const events = /^traces\/([^/]+)\/events$/.exec(below);
      if (events !== null) return this.#traceFeed(events[1] ?? '', response);
      const body = request.method === 'POST' ? await readBody(request) : '';
      const answer = this.#answer(below, url.searchParams, body);
      if (answer === null) return reply(response, 404, { error: { status: 404, message: 'Not here.' } });
      return reply(response, request.method === 'POST' ? 202 : 200, answer);
    }
    await send(request, response, await this.#file(path, request));
  }

  async #file(path: string, request: IncomingMessage): Promise<Answer> {
    const asked = {
      method: 'GET',
      path,
      query: new URLSearchParams(),
      headers: request.headers,
    } as HttpRequest;
    if (path === '/') return index(asked, fakeServices({ page: this.#page }));
    const name = path.slice(1);
    const file = name === LANDING_STYLE_PATH ? LANDING_STYLE_FILE : this.#page.files.get(name);
    return file === undefined
      ? { status: 404, type: 'text/plain', body: 'nothing' }
      : pageFileHandler(file)(asked);
  }

  #feed(response: ServerResponse): void {
    if (this.#refusing) {
      response.writeHead(503).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write(`event: hello\ndata: ${JSON.stringify({ nowMs: Date.now(), version: '0.1.0' })}\n\n`);
    this.#feeds.add(response);
    response.once('close', () => this.#feeds.delete(response));
  }

  #answer(path: string, query: URLSearchParams, body: string): Json | null {
    const now = Date.now();
    const number = (name: string, otherwise: number): number => Number(query.get(name) ?? otherwise);
    if (path === 'status') return statusAnswer(now, this.world.targets.length);
    if (path === 'targets') return this.#targets(number('limit', 100), Number(query.get('cursor') ?? 0), now);
    const [fromMs, toMs] = [number('from', now - 3_600_000), number('to', now)];
    if (path === 'changes') {
      const found = this.#changes(fromMs, toMs, query.get('target'), query.get('group'));
      return { items: found.slice(0, number('limit', 100)), next: null };
    }
    if (path === 'change-groups') {
      return {
        items: groupsOf(this.#changes(fromMs, toMs, null, null)).slice(0, number('limit', 100)),
        next: null,
      };
    }
    if (path === 'traces') return this.#startTrace((JSON.parse(body) as { host: string }).host, now);
    const trace = /^traces\/([^/]+)$/.exec(path);
    if (trace !== null) return this.#traces.get(trace[1] ?? '') ?? null;
    const [, key = '', what] = /^targets\/([^/]+)\/(\w+)$/.exec(path) ?? [];
    const target = this.world.find(decodeURIComponent(key));
    if (target === undefined) return null;
    if (what === 'timeline') return this.world.timeline(target, fromMs, toMs, number('points', 300), now);
    if (what === 'route') return this.world.route(target, fromMs, toMs);
    if (what === 'diff') return this.#diff(target, number('a', 0), number('b', 0));
    return null;
  }

  #targets(limit: number, from: number, now: number): Json {
    const items = this.world.targets
      .slice(from, from + limit)
      .map((target) => this.world.describe(target, now));
    const next = from + limit < this.world.targets.length ? String(from + limit) : null;
    const states = { ok: 0, unreachable: 0, failed: 0, stale: 0, pending: 0 };
    for (const { state } of this.world.targets) states[state]++;
    return { items, next, total: this.world.targets.length, states };
  }

  #changes(fromMs: number, toMs: number, target: string | null, group: string | null): readonly ApiChange[] {
    const now = Math.min(toMs, Date.now());
    return this.world.targets
      .filter(({ key }) => target === null || key === target)
      .flatMap((one) => this.world.changesOf(one, fromMs, now).slice(-20))
      .filter((change) => group === null || change.group === group)
      .sort((a, b) => b.atMs - a.atMs);
  }

  #diff(target: Parameters<FakeWorld['pathAt']>[0], aMs: number, bMs: number): ApiDiff {
    const [a, b] = [this.world.pathAt(target, aMs), this.world.pathAt(target, bMs)];
    const rows = Array.from({ length: Math.max(a.hops.length, b.hops.length) }, (_, i) => {
      const [before, after] = [a.hops[i] ?? [], b.hops[i] ?? []];
      const has = (list: readonly ApiAddress[], { address }: ApiAddress): boolean =>
        list.some((one) => one.address === address);
      return {
        ttl: i + 1,
        kept: after.filter((one) => has(before, one)),
        removed: before.filter((one) => !has(after, one)),
        added: after.filter((one) => !has(before, one)),
      };
    });
    const side = (path: typeof a, atMs: number): ApiDiff['a'] => ({
      atMs,
      pathId: path.id,
      hops: path.hops.length,
      rttMs: this.world.rttAt(target, atMs),
    });
    return { a: side(a, aMs), b: side(b, bMs), rows };
  }

  #startTrace(host: string, now: number): ApiTraceNow {
    const id = `t${this.#traces.size + 1}`;
    const trace: ApiTraceNow = {
      id,
      host,
      state: 'running',
      startedAtMs: now,
      message: null,
      trace: null,
      pathId: null,
      addresses: {},
    };
    this.#traces.set(id, trace);
    return trace;
  }

  /** Hop by hop, as fast as it is read. */
  #traceFeed(id: string, response: ServerResponse): void {
    const known = this.#traces.get(id);
    const target = this.world.targets[1];
    if (known === undefined || target === undefined)
      return reply(response, 404, { error: { status: 404, message: 'Gone.' } });
    response.writeHead(200, { 'Content-Type': 'text/event-stream' });
    const path = this.world.pathAt(target, Date.now());
    const addresses = Object.fromEntries(path.hops.flat().map((one) => [one.address, one]));
    for (let heard = 1; heard <= path.hops.length; heard++) {
      const done = heard === path.hops.length;
      const hops = path.hops.slice(0, heard).map((here, i) => ({
        ttl: i + 1,
        sent: 3,
        replies: here.map(({ address }, flow) => ({
          flow,
          address,
          rttMs: 1.5 * (i + 1),
          kind: done && i === heard - 1 ? ('echo-reply' as const) : ('time-exceeded' as const),
        })),
      }));
      const trace: ApiTraceNow = {
        ...known,
        state: done ? 'done' : 'running',
        pathId: done ? path.id : null,
        addresses,
        trace: {
          target: known.host,
          address: target.address,
          family: 4,
          protocol: 'icmp',
          port: null,
          mode: 'raw',
          startedAt: new Date(known.startedAtMs).toISOString(),
          durationMs: 24.5,
          reached: done,
          hopCount: done ? heard : 0,
          probesSent: 3 * heard,
          hops,
          links: hops
            .slice(1)
            .flatMap(({ ttl, replies }, i) =>
              (hops[i]?.replies ?? []).flatMap((from) =>
                replies.map((to) => ({ ttl: ttl - 1, from: from.address, to: to.address })),
              ),
            ),
          end: done ? 'reached' : 'deadline',
          duplicates: 0,
          late: 0,
          flows: [0],
        },
      };
      this.#traces.set(id, trace);
      response.write(`event: trace\ndata: ${JSON.stringify({ trace })}\n\n`);
    }
    response.end();
  }
}

function statusAnswer(nowMs: number, targets: number): ApiStatus {
  return {
    version: '0.1.0',
    nowMs,
    startedAtMs: nowMs - 3_600_000,
    targets,
    history: { enabled: true, healthy: true, message: null },
    modules: [
      { name: 'icmp', protocol: 'icmp', port: null },
      { name: 'https', protocol: 'tcp', port: 443 },
    ],
    asDatabase: true,
  };
}

function groupsOf(changes: readonly ApiChange[]): readonly ApiChangeGroup[] {
  return [...Map.groupBy(changes, ({ group }) => group)].map(([id, members]) => {
    const first = members[0];
    const kinds: Partial<Record<ApiChange['kind'], number>> = {};
    for (const { kind } of members) kinds[kind] = (kinds[kind] ?? 0) + 1;
    const cause = first?.after[first.firstHop - 1] ?? null;
    const targets = [...new Set(members.map(({ target }) => target))];
    const times = members.map(({ atMs }) => atMs);
    return {
      id,
      cause,
      firstAtMs: Math.min(...times),
      lastAtMs: Math.max(...times),
      kinds,
      targets: targets.slice(0, 100),
      targetCount: targets.length,
      text:
        targets.length === 1
          ? `${first?.host}: ${first?.text}`
          : `${targets.length} targets moved at ${cause?.address ?? 'one hop'}`,
    };
  });
}

function reply(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Cache-Control': 'no-store',
  });
  response.end(JSON.stringify(body));
}

async function readBody(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

if (import.meta.main) {
  await ensurePage();
  const [targets = '1000', port = '10480'] = process.argv.slice(2);
  const api = await startFakeApi({ targets: Number(targets), port: Number(port), runEveryMs: 10_000 });
  process.stdout.write(`${api.url}\n`);
}
