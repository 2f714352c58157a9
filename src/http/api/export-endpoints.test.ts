import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOW_MS, startApiServer } from '../../../test/api-server.ts';
import { routeRound } from '../../../test/route-rounds.ts';
import { sampleTarget, unresolvedRound } from '../../../test/sample-rounds.ts';
import { DESTINATION, routerAddress } from '../../path/synthetic-trace.ts';
import { readAtlasResult } from '../../report/atlas-reader.ts';

const A = sampleTarget('a.example.org', { site: 'paris' });
const URL = `/api/v1/targets/${encodeURIComponent(A.key)}/export/atlas`;
const MINUTE_MS = 60_000;

test('export/atlas gives the runs of the period, oldest first, as a reader of Atlas results reads them', async () => {
  await using server = await startApiServer();
  for (let i = 1500; i > 0; i--) {
    const flows = [i > 700 ? 'a b c D' : 'a x * D'];
    server.record.observe(routeRound(A, { flows, atMs: NOW_MS - i * 1000 }));
  }
  server.record.observe(unresolvedRound(A));
  const reply = await server.get(`${URL}?from=${NOW_MS - 2000_000}`);
  assert.match(
    reply.headers.get('content-disposition') ?? '',
    /^attachment; filename="hopscope-a\.example\.org-/,
  );
  const readings = (reply.json as unknown[]).map(readAtlasResult);
  assert.equal(readings.length, 1500);
  const traces = readings.map((reading) => {
    assert.ok(reading.kind === 'trace', JSON.stringify(reading));
    return reading;
  });
  assert.deepEqual(
    traces.map(({ atMs }) => atMs),
    Array.from({ length: 1500 }, (_, i) => NOW_MS - (1500 - i) * 1000),
  );
  const path = (i: number) =>
    traces[i]?.trace.hops.map(({ replies }) => replies.map(({ address }) => address).join());
  assert.deepEqual(path(0), ['a', 'b', 'c'].map(routerAddress).concat(DESTINATION));
  assert.deepEqual(path(1499), [routerAddress('a'), routerAddress('x'), '', DESTINATION]);
  assert.equal(traces[0]?.trace.hopCount, 4);
});

test('export/atlas of a period without runs is an empty list', async () => {
  await using server = await startApiServer();
  const reply = await server.get(`${URL}?from=0&to=1`);
  assert.deepEqual(reply.json, []);
  assert.equal((await server.get(`${URL}?from=0&to=8640000000000000`)).status, 200);
  server.record.observe(routeRound(A, { flows: ['a b D'], atMs: NOW_MS - MINUTE_MS }));
  assert.equal((await server.get(`${URL}?from=0&to=8640000000000000`)).json.length, 1);
});
