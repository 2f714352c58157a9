// Runs of one target over a span of time in sum: how many, how fast, how lossy, over which paths.
// Invariant: a roll-up of roll-ups is the roll-up of their runs; nothing in it grows with the number of runs.

import { ByteReader, ByteWriter } from './byte-codec.ts';
import { RttSketch } from './rtt-sketch.ts';
import type { RunState } from './run-pack.ts';

/** Spans that are kept, in milliseconds: five minutes, an hour, a day; each a multiple of the one before. */
export const ROLL_UP_SPANS_MS: readonly number[] = [300_000, 3_600_000, 86_400_000];

/** Paths told apart in one roll-up, the rest count as runs without one: a per-packet balancer makes thousands. */
const MAX_PATHS = 32;
const MAX_HOP_COUNTS = 16;
const LOSS_UNITS = 10_000;

/** One path within a roll-up. */
export interface PathShare {
  runs: number;
  /** Times that it took over from another path. */
  stays: number;
  firstAtMs: number;
  lastAtMs: number;
}

export class RollUp {
  runs = 0;
  reached = 0;
  failed = 0;
  /** Sum over the runs that were no failures. */
  lossUnits = 0;
  firstAtMs = 0;
  lastAtMs = 0;
  /** Of the last run that had one, -1 for none. */
  lastPath = -1;
  rtts: RttSketch = new RttSketch();
  /** Runs by hop count, of those that reached the destination. */
  readonly hopCounts: Map<number, number> = new Map();
  readonly paths: Map<number, PathShare> = new Map();

  add(run: RunState): void {
    if (this.runs === 0) this.firstAtMs = run.atMs;
    this.runs++;
    this.lastAtMs = run.atMs;
    if (run.failure !== '') this.failed++;
    else this.lossUnits += run.lossUnits;
    if (run.reached) {
      this.reached++;
      this.#countHops(run.hopCount, 1);
    }
    if (run.rttUnits >= 0) this.rtts.add(run.rttUnits / 1000);
    if (run.path < 0) return;
    const share = this.paths.get(run.path);
    if (share !== undefined) {
      share.runs++;
      share.lastAtMs = run.atMs;
      if (this.lastPath !== run.path) share.stays++;
    } else if (this.paths.size < MAX_PATHS) {
      this.paths.set(run.path, { runs: 1, stays: 1, firstAtMs: run.atMs, lastAtMs: run.atMs });
    }
    this.lastPath = run.path;
  }

  /** Takes in `next`, whose runs are later than all that are in this one. */
  merge(next: RollUp): void {
    if (next.runs === 0) return;
    if (this.runs === 0) this.firstAtMs = next.firstAtMs;
    this.runs += next.runs;
    this.reached += next.reached;
    this.failed += next.failed;
    this.lossUnits += next.lossUnits;
    this.lastAtMs = Math.max(this.lastAtMs, next.lastAtMs);
    this.rtts.merge(next.rtts);
    for (const [hops, runs] of next.hopCounts) this.#countHops(hops, runs);
    let first = true;
    for (const [path, share] of next.paths) {
      // The first path of `next` goes on with the stay that this one ended in.
      const stays = first && path === this.lastPath ? share.stays - 1 : share.stays;
      first = false;
      const known = this.paths.get(path);
      if (known !== undefined) {
        known.runs += share.runs;
        known.stays += stays;
        known.lastAtMs = share.lastAtMs;
      } else if (this.paths.size < MAX_PATHS) this.paths.set(path, { ...share, stays });
    }
    if (next.lastPath >= 0) this.lastPath = next.lastPath;
  }

  /** Mean over the runs that could be made; null where none could. */
  get lossRatio(): number | null {
    const measured = this.runs - this.failed;
    return measured === 0 ? null : this.lossUnits / LOSS_UNITS / measured;
  }

  /** The hop count most seen; null where the destination never answered. */
  get hops(): number | null {
    return mostSeen(this.hopCounts, (runs) => runs);
  }

  /** The path most seen, or null. */
  get path(): number | null {
    return mostSeen(this.paths, ({ runs }) => runs);
  }

  encode(): Uint8Array {
    const writer = new ByteWriter(96);
    writer.varint(this.runs);
    writer.varint(this.reached);
    writer.varint(this.failed);
    writer.varint(this.lossUnits);
    writer.varint(this.firstAtMs);
    writer.varint(this.lastAtMs - this.firstAtMs);
    this.rtts.encode(writer);
    writer.varint(this.hopCounts.size);
    for (const [hops, runs] of this.hopCounts) {
      writer.varint(hops);
      writer.varint(runs);
    }
    writer.varint(this.paths.size);
    for (const [path, share] of this.paths) {
      writer.uint48(path);
      writer.varint(share.runs);
      writer.varint(share.stays);
      writer.varint(share.firstAtMs - this.firstAtMs);
      writer.varint(share.lastAtMs - share.firstAtMs);
    }
    writer.varint(this.lastPath < 0 ? 0 : 1);
    if (this.lastPath >= 0) writer.uint48(this.lastPath);
    return writer.take();
  }

  static decode(bytes: Uint8Array): RollUp {
    const reader = new ByteReader(bytes);
    const rollUp = new RollUp();
    rollUp.runs = reader.varint();
    rollUp.reached = reader.varint();
    rollUp.failed = reader.varint();
    rollUp.lossUnits = reader.varint();
    rollUp.firstAtMs = reader.varint();
    rollUp.lastAtMs = rollUp.firstAtMs + reader.varint();
    rollUp.rtts = RttSketch.decode(reader);
    for (let left = reader.varint(); left > 0; left--) rollUp.hopCounts.set(reader.varint(), reader.varint());
    for (let left = reader.varint(); left > 0; left--) {
      const path = reader.uint48();
      const runs = reader.varint();
      const stays = reader.varint();
      const firstAtMs = rollUp.firstAtMs + reader.varint();
      rollUp.paths.set(path, { runs, stays, firstAtMs, lastAtMs: firstAtMs + reader.varint() });
    }
    if (reader.varint() === 1) rollUp.lastPath = reader.uint48();
    return rollUp;
  }

  #countHops(hops: number, runs: number): void {
    const known = this.hopCounts.get(hops);
    if (known !== undefined) this.hopCounts.set(hops, known + runs);
    else if (this.hopCounts.size < MAX_HOP_COUNTS) this.hopCounts.set(hops, runs);
  }
}

function mostSeen<T>(entries: ReadonlyMap<number, T>, weight: (value: T) => number): number | null {
  let best: number | null = null;
  let most = 0;
  for (const [key, value] of entries) {
    if (weight(value) <= most) continue;
    most = weight(value);
    best = key;
  }
  return best;
}
