// Who is measured when: static targets on their own schedule, probes on demand. Publishes Rounds, one direction.
// Invariant: a target has at most one round under way, and none waits for another's.

import { type AccessRule, createAccessRule } from '../config/access.ts';
import type { Config, TargetConfig } from '../config/config.ts';
import { type ParsedHost, parseHost } from '../config/host.ts';
import type { TraceEngine } from '../trace/trace.ts';
import type { Clock } from './clock.ts';
import { type MeasuringTools, measure, type TargetMemory } from './measure.ts';
import type { NameResolver } from './name-resolver.ts';
import type { PathMemoryFactory } from './path-memory.ts';
import { nextTurn, phaseOf } from './phase.ts';
import { ProbeDesk, type ProbeOptions, type ProbeOutcome, probedTarget } from './probe-desk.ts';
import { RecentMap } from './recent-map.ts';
import type { Round, RoundFailure } from './round.ts';
import { Schedule } from './schedule.ts';

/** Distances remembered, over static and probed targets: (address, protocol, port) each. */
const MAX_DISTANCES = 32_768;
/** First rounds are spread over this much for each target, so that a start is no burst... */
const START_SPREAD_MS_PER_TARGET = 10;
/** ...and over no less than this. */
const LEAST_START_SPREAD_MS = 1000;
/** Of an interval that a round may take, so that it has ended when the next is due. */
const INTERVAL_SHARE = 0.95;
/** After cancelling, rounds are waited for this long. */
const CANCEL_GRACE_MS = 1000;

/** The part of a pino logger that is used here. */
export interface MonitorLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface MonitorOptions {
  readonly engine: TraceEngine;
  readonly resolver: NameResolver;
  readonly clock: Clock;
  readonly newPathMemory: PathMemoryFactory;
  readonly log: MonitorLog;
  /** Hears each Round of a static target as it ends. */
  readonly onRound: (round: Round) => void;
}

/** One static target as it stands; a live view. */
export interface TargetStatus {
  readonly target: TargetConfig;
  /** Without its trace. */
  readonly lastRound: Round | null;
  readonly running: boolean;
  /** Rounds that ended, whatever the result. */
  readonly rounds: number;
  /** Turns on which the round before was still under way, or which the process slept through. */
  readonly late: number;
  readonly failures: Readonly<Record<RoundFailure, number>>;
}

/** How a round came out: `cancelled` where its target, or the program, went meanwhile. */
export type RoundEnd = 'traced' | 'failed' | 'cancelled';

export interface MonitorCounters {
  readonly targets: number;
  /** Turns that came, over all targets that ever were, as are the next two: ended, late or running, each of them. */
  readonly roundsDue: number;
  readonly roundsLate: number;
  readonly roundsEnded: Readonly<Record<RoundEnd, number>>;
  readonly roundsRunning: number;
  readonly probesRunning: number;
  readonly probesWaiting: number;
}

/** A probe that cannot be asked for: no such module, or a host that names nothing. */
export class ProbeRequestError extends Error {
  readonly code: 'bad-target' | 'unknown-module';
  constructor(code: ProbeRequestError['code'], message: string) {
    super(message);
    this.name = 'ProbeRequestError';
    this.code = code;
  }
}

export interface Monitor extends AsyncDisposable {
  /** Takes a configuration into force: targets that stay keep their memory, counters and turns. */
  apply(config: Config): void;
  /**
   * Measures now. Resolves within `deadlineMs`; throws `ProbeRequestError` for a host or module that cannot be meant.
   */
  probe(host: string, moduleName: string | undefined, options: ProbeOptions): Promise<ProbeOutcome>;
  /** In the order of the configuration. */
  targets(): readonly TargetStatus[];
  target(key: string): TargetStatus | undefined;
  counters(): MonitorCounters;
  /** Starts nothing any more; what is under way may go on for `graceMs`, then it is cancelled and published no more. */
  stop(graceMs?: number): Promise<void>;
}

export function createMonitor(options: MonitorOptions): Monitor {
  return new TargetMonitor(options);
}

class WatchedTarget implements TargetStatus {
  target: TargetConfig;
  host: ParsedHost;
  memory: TargetMemory;
  lastRound: Round | null = null;
  /** Stops the round under way. */
  stop: AbortController | null = null;
  rounds = 0;
  late = 0;
  readonly failures: Record<RoundFailure, number> = { dns: 0, refused: 0, engine: 0 };

  constructor(target: TargetConfig, host: ParsedHost, memory: TargetMemory) {
    this.target = target;
    this.host = host;
    this.memory = memory;
  }

  get running(): boolean {
    return this.stop !== null;
  }
}

class TargetMonitor implements Monitor {
  readonly #options: MonitorOptions;
  readonly #tools: MeasuringTools;
  readonly #desk: ProbeDesk;
  readonly #schedule: Schedule<WatchedTarget>;
  #watched = new Map<string, WatchedTarget>();
  #config: Config | null = null;
  #access: AccessRule = createAccessRule({ allow: [], deny: [] });
  readonly #ended: Record<RoundEnd, number> = { traced: 0, failed: 0, cancelled: 0 };
  #late = 0;
  #running = 0;
  readonly #ends = new Set<Promise<void>>();
  #stopped: Promise<void> | null = null;

  constructor(options: MonitorOptions) {
    this.#options = options;
    const { engine, resolver, clock } = options;
    this.#tools = { engine, resolver, clock, distances: new RecentMap(MAX_DISTANCES) };
    this.#desk = new ProbeDesk(this.#tools, options.newPathMemory);
    this.#schedule = new Schedule(clock, (watched, missed) => this.#onTurn(watched, missed));
  }

  apply(config: Config): void {
    if (this.#stopped !== null) return;
    this.#config = config;
    this.#access = createAccessRule(config.probe);
    this.#desk.maxConcurrent = config.probe.maxConcurrent;
    const before = this.#watched;
    this.#watched = new Map();
    for (const target of config.targets) {
      const known = before.get(target.key);
      const watched = known === undefined ? this.#added(target) : this.#kept(known, target);
      if (watched === undefined) continue;
      this.#watched.set(target.key, watched);
      before.delete(target.key);
      if (known === undefined) this.#scheduleFirst(watched, config.targets.length);
    }
    for (const gone of before.values()) {
      this.#schedule.remove(gone);
      this.#forget(gone);
    }
  }

  async probe(host: string, moduleName: string | undefined, options: ProbeOptions): Promise<ProbeOutcome> {
    const config = this.#config;
    const name = moduleName ?? config?.defaultModule ?? 'icmp';
    const module = config?.modules.get(name);
    if (module === undefined)
      throw new ProbeRequestError('unknown-module', `Unknown module ${JSON.stringify(name)}`);
    const parsed = parseHost(host);
    if ('refused' in parsed) throw new ProbeRequestError('bad-target', `Bad target: ${parsed.refused}`);
    const asName = parsed.address === null ? parsed.name : null;
    const access = this.#access;
    const forbidden = access.refusal(asName, parsed.address);
    if (forbidden !== undefined) return { kind: 'forbidden', message: forbidden };
    const permit = (address: string): string | undefined => access.refusal(asName, address);
    return this.#desk.probe({ host: parsed, target: probedTarget(parsed, module, options), permit }, options);
  }

  targets(): readonly TargetStatus[] {
    return [...this.#watched.values()];
  }

  target(key: string): TargetStatus | undefined {
    return this.#watched.get(key);
  }

  counters(): MonitorCounters {
    const { running, waiting } = this.#desk.state;
    return {
      targets: this.#watched.size,
      roundsDue: this.#schedule.turns,
      roundsLate: this.#late,
      roundsEnded: { ...this.#ended },
      roundsRunning: this.#running,
      probesRunning: running,
      probesWaiting: waiting,
    };
  }

  stop(graceMs = 5000): Promise<void> {
    this.#stopped ??= this.#stop(graceMs);
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(0);
  }

  async #stop(graceMs: number): Promise<void> {
    this.#schedule.stop();
    this.#desk.close();
    if (graceMs > 0) await this.#idleWithin(graceMs);
    for (const watched of this.#watched.values()) watched.stop?.abort();
    this.#desk.cancelAll();
    await this.#idleWithin(CANCEL_GRACE_MS);
  }

  /** Resolves when no round is under way and no probe is, or after `limitMs`. */
  #idleWithin(limitMs: number): Promise<void> {
    const idle = Promise.all([Promise.allSettled([...this.#ends]), this.#desk.idle()]);
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(limitMs, resolve);
      void idle.then(() => {
        cancel();
        resolve();
      });
    });
  }

  #added(target: TargetConfig): WatchedTarget | undefined {
    const host = parseHost(target.host);
    if ('refused' in host) {
      // The configuration is judged before it comes here; one made by hand may not have been.
      this.#options.log.error({ target: target.key }, `Target left out: ${host.refused}`);
      return undefined;
    }
    return new WatchedTarget(target, host, this.#newMemory(target));
  }

  #kept(watched: WatchedTarget, target: TargetConfig): WatchedTarget {
    const before = watched.target;
    watched.target = target;
    if (!sameFlows(before, target)) {
      this.#forget(watched);
      watched.memory = this.#newMemory(target);
    }
    if (before.intervalMs !== target.intervalMs) this.#scheduleNext(watched);
    return watched;
  }

  #newMemory(target: TargetConfig): TargetMemory {
    return { path: this.#options.newPathMemory(target), lastAddress: null };
  }

  /** What is remembered, and the round under way that would enter it. */
  #forget(watched: WatchedTarget): void {
    watched.stop?.abort();
    watched.memory.path.close();
  }

  /** Soon, but not all at once; then on the target's own turns, the first of which is at least half an interval away. */
  #scheduleFirst(watched: WatchedTarget, targets: number): void {
    const { intervalMs, key } = watched.target;
    const { clock } = this.#options;
    const phase = phaseOf(key);
    const spreadMs = Math.min(
      intervalMs,
      Math.max(LEAST_START_SPREAD_MS, targets * START_SPREAD_MS_PER_TARGET),
    );
    const firstAtMs = clock.now() + phase * spreadMs;
    const thenAtMs = this.#turnAfter(phase, intervalMs, firstAtMs + intervalMs / 2);
    this.#schedule.set(watched, { firstAtMs, thenAtMs, intervalMs });
  }

  #scheduleNext(watched: WatchedTarget): void {
    const { intervalMs, key } = watched.target;
    const firstAtMs = this.#turnAfter(phaseOf(key), intervalMs, this.#options.clock.now());
    this.#schedule.set(watched, { firstAtMs, thenAtMs: firstAtMs + intervalMs, intervalMs });
  }

  /** The target's first turn at or after `notBeforeMs`, both on the clock's `now()`. */
  #turnAfter(phase: number, intervalMs: number, notBeforeMs: number): number {
    const { clock } = this.#options;
    const toEpoch = clock.epoch() - clock.now();
    return nextTurn(phase, intervalMs, notBeforeMs + toEpoch) - toEpoch;
  }

  #onTurn(watched: WatchedTarget, missed: number): void {
    const late = missed + (watched.running ? 1 : 0);
    watched.late += late;
    this.#late += late;
    if (watched.running) {
      this.#options.log.warn(
        { target: watched.target.key, late: watched.late },
        'Round late: the one before still runs',
      );
      return;
    }
    this.#running++;
    const ended = this.#runRound(watched).finally(() => this.#ends.delete(ended));
    this.#ends.add(ended);
  }

  async #runRound(watched: WatchedTarget): Promise<void> {
    const { target, host, memory } = watched;
    const stop = new AbortController();
    watched.stop = stop;
    const budgetMs = Math.min(target.module.timeoutMs, target.intervalMs * INTERVAL_SHARE);
    const outcome = await measure({ target, host, memory, budgetMs, signal: stop.signal }, this.#tools);
    watched.stop = null;
    this.#running--;
    if (outcome.kind !== 'round' || stop.signal.aborted) {
      this.#ended.cancelled++;
      return;
    }
    this.#ended[outcome.round.failure === null ? 'traced' : 'failed']++;
    this.#publish(watched, outcome.round);
  }

  #publish(watched: WatchedTarget, round: Round): void {
    watched.rounds++;
    // The trace has been handed on; kept here it would be most of what a target costs.
    watched.lastRound = { ...round, trace: null };
    const { failure } = round;
    if (failure !== null) {
      watched.failures[failure.reason]++;
      this.#options.log.debug({ target: watched.target.key, reason: failure.reason }, failure.message);
    }
    try {
      this.#options.onRound(round);
    } catch (error) {
      // A listener's bug must not cost the other targets their rounds.
      this.#options.log.error({ target: watched.target.key, err: error }, 'A listener failed on a round');
    }
  }
}

/** Whether what was learnt of the paths still holds: balancers see the same flows. */
function sameFlows(a: TargetConfig, b: TargetConfig): boolean {
  const { protocol, port, flows } = a.module;
  return protocol === b.module.protocol && port === b.module.port && flows === b.module.flows;
}
