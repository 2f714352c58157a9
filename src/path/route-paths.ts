// How many paths multipath discovery has found: the ways through the route graph, which is known between two TTLs or,
// where a hop is silent, is not. Bounded: diamonds in a row multiply.

import type { Trace } from '../trace/trace.ts';

const MOST_PATHS = 1_000_000;

/** Ways from the first hop to the ends of the graph; 0 where nothing was discovered or the search was cut short. */
export function discoveredPaths({ links, multipath }: Pick<Trace, 'links' | 'multipath'>): number {
  if (multipath?.complete !== true) return 0;
  let finished = 0;
  let ways = new Map<string, number>();
  for (const [i, layer] of multipath.interfaces.entries()) {
    if (i === 0) {
      ways = new Map(layer.map((address) => [address, 1]));
      continue;
    }
    const next = new Map<string, number>();
    const going = new Set<string>();
    for (const { ttl, from, to } of links) {
      if (ttl !== i) continue;
      going.add(from);
      next.set(to, (next.get(to) ?? 0) + (ways.get(from) ?? 1));
    }
    let cut = 0;
    for (const [address, count] of ways) if (!going.has(address)) cut += count;
    const orphans = layer.filter((address) => !next.has(address));
    // What ends before a silent hop goes on after it, nobody knows where; what ends otherwise has arrived.
    if (orphans.length === 0 && layer.length > 0) finished += cut;
    else if (layer.length === 0) next.set('', Math.max(1, cut + sum(next)));
    for (const address of orphans) next.set(address, Math.max(1, cut / orphans.length));
    ways = next;
  }
  return Math.min(MOST_PATHS, Math.round(finished + sum(ways)));
}

function sum(ways: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const count of ways.values()) total += count;
  return total;
}
