import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ApiServer, startApiServer } from '../../../test/api-server.ts';
import type { ProbeCall } from '../../../test/fake-http-services.ts';
import { sampleRound, sampleTarget, sampleTrace } from '../../../test/sample-rounds.ts';
import type { ProbeOutcome } from '../http-services.ts';
import { API_SCHEMAS } from './schemas.ts';
import { MAX_RUNNING_TRACES, MAX_TRACES } from './trace-desk.ts';

const done: ProbeOutcome = { kind: 'round', round: sampleRound(sampleTarget('x')) };

/** Reads a feed to its end. */
async function events(server: ApiServer, path: string): Promise<{ type: string; data: unknown }[]> {
  const { text } = await server.get(path);
  return text
    .split('\n\n')
    .filter((part) => part.includes('event: '))
    .map((part) => ({
      type: /^event: (.*)$/m.exec(part)?.[1] ?? '',
      data: JSON.parse(/^data: (.*)$/m.exec(part)?.[1] ?? 'null'),
    }));
}

test('POST /api/v1/traces starts a trace, which is read and watched until it ends', async () => {
  const { promise, resolve } = Promise.withResolvers<ProbeOutcome>();
  const { promise: asked, resolve: onAsked } = Promise.withResolvers<ProbeCall>();
  await using server = await startApiServer({
    probe: (call) => {
      onAsked(call);
      return promise;
    },
  });
  const { status, json, headers } = await server.post('/api/v1/traces', {
    ...{ host: 'example.org', protocol: 'tcp', port: 8443, family: 6 },
  });
  assert.equal(status, 202);
  assert.equal(headers.get('location'), `traces/${json.id}`);
  assert.equal(json.state, 'running');
  const call = await asked;
  assert.deepEqual([call.host, call.moduleName], ['example.org', 'tcp']);
  assert.deepEqual([call.options.port, call.options.family], [8443, 6]);
  const watched = events(server, `/api/v1/traces/${json.id}/events`);
  const { hops } = sampleTrace();
  call.options.onProgress?.(sampleTrace({ hops: hops.slice(0, 1), reached: false }));
  const { json: partial } = await server.get(`/api/v1/traces/${json.id}`);
  assert.equal(partial.trace.hops.length, 1);
  resolve(done);
  const told = await watched;
  assert.equal(told[0]?.type, 'hello');
  const last = told.at(-1) as { type: string; data: { trace: { state: string } } };
  assert.equal(last.type, 'trace');
  assert.equal(last.data.trace.state, 'done');
  for (const { type, data } of told) {
    const result = API_SCHEMAS['LiveEvent']?.safeParse({ type, ...(data as object) });
    assert.ok(result?.success, result?.error?.message);
  }
  const { json: final } = await server.get(`/api/v1/traces/${json.id}`);
  assert.equal(final.state, 'done');
  assert.ok('198.18.0.1' in final.addresses);
  const again = await events(server, `/api/v1/traces/${json.id}/events`);
  assert.deepEqual(
    again.map(({ type }) => type),
    ['hello', 'trace'],
  );
});

test('POST /api/v1/traces refuses what /probe would refuse, with its status', async () => {
  for (const [outcome, status] of [
    [{ kind: 'forbidden', message: 'not in probe.allow' }, 403],
    [{ kind: 'busy', message: 'Too many probes' }, 429],
  ] as const) {
    await using server = await startApiServer({ probe: async () => outcome });
    const reply = await server.post('/api/v1/traces', { host: 'example.org' });
    assert.equal(reply.status, status);
    assert.equal(reply.json.error.message, outcome.message);
    assert.equal(server.record.api.traces.size, 0);
  }
});

test('POST /api/v1/traces refuses a body that makes no sense, in one sentence', async () => {
  await using server = await startApiServer();
  for (const [body, status, message] of [
    ['{', 400, /not JSON/],
    [{}, 400, /host/],
    [{ host: 'a b' }, 400, /Bad host/],
    [{ host: 'x', module: 'nope' }, 400, /Unknown module "nope"/],
    [{ host: 'x', module: 'icmp', protocol: 'tcp' }, 400, /Module "icmp" is for icmp, not tcp/],
    [{ host: 'x', port: 80 }, 400, /ICMP has no ports/],
    [{ host: 'x', protocol: 'tcp', port: 70_000 }, 400, /port/],
    [{ host: 'x', extra: 1 }, 400, /extra/],
    [{ host: 'x'.repeat(5000) }, 413, /too long/],
  ] as const) {
    const reply = await server.post('/api/v1/traces', body);
    assert.equal(reply.status, status, reply.text);
    assert.match(reply.json.error.message, message);
  }
  const plain = await server.post('/api/v1/traces', { host: 'x' }, { 'content-type': 'text/plain' });
  assert.equal(plain.status, 415);
  const foreign = await server.post(
    '/api/v1/traces',
    { host: 'x' },
    { 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' },
  );
  assert.equal(foreign.status, 403);
  assert.equal((await server.get('/api/v1/traces')).status, 405);
  assert.equal(server.services.calls.length, 0);
});

test('TraceDesk keeps a bounded number of traces, and runs a bounded number at once', async () => {
  const gates: ((outcome: ProbeOutcome) => void)[] = [];
  let hold = false;
  await using server = await startApiServer({
    probe: async () => (hold ? new Promise((resolve) => gates.push(resolve)) : done),
  });
  for (let i = 0; i < MAX_TRACES + 20; i++) await server.post('/api/v1/traces', { host: `h${i}` });
  assert.ok(server.record.api.traces.size <= MAX_TRACES);
  hold = true;
  for (let i = 0; i < MAX_RUNNING_TRACES; i++) {
    assert.equal((await server.post('/api/v1/traces', { host: `r${i}` })).status, 202);
  }
  const refused = await server.post('/api/v1/traces', { host: 'one-more' });
  assert.equal(refused.status, 429);
  assert.match(refused.json.error.message, /64 are running/);
  assert.ok(server.record.api.traces.size <= MAX_TRACES);
  for (const open of gates) open(done);
});
