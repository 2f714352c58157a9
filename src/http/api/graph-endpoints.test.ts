import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOW_MS, startApiServer } from '../../../test/api-server.ts';
import { routeRound } from '../../../test/route-rounds.ts';
import { sampleConfig, sampleTarget } from '../../../test/sample-rounds.ts';
import type { ApiGraphData, ApiGraphFields } from '../api-shapes.ts';

const A = sampleTarget('a.example.org', { site: 'paris' });
const MINUTE_MS = 60_000;

test('/api/graph/data is a graph: one node an interface, edges between nodes that are there', async () => {
  await using server = await startApiServer();
  for (let i = 10; i > 0; i--)
    server.record.observe(routeRound(A, { flows: ['a b c D', 'a x * D'], atMs: NOW_MS - i * MINUTE_MS }));
  const { json } = await server.get(`/api/graph/data?target=${A.host}`);
  const { nodes, edges } = json as ApiGraphData;
  const ids = new Set(nodes.map(({ id }) => id));
  assert.equal(ids.size, nodes.length);
  assert.equal(nodes.filter(({ detail__ttl }) => detail__ttl === 2).length, 2);
  assert.ok(edges.length >= nodes.length - 1);
  for (const { source, target } of edges) assert.ok(ids.has(source) && ids.has(target));
  for (const { arc__arrived, arc__lost, arc__unknown } of nodes)
    assert.equal(arc__arrived + arc__lost + arc__unknown, 1);
  assert.equal(nodes[0]?.title, 'vantage point');
});

test('/api/graph/fields names what nodes and edges have, and takes the question of /api/graph/data', async () => {
  await using server = await startApiServer();
  server.record.observe(routeRound(A, { flows: ['a b D'], atMs: NOW_MS - MINUTE_MS }));
  const question = `target=${encodeURIComponent(A.key)}&from=0&to=${NOW_MS}`;
  const fields = (await server.get(`/api/graph/fields?${question}`)).json as ApiGraphFields;
  const data = (await server.get(`/api/graph/data?${question}`)).json as ApiGraphData;
  const names = (list: ApiGraphFields['nodes_fields']): string[] =>
    list.map(({ field_name }) => field_name).sort();
  assert.deepEqual(names(fields.nodes_fields), Object.keys(data.nodes[0] ?? {}).sort());
  assert.deepEqual(names(fields.edges_fields), Object.keys(data.edges[0] ?? {}).sort());
  for (const { field_name, type } of fields.nodes_fields)
    assert.equal(typeof data.nodes[0]?.[field_name as 'id'], type, field_name);
});

test('a target may be named by its host where only one has that', async () => {
  const twice = [sampleTarget('t', { via: 'a' }), { ...sampleTarget('t', { via: 'b' }), key: 't udp' }];
  await using server = await startApiServer({ config: sampleConfig([A, ...twice]) });
  assert.equal((await server.get(`/api/v1/targets/${A.host}`)).json.key, A.key);
  const refused = await server.get('/api/graph/data?target=t');
  assert.equal(refused.status, 404);
  assert.match(refused.json.error.message, /^More than one target is "t"/);
  assert.equal((await server.get('/api/graph/data?target=nobody')).status, 404);
  assert.deepEqual((await server.get('/api/graph/data')).json, { nodes: [], edges: [] });
});
