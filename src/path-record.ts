// What is remembered of paths, put together: the board of targets, their history, and the live feed and traces of the API.
// Invariant: fed with Rounds and nothing else; a history that is out of order costs no round.

import type { TargetConfig } from './config/config.ts';
import { DiskHistory } from './history/disk-history.ts';
import { LayeredHistory } from './history/layered-history.ts';
import { MemoryHistory } from './history/memory-history.ts';
import type { HistoryState, PathHistory, ResumedTarget } from './history/path-history.ts';
import { RoundRecorder } from './history/round-recorder.ts';
import { latestOfRun, TargetBoard } from './history/target-board.ts';
import { apiChange, apiRunEvent } from './http/api/answers.ts';
import type { ApiServices } from './http/api/api-services.ts';
import { LiveFeed } from './http/api/live-feed.ts';
import { TraceDesk } from './http/api/trace-desk.ts';
import type { ProbeService } from './http/http-services.ts';
import type { Round } from './monitor/round.ts';
import type { AddressDirectory } from './path/address-facts.ts';
import { ChangeGrouping } from './path/change-grouping.ts';

/** Rounds of a target from one snapshot of what its tracker knows to the next; a change is saved at once. */
const SNAPSHOT_ROUNDS = 10;
/** Targets asked for at once when the program starts. */
const RESUMED_AT_ONCE = 50;
/** A start is held up no longer than this by reading what was. */
const RESUME_PATIENCE_MS = 10_000;

export interface DiskSettings {
  readonly path: string;
  readonly retentionMs: number;
  readonly rollUpRetentionMs: number;
}

export interface PathRecordOptions {
  readonly version: string;
  readonly probes: ProbeService;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly directory?: AddressDirectory | null;
  /** Whether AS numbers are looked up in a database. */
  readonly asDatabase?: () => boolean;
  /** What reports call the place that is measured from. */
  readonly vantagePoint?: string;
  /** Null keeps some hours in memory only. */
  readonly disk?: DiskSettings | null;
  /** The history on disk is out of order, and why; null: it is in order again. */
  readonly onHistory?: (message: string | null) => void;
}

/** The part of a path tracker that outlives a restart. */
export interface Rememberer {
  snapshot(): unknown;
  restore(snapshot: unknown): boolean;
}

export class PathRecord implements AsyncDisposable {
  readonly api: ApiServices;
  readonly #options: PathRecordOptions;
  readonly #memory = new MemoryHistory();
  readonly #disk: DiskHistory | null;
  readonly #history: PathHistory;
  readonly #board = new TargetBoard();
  readonly #recorder: RoundRecorder;
  readonly #live: LiveFeed;
  readonly #traces: TraceDesk;
  /** What was known of targets that are not in force yet, and of trackers that are not there yet. */
  readonly #resumed = new Map<string, ResumedTarget>();
  readonly #snapshots = new Map<string, unknown>();
  readonly #trackers = new Map<string, { readonly tracker: Rememberer; rounds: number }>();

  constructor(options: PathRecordOptions) {
    const { version, probes, now, directory = null, disk = null } = options;
    this.#options = options;
    this.#disk =
      disk === null
        ? null
        : new DiskHistory({ ...disk, onChange: (message) => options.onHistory?.(message) });
    this.#history = this.#disk === null ? this.#memory : new LayeredHistory(this.#disk, this.#memory);
    this.#live = new LiveFeed({ now, version });
    this.#traces = new TraceDesk(probes, directory, { now, version });
    this.api = {
      board: this.#board,
      history: this.#history,
      directory,
      asDatabase: options.asDatabase ?? (() => false),
      vantagePoint: options.vantagePoint ?? 'this exporter',
      live: this.#live,
      traces: this.#traces,
      startedAtMs: now(),
    };
    this.#recorder = new RoundRecorder(this.#history, this.#board, new ChangeGrouping(), {
      onRun: (round) => this.#tellRun(round.target.key, now()),
      onChange: (change) => {
        if (this.#live.clients === 0) return;
        const data = { change: apiChange(change, directory) };
        this.#live.publish({ type: 'change', target: change.target, data });
      },
    });
  }

  /** Null where nothing is kept on disk. */
  get diskState(): HistoryState | null {
    return this.#disk?.state ?? null;
  }

  /** Reads what is known of targets that are about to come into force. Never rejects, and does not take long. */
  async learn(targets: readonly TargetConfig[]): Promise<void> {
    const disk = this.#disk;
    if (disk === null) return;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, RESUME_PATIENCE_MS);
    const fresh = targets.map(({ key }) => key).filter((key) => this.#board.entry(key) === undefined);
    await Promise.race([this.#readBack(disk, fresh), late]);
    clearTimeout(timer);
  }

  /** The configuration's targets; those that stay keep what is known of them. */
  apply(targets: readonly TargetConfig[]): void {
    const keys = new Set(targets.map(({ key }) => key));
    this.#board.apply(targets);
    this.#memory.retain(keys);
    this.#recorder.retain(keys);
    for (const key of this.#trackers.keys()) if (!keys.has(key)) this.#trackers.delete(key);
    for (const key of this.#snapshots.keys()) if (!keys.has(key)) this.#snapshots.delete(key);
    for (const resumed of this.#resumed.values()) this.#resume(resumed);
    this.#resumed.clear();
    this.#live.publish({ type: 'targets', target: null, data: {} });
  }

  /** How long things are kept from now on. */
  keep(settings: Omit<DiskSettings, 'path'>): void {
    if (this.#disk !== null) this.#disk.retention = settings;
  }

  /** When the path of a target changed last, as far as is known from before the start. */
  lastChangeAtMs(key: string): number | null {
    return this.#board.entry(key)?.lastChange?.atMs ?? null;
  }

  /** Gives a static target's new tracker what the one before a restart knew, and saves what it learns. */
  adopt<T extends Rememberer>(target: TargetConfig, tracker: T): T {
    // Targets of probes have no interval.
    if (this.#disk === null || target.intervalMs === 0) return tracker;
    const snapshot = this.#snapshots.get(target.key) ?? null;
    this.#snapshots.delete(target.key);
    if (snapshot !== null) tracker.restore(snapshot);
    this.#trackers.set(target.key, { tracker, rounds: 0 });
    return tracker;
  }

  observe(round: Round): void {
    this.#recorder.observe(round);
    const tracked = this.#trackers.get(round.target.key);
    if (tracked === undefined) return;
    tracked.rounds++;
    const changed = (round.path?.changes.length ?? 0) > 0;
    if (changed || tracked.rounds % SNAPSHOT_ROUNDS === 0) this.#save(round.target.key, tracked.tracker);
  }

  /** Ends the feeds, so that their connections end too. */
  close(): void {
    this.#live.close();
    this.#traces.close();
  }

  /** Writes what is left to be written. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const [key, { tracker }] of this.#trackers) this.#save(key, tracker);
    await this.#history[Symbol.asyncDispose]();
  }

  async #readBack(disk: DiskHistory, keys: readonly string[]): Promise<void> {
    await disk.opened;
    try {
      for (let i = 0; i < keys.length; i += RESUMED_AT_ONCE) {
        const some = await disk.resume(keys.slice(i, i + RESUMED_AT_ONCE), this.#options.now());
        for (const resumed of some) {
          this.#resumed.set(resumed.target, resumed);
          this.#snapshots.set(resumed.target, resumed.snapshot);
        }
      }
    } catch {
      // The history has said that it is out of order: targets begin anew.
    }
  }

  #resume({ target, lastAtMs, pathId, recent, lastChange }: ResumedTarget): void {
    if (this.#board.entry(target) === undefined || this.#recorder.knows(target)) return;
    this.#recorder.resume(target, lastAtMs, pathId);
    for (const run of recent) this.#board.restore(target, latestOfRun(run));
    if (lastChange !== null) this.#board.noteChange(lastChange);
  }

  #save(target: string, tracker: Rememberer): void {
    const data = tracker.snapshot();
    if (data !== null) this.#history.saveSnapshot({ target, atMs: this.#options.now(), data });
  }

  #tellRun(key: string, nowMs: number): void {
    const entry = this.#board.entry(key);
    if (this.#live.clients === 0 || entry === undefined || entry.latest === null) return;
    const data = { target: key, run: apiRunEvent(entry, entry.latest, nowMs) };
    this.#live.publish({ type: 'run', target: key, data });
  }
}
