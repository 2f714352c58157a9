import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { distinctPaths, flowPathsOf, pathIdOf, routeGraphOf } from './identity.ts';
import { hashAsPath, hashHops } from './path-hash.ts';
import { routerAddress, syntheticTrace } from './synthetic-trace.ts';

const PINNED_PATH = '551cc9f32cce';
const PINNED_AS_PATH = 'ea4f12f670a2';

test('pathIdOf() gives the same name in every release', () => {
  assert.equal(pathIdOf(syntheticTrace(['a b D'])), PINNED_PATH);
  assert.equal(hashAsPath([64496, 64497]), PINNED_AS_PATH);
});

test('pathIdOf() does not depend on the target name, the times, the order of replies or how many flows agree', () => {
  const trace = syntheticTrace(['a b|c D', 'a b D']);
  const other = syntheticTrace(['a c|b D'], { target: 'elsewhere', startedAt: 'x', durationMs: 1 });
  assert.equal(pathIdOf(trace), pathIdOf(other));
});

test('pathIdOf() tells apart other hops, other order, other length, and a path that ends early', () => {
  const ids = ['a b D', 'a c D', 'b a D', 'a b b D', 'a * D', 'a b', 'D', 'a D', '* a D', 'a b|c D'];
  assert.equal(new Set(ids.map((flow) => pathIdOf(syntheticTrace([flow])))).size, ids.length);
});

test('pathIdOf() is null when nobody answered, and ignores silence after the last responder', () => {
  assert.equal(pathIdOf(syntheticTrace(['* * *'])), null);
  assert.equal(pathIdOf(syntheticTrace(['a b * *'])), pathIdOf(syntheticTrace(['a b'])));
  assert.equal(pathIdOf(syntheticTrace([])), null);
});

test('pathIdOf() names the destination by the traced address, whatever address answers', () => {
  const trace = syntheticTrace(['a b D']);
  const [first, second, last] = trace.hops;
  assert.ok(first && second && last);
  const replies = last.replies.map((reply) => ({ ...reply, address: '203.0.113.9' }));
  assert.equal(pathIdOf({ ...trace, hops: [first, second, { ...last, replies }] }), pathIdOf(trace));
});

test('pathIdOf() takes neither an unreachable nor the unspecified address for a hop', () => {
  assert.equal(pathIdOf(syntheticTrace(['a b U'])), pathIdOf(syntheticTrace(['a b'])));
  assert.equal(pathIdOf(syntheticTrace(['a 0.0.0.0 b'])), pathIdOf(syntheticTrace(['a * b'])));
});

test('hashHops() spreads neighbouring paths over all 48 bits', () => {
  const ones = new Array<number>(48).fill(0);
  const seen = new Set<string>();
  for (let i = 0; i < 4096; i++) {
    const id = hashHops([[`10.0.${i >> 8}.${i & 255}`], ['192.0.2.1']], true) ?? '';
    assert.match(id, /^[0-9a-f]{12}$/);
    seen.add(id);
    const bits = BigInt(`0x${id}`);
    for (let bit = 0; bit < 48; bit++) if ((bits >> BigInt(bit)) & 1n) ones[bit] = (ones[bit] as number) + 1;
  }
  assert.equal(seen.size, 4096);
  // Six standard deviations of a fair coin thrown 4096 times are 192.
  for (const count of ones) assert.ok(Math.abs(count - 2048) < 192, `${count} of 4096`);
});

test('hashHops() never gives two of many random routes the same name', () => {
  const address = fc.ipV4();
  const route = fc.array(fc.array(address, { maxLength: 2 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(route, route, (a, b) => {
      const canonical = (hops: string[][]): string =>
        JSON.stringify(hops.map((set) => [...new Set(set)].sort())).replace(/(,\[\])+\]$/, ']');
      const same = canonical(a) === canonical(b) || hashHops(a, true) === null || hashHops(b, true) === null;
      assert.equal(hashHops(a, true) === hashHops(b, true) && !same, false);
    }),
    { seed: 7, numRuns: 500 },
  );
});

test('flowPathsOf() ends each flow at its own destination and keeps silent hops', () => {
  const [short, long] = flowPathsOf(syntheticTrace(['a D', 'a * c D']));
  assert.equal(short?.reachedTtl, 2);
  assert.equal(short?.hops.length, 2);
  assert.equal(long?.reachedTtl, 4);
  assert.deepEqual(long?.hops[1], []);
});

test('flowPathsOf() ignores replies of flows that the trace does not name', () => {
  assert.equal(flowPathsOf(syntheticTrace(['a D', 'b D'], { flows: [0] })).length, 1);
});

test('routeGraphOf() joins flows and the links of multipath discovery, and breaks at silence', () => {
  const link = { ttl: 1, from: routerAddress('a'), to: routerAddress('e') };
  const graph = routeGraphOf(syntheticTrace(['a b D', 'a c D', 'a * D'], { links: [link] }));
  assert.equal(graph.nodes.length, 5);
  assert.deepEqual(graph.nodes[0]?.flows, [0, 1, 2]);
  assert.equal(graph.links.length, 5);
});

test('distinctPaths() counts paths that silence cannot reconcile', () => {
  assert.equal(distinctPaths(flowPathsOf(syntheticTrace(['a b D', 'a * D', 'a c D', '* * *']))), 2);
});
