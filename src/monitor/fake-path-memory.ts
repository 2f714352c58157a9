// A path memory whose wishes a test sets: it records what it saw and asks for what it is told to ask for.

import type { PathChange, PathObservation } from '../path/observation.ts';
import type { Trace } from '../trace/trace.ts';
import type { Confirmation, PathMemory } from './path-memory.ts';

export class FakePathMemory implements PathMemory {
  /** Rounds and confirmations, in order. */
  readonly seen: Trace[] = [];
  closed = false;
  /** Answered by the next observations, in order. */
  readonly wishes: Confirmation[] = [];
  /** Reported by the observation with this number (from 1 on). */
  readonly changesAt: Map<number, PathChange> = new Map();

  observe(trace: Trace, _atMs: number): PathObservation {
    if (this.closed) throw new Error('the memory was closed');
    this.seen.push(trace);
    const change = this.changesAt.get(this.seen.length);
    return {
      pathId: `id${this.seen.length}`,
      asPathId: null,
      route: [],
      asPath: [],
      reached: trace.reached,
      hopCount: trace.hopCount,
      paths: 1,
      lastRespondingHop: trace.hops.length,
      rttMs: null,
      lossRatio: 0,
      changes: change === undefined ? [] : [change],
      loss: null,
      delay: null,
      health: [],
    };
  }

  confirmation(): Confirmation | null {
    return this.wishes.shift() ?? null;
  }

  confirm(trace: Trace, atMs: number): PathObservation {
    return this.observe(trace, atMs);
  }

  close(): void {
    this.closed = true;
  }
}
