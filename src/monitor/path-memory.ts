// What monitor/ needs of path/: a memory for each target that says what a trace means, and may want to look again.

import type { PathObservation } from '../path/observation.ts';
import type { Trace } from '../trace/trace.ts';

/** A part of one flow that should be probed again at once, before a change is reported. */
export interface Confirmation {
  readonly flow: number;
  readonly firstTtl: number;
  readonly maxTtl: number;
}

export interface PathMemory {
  /** Takes in a trace (of all flows, or of the part that was to be confirmed). `atMs` is in epoch milliseconds. */
  observe(trace: Trace, atMs: number): PathObservation;
  /** What should be probed again now, or null. */
  pendingConfirmation(): Confirmation | null;
}

/** A memory that knows nothing yet. */
export type PathMemoryFactory = () => PathMemory;
