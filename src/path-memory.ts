// The memory of a target's path as monitor/ wants it, made of what path/ offers.

import type { PathMemory } from './monitor/path-memory.ts';
import { observeAlone } from './path/single-trace.ts';

/** A memory that takes each trace by itself: an identity, no changes. */
export function createPathMemory(): PathMemory {
  return { observe: observeAlone, confirmation: () => null, confirm: observeAlone, close: () => {} };
}
