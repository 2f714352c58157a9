// One target as the writer holds it: the pack that grows, and the roll-ups that are not over yet.
// Invariant: what is here can be made again from what is on disk; nothing is lost when it is thrown away.

import { ROLL_UP_SPANS_MS, RollUp } from './roll-up.ts';
import { RunPack, RunReader, type RunState } from './run-pack.ts';

/** A span that is over. */
export interface EndedRollUp {
  readonly span: number;
  readonly atMs: number;
  readonly rollUp: RollUp;
}

export class TargetLog {
  readonly id: number;
  pack: RunPack = new RunPack();
  lastAtMs = 0;
  /** The pack is not on disk as it is here. */
  dirty = false;
  /** By span. */
  readonly open: RollUp[] = ROLL_UP_SPANS_MS.map(() => new RollUp());

  constructor(id: number) {
    this.id = id;
  }

  /** Counts a run; returns the spans that it ended. */
  count(run: RunState): EndedRollUp[] {
    const ended: EndedRollUp[] = [];
    for (const [span, spanMs] of ROLL_UP_SPANS_MS.entries()) {
      const rollUp = this.open[span] as RollUp;
      if (rollUp.runs > 0 && startOf(rollUp.firstAtMs, spanMs) !== startOf(run.atMs, spanMs)) {
        ended.push({ span, atMs: startOf(rollUp.firstAtMs, spanMs), rollUp });
        this.open[span] = new RollUp();
      }
      (this.open[span] as RollUp).add(run);
    }
    this.lastAtMs = run.atMs;
    return ended;
  }

  /** The pack was written as a block: a new one begins. */
  startPack(): void {
    this.pack = new RunPack();
  }

  /** Takes a pack back from the disk, without counting its runs. */
  resume(tail: Uint8Array): void {
    try {
      this.pack = RunPack.resume(tail);
    } catch (error) {
      // Damaged on disk: the runs in it are lost, and no others.
      if (!(error instanceof RangeError)) throw error;
    }
    if (this.pack.count > 0) this.lastAtMs = this.pack.toMs;
  }
}

export function startOf(atMs: number, spanMs: number): number {
  return Math.floor(atMs / spanMs) * spanMs;
}

/** Calls `visit` with each run of a pack's bytes; a pack that was damaged on disk ends where it is damaged. */
export function eachRun(bytes: Uint8Array, visit: (run: RunState) => void): void {
  const reader = new RunReader(bytes);
  while (readable(reader)) visit(reader.state);
}

function readable(reader: RunReader): boolean {
  try {
    return reader.next();
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}
