// Roll-ups of any step out of runs or of finer roll-ups. Invariant: a bucket begins at a multiple of the step.

import type { TimelineBucket } from './path-history.ts';
import { RollUp } from './roll-up.ts';
import { toMicrosecond } from './rtt-sketch.ts';
import { formatPathId, type RunState } from './run-pack.ts';

export class TimelineBuilder {
  readonly #stepMs: number;
  readonly #buckets = new Map<number, RollUp>();

  constructor(stepMs: number) {
    this.#stepMs = stepMs;
  }

  add(run: RunState): void {
    this.#bucketAt(run.atMs).add(run);
  }

  addRollUp(rollUp: RollUp): void {
    this.#bucketAt(rollUp.firstAtMs).merge(rollUp);
  }

  buckets(): TimelineBucket[] {
    return [...this.#buckets]
      .sort(([a], [b]) => a - b)
      .map(([atMs, rollUp]) => ({
        atMs,
        runs: rollUp.runs,
        rttMinMs: rollUp.rtts.count === 0 ? null : rollUp.rtts.minMs,
        rttMedianMs: rounded(rollUp.rtts.quantile(0.5)),
        rttP95Ms: rounded(rollUp.rtts.quantile(0.95)),
        lossRatio: rollUp.lossRatio,
        hops: rollUp.hops,
        pathId: rollUp.path === null ? null : formatPathId(rollUp.path),
      }));
  }

  #bucketAt(atMs: number): RollUp {
    const start = Math.floor(atMs / this.#stepMs) * this.#stepMs;
    let bucket = this.#buckets.get(start);
    if (bucket === undefined) {
      bucket = new RollUp();
      this.#buckets.set(start, bucket);
    }
    return bucket;
  }
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : toMicrosecond(ms);
}
