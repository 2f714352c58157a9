// The history's thread without the thread: takes batches, writes them within half a second, answers questions, and goes on
// trying when the disk fails. Invariant: what waits to be written is bounded, and what is thrown away is counted.

import { statSync } from 'node:fs';
import { type HistoryDatabase, openHistoryDatabase } from './history-database.ts';
import { type HistoryError, historyError } from './history-error.ts';
import type { HistoryBatch, HistoryQuestion, HistorySetup, WriterState } from './history-messages.ts';
import { HistoryReader } from './history-reader.ts';
import { type Retention, RetentionSweep } from './history-retention.ts';
import { HistoryWriter } from './history-writer.ts';
import { HistoryUnavailable } from './path-history.ts';

/** With what the main thread waits before it sends, a run is on disk within a second. */
export const WRITE_EVERY_MS = 500;
/** Runs that wait while the disk fails; newer ones are dropped. */
export const MAX_WAITING_RUNS = 50_000;
/** Pause before the disk is tried again: doubled each time up to the longest. */
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 15_000;
const SWEEP_EVERY_MS = 10_000;

/** Where it gets its time from, so that tests need not wait. */
export interface KeeperClock {
  epoch(): number;
  after(delayMs: number, callback: () => void): () => void;
}

export class HistoryKeeper {
  readonly #path: string;
  readonly #clock: KeeperClock;
  readonly #onState: (state: WriterState) => void;
  #retention: Retention;
  #open: OpenHistory | null = null;
  #opening: Promise<void> | null = null;
  #error: HistoryError | null = null;
  #waiting: HistoryBatch[] = [];
  #waitingRuns = 0;
  #cancelWrite: (() => void) | null = null;
  #cancelSweep: (() => void) | null = null;
  #retryMs = FIRST_RETRY_MS;
  #closed = false;
  #recorded = 0;
  #dropped = 0;
  #taken = 0;
  #failures = 0;

  constructor(setup: HistorySetup, clock: KeeperClock, onState: (state: WriterState) => void) {
    this.#path = setup.path;
    this.#retention = setup;
    this.#clock = clock;
    this.#onState = onState;
  }

  get state(): WriterState {
    return {
      healthy: this.#error === null && this.#open !== null,
      message: this.#error?.message ?? null,
      code: this.#error?.code ?? null,
      recordedRuns: this.#recorded,
      droppedRuns: this.#dropped,
      takenRuns: this.#taken,
      writeFailures: this.#failures,
      bytes: this.#open === null ? 0 : sizeOf(this.#path),
    };
  }

  /** Opens the file, or says in its state why not and tries again later. */
  start(): Promise<void> {
    this.#opening ??= this.#tryOpen().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  set retention(retention: Retention) {
    this.#retention = retention;
  }

  take(batch: HistoryBatch): void {
    const runs = batch.targets.length;
    this.#taken += runs;
    if (this.#waitingRuns + runs > MAX_WAITING_RUNS) {
      this.#dropped += runs;
      return;
    }
    this.#waiting.push(batch);
    this.#waitingRuns += runs;
    if (this.#error === null) this.#writeIn(WRITE_EVERY_MS);
  }

  /** Writes what waits, now. */
  flush(): void {
    this.#cancelWrite?.();
    this.#cancelWrite = null;
    if (this.#open === null || this.#waiting.length === 0) return;
    try {
      this.#open.writer.write(this.#waiting);
    } catch (error) {
      // What SQLite did not refuse is a fault in what was to be written: it would fail again.
      if (!isOfSqlite(error)) this.#dropWaiting();
      this.#failed(error);
      return;
    }
    this.#recorded += this.#waitingRuns;
    this.#waiting = [];
    this.#waitingRuns = 0;
    this.#error = null;
    this.#retryMs = FIRST_RETRY_MS;
    this.#onState(this.state);
  }

  /** @throws HistoryUnavailable */
  async answer(name: HistoryQuestion, args: readonly unknown[]): Promise<unknown> {
    const open = this.#open;
    if (open === null) {
      const message = this.#error?.message ?? 'The history is not open yet; ask again in a moment.';
      throw new HistoryUnavailable('out-of-order', message);
    }
    // What is asked about now is to hold what was recorded before.
    if (this.#error === null) this.flush();
    try {
      const ask = open.reader[name] as (...asked: unknown[]) => Promise<unknown>;
      return await ask.apply(open.reader, [...args]);
    } catch (error) {
      throw new HistoryUnavailable('out-of-order', historyError(this.#path, error).message, { cause: error });
    }
  }

  close(): void {
    this.#closed = true;
    this.#cancelSweep?.();
    this.flush();
    this.#cancelWrite?.();
    this.#dropWaiting();
    this.#open?.database[Symbol.dispose]();
    this.#open = null;
  }

  #dropWaiting(): void {
    this.#dropped += this.#waitingRuns;
    this.#waiting = [];
    this.#waitingRuns = 0;
  }

  async #tryOpen(): Promise<void> {
    try {
      const database = await openHistoryDatabase(this.#path);
      if (this.#closed) {
        database[Symbol.dispose]();
        return;
      }
      const writer = new HistoryWriter(database.sqlite);
      this.#open = {
        database,
        writer,
        reader: new HistoryReader(database.kysely, writer),
        sweep: new RetentionSweep(database.sqlite),
      };
      this.#error = null;
      this.#retryMs = FIRST_RETRY_MS;
      this.#sweepIn(SWEEP_EVERY_MS);
      this.flush();
      this.#onState(this.state);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Counts a failure, and tries again after a while: on the open file where only room was wanting, else on a new one. */
  #failed(error: unknown): void {
    this.#failures++;
    this.#error = historyError(this.#path, error);
    if (this.#error.code !== 'full') {
      this.#open?.database[Symbol.dispose]();
      this.#open = null;
    }
    this.#onState(this.state);
    if (this.#closed) return;
    this.#writeIn(this.#retryMs);
    this.#retryMs = Math.min(LONGEST_RETRY_MS, this.#retryMs * 2);
  }

  #writeIn(delayMs: number): void {
    if (this.#closed) return;
    this.#cancelWrite ??= this.#clock.after(delayMs, () => {
      this.#cancelWrite = null;
      if (this.#open === null) void this.start();
      else this.flush();
    });
  }

  #sweepIn(delayMs: number): void {
    this.#cancelSweep?.();
    this.#cancelSweep = this.#clock.after(delayMs, () => {
      if (this.#error === null && this.#open !== null) {
        try {
          this.#open.sweep.step(this.#retention, this.#clock.epoch());
        } catch (error) {
          this.#failed(error);
        }
      }
      if (!this.#closed) this.#sweepIn(SWEEP_EVERY_MS);
    });
  }
}

interface OpenHistory {
  readonly database: HistoryDatabase;
  readonly writer: HistoryWriter;
  readonly reader: HistoryReader;
  readonly sweep: RetentionSweep;
}

function isOfSqlite(error: unknown): boolean {
  return (error as { errcode?: unknown }).errcode !== undefined;
}

function sizeOf(path: string): number {
  let bytes = 0;
  for (const file of [path, `${path}-wal`]) bytes += statSync(file, { throwIfNoEntry: false })?.size ?? 0;
  return bytes;
}
