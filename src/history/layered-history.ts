// Memory over disk: both record, and while the disk is out of order the memory answers.
// Invariant: a disk that fails costs the past beyond the latest hours, and never an answer.

import type { ChangeGroup } from '../path/change-group.ts';
import type {
  ChangeQuery,
  GroupQuery,
  HistoryPage,
  HistoryState,
  PathHistory,
  PathSnapshot,
  Period,
  Prevalence,
  RecordedChange,
  RecordedGroup,
  ResumedTarget,
  RouteAt,
  RoutePicture,
  RunQuery,
  Timeline,
  TimelineQuery,
} from './path-history.ts';
import { HistoryUnavailable } from './path-history.ts';
import type { RecordedPath, RecordedRun } from './recorded-run.ts';

export class LayeredHistory implements PathHistory {
  readonly #disk: PathHistory;
  readonly #memory: PathHistory;

  constructor(disk: PathHistory, memory: PathHistory) {
    this.#disk = disk;
    this.#memory = memory;
  }

  get state(): HistoryState {
    return this.#disk.state;
  }

  recordRun(run: RecordedRun, path: RecordedPath | null): void {
    this.#disk.recordRun(run, path);
    this.#memory.recordRun(run, path);
  }

  recordChange(change: RecordedChange, group: ChangeGroup): void {
    this.#disk.recordChange(change, group);
    this.#memory.recordChange(change, group);
  }

  saveSnapshot(snapshot: PathSnapshot): void {
    this.#disk.saveSnapshot(snapshot);
  }

  runs(query: RunQuery): Promise<HistoryPage<RecordedRun>> {
    return this.#ask((history) => history.runs(query));
  }

  timeline(query: TimelineQuery): Promise<Timeline> {
    return this.#ask((history) => history.timeline(query));
  }

  route(target: string, period: Period): Promise<RoutePicture> {
    return this.#ask((history) => history.route(target, period));
  }

  routeAt(target: string, atMs: number): Promise<RouteAt | null> {
    return this.#ask((history) => history.routeAt(target, atMs));
  }

  prevalence(target: string, period: Period): Promise<Prevalence> {
    return this.#ask((history) => history.prevalence(target, period));
  }

  changes(query: ChangeQuery): Promise<HistoryPage<RecordedChange>> {
    return this.#ask((history) => history.changes(query));
  }

  groups(query: GroupQuery): Promise<HistoryPage<RecordedGroup>> {
    return this.#ask((history) => history.groups(query));
  }

  async resume(targets: readonly string[], nowMs: number): Promise<readonly ResumedTarget[]> {
    return this.#ask((history) => history.resume(targets, nowMs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#disk[Symbol.asyncDispose]();
    await this.#memory[Symbol.asyncDispose]();
  }

  async #ask<T>(question: (history: PathHistory) => Promise<T>): Promise<T> {
    if (!this.#disk.state.healthy) return question(this.#memory);
    try {
      return await question(this.#disk);
    } catch (error) {
      if (error instanceof HistoryUnavailable && error.code === 'out-of-order') return question(this.#memory);
      throw error;
    }
  }
}
