import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiNode, ApiRoute } from '../src/http/api-shapes.ts';
import { FakeWorld } from '../test/fake-api-world.ts';
import { collapseByAs, nodeId, routeModel } from './route-model.ts';

const NOW = 1_795_424_460_000;
const world = new FakeWorld({ targets: 20 });

function node(ttl: number, address: string, asn: number | null, destination = false): ApiNode {
  return {
    address,
    name: null,
    asn,
    asName: null,
    country: null,
    ttl,
    share: 1,
    destination,
    sent: 3,
    answered: address === '' ? 0 : 3,
    rtt: null,
    forwardLossRatio: null,
    rateLimited: false,
    mpls: [],
  };
}

/** A chain of nodes, linked one to the next unless `broken`. */
function route(nodes: readonly ApiNode[], broken = false): ApiRoute {
  const links = nodes.slice(1).map((to, i) => ({
    ttl: to.ttl - 1,
    from: nodes[i]?.address ?? '',
    to: to.address,
    share: 1,
    addedDelayMs: 1,
  }));
  return {
    fromMs: 0,
    toMs: 1,
    runs: 1,
    reachedRuns: 1,
    pathId: null,
    hopCount: nodes.length,
    lossRatio: 0,
    lossStartHop: null,
    nodes,
    links: broken ? links.filter(({ from, to }) => from !== '' && to !== '') : links,
  };
}

test('routeModel() leaves no node but the vantage point without a link into it', () => {
  for (const target of world.targets) {
    const model = routeModel(world.route(target, NOW - 3_600_000, NOW));
    const entered = new Set(model.links.map(({ to }) => to));
    for (const { id, kind } of model.nodes) assert.ok(kind === 'vantage' || entered.has(id), id);
  }
});

test('routeModel() bridges silent hops that break the links of a trace', () => {
  const model = routeModel(
    route([node(1, 'a', 1), node(2, '', null), node(3, '', null), node(4, 'd', 2, true)], true),
  );
  const pairs = model.links.map(({ from, to }) => `${from} > ${to}`);
  assert.deepEqual(pairs.sort(), ['0/ > 1/a', '1/a > 2/', '2/ > 3/', '3/ > 4/d']);
});

test('routeModel() adds what is missing: a vantage point, and a destination that did not answer', () => {
  const model = routeModel({ ...route([node(1, 'a', 1)]), reachedRuns: 0 });
  assert.deepEqual(model.nodes.map(({ kind }) => kind).sort(), ['hop', 'missing', 'vantage']);
  assert.ok(model.links.some(({ from, to }) => from === nodeId(1, 'a') && to === 'missing'));
});

test('routeModel() drops links to nodes that there are none of', () => {
  const odd = route([node(1, 'a', 1)]);
  const model = routeModel({
    ...odd,
    links: [{ ttl: 1, from: 'a', to: 'ghost', share: 1, addedDelayMs: 0 }],
  });
  assert.ok(model.links.every(({ to }) => to !== '2/ghost'));
});

test('collapseByAs() puts consecutive hops of one AS together, a silent one between them too', () => {
  const model = collapseByAs(
    routeModel(
      route([
        node(1, 'a', 7),
        node(2, 'b', 7),
        node(3, '', null),
        node(4, 'c', 7),
        node(5, 'd', 9),
        node(6, 'e', 9, true),
      ]),
    ),
  );
  const ids = model.nodes.map(({ id }) => id).sort();
  assert.deepEqual(ids, ['0/', '1/a', '2-4/AS7', '5/d', '6/e']);
  const group = model.nodes.find(({ kind }) => kind === 'group');
  assert.equal(group?.size, 3);
  assert.deepEqual([group?.ttl, group?.lastTtl], [2, 4]);
  assert.ok(model.links.some(({ from, to }) => from === '2-4/AS7' && to === '5/d'));
});

test('collapseByAs() never takes the first hop or the destination into a group, nor one hop alone', () => {
  const model = collapseByAs(routeModel(route([node(1, 'a', 7), node(2, 'b', 7), node(3, 'c', 7, true)])));
  assert.deepEqual(model.nodes.map(({ id }) => id).sort(), ['0/', '1/a', '2/b', '3/c']);
});

test('collapseByAs() keeps a silent hop between two systems apart', () => {
  const model = collapseByAs(
    routeModel(
      route([
        node(1, 'x', 1),
        node(2, 'a', 7),
        node(3, 'b', 7),
        node(4, '', null),
        node(5, 'c', 9),
        node(6, 'd', 9, true),
      ]),
    ),
  );
  assert.ok(model.nodes.some(({ kind }) => kind === 'silent'));
});
