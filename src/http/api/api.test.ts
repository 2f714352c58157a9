import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { type ApiServer, NOW_MS, startApiServer } from '../../../test/api-server.ts';
import { rerouteOf, routeRound } from '../../../test/route-rounds.ts';
import { sampleConfig, sampleTarget, unresolvedRound } from '../../../test/sample-rounds.ts';
import { DESTINATION, routerAddress } from '../../path/synthetic-trace.ts';
import { ALL_SCHEMAS } from './report-schemas.ts';

const A = sampleTarget('a.example.org', { site: 'paris' });
const KEY = encodeURIComponent(A.key);
const MINUTE_MS = 60_000;
const OLD = 'a b c D';
const NEW = 'a x y c D';

/** Forty runs a minute apart up to now: thirty over the old path, ten over a longer one. */
function fill(server: ApiServer): void {
  for (let i = 40; i > 0; i--) {
    const atMs = NOW_MS - i * MINUTE_MS;
    const changes = i === 10 ? [rerouteOf(OLD, NEW, 2, atMs)] : [];
    server.record.observe(routeRound(A, { flows: [i > 10 ? OLD : NEW], atMs, delayMs: i / 10, changes }));
  }
}

/** Holds what an endpoint answers against its schema, and against the document that the server gives out. */
async function check(server: ApiServer, shape: string, path: string, status = 200): Promise<void> {
  const reply = await server.get(path);
  assert.equal(reply.status, status, `${path}: ${reply.text}`);
  assert.equal(reply.headers.get('cache-control'), 'no-store');
  assert.equal(reply.headers.get('x-content-type-options'), 'nosniff');
  const strict = ALL_SCHEMAS[shape]?.safeParse(reply.json);
  assert.ok(strict?.success, `${path}: ${strict?.error?.message}`);
  const { json: document } = await server.get('/api/v1/openapi.json');
  const served = z.fromJSONSchema(document.components.schemas[shape]).safeParse(reply.json);
  assert.ok(served.success, `${path}: ${served.error?.message}`);
}

test('every endpoint answers as the OpenAPI document says', async () => {
  await using server = await startApiServer();
  fill(server);
  const { json: started } = await server.post('/api/v1/traces', { host: '198.18.0.1' });
  const answers: Readonly<Record<string, string>> = {
    '/api/v1/targets': 'Targets',
    '/api/v1/targets/{key}': 'Target',
    '/api/v1/targets/{key}/route': 'Route',
    '/api/v1/targets/{key}/runs': 'Runs',
    '/api/v1/targets/{key}/timeline': 'Timeline',
    [`/api/v1/targets/{key}/diff?a=${NOW_MS - 30 * MINUTE_MS}&b=${NOW_MS}`]: 'Diff',
    '/api/v1/targets/{key}/prevalence': 'Prevalence',
    '/api/v1/changes': 'Changes',
    '/api/v1/change-groups': 'ChangeGroups',
    '/api/v1/traces/{id}': 'TraceNow',
    '/api/v1/status': 'Status',
    '/api/v1/targets/{key}/export/atlas': 'AtlasResults',
    '/api/v1/targets/{key}/bundle': 'SupportBundle',
    '/api/graph/fields': 'GraphFields',
    [`/api/graph/data?target=${KEY}`]: 'GraphData',
    '/api/health': 'Health',
  };
  const { json: document } = await server.get('/api/v1/openapi.json');
  const documented = Object.entries(document.paths as Record<string, Record<string, object>>)
    .filter(([, operations]) => 'get' in operations)
    .map(([path]) => path)
    .filter((path) => !/\/(live|events)$/.test(path));
  assert.deepEqual(
    documented.sort(),
    Object.keys(answers)
      .map((path) => path.split('?')[0])
      .sort(),
  );
  for (const [path, shape] of Object.entries(answers)) {
    await check(server, shape, path.replace('{key}', KEY).replace('{id}', started.id));
  }
  await check(server, 'Error', '/api/v1/targets/nobody', 404);
  await check(server, 'Error', '/api/v1/nothing', 404);
  await check(server, 'Error', '/api/v1/targets?limit=0', 400);
});

test('the OpenAPI document names every shape that it refers to', async () => {
  await using server = await startApiServer();
  const { text, json } = await server.get('/api/v1/openapi.json');
  assert.equal(json.openapi, '3.1.0');
  const references = new Set([...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name));
  assert.ok(references.size > 10);
  for (const name of references) assert.ok(name !== undefined && name in json.components.schemas, name);
  const ids = Object.values(json.paths as Record<string, Record<string, { operationId: string }>>).flatMap(
    (operations) => Object.values(operations).map(({ operationId }) => operationId),
  );
  assert.equal(new Set(ids).size, ids.length);
});

test('/api/v1/targets filters, sorts and pages, and counts states whatever the filter', async () => {
  const targets = Array.from({ length: 25 }, (_, i) =>
    sampleTarget(`h${String(i).padStart(2, '0')}`, { odd: String(i % 2) }),
  );
  await using server = await startApiServer({ config: sampleConfig(targets) });
  for (const [i, target] of targets.entries()) {
    if (i >= 20) continue;
    const round = routeRound(target, { flows: [OLD], atMs: NOW_MS - 1000, delayMs: i });
    server.record.observe(i === 3 ? { ...unresolvedRound(target), startedAtMs: NOW_MS - 1000 } : round);
  }
  const { json: all } = await server.get('/api/v1/targets?sort=rtt&order=desc&limit=10');
  assert.equal(all.total, 25);
  assert.deepEqual(all.states, { ok: 19, unreachable: 0, failed: 1, stale: 0, pending: 5 });
  assert.equal(all.items[0].host, 'h19');
  const seen: string[] = [];
  let next: string | null = '0';
  while (next !== null) {
    const { json } = await server.get(`/api/v1/targets?sort=rtt&order=desc&limit=10&cursor=${next}`);
    seen.push(...json.items.map(({ host }: { host: string }) => host));
    next = json.next;
  }
  assert.equal(new Set(seen).size, 25);
  assert.ok(seen.indexOf('h03') >= 19, 'what has no RTT comes last');
  const { json: odd } = await server.get('/api/v1/targets?filter=odd%3D1%20h1&state=ok');
  assert.deepEqual(
    odd.items.map(({ host }: { host: string }) => host),
    ['h11', 'h13', 'h15', 'h17', 'h19'],
  );
  const { json: failed } = await server.get('/api/v1/targets?state=failed');
  assert.match(failed.items[0].reason, /no such name/);
});

test('/api/v1/targets/{key}/route lays the routes of the period over one another', async () => {
  await using server = await startApiServer();
  fill(server);
  const { json } = await server.get(`/api/v1/targets/${KEY}/route`);
  assert.equal(json.runs, 40);
  assert.equal(json.hopCount, 5);
  const nodes: { ttl: number; address: string; share: number; destination: boolean }[] = json.nodes;
  const share = (ttl: number, name: string): number | undefined =>
    nodes.find((node) => node.ttl === ttl && node.address === routerAddress(name))?.share;
  assert.equal(share(1, 'a'), 1);
  assert.equal(share(2, 'b'), 0.75);
  assert.equal(share(2, 'x'), 0.25);
  assert.deepEqual(
    nodes.filter(({ destination }) => destination).map(({ ttl, address }) => [ttl, address]),
    [
      [4, DESTINATION],
      [5, DESTINATION],
    ],
  );
  assert.ok(nodes.some(({ ttl }) => ttl === 0));
  for (const link of json.links) {
    assert.ok(nodes.some(({ ttl, address }) => ttl === link.ttl && address === link.from));
    assert.ok(nodes.some(({ ttl, address }) => ttl === link.ttl + 1 && address === link.to));
  }
  const period = `from=${NOW_MS - 5 * MINUTE_MS}&to=${NOW_MS}`;
  const { json: latest } = await server.get(`/api/v1/targets/${KEY}/route?${period}`);
  assert.equal(latest.runs, 5);
  assert.ok(!latest.nodes.some(({ address }: { address: string }) => address === routerAddress('b')));
});

test('/api/v1/targets/{key}/diff names what was kept, removed and added', async () => {
  await using server = await startApiServer();
  fill(server);
  const { json } = await server.get(`/api/v1/targets/${KEY}/diff?a=${NOW_MS - 20 * MINUTE_MS}&b=${NOW_MS}`);
  assert.notEqual(json.a.pathId, json.b.pathId);
  assert.equal(json.a.hops, 4);
  assert.equal(json.b.hops, 5);
  const addresses = (list: { address: string }[]): string[] => list.map(({ address }) => address);
  assert.deepEqual(addresses(json.rows[0].kept), [routerAddress('a')]);
  assert.deepEqual(addresses(json.rows[1].removed), [routerAddress('b')]);
  assert.deepEqual(addresses(json.rows[1].added), [routerAddress('x')]);
  const missing = await server.get(`/api/v1/targets/${KEY}/diff?a=1`);
  assert.equal(missing.status, 400);
  assert.match(missing.json.error.message, /"b" is missing/);
});

test('/api/v1/targets/{key}/timeline has columns of one length and the changes of the period', async () => {
  await using server = await startApiServer();
  fill(server);
  const { json } = await server.get(`/api/v1/targets/${KEY}/timeline?points=61`);
  const { atMs, runs, rttMinMs, path, paths, changes } = json;
  assert.equal(json.stepMs, MINUTE_MS);
  for (const column of [runs, rttMinMs, json.rttMedianMs, json.rttP95Ms, json.lossRatio, json.hops, path])
    assert.equal(column.length, atMs.length);
  assert.equal(
    runs.reduce((sum: number, n: number) => sum + n, 0),
    40,
  );
  assert.equal(paths.length, 2);
  assert.equal(changes.length, 1);
  assert.match(changes[0].text, /^hop 2 left 100\.64\.\d+\.\d+ for 100\.64\.\d+\.\d+, 1 hop longer$/);
  assert.ok(paths.includes(changes[0].afterPathId));
});

test('/api/v1/changes pages through the newest first and filters', async () => {
  await using server = await startApiServer();
  for (let i = 0; i < 12; i++) {
    const atMs = NOW_MS - (12 - i) * MINUTE_MS;
    const changes = [rerouteOf(OLD, NEW, 2, atMs)];
    server.record.observe(routeRound(A, { flows: [OLD], atMs, changes }));
  }
  const { json: first } = await server.get('/api/v1/changes?limit=5');
  assert.equal(first.items.length, 5);
  assert.ok(first.items[0].atMs > first.items[4].atMs);
  const { json: second } = await server.get(`/api/v1/changes?limit=10&cursor=${first.next}`);
  assert.equal(second.items.length, 7);
  assert.equal(second.next, null);
  assert.ok(second.items[0].id < first.items[4].id);
  assert.equal((await server.get('/api/v1/changes?kind=ecmp')).json.items.length, 0);
  assert.equal((await server.get('/api/v1/changes?target=nobody')).json.items.length, 0);
  // A minute apart and at one hop: what happens within two minutes of a group's first change is of that group.
  const { json: groups } = await server.get('/api/v1/change-groups?limit=3');
  assert.equal(groups.items.length, 3);
  const { json: older } = await server.get(`/api/v1/change-groups?limit=3&cursor=${groups.next}`);
  assert.equal(older.items.length, 1);
  assert.equal(groups.items[0].text, `a.example.org moved at ${routerAddress('a')}`);
});

test('the API refuses parameters that it does not understand in one sentence', async () => {
  await using server = await startApiServer();
  for (const [query, message] of [
    ['limit=abc', /"limit": "abc" is not a whole number from 1 to 1000/],
    ['limit=-1', /"limit"/],
    ['limit=1e9', /"limit"/],
    ['from=yesterday', /"from": "yesterday" is not epoch milliseconds or a date/],
    ['from=99999999999999999', /"from"/],
    ['from=2000&to=1000', /"from" is later than "to"/],
    ['fron=1', /Unknown parameter "fron": the parameters are from, to, limit, cursor/],
    ['limit=1&limit=2', /more than once/],
    ['cursor=%00', /"cursor"/],
  ] as const) {
    const { status, json } = await server.get(`/api/v1/targets/${KEY}/runs?${query}`);
    assert.equal(status, 400, query);
    assert.match(json.error.message, message);
  }
  const { status } = await server.get('/api/v1/targets/%E0%A4%A/runs');
  assert.equal(status, 400);
});

test('the API answers a period of a hundred years with bounded columns', async () => {
  await using server = await startApiServer();
  fill(server);
  const years = `from=0&to=${100 * 365 * 86_400_000}`;
  const { json } = await server.get(`/api/v1/targets/${KEY}/timeline?${years}&points=2000`);
  assert.ok(json.atMs.length <= 2000);
  assert.equal(
    json.runs.reduce((sum: number, n: number) => sum + n, 0),
    40,
  );
  const { json: ages } = await server.get(
    `/api/v1/targets/${KEY}/timeline?from=0&to=8640000000000000&points=2000`,
  );
  assert.ok(ages.atMs.length <= 2000);
  assert.equal((await server.get(`/api/v1/targets/${KEY}/route?${years}`)).json.runs, 40);
});

test('the API passes on script in names as text of JSON, which no browser may run', async () => {
  const evil = sampleTarget('<script>alert(1)</script>', { site: '</script><img src=x onerror=alert(1)>' });
  await using server = await startApiServer({ config: sampleConfig([evil]) });
  const { headers, json } = await server.get('/api/v1/targets');
  assert.equal(json.items[0].host, evil.host);
  assert.equal(headers.get('content-type'), 'application/json; charset=utf-8');
  assert.equal(headers.get('x-content-type-options'), 'nosniff');
  assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'/);
  const one = await server.get(`/api/v1/targets/${encodeURIComponent(evil.key)}`);
  assert.equal(one.json.key, evil.key);
});

test('the API answers whatever is asked of it with 200, 400 or 404 and JSON', async () => {
  await using server = await startApiServer();
  fill(server);
  let seed = 7;
  const random = (n: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % n;
  };
  const paths = [
    'targets',
    `targets/${KEY}/runs`,
    `targets/${KEY}/route`,
    `targets/${KEY}/timeline`,
    'changes',
    `targets/${KEY}/diff`,
    `targets/${KEY}/prevalence`,
    'change-groups',
    'traces/x',
    'status',
  ];
  const names = [
    'from',
    'to',
    'limit',
    'cursor',
    'points',
    'sort',
    'filter',
    'kind',
    'a',
    'b',
    '__proto__',
    'constructor',
    '',
  ];
  const values = [
    '0',
    '-1',
    '1e999',
    'NaN',
    '%00',
    '%F0%9F%92%A9',
    '../../etc/passwd',
    "' OR 1=1 --",
    '9'.repeat(40),
    'a'.repeat(3000),
    '[object Object]',
    '2026-02-30',
    '8640000000000000',
    '1',
    '<script>',
  ];
  const pick = (list: readonly string[]): string => list[random(list.length)] ?? '';
  for (let i = 0; i < 400; i++) {
    const query = Array.from({ length: random(4) }, () => `${pick(names)}=${pick(values)}`).join('&');
    const path = `/api/v1/${pick(paths)}?${query}`;
    const { status, json, text } = await server.get(path);
    assert.ok([200, 400, 404].includes(status), `${path}: ${status} ${text}`);
    assert.ok(json !== null, path);
  }
  assert.deepEqual(server.services.errors, []);
});
