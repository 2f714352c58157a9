// The engine as the rest of the program sees it: traces asked for by promise, run by a worker thread. A worker that
// crashes, or stands still, takes its traces with it, with an error that says so, and is replaced: at once, or, where that
// happens too often, after a pause.

import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { extname } from 'node:path';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import {
  type EngineChannel,
  type EngineCounters,
  type Trace,
  type TraceEngine,
  type TraceOptions,
  TraceRefusal,
  type TraceRequest,
} from '../trace/trace.ts';
import {
  COUNTERS_LENGTH,
  type EngineCommand,
  type EngineReport,
  type EngineSetup,
  readCounters,
  SIGNAL,
  SIGNALS_LENGTH,
} from './engine-messages.ts';
import { NetError } from './net-error.ts';
import type { StampSource } from './socket-options.ts';

/** Crashes within a minute after which a worker is replaced at once; past that, and where none starts, after a minute. */
const MOST_RESTARTS = 3;
const RESTART_WINDOW_MS = 60_000;
/** A worker that has not turned for so many looks, with traces to run, stands still: it wakes every second by itself. */
const LOOK_MS = 5000;
const MOST_LOOKS = 3;
/** How long close() waits for the worker to leave by itself. */
const CLOSE_PATIENCE_MS = 2000;
/** Traces running or waiting: callers that want more are refused. */
const MOST_TRACES = 100_000;

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

interface PendingTrace {
  readonly resolve: (trace: Trace) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: ((partial: Trace) => void) | undefined;
  readonly forget: () => void;
}

type Ready = Extract<EngineReport, { type: 'ready' }>;

export interface EngineOptions {
  /** Told when a worker crashed, whether or not another takes its place. */
  readonly onCrash?: (error: Error) => void;
  /** Module run by the worker thread; for tests of crashes. */
  readonly workerUrl?: URL;
  /** Time from one look at the worker to the next. */
  readonly lookMs?: number;
  /** Pause before a worker that keeps crashing is replaced. */
  readonly pauseMs?: number;
}

export class KernelEngine implements TraceEngine {
  readonly #options: EngineOptions;
  readonly #pending = new Map<number, PendingTrace>();
  readonly #counters = new Float64Array(new SharedArrayBuffer(COUNTERS_LENGTH));
  readonly #secret = new Uint8Array(randomBytes(16));
  readonly #onExit = (): void => this.#tellToClose();
  #worker: Worker | undefined;
  #port: MessagePort | undefined;
  #signals = new Int32Array(new SharedArrayBuffer(SIGNALS_LENGTH));
  #ready: Ready | undefined;
  #crashes: number[] = [];
  #broken: Error | undefined;
  #closed = false;
  #nextKey = 1;
  #watch: ReturnType<typeof setInterval> | undefined;
  #pause: ReturnType<typeof setTimeout> | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    // Node joins its workers when it exits; one asleep in ppoll() would not notice.
    process.once('exit', this.#onExit);
  }

  /** Starts the worker; rejects when it cannot start. */
  async open(): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    this.#signals = new Int32Array(new SharedArrayBuffer(SIGNALS_LENGTH));
    const setup: EngineSetup = {
      port: port2,
      signals: this.#signals.buffer as SharedArrayBuffer,
      counters: this.#counters.buffer as SharedArrayBuffer,
      secret: this.#secret,
    };
    const url =
      this.#options.workerUrl ?? new URL(`./engine-worker${extname(import.meta.url)}`, import.meta.url);
    const worker = new Worker(url, {
      workerData: setup,
      transferList: [port2],
      name: 'engine',
      execArgv: [],
    });
    this.#worker = worker;
    this.#port = port1;
    await new Promise<void>((resolve, reject) => {
      port1.on('message', (report: EngineReport) => {
        if (report.type === 'ready') {
          this.#ready = report;
          // Commands may have come while it could not be woken yet.
          this.#wake();
          resolve();
        } else this.#take(report);
      });
      worker.once('error', (error) => {
        reject(error);
        this.#crashed(worker, error);
      });
      worker.once('exit', () => {
        reject(new NetError('Cannot start the probing thread: it ended at once', 'ended'));
        this.#crashed(worker, new Error('the thread ended unasked'));
      });
    });
    this.#restUnlessBusy();
    this.#watchOver(worker);
  }

  trace(request: TraceRequest, options: TraceOptions = {}): Promise<Trace> {
    if (this.#closed)
      return Promise.reject(
        new TraceRefusal('closed', `Cannot trace ${request.target}: the engine is closed`),
      );
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    if (this.#pending.size >= MOST_TRACES) {
      const message = `Cannot trace ${request.target}: ${MOST_TRACES} traces are under way; lower the number of targets`;
      return Promise.reject(new TraceRefusal('bad-request', message));
    }
    const key = this.#nextKey++;
    return new Promise((resolve, reject) => {
      const { signal, onProgress } = options;
      const cancel = (): void => this.#command({ type: 'cancel', key });
      this.#pending.set(key, {
        resolve,
        reject,
        onProgress,
        forget: () => signal?.removeEventListener('abort', cancel),
      });
      this.#worker?.ref();
      this.#port?.ref();
      this.#command({ type: 'start', key, request, progress: onProgress !== undefined });
      if (signal?.aborted === true) cancel();
      else signal?.addEventListener('abort', cancel, { once: true });
    });
  }

  channels(): readonly EngineChannel[] {
    return this.#ready?.channels ?? [];
  }

  counters(): EngineCounters {
    return readCounters(this.#counters);
  }

  /** Which clock stamps packets. */
  get stamps(): StampSource {
    return this.#ready?.stamps ?? 'clock';
  }

  /** Ends the worker; traces under way are rejected. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    process.off('exit', this.#onExit);
    clearInterval(this.#watch);
    clearTimeout(this.#pause);
    this.#rejectAll(new TraceRefusal('closed', 'The engine was closed while the trace ran'));
    const worker = this.#worker;
    if (worker === undefined) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => void worker.terminate(), CLOSE_PATIENCE_MS);
      worker.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
      this.#tellToClose();
    });
    this.#port?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #take(report: Exclude<EngineReport, Ready>): void {
    const pending = this.#pending.get(report.key);
    if (pending === undefined) return;
    if (report.type === 'progress') {
      pending.onProgress?.(report.trace);
      return;
    }
    this.#pending.delete(report.key);
    pending.forget();
    if (report.type === 'refused') pending.reject(new TraceRefusal(report.code, report.message));
    else pending.resolve(report.trace);
    this.#restUnlessBusy();
  }

  #command(command: EngineCommand): void {
    this.#port?.postMessage(command);
    this.#wake();
  }

  /** One write wakes the worker for all commands given until it looks. */
  #wake(): void {
    if (this.#ready === undefined || Atomics.exchange(this.#signals, SIGNAL.woken, 1) !== 0) return;
    writeSync(this.#ready.wakeFd, ONE);
  }

  #tellToClose(): void {
    Atomics.store(this.#signals, SIGNAL.closing, 1);
    Atomics.store(this.#signals, SIGNAL.woken, 0);
    this.#wake();
  }

  /** An idle engine does not keep the process alive. */
  #restUnlessBusy(): void {
    if (this.#pending.size > 0) return;
    this.#worker?.unref();
    this.#port?.unref();
  }

  /** Counts looks and not time: a process that was stopped as a whole finds its worker where it was, and gives it time. */
  #watchOver(worker: Worker): void {
    clearInterval(this.#watch);
    let seen = -1;
    let looks = 0;
    const look = (): void => {
      const turns = Atomics.load(this.#signals, SIGNAL.turns);
      looks = turns === seen && this.#pending.size > 0 ? looks + 1 : 0;
      seen = turns;
      if (looks < MOST_LOOKS) return;
      this.#crashed(worker, new Error('it stands still'));
      void worker.terminate();
    };
    this.#watch = setInterval(look, this.#options.lookMs ?? LOOK_MS).unref();
  }

  #rejectAll(error: Error): void {
    for (const pending of this.#pending.values()) {
      pending.forget();
      pending.reject(error);
    }
    this.#pending.clear();
  }

  #crashed(worker: Worker, cause: Error): void {
    if (this.#closed || worker !== this.#worker) return;
    const started = this.#ready !== undefined;
    clearInterval(this.#watch);
    this.#worker = undefined;
    this.#ready = undefined;
    this.#port?.close();
    const error = new NetError(`The probing thread crashed: ${cause.message}`, 'crashed', cause);
    this.#rejectAll(error);
    this.#options.onCrash?.(error);
    const now = performance.now();
    this.#crashes = [...this.#crashes.filter((at) => now - at < RESTART_WINDOW_MS), now];
    this.#broken = error;
    // Who started it hears of it, and decides.
    if (!started) return;
    if (this.#crashes.length > MOST_RESTARTS) this.#restartLater();
    else this.#restart();
  }

  #restart(): void {
    this.#broken = undefined;
    this.open().catch((reason: Error) => {
      if (this.#closed) return;
      this.#broken = new NetError(
        `Cannot start the probing thread again: ${reason.message}`,
        'crashed',
        reason,
      );
      this.#rejectAll(this.#broken);
      this.#restartLater();
    });
  }

  #restartLater(): void {
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.#restart(), this.#options.pauseMs ?? RESTART_WINDOW_MS).unref();
  }
}

/** Starts the probing thread; resolves once it knows what it may do on this host. */
export async function startEngine(options: EngineOptions = {}): Promise<KernelEngine> {
  const engine = new KernelEngine(options);
  try {
    await engine.open();
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}
