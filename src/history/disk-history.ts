// The history on disk as the main thread has it: collects what is to be written for the history's thread, and passes on
// questions. Invariant: no call blocks on the disk; what waits is bounded, and what has no room is dropped and counted.

import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ChangeGroup } from '../path/change-group.ts';
import type { HistoryErrorCode } from './history-error.ts';
import type {
  HistoryBatch,
  HistoryCommand,
  HistoryQuestion,
  HistoryReport,
  HistorySetup,
  QuestionArgs,
  WriterState,
} from './history-messages.ts';
import {
  type ChangeQuery,
  type GroupQuery,
  type HistoryPage,
  type HistoryState,
  HistoryUnavailable,
  type PathHistory,
  type PathSnapshot,
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
import type { RecordedPath, RecordedRun } from './recorded-run.ts';
import { RunPack } from './run-pack.ts';

/** Runs collected before they are sent to the thread, or for so long. */
const BATCH_RUNS = 512;
const BATCH_MS = 200;
/** Runs sent and not yet written; past that new ones are dropped. */
export const MAX_SENT_RUNS = 100_000;
/** Changes and snapshots in one batch; both are rare. */
const MAX_EXTRAS = 10_000;
/** Questions under way; more are turned away. */
const MAX_QUESTIONS = 64;
const CLOSE_PATIENCE_MS = 5000;
/** A thread that ended is started anew, after this long. */
const RESTART_MS = 5000;

export interface DiskHistoryOptions extends HistorySetup {
  /** Called when the history goes out of order, with the sentence, and when it is in order again, with null. */
  readonly onChange?: (message: string | null, code: HistoryErrorCode | null) => void;
}

interface Question {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const UNOPENED: WriterState = {
  healthy: false,
  message: 'The history is not open yet; ask again in a moment.',
  code: null,
  recordedRuns: 0,
  droppedRuns: 0,
  takenRuns: 0,
  writeFailures: 0,
  bytes: 0,
};

/** Starts the history's thread; resolves once it has opened the file, or has said why it could not. */
export async function openDiskHistory(options: DiskHistoryOptions): Promise<DiskHistory> {
  const history = new DiskHistory(options);
  await history.opened;
  return history;
}

export class DiskHistory implements PathHistory {
  /** Resolves when the thread has said how it stands. */
  readonly opened: Promise<void>;
  readonly #options: DiskHistoryOptions;
  readonly #questions = new Map<number, Question>();
  #settleOpened: () => void = () => {};
  #worker: Worker | null = null;
  #state: WriterState = UNOPENED;
  #lastMessage: string | null = null;
  #nextId = 1;
  #sentRuns = 0;
  #dropped = 0;
  /** Counts of threads that ended. */
  #past = { recordedRuns: 0, droppedRuns: 0, writeFailures: 0 };
  #pack = new RunPack();
  #targets: string[] = [];
  #paths: RecordedPath[] = [];
  #changes: { change: RecordedChange; group: ChangeGroup }[] = [];
  #snapshots: PathSnapshot[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;
  #restart: ReturnType<typeof setTimeout> | null = null;
  #closing: Promise<void> | null = null;
  #onClosed: () => void = () => {};

  constructor(options: DiskHistoryOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.opened = promise;
    this.#settleOpened = resolve;
    this.#start();
  }

  get state(): HistoryState {
    const { healthy, message, bytes } = this.#state;
    return {
      enabled: true,
      healthy,
      message,
      bytes,
      recordedRuns: this.#past.recordedRuns + this.#state.recordedRuns,
      droppedRuns: this.#past.droppedRuns + this.#state.droppedRuns + this.#dropped,
      writeFailures: this.#past.writeFailures + this.#state.writeFailures,
    };
  }

  set retention(retention: Pick<HistorySetup, 'retentionMs' | 'rollUpRetentionMs'>) {
    this.#send({ type: 'retain', ...retention });
  }

  recordRun(run: RecordedRun, path: RecordedPath | null): void {
    const unwritten = this.#sentRuns - this.#state.takenRuns + this.#targets.length;
    if (unwritten >= MAX_SENT_RUNS || this.#closing !== null || this.#worker === null) {
      this.#dropped++;
      return;
    }
    this.#pack.append(run);
    this.#targets.push(run.target);
    if (path !== null) this.#paths.push(path);
    this.#collect();
  }

  recordChange(change: RecordedChange, group: ChangeGroup): void {
    if (this.#changes.length < MAX_EXTRAS) this.#changes.push({ change, group });
    this.#collect();
  }

  saveSnapshot(snapshot: PathSnapshot): void {
    if (this.#snapshots.length < MAX_EXTRAS) this.#snapshots.push(snapshot);
    this.#collect();
  }

  /** Resolves when everything recorded so far was written, or could not be. */
  async flush(): Promise<void> {
    this.#sendBatch();
    if (this.#worker === null) return;
    const id = this.#nextId++;
    await this.#expect(id, { type: 'flush', id });
  }

  runs(query: RunQuery): Promise<HistoryPage<RecordedRun>> {
    return this.#ask('runs', query);
  }

  timeline(query: TimelineQuery): Promise<Timeline> {
    return this.#ask('timeline', query);
  }

  route(target: string, period: Period): Promise<RoutePicture> {
    return this.#ask('route', target, period);
  }

  routeAt(target: string, atMs: number): Promise<RouteAt | null> {
    return this.#ask('routeAt', target, atMs);
  }

  prevalence(target: string, period: Period): Promise<Prevalence> {
    return this.#ask('prevalence', target, period);
  }

  changes(query: ChangeQuery): Promise<HistoryPage<RecordedChange>> {
    return this.#ask('changes', query);
  }

  groups(query: GroupQuery): Promise<HistoryPage<RecordedGroup>> {
    return this.#ask('groups', query);
  }

  resume(targets: readonly string[], nowMs: number): Promise<readonly ResumedTarget[]> {
    return this.#ask('resume', targets, nowMs);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#sendBatch();
    if (this.#restart !== null) clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker === null) return;
    const closed = new Promise<void>((resolve) => {
      this.#onClosed = resolve;
    });
    this.#send({ type: 'close' });
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([closed, new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_PATIENCE_MS)))]);
    clearTimeout(timer);
    await worker.terminate();
  }

  #start(): void {
    const { path, retentionMs, rollUpRetentionMs } = this.#options;
    const setup: HistorySetup = { path, retentionMs, rollUpRetentionMs };
    const url = new URL(`./history-worker${extname(import.meta.url)}`, import.meta.url);
    const worker = new Worker(url, {
      workerData: setup,
      name: 'history',
      // On Node 22 the module says on standard error that it is experimental.
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    this.#worker = worker;
    worker.on('message', (report: HistoryReport) => this.#hear(report));
    worker.on('error', (error) => this.#ended(worker, error));
    worker.on('exit', () => this.#ended(worker, null));
  }

  #hear(report: HistoryReport): void {
    switch (report.type) {
      case 'state':
        this.#state = report.state;
        this.#tell(report.state.message, report.state.code);
        this.#settleOpened();
        return;
      case 'answer':
        this.#take(report.id)?.resolve(report.value);
        return;
      case 'refusal':
        this.#take(report.id)?.reject(new HistoryUnavailable(report.code, report.message));
        return;
      case 'closed':
        this.#onClosed();
    }
  }

  #tell(message: string | null, code: HistoryErrorCode | null): void {
    if (message === this.#lastMessage) return;
    this.#lastMessage = message;
    this.#options.onChange?.(message, code);
  }

  /** The thread has ended; unless it was to, a new one takes over. */
  #ended(worker: Worker, error: Error | null): void {
    if (this.#worker !== worker) return;
    this.#worker = null;
    const { recordedRuns, writeFailures } = this.#state;
    this.#past.recordedRuns += recordedRuns;
    // All that is not known to be written: also what the thread had taken, and waited for the disk.
    this.#past.droppedRuns += this.#sentRuns - recordedRuns;
    this.#past.writeFailures += writeFailures + (error === null ? 0 : 1);
    this.#sentRuns = 0;
    const reason = error === null ? 'it ended' : error.message;
    const message = `The history's thread is gone: ${reason}; a new one is started, see the log if it keeps happening`;
    this.#state = { ...UNOPENED, message };
    this.#settleOpened();
    for (const { reject } of this.#questions.values())
      reject(new HistoryUnavailable('out-of-order', message));
    this.#questions.clear();
    this.#onClosed();
    if (this.#closing !== null) return;
    this.#tell(message, null);
    this.#restart = setTimeout(() => this.#start(), RESTART_MS).unref();
  }

  #collect(): void {
    if (this.#targets.length >= BATCH_RUNS) this.#sendBatch();
    else this.#timer ??= setTimeout(() => this.#sendBatch(), BATCH_MS);
  }

  #sendBatch(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const extras = this.#paths.length + this.#changes.length + this.#snapshots.length;
    if (this.#targets.length + extras === 0) return;
    const { bytes } = this.#pack.close();
    const batch: HistoryBatch = {
      type: 'batch',
      runs: bytes,
      targets: this.#targets,
      paths: this.#paths,
      changes: this.#changes,
      snapshots: this.#snapshots,
    };
    // What was collected when the thread ended is for nobody.
    if (this.#worker === null) this.#dropped += this.#targets.length;
    else this.#sentRuns += this.#targets.length;
    this.#pack = new RunPack();
    this.#targets = [];
    this.#paths = [];
    this.#changes = [];
    this.#snapshots = [];
    this.#worker?.postMessage(batch, [bytes.buffer as ArrayBuffer]);
  }

  #send(command: HistoryCommand): void {
    this.#worker?.postMessage(command);
  }

  #ask<Name extends HistoryQuestion>(name: Name, ...args: QuestionArgs<Name>): ReturnType<PathHistory[Name]> {
    return this.#question(name, args) as ReturnType<PathHistory[Name]>;
  }

  async #question(name: HistoryQuestion, args: readonly unknown[]): Promise<unknown> {
    if (this.#worker === null || this.#closing !== null) {
      throw new HistoryUnavailable('out-of-order', this.#state.message ?? 'The history is closed.');
    }
    if (this.#questions.size >= MAX_QUESTIONS) {
      const message = `Too many questions to the history: ${MAX_QUESTIONS} are being answered; ask again later.`;
      throw new HistoryUnavailable('busy', message);
    }
    // What was recorded before is to be in the answer.
    this.#sendBatch();
    const id = this.#nextId++;
    return this.#expect(id, { type: 'query', id, name, args });
  }

  #expect(id: number, command: HistoryCommand): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#questions.set(id, { resolve, reject });
      this.#send(command);
    });
  }

  #take(id: number): Question | undefined {
    const question = this.#questions.get(id);
    this.#questions.delete(id);
    return question;
  }
}
