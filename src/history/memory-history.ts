// The latest runs of each target in memory, as packed bytes: what the API reads where nothing is kept on disk.
// Invariant: bounded by time and by number, whatever comes: packs older than the span go, and so do the oldest of a
// target that runs often.

import type { ChangeGroup } from '../path/change-group.ts';
import {
  type ChangeQuery,
  type GroupQuery,
  type HistoryPage,
  type HistoryState,
  MAX_GROUP_TARGETS,
  type PathHistory,
  type Period,
  type Prevalence,
  type RecordedChange,
  type RecordedGroup,
  type ResumedTarget,
  type RouteAt,
  type RoutePicture,
  type RunQuery,
  type Timeline,
  type TimelineQuery,
} from './path-history.ts';
import { PrevalenceTally } from './prevalence-tally.ts';
import { mergePaths, type RecordedPath, type RecordedRun } from './recorded-run.ts';
import { RouteBuilder } from './route-builder.ts';
import { type ClosedPack, parsePathId, RunPack, RunReader, type RunState, runOf } from './run-pack.ts';
import { TimelineBuilder } from './timeline-builder.ts';

export interface MemoryHistoryOptions {
  /** Runs are kept so long, at least. */
  readonly spanMs?: number;
}

/** Two hours: the latest whole one and the one before, to compare with. */
const DEFAULT_SPAN_MS = 7_200_000;
const RUNS_PER_PACK = 32;
/** A target at one run a second keeps an hour. */
const MAX_PACKS_PER_TARGET = 113;
const MAX_PATHS = 20_000;
const MAX_CHANGES = 5000;
const MAX_GROUPS = 1000;

interface TargetLog {
  readonly closed: ClosedPack[];
  open: RunPack;
}

export class MemoryHistory implements PathHistory {
  readonly #spanMs: number;
  readonly #targets = new Map<string, TargetLog>();
  readonly #paths = new Map<number, RecordedPath>();
  /** Oldest first. */
  #changes: RecordedChange[] = [];
  readonly #groups = new Map<string, RecordedGroup>();
  #recorded = 0;

  constructor({ spanMs = DEFAULT_SPAN_MS }: MemoryHistoryOptions = {}) {
    this.#spanMs = spanMs;
  }

  get state(): HistoryState {
    return {
      enabled: false,
      healthy: true,
      message: null,
      recordedRuns: this.#recorded,
      droppedRuns: 0,
      writeFailures: 0,
      bytes: 0,
    };
  }

  recordRun(run: RecordedRun, path: RecordedPath | null): void {
    if (path !== null) this.#keepPath(path);
    let log = this.#targets.get(run.target);
    if (log === undefined) {
      log = { closed: [], open: new RunPack() };
      this.#targets.set(run.target, log);
    }
    log.open.append(run);
    this.#recorded++;
    if (log.open.count < RUNS_PER_PACK) return;
    log.closed.push(log.open.close());
    log.open = new RunPack();
    const oldestMs = run.atMs - this.#spanMs;
    while (
      log.closed.length > MAX_PACKS_PER_TARGET ||
      (log.closed[0] !== undefined && log.closed[0].toMs < oldestMs)
    )
      log.closed.shift();
  }

  recordChange(change: RecordedChange, group: ChangeGroup): void {
    this.#changes.push(change);
    if (this.#changes.length > MAX_CHANGES * 1.1) this.#changes = this.#changes.slice(-MAX_CHANGES);
    this.#groups.delete(group.id);
    this.#groups.set(group.id, {
      ...group,
      targets: group.targets.slice(0, MAX_GROUP_TARGETS),
      targetCount: group.targets.length,
    });
    if (this.#groups.size <= MAX_GROUPS) return;
    const [oldest] = this.#groups.keys();
    if (oldest !== undefined) this.#groups.delete(oldest);
  }

  /** Without a disk there is nothing to go on from. */
  saveSnapshot(): void {}

  /** Lets go of targets that are watched no more. */
  retain(targets: ReadonlySet<string>): void {
    for (const key of this.#targets.keys()) if (!targets.has(key)) this.#targets.delete(key);
  }

  async runs({ target, fromMs, toMs, limit, beforeMs }: RunQuery): Promise<HistoryPage<RecordedRun>> {
    const end = beforeMs === null ? toMs : Math.min(toMs, beforeMs - 1);
    const found: RecordedRun[] = [];
    for (const pack of this.#packs(target, { fromMs, toMs: end }).reverse()) {
      const runs: RecordedRun[] = [];
      readPack(pack, { fromMs, toMs: end }, (run) => runs.push(runOf(run, target)));
      found.push(...runs.reverse());
      if (found.length > limit) break;
    }
    const items = found.slice(0, limit);
    return { items, next: found.length > limit ? (items.at(-1)?.atMs ?? null) : null };
  }

  async timeline({ target, fromMs, toMs, stepMs }: TimelineQuery): Promise<Timeline> {
    const builder = new TimelineBuilder(stepMs);
    this.#read(target, { fromMs, toMs }, (run) => builder.add(run));
    return { stepMs, buckets: builder.buckets() };
  }

  async route(target: string, period: Period): Promise<RoutePicture> {
    const builder = new RouteBuilder((path) => this.#paths.get(path));
    this.#read(target, period, (run) => builder.add(run));
    return builder.picture();
  }

  async routeAt(target: string, atMs: number): Promise<RouteAt | null> {
    let found: RecordedRun | null = null;
    const upTo = { fromMs: 0, toMs: atMs };
    for (const pack of this.#packs(target, upTo).reverse()) {
      readPack(pack, upTo, (run) => {
        if (run.path >= 0) found = runOf(run, target);
      });
      if (found !== null) return { run: found, hops: this.#hopsOf(found) };
    }
    return null;
  }

  async prevalence(target: string, period: Period): Promise<Prevalence> {
    const tally = new PrevalenceTally();
    this.#read(target, period, (run) => tally.add(run));
    return tally.result((path) => this.#paths.get(path)?.hops);
  }

  async changes(query: ChangeQuery): Promise<HistoryPage<RecordedChange>> {
    const { fromMs, toMs, target, kind, group, limit, beforeId } = query;
    const items: RecordedChange[] = [];
    for (let i = this.#changes.length - 1; i >= 0; i--) {
      const change = this.#changes[i] as RecordedChange;
      if (change.atMs < fromMs || change.atMs > toMs) continue;
      if (beforeId !== null && change.id >= beforeId) continue;
      if (target !== null && change.target !== target) continue;
      if (kind !== null && change.kind !== kind) continue;
      if (group !== null && change.group !== group) continue;
      if (items.length === limit) return { items, next: items.at(-1)?.id ?? null };
      items.push(change);
    }
    return { items, next: null };
  }

  async groups({ fromMs, toMs, limit, offset }: GroupQuery): Promise<HistoryPage<RecordedGroup>> {
    const matching = [...this.#groups.values()]
      .filter((group) => group.lastAtMs >= fromMs && group.firstAtMs <= toMs)
      .sort((a, b) => b.firstAtMs - a.firstAtMs || (a.id < b.id ? -1 : 1));
    const end = offset + limit;
    return { items: matching.slice(offset, end), next: end < matching.length ? end : null };
  }

  async resume(): Promise<readonly ResumedTarget[]> {
    return [];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#targets.clear();
  }

  #hopsOf(run: RecordedRun): readonly (readonly string[])[] {
    return run.pathId === null ? [] : (this.#paths.get(parsePathId(run.pathId))?.hops ?? []);
  }

  #keepPath(path: RecordedPath): void {
    const id = parsePathId(path.id);
    const known = this.#paths.get(id);
    const merged = known === undefined ? path : mergePaths(known, path);
    // Used last comes last.
    this.#paths.delete(id);
    this.#paths.set(id, merged);
    if (this.#paths.size <= MAX_PATHS) return;
    const [oldest] = this.#paths.keys();
    if (oldest !== undefined) this.#paths.delete(oldest);
  }

  #packs(target: string, { fromMs, toMs }: Period): ClosedPack[] {
    const log = this.#targets.get(target);
    if (log === undefined) return [];
    const packs = log.open.count === 0 ? log.closed : [...log.closed, log.open.close()];
    return packs.filter((pack) => pack.toMs >= fromMs && pack.fromMs <= toMs);
  }

  #read(target: string, period: Period, visit: (run: RunState) => void): void {
    for (const pack of this.#packs(target, period)) readPack(pack, period, visit);
  }
}

export function readPack(
  { bytes }: { readonly bytes: Uint8Array },
  { fromMs, toMs }: Period,
  visit: (run: RunState) => void,
): void {
  const reader = new RunReader(bytes);
  while (reader.next()) {
    if (reader.state.atMs >= fromMs && reader.state.atMs <= toMs) visit(reader.state);
  }
}
