// What monitor/ needs of path/: a memory for each target that says what a trace means, and may want to look again.

import type { TargetConfig } from '../config/config.ts';
import type { PathObservation } from '../path/observation.ts';
import type { Trace } from '../trace/trace.ts';

/** A part of some flows that should be probed again at once, before a change is reported. */
export interface Confirmation {
  /** The first flow, and how many from it on. */
  readonly flow: number;
  readonly flows: number;
  readonly firstTtl: number;
  readonly maxTtl: number;
}

export interface PathMemory {
  /** Takes in one round's trace. `atMs` is in epoch milliseconds. */
  observe(trace: Trace, atMs: number): PathObservation;
  /** What should be probed again now, or null. */
  confirmation(): Confirmation | null;
  /** Takes in the trace that `confirmation` asked for; figures are those of the round, identity and changes are new. */
  confirm(trace: Trace, atMs: number): PathObservation;
  /** Gives back what is shared with others; not used afterwards. */
  close(): void;
}

/** A memory that knows nothing yet, for the flows of this target. */
export type PathMemoryFactory = (target: TargetConfig) => PathMemory;
