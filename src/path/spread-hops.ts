// Hops that spread the packets of one flow over several routers. Invariant: a stranger at such a hop belongs to it only
// while, in the same round, some flow still meets one of its known routers; if all are strangers, the route may be new.

import { type DestinationMemory, SPREAD_ALTERNATIONS } from './destination-memory.ts';
import { addressAt, compareWithMemory, relationAt, type SeenPath } from './seen-path.ts';

/**
 * Makes the strangers that this round shows at spread hops members of them; not while anything else differs, for then
 * they may be part of a new route.
 */
export function reconcileSpreadHops(memory: DestinationMemory, paths: readonly SeenPath[]): void {
  const doubtful = new Set<number>();
  for (const path of paths) {
    for (const ttl of compareWithMemory(memory, path).difference?.ttls ?? []) {
      if (memory.alternationsAt(ttl) < SPREAD_ALTERNATIONS) return;
      doubtful.add(ttl);
    }
  }
  for (const ttl of doubtful) reconcile(memory, paths, ttl);
}

function reconcile(memory: DestinationMemory, paths: readonly SeenPath[], ttl: number): void {
  const relations = paths.map((path) => relationAt(memory, path, memory.lengthOf(path.flow), ttl));
  if (!relations.includes('same')) return;
  for (const [i, path] of paths.entries()) {
    const expected = memory.expectedAddress(path.flow, ttl);
    if (relations[i] === 'differs' && expected !== '') memory.unite(ttl, expected, addressAt(path, ttl));
  }
}
