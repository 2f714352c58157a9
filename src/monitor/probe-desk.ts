// Measurements on demand. Identical ones that are asked for at the same time share one trace; no more than a set number
// run, as many more wait, and the rest are turned away. Each request gets its answer by its own deadline.

import type { Module, TargetConfig } from '../config/config.ts';
import type { ParsedHost } from '../config/host.ts';
import type { Trace } from '../trace/trace.ts';
import type { Family } from '../wire/address.ts';
import type { Clock } from './clock.ts';
import { type MeasurementOutcome, type MeasuringTools, measure, type TargetMemory } from './measure.ts';
import type { PathMemoryFactory } from './path-memory.ts';
import { RecentMap } from './recent-map.ts';
import type { Round } from './round.ts';

/** Paths of this many targets are remembered, so that a probed target's path id is as stable as a static one's. */
export const MAX_REMEMBERED_PROBES = 1024;
/** Requests that one shared measurement answers; a caller past that gets its own or is turned away. */
export const MAX_SHARERS = 4096;
/** A measurement under way serves a request that has up to this much more time than it was given. */
const SHARED_BUDGET_RATIO = 0.9;

export interface ProbeOptions {
  /** Milliseconds from now by which there is an answer, with whatever was measured. */
  readonly deadlineMs: number;
  /** Name that the caller knows the target by, where the host is an address; only a label. */
  readonly hostname?: string;
  /** Aborted when the one who asked has gone. */
  readonly signal?: AbortSignal;
  /** In place of the module's; a port means nothing to ICMP. */
  readonly port?: number;
  readonly family?: 4 | 6;
  /** Hears of the trace so far as replies arrive. */
  readonly onProgress?: (partial: Trace) => void;
}

export type ProbeOutcome =
  | { readonly kind: 'round'; readonly round: Round }
  /** The allow and deny lists do not admit the target. */
  | { readonly kind: 'forbidden'; readonly message: string }
  /** As many probes are under way as may be, or the program is ending. */
  | { readonly kind: 'busy'; readonly message: string };

export interface ProbeAsk {
  readonly host: ParsedHost;
  readonly target: TargetConfig;
  /** Asked before anything is sent to an address that the host resolved to. */
  readonly permit: (address: string) => string | undefined;
}

export interface ProbeDeskState {
  readonly running: number;
  readonly waiting: number;
}

/** One measurement and those who want it. */
interface SharedRun {
  readonly id: string;
  readonly ask: ProbeAsk;
  /** Epoch milliseconds. */
  readonly startedAtMs: number;
  /** On the clock's `now()`, as is the deadline. */
  readonly openedAt: number;
  deadlineAt: number;
  /** What it was given to measure in. */
  budgetMs: number;
  readonly stop: AbortController;
  readonly sharers: Set<Sharer>;
  started: boolean;
  address: string | null;
  family: Family | null;
  dnsLookupMs: number;
  partial: Trace | null;
}

/** A target's memory; the measurements under way that use it keep it open when it has been forgotten meanwhile. */
interface SharedMemory extends TargetMemory {
  users: number;
  forgotten: boolean;
}

interface Sharer {
  readonly settle: (outcome: ProbeOutcome) => void;
  readonly onProgress: ((partial: Trace) => void) | undefined;
}

export class ProbeDesk {
  readonly #tools: MeasuringTools;
  readonly #newMemory: PathMemoryFactory;
  readonly #memories = new RecentMap<string, SharedMemory>(MAX_REMEMBERED_PROBES, forget);
  /** The newest run for each id; an older one with too small a budget may still be under way. */
  readonly #shareable = new Map<string, SharedRun>();
  readonly #queue: SharedRun[] = [];
  readonly #active = new Set<SharedRun>();
  readonly #ends = new Set<Promise<void>>();
  #maxConcurrent = 1;
  #closed = false;

  constructor(tools: MeasuringTools, newMemory: PathMemoryFactory) {
    this.#tools = tools;
    this.#newMemory = newMemory;
  }

  set maxConcurrent(value: number) {
    this.#maxConcurrent = value;
    this.#startQueued();
  }

  get state(): ProbeDeskState {
    return { running: this.#active.size, waiting: this.#queue.length };
  }

  probe(ask: ProbeAsk, options: ProbeOptions): Promise<ProbeOutcome> {
    if (this.#closed) return Promise.resolve(busy('The exporter is shutting down'));
    const { port, family } = ask.target.module;
    const id = [ask.target.key, port, family, options.hostname ?? ''].join('\n');
    const current = this.#shareable.get(id);
    if (current !== undefined && this.#serves(current, options.deadlineMs))
      return this.#join(current, options);
    if (this.#active.size >= this.#maxConcurrent && this.#queue.length >= this.#maxConcurrent) {
      const message = `Too many probes: ${this.#active.size} are running and ${this.#queue.length} are waiting; try again later, or raise probe.maxConcurrent`;
      return Promise.resolve(busy(message));
    }
    const run = this.#open(id, ask, options.deadlineMs);
    const outcome = this.#join(run, options);
    this.#startQueued();
    return outcome;
  }

  /** Turns away what comes from now on. */
  close(): void {
    this.#closed = true;
  }

  /** Ends what is under way; those who wait get what was measured. */
  cancelAll(): void {
    for (const run of [...this.#queue, ...this.#active]) {
      for (const sharer of [...run.sharers]) sharer.settle(this.#unfinished(run));
    }
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#ends.size > 0) await Promise.allSettled([...this.#ends]);
  }

  #serves(run: SharedRun, deadlineMs: number): boolean {
    return run.sharers.size < MAX_SHARERS && run.budgetMs >= deadlineMs * SHARED_BUDGET_RATIO;
  }

  #open(id: string, ask: ProbeAsk, budgetMs: number): SharedRun {
    const run: SharedRun = {
      id,
      ask,
      startedAtMs: this.#clock.epoch(),
      openedAt: this.#clock.now(),
      deadlineAt: this.#clock.now() + budgetMs,
      budgetMs,
      stop: new AbortController(),
      sharers: new Set(),
      started: false,
      address: null,
      family: null,
      dnsLookupMs: 0,
      partial: null,
    };
    this.#shareable.set(id, run);
    this.#queue.push(run);
    return run;
  }

  #join(run: SharedRun, options: ProbeOptions): Promise<ProbeOutcome> {
    return new Promise((resolve) => {
      const { signal } = options;
      const giveUp = (): void => sharer.settle(this.#unfinished(run));
      const cancelTimer = this.#clock.after(options.deadlineMs, giveUp);
      const sharer: Sharer = {
        onProgress: options.onProgress,
        settle: (outcome) => {
          if (!run.sharers.delete(sharer)) return;
          cancelTimer();
          signal?.removeEventListener('abort', giveUp);
          if (run.sharers.size === 0) this.#abandon(run);
          resolve(outcome);
        },
      };
      run.sharers.add(sharer);
      // One that still waits for its turn may take the time of the last who joined.
      if (!run.started) run.deadlineAt = Math.max(run.deadlineAt, this.#clock.now() + options.deadlineMs);
      signal?.addEventListener('abort', giveUp, { once: true });
      if (signal?.aborted === true) giveUp();
    });
  }

  /** Nobody wants the run any more (or all have their answer). */
  #abandon(run: SharedRun): void {
    run.stop.abort();
    if (this.#shareable.get(run.id) === run) this.#shareable.delete(run.id);
    const at = this.#queue.indexOf(run);
    if (at !== -1) this.#queue.splice(at, 1);
  }

  #startQueued(): void {
    while (this.#active.size < this.#maxConcurrent) {
      const run = this.#queue.shift();
      if (run === undefined) return;
      const end = this.#start(run).finally(() => this.#ends.delete(end));
      this.#ends.add(end);
    }
  }

  async #start(run: SharedRun): Promise<void> {
    run.started = true;
    run.budgetMs = run.deadlineAt - this.#clock.now();
    this.#active.add(run);
    const memory = this.#memoryOf(run);
    memory.users++;
    const outcome = await measure(
      {
        target: run.ask.target,
        host: run.ask.host,
        memory,
        budgetMs: measuringTime(run.budgetMs),
        signal: run.stop.signal,
        permit: run.ask.permit,
        onAddress: (address, family, dnsLookupMs) => {
          run.address = address;
          run.family = family;
          run.dnsLookupMs = dnsLookupMs;
        },
        onProgress: (partial) => {
          run.partial = partial;
          for (const { onProgress } of run.sharers) onProgress?.(partial);
        },
      },
      this.#tools,
    );
    memory.users--;
    if (memory.forgotten) forget(memory);
    this.#active.delete(run);
    for (const sharer of [...run.sharers]) sharer.settle(this.#settled(outcome, run));
    this.#startQueued();
  }

  #settled(outcome: MeasurementOutcome, run: SharedRun): ProbeOutcome {
    return outcome.kind === 'cancelled' ? this.#unfinished(run) : outcome;
  }

  /** What there is to say of a run that has not ended: a Round with what was heard so far. */
  #unfinished(run: SharedRun): ProbeOutcome {
    if (!run.started) return busy('Too many probes: this one was still waiting for its turn at its deadline');
    const { address, family, dnsLookupMs, partial } = run;
    const durationMs = this.#clock.now() - run.openedAt;
    const base = {
      target: run.ask.target,
      startedAtMs: run.startedAtMs,
      durationMs,
      address,
      family,
      dnsLookupMs,
    };
    if (partial !== null) {
      const trace: Trace = { ...partial, end: 'deadline' };
      // A fresh memory: half a trace must not teach the target's own that hops went silent.
      const memory = this.#newMemory(run.ask.target);
      const path = memory.observe(trace, this.#clock.epoch());
      memory.close();
      return { kind: 'round', round: { ...base, trace, path, failure: null } };
    }
    const failure =
      address === null
        ? ({ reason: 'dns', message: 'The name lookup had not ended by the deadline of the probe' } as const)
        : ({ reason: 'engine', message: 'Nothing was heard by the deadline of the probe' } as const);
    return { kind: 'round', round: { ...base, trace: null, path: null, failure } };
  }

  #memoryOf(run: SharedRun): SharedMemory {
    const { key, module } = run.ask.target;
    // Another number of flows, after a reload, is another memory.
    const id = `${key}\n${module.protocol} ${module.port} ${module.family} ${module.flows}`;
    const known = this.#memories.get(id);
    if (known !== undefined) return known;
    const path = this.#newMemory(run.ask.target);
    const memory: SharedMemory = { path, lastAddress: null, users: 0, forgotten: false };
    this.#memories.set(id, memory);
    return memory;
  }

  get #clock(): Clock {
    return this.#tools.clock;
  }
}

/** The target of a probe, as downstream rooms know targets. */
export function probedTarget(
  host: ParsedHost,
  module: Module,
  options: Pick<ProbeOptions, 'hostname' | 'port' | 'family'>,
): TargetConfig {
  const port = module.port === null ? null : (options.port ?? host.port ?? module.port);
  const family = options.family ?? module.family;
  const own = port === module.port && family === module.family;
  const aimed = own ? module : { ...module, port, family };
  return {
    host: options.hostname ?? host.label,
    key: `${host.name}/${module.name}`,
    module: aimed,
    intervalMs: 0,
    labels: {},
    expectedHops: null,
  };
}

/** The engine's part of what is left: its own full result should be there before the deadline, not just after. */
function measuringTime(leftMs: number): number {
  return Math.max(1, leftMs - Math.min(25, leftMs / 20));
}

function forget(memory: SharedMemory): void {
  memory.forgotten = true;
  if (memory.users === 0) memory.path.close();
}

function busy(message: string): ProbeOutcome {
  return { kind: 'busy', message };
}
