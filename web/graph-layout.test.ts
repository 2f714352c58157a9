import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeWorld } from '../test/fake-api-world.ts';
import { type GraphLayout, layoutGraph } from './graph-layout.ts';
import { blankNode, collapseByAs, nodeId, type RouteModel, routeModel } from './route-model.ts';

const NOW = 1_795_424_460_000;
const world = new FakeWorld({ targets: 20 });

/** Columns as lists of addresses, links as `a>b` with the column of the first. */
function model(
  columns: readonly (readonly string[])[],
  links: readonly (readonly [number, string, string])[],
): RouteModel {
  return {
    nodes: columns.flatMap((addresses, ttl) =>
      addresses.map((address) => blankNode({ id: nodeId(ttl, address), ttl, lastTtl: ttl, address })),
    ),
    links: links.map(([ttl, from, to]) => ({
      from: nodeId(ttl, from),
      to: nodeId(ttl + 1, to),
      share: 0.5,
      addedDelayMs: null,
      mark: null,
    })),
  };
}

function column(layout: GraphLayout, at: number): string[] {
  return layout.nodes
    .filter((place) => place.column === at)
    .sort((a, b) => a.row - b.row)
    .map(({ node }) => node.address);
}

test('layoutGraph() untangles two paths that cross', () => {
  const layout = layoutGraph(
    model(
      [['v'], ['a', 'b'], ['c', 'd']],
      [
        [0, 'v', 'a'],
        [0, 'v', 'b'],
        [1, 'a', 'd'],
        [1, 'b', 'c'],
      ],
    ),
    null,
  );
  const [first, second] = [column(layout, 1), column(layout, 2)];
  assert.equal(first[0] === 'a' ? second[0] : second[1], 'd');
});

test('layoutGraph() runs a path straight where nothing forces it aside', () => {
  const layout = layoutGraph(
    model(
      [['v'], ['a', 'b'], ['c', 'd'], ['e']],
      [
        [0, 'v', 'a'],
        [0, 'v', 'b'],
        [1, 'a', 'c'],
        [1, 'b', 'd'],
        [2, 'c', 'e'],
        [2, 'd', 'e'],
      ],
    ),
    null,
  );
  const row = (address: string): number =>
    layout.nodes.find(({ node }) => node.address === address)?.row ?? -1;
  assert.equal(row('a'), row('c'));
  assert.equal(row('b'), row('d'));
  assert.equal(row('v'), row('e'));
});

test('layoutGraph() stands still when the same route comes again, in whatever order', () => {
  for (const target of world.targets) {
    const route = routeModel(world.route(target, NOW - 7_200_000, NOW));
    const before = layoutGraph(route, null);
    const shuffled = { nodes: route.nodes.toReversed(), links: route.links.toReversed() };
    const after = layoutGraph(shuffled, before);
    const places = (layout: GraphLayout): string[] =>
      layout.nodes.map(({ node, column: c, row }) => `${node.id} ${c} ${row}`).sort();
    assert.deepEqual(places(after), places(before));
  }
});

test('layoutGraph() keeps the order of what stays when a path comes to it', () => {
  const before = layoutGraph(
    model(
      [['v'], ['b', 'a'], ['z']],
      [
        [0, 'v', 'b'],
        [0, 'v', 'a'],
        [1, 'a', 'z'],
        [1, 'b', 'z'],
      ],
    ),
    null,
  );
  const old = column(before, 1);
  const after = layoutGraph(
    model(
      [['v'], ['a', 'b', 'c'], ['z']],
      [
        [0, 'v', 'a'],
        [0, 'v', 'b'],
        [0, 'v', 'c'],
        [1, 'a', 'z'],
        [1, 'b', 'z'],
        [1, 'c', 'z'],
      ],
    ),
    before,
  );
  assert.deepEqual(
    column(after, 1).filter((address) => address !== 'c'),
    old,
  );
});

test('layoutGraph() never draws two nodes on one another, whatever the route', () => {
  const edges = fc.array(fc.tuple(fc.nat({ max: 4 }), fc.nat({ max: 4 }), fc.nat({ max: 4 })), {
    maxLength: 40,
  });
  fc.assert(
    fc.property(edges, (list) => {
      const columns = Array.from({ length: 6 }, (_, ttl) =>
        Array.from({ length: 1 + (ttl % 5) }, (_, i) => `n${i}`),
      );
      const layout = layoutGraph(
        model(
          columns,
          list.map(
            ([ttl, a, b]) => [ttl, `n${a % (1 + (ttl % 5))}`, `n${b % (1 + ((ttl + 1) % 5))}`] as const,
          ),
        ),
        null,
      );
      for (let c = 0; c < 6; c++) {
        const rows = layout.nodes
          .filter((place) => place.column === c)
          .map(({ row }) => row)
          .sort((a, b) => a - b);
        for (const [i, row] of rows.entries()) {
          assert.ok(row >= 0 && row <= layout.rows - 1);
          if (i > 0) assert.ok(row - (rows[i - 1] ?? 0) >= 1 - 1e-9);
        }
      }
    }),
  );
});

test('layoutGraph() encloses every hop whose AS is known, ends included, in one enclosure', () => {
  for (const target of world.targets) {
    for (const collapsed of [false, true]) {
      const whole = routeModel(world.route(target, NOW - 3_600_000, NOW));
      const layout = layoutGraph(collapsed ? collapseByAs(whole) : whole, null);
      for (const { node, column: c, row } of layout.nodes) {
        if (node.asn === null) continue;
        const around = layout.enclosures.filter(
          ({ asn, columns }) =>
            asn === node.asn &&
            columns.some((part) => part.column === c && part.top <= row && row <= part.bottom),
        );
        assert.equal(around.length, 1, `${target.host} ${node.id}`);
      }
    }
  }
});
