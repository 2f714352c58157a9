// Every target as it stands: its latest run, its latest change, and the latest hour in minutes. In memory, so that a
// list of thousands is answered at once. Invariant: bounded by the configuration; reading changes nothing.

import type { TargetConfig } from '../config/config.ts';
import type { Round } from '../monitor/round.ts';
import type { RecordedChange } from './path-history.ts';
import type { RecordedRun } from './recorded-run.ts';
import { formatPathId, parsePathId } from './run-pack.ts';

export const RECENT_BUCKETS = 60;
export const RECENT_STEP_MS = 60_000;
/** A target that has not been measured for so many intervals is stale. */
const STALE_INTERVALS = 3;

export type TargetStanding = 'ok' | 'unreachable' | 'failed' | 'stale' | 'pending';

/** What the latest run said. */
export interface LatestRun {
  readonly atMs: number;
  readonly reached: boolean;
  readonly failure: string | null;
  readonly address: string | null;
  readonly hops: number | null;
  readonly rttMs: number | null;
  readonly lossRatio: number | null;
  readonly paths: number | null;
  readonly pathId: string | null;
  readonly asPath: readonly number[];
}

/** The latest hour; the last bucket holds the present minute. Null where nothing was measured. */
export interface RecentHour {
  readonly fromMs: number;
  readonly stepMs: number;
  readonly rttMs: readonly (number | null)[];
  readonly lossRatio: readonly (number | null)[];
  readonly path: readonly (number | null)[];
  readonly paths: readonly string[];
}

export interface TargetEntry {
  readonly target: TargetConfig;
  readonly latest: LatestRun | null;
  readonly lastChange: RecordedChange | null;
}

export class TargetBoard {
  #entries = new Map<string, BoardEntry>();

  /** In the order of the configuration. */
  get entries(): readonly TargetEntry[] {
    return [...this.#entries.values()];
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Targets that stay keep what is known of them. */
  apply(targets: readonly TargetConfig[]): void {
    const before = this.#entries;
    this.#entries = new Map();
    for (const target of targets) {
      const entry = before.get(target.key) ?? new BoardEntry(target);
      entry.target = target;
      this.#entries.set(target.key, entry);
    }
  }

  entry(key: string): TargetEntry | undefined {
    return this.#entries.get(key);
  }

  recent(key: string, nowMs: number): RecentHour {
    return (this.#entries.get(key)?.minutes ?? new RecentMinutes()).read(nowMs);
  }

  observe(round: Round, atMs: number): void {
    const entry = this.#entries.get(round.target.key);
    if (entry === undefined) return;
    const latest = latestOf(round, atMs);
    entry.latest = latest;
    entry.minutes.add(atMs, latest);
  }

  noteChange(change: RecordedChange): void {
    const entry = this.#entries.get(change.target);
    if (entry === undefined || (entry.lastChange !== null && entry.lastChange.id > change.id)) return;
    entry.lastChange = change;
  }

  /** A run from before a restart: only where nothing newer is known. */
  restore(key: string, latest: LatestRun): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.minutes.add(latest.atMs, latest);
    if (entry.latest === null || entry.latest.atMs < latest.atMs) entry.latest = latest;
  }
}

class BoardEntry implements TargetEntry {
  target: TargetConfig;
  latest: LatestRun | null = null;
  lastChange: RecordedChange | null = null;
  readonly minutes: RecentMinutes = new RecentMinutes();

  constructor(target: TargetConfig) {
    this.target = target;
  }
}

/** How a target stands at `nowMs`, and why where that is not `ok`. */
export function standingOf(
  { target, latest }: TargetEntry,
  nowMs: number,
): { readonly state: TargetStanding; readonly reason: string | null } {
  if (latest === null) return { state: 'pending', reason: 'Not measured yet.' };
  const patienceMs = STALE_INTERVALS * target.intervalMs + target.module.timeoutMs;
  const ageMs = nowMs - latest.atMs;
  if (ageMs > patienceMs) {
    return {
      state: 'stale',
      reason: `The latest run is ${Math.round(ageMs / 1000)} s old, at an interval of ${target.intervalMs / 1000} s.`,
    };
  }
  if (latest.failure !== null) return { state: 'failed', reason: latest.failure };
  if (!latest.reached) {
    return { state: 'unreachable', reason: `${latest.address ?? target.host} does not answer.` };
  }
  return { state: 'ok', reason: null };
}

function latestOf({ path, address, failure }: Round, atMs: number): LatestRun {
  return {
    atMs,
    reached: path?.reached ?? false,
    failure: failure?.message ?? null,
    address,
    hops: path?.reached ? path.hopCount : null,
    rttMs: path?.rttMs ?? null,
    lossRatio: path?.lossRatio ?? null,
    paths: path?.paths ?? null,
    pathId: path?.pathId ?? null,
    asPath: path?.asPath ?? [],
  };
}

/** What history knows of a run; the address and the AS path are in no run. */
export function latestOfRun(run: RecordedRun): LatestRun {
  const measured = run.failure === null;
  return {
    atMs: run.atMs,
    reached: run.reached,
    failure: run.failure,
    address: null,
    hops: run.reached ? run.hopCount : null,
    rttMs: run.rttMs,
    lossRatio: measured ? run.lossRatio : null,
    paths: measured ? run.paths : null,
    pathId: run.pathId,
    asPath: [],
  };
}

/** A ring of minutes. */
class RecentMinutes {
  readonly #rttMs = new Float32Array(RECENT_BUCKETS).fill(Number.NaN);
  readonly #loss = new Float32Array(RECENT_BUCKETS);
  readonly #runs = new Uint16Array(RECENT_BUCKETS);
  readonly #path = new Float64Array(RECENT_BUCKETS).fill(-1);
  /** Number of the latest minute that is in the ring. */
  #latest = 0;

  add(atMs: number, run: LatestRun): void {
    const minute = Math.floor(atMs / RECENT_STEP_MS);
    this.#advance(minute);
    if (minute <= this.#latest - RECENT_BUCKETS) return;
    const at = minute % RECENT_BUCKETS;
    if (run.rttMs !== null) {
      const before = this.#rttMs[at] as number;
      this.#rttMs[at] = Number.isNaN(before) ? run.rttMs : Math.min(before, run.rttMs);
    }
    if (run.lossRatio !== null && (this.#runs[at] as number) < 0xffff) {
      this.#loss[at] = (this.#loss[at] as number) + run.lossRatio;
      this.#runs[at] = (this.#runs[at] as number) + 1;
    }
    if (run.pathId !== null) this.#path[at] = parsePathId(run.pathId);
  }

  read(nowMs: number): RecentHour {
    const last = Math.floor(nowMs / RECENT_STEP_MS);
    const rttMs: (number | null)[] = [];
    const lossRatio: (number | null)[] = [];
    const path: (number | null)[] = [];
    const paths: number[] = [];
    for (let minute = last - RECENT_BUCKETS + 1; minute <= last; minute++) {
      const known = minute <= this.#latest && minute > this.#latest - RECENT_BUCKETS;
      const at = ((minute % RECENT_BUCKETS) + RECENT_BUCKETS) % RECENT_BUCKETS;
      const runs = known ? (this.#runs[at] as number) : 0;
      const rtt = known ? (this.#rttMs[at] as number) : Number.NaN;
      rttMs.push(Number.isNaN(rtt) ? null : Math.round(rtt * 1000) / 1000);
      lossRatio.push(runs === 0 ? null : Math.round(((this.#loss[at] as number) / runs) * 1e4) / 1e4);
      path.push(known && (this.#path[at] as number) >= 0 ? indexIn(paths, this.#path[at] as number) : null);
    }
    const fromMs = (last - RECENT_BUCKETS + 1) * RECENT_STEP_MS;
    return { fromMs, stepMs: RECENT_STEP_MS, rttMs, lossRatio, path, paths: paths.map(formatPathId) };
  }

  #advance(minute: number): void {
    if (minute <= this.#latest) return;
    const fresh = Math.min(RECENT_BUCKETS, minute - this.#latest);
    for (let i = 0; i < fresh; i++) {
      const at = (minute - i) % RECENT_BUCKETS;
      this.#rttMs[at] = Number.NaN;
      this.#loss[at] = 0;
      this.#runs[at] = 0;
      this.#path[at] = -1;
    }
    this.#latest = minute;
  }
}

function indexIn(list: number[], value: number): number {
  const at = list.indexOf(value);
  return at === -1 ? list.push(value) - 1 : at;
}
