// Hops that spread the packets of one flow over several routers. Invariant: a stranger at such a hop belongs to it only
// while some flow still meets one of its known routers in the same round.

import { DESTINATION_MARK } from './address-table.ts';
import type { DestinationMemory } from './destination-memory.ts';
import { addressAt, compareWithMemory, relationAt, type SeenPath } from './seen-path.ts';

/**
 * Makes the strangers that this round shows at spread hops members of them; not while anything else differs, for then
 * they may be part of a new route.
 */
export function reconcileSpreadHops(memory: DestinationMemory, paths: readonly SeenPath[]): void {
  const strangers: { readonly path: SeenPath; readonly ttl: number }[] = [];
  for (const path of paths) {
    const ttls = compareWithMemory(memory, path).difference?.ttls ?? [];
    for (const ttl of ttls) {
      const expected = memory.expectedAddress(path.flow, ttl);
      if (expected === '' || memory.positionSize(ttl, expected) <= 1) return;
      if (addressAt(path, ttl) === DESTINATION_MARK) return;
      strangers.push({ path, ttl });
    }
  }
  for (const { path, ttl } of strangers) {
    if (!isStillMet(memory, paths, path.flow, ttl)) continue;
    memory.unite(ttl, memory.expectedAddress(path.flow, ttl), addressAt(path, ttl));
  }
}

/** Whether a flow that expects the same position meets one of its known routers. */
function isStillMet(
  memory: DestinationMemory,
  paths: readonly SeenPath[],
  flow: number,
  ttl: number,
): boolean {
  const expected = memory.expectedAddress(flow, ttl);
  return paths.some((path) => {
    const address = memory.expectedAddress(path.flow, ttl);
    if (address === '' || !memory.alike(ttl, address, expected)) return false;
    return relationAt(memory, path, memory.lengthOf(path.flow), ttl) === 'same';
  });
}
