// Which paths a target was reached over in a period, how often, and how long each lasted at a time.

import { MAX_PREVALENT_PATHS, type PathPrevalence, type Prevalence } from './path-history.ts';
import type { RollUp } from './roll-up.ts';
import { RttSketch } from './rtt-sketch.ts';
import { formatPathId, type RunState } from './run-pack.ts';

interface PathTally {
  runs: number;
  stays: number;
  firstAtMs: number;
  lastAtMs: number;
  /** Time of stays that another path ended. */
  stayedMs: number;
  readonly rtts: RttSketch;
}

/** Paths told apart; a per-packet balancer could make one of each run. */
const MAX_TALLIED = 4096;

export class PrevalenceTally {
  readonly #paths = new Map<number, PathTally>();
  #runs = 0;
  #current = -1;
  #sinceMs = 0;
  #lastMs = 0;

  /** Runs come in order of time. */
  add(run: RunState): void {
    this.#runs++;
    this.#lastMs = run.atMs;
    if (run.path < 0) return;
    const tally = this.#tallyOf(run.path, run.atMs);
    if (tally === undefined) return;
    if (run.path !== this.#current) this.#turnTo(run.path, run.atMs);
    tally.runs++;
    tally.lastAtMs = run.atMs;
    if (run.rttUnits >= 0) tally.rtts.add(run.rttUnits / 1000);
  }

  /** A roll-up in place of its runs: stays are counted, their times are those of runs at equal distances. */
  addRollUp(rollUp: RollUp): void {
    this.#runs += rollUp.runs;
    this.#lastMs = rollUp.lastAtMs;
    const spacingMs = (rollUp.lastAtMs - rollUp.firstAtMs) / Math.max(1, rollUp.runs - 1);
    let first = true;
    for (const [path, share] of rollUp.paths) {
      const tally = this.#tallyOf(path, share.firstAtMs);
      if (tally === undefined) continue;
      const stays = first && path === this.#current ? share.stays - 1 : share.stays;
      first = false;
      tally.runs += share.runs;
      tally.stays += stays;
      tally.lastAtMs = share.lastAtMs;
      tally.stayedMs += share.runs * spacingMs;
    }
    this.#current = rollUp.lastPath;
    this.#sinceMs = rollUp.lastAtMs;
  }

  /** `hopsOf` finds the addresses of a path. */
  result(hopsOf: (path: number) => readonly (readonly string[])[] | undefined): Prevalence {
    if (this.#current >= 0) this.#turnTo(-1, this.#lastMs);
    const paths = [...this.#paths]
      .filter(([, { runs }]) => runs > 0)
      .sort(([, a], [, b]) => b.runs - a.runs || b.lastAtMs - a.lastAtMs)
      .slice(0, MAX_PREVALENT_PATHS)
      .map(
        ([path, tally]): PathPrevalence => ({
          pathId: formatPathId(path),
          runs: tally.runs,
          prevalence: this.#runs === 0 ? 0 : tally.runs / this.#runs,
          persistenceMs: Math.round(tally.stayedMs / Math.max(1, tally.stays)),
          firstSeenMs: tally.firstAtMs,
          lastSeenMs: tally.lastAtMs,
          hops: hopsOf(path) ?? [],
          rttMedianMs: tally.rtts.quantile(0.5),
        }),
      );
    return { runs: this.#runs, paths };
  }

  #tallyOf(path: number, atMs: number): PathTally | undefined {
    let tally = this.#paths.get(path);
    if (tally === undefined && this.#paths.size < MAX_TALLIED) {
      tally = { runs: 0, stays: 0, firstAtMs: atMs, lastAtMs: atMs, stayedMs: 0, rtts: new RttSketch() };
      this.#paths.set(path, tally);
    }
    return tally;
  }

  /** The path in force ends here, and `path` begins. */
  #turnTo(path: number, atMs: number): void {
    const before = this.#paths.get(this.#current);
    if (before !== undefined) before.stayedMs += Math.max(0, atMs - this.#sinceMs);
    const next = this.#paths.get(path);
    if (next !== undefined) next.stays++;
    this.#current = path;
    this.#sinceMs = atMs;
  }
}
