// What is learnt of routers beside the fixed flows' own: they are known, and no path of ours. Invariant: what was met of
// another route than the flows' is no sibling of theirs.

import type { Trace } from '../trace/trace.ts';
import type { DestinationMemory } from './destination-memory.ts';
import { discoveredPaths } from './route-paths.ts';
import type { SeenPath } from './seen-path.ts';

/** Flows beyond the fixed ones come from multipath discovery: what they meet is known, and no path of ours. */
export function learnSiblings(memory: DestinationMemory, paths: readonly SeenPath[], flows: number): void {
  for (const path of paths) {
    if (path.flow < flows) continue;
    for (const [i, set] of path.hops.entries()) {
      for (const address of set) if (!memory.knows(i + 1, address)) memory.addSibling(i + 1, address);
    }
  }
}

/** What a search for parallel paths met. What it met of another route than the flows' is no sibling of theirs. */
export function learnDiscovered(memory: DestinationMemory, trace: Trace): void {
  const { multipath } = trace;
  if (multipath === undefined || multipath.changed === true) return;
  for (const [i, addresses] of multipath.interfaces.entries()) {
    for (const address of addresses) {
      if (address !== memory.address && !memory.knows(i + 1, address)) memory.addSibling(i + 1, address);
    }
  }
  memory.discoveredPaths = discoveredPaths(trace);
}
