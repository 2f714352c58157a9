import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Link, MultipathReport } from '../trace/trace.ts';
import { discoveredPaths } from './route-paths.ts';

function report(interfaces: readonly (readonly string[])[], complete = true): MultipathReport {
  return { confidence: 95, interfaces, perPacketTtls: [], probesSent: 1, complete };
}

function links(text: string): Link[] {
  return text.split(' ').map((one) => {
    const [ttl, from, to] = one.split(',');
    return { ttl: Number(ttl), from: from ?? '', to: to ?? '' };
  });
}

test('discoveredPaths() counts the ways through the graph', () => {
  const chain = { multipath: report([['a'], ['b'], ['z']]), links: links('1,a,b 2,b,z') };
  assert.equal(discoveredPaths(chain), 1);
  const mesh = {
    multipath: report([['a'], ['b', 'c'], ['d', 'e'], ['z']]),
    links: links('1,a,b 1,a,c 2,b,d 2,b,e 2,c,d 2,c,e 3,d,z 3,e,z'),
  };
  assert.equal(discoveredPaths(mesh), 4);
  const unequal = {
    multipath: report([['a'], ['b', 'c'], ['d', 'z'], ['z']]),
    links: links('1,a,b 1,a,c 2,b,z 2,c,d 3,d,z'),
  };
  assert.equal(discoveredPaths(unequal), 2);
});

test('discoveredPaths() goes on after a silent hop', () => {
  const silent = { multipath: report([['a'], ['b', 'c'], [], ['z']]), links: links('1,a,b 1,a,c') };
  assert.equal(discoveredPaths(silent), 2);
});

test('discoveredPaths() says nothing of a search that was cut short, or was none', () => {
  assert.equal(discoveredPaths({ links: [] }), 0);
  assert.equal(discoveredPaths({ multipath: report([['a']], false), links: [] }), 0);
});

test('discoveredPaths() is bounded', () => {
  const layers = Array.from({ length: 12 }, (_, ttl) => Array.from({ length: 8 }, (_, i) => `${ttl}.${i}`));
  const all = layers.flatMap((layer, ttl) =>
    layer.flatMap((from) => (layers[ttl + 1] ?? []).map((to) => ({ ttl: ttl + 1, from, to }))),
  );
  assert.equal(discoveredPaths({ multipath: report(layers), links: all }), 1_000_000);
});
