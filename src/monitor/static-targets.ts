// The configured targets: each is traced on its own grid, whatever the others do, and remembers its path.
// Invariant: a target never runs twice at once; a turn that finds it running is counted as late, never dropped silently.

import type { Config, TargetConfig } from '../config/config.ts';
import { type ParsedHost, parseHost } from '../config/host.ts';
import type { Clock } from './clock.ts';
import { type MeasuringTools, measure, type TargetMemory } from './measure.ts';
import type { PathMemoryFactory } from './path-memory.ts';
import { nextTurn, phaseOf } from './phase.ts';
import type { Round } from './round.ts';
import { Schedule } from './schedule.ts';

/** The first rounds of all targets come within so long, so that a restart is soon complete. */
const FIRST_ROUNDS_WITHIN_MS = 15_000;

export interface StaticTargetsOptions {
  readonly tools: MeasuringTools;
  readonly createPathMemory: PathMemoryFactory;
  readonly onRound: (round: Round) => void;
}

interface Watched {
  target: TargetConfig;
  host: ParsedHost;
  memory: TargetMemory;
  stop: AbortController | null;
}

export class StaticTargets {
  readonly #options: StaticTargetsOptions;
  readonly #clock: Clock;
  readonly #watched = new Map<string, Watched>();
  readonly #schedule: Schedule<string>;
  readonly #running = new Set<Promise<void>>();
  #roundsLate = 0;

  constructor(options: StaticTargetsOptions) {
    this.#options = options;
    this.#clock = options.tools.clock;
    this.#schedule = new Schedule(this.#clock, (key, missed) => this.#due(key, missed));
  }

  /** Turns that could not be used: the target was still running, or the process was held up. */
  get roundsLate(): number {
    return this.#roundsLate;
  }

  /** Takes a configuration. Targets that stay keep their memory, and their grid unless the interval changed. */
  apply(config: Config): void {
    const wanted = new Map(config.targets.map((target) => [target.key, target]));
    for (const [key, watched] of this.#watched) {
      if (wanted.has(key)) continue;
      watched.stop?.abort();
      this.#watched.delete(key);
      this.#schedule.remove(key);
    }
    for (const [key, target] of wanted) this.#take(key, target);
  }

  /** No new rounds; those running are ended. Resolves when none is left. */
  async stop(): Promise<void> {
    this.#schedule.stop();
    for (const watched of this.#watched.values()) watched.stop?.abort();
    await Promise.all(this.#running);
  }

  #take(key: string, target: TargetConfig): void {
    const host = parseHost(target.host);
    // The configuration has been judged; a host that does not parse cannot be in it.
    if ('refused' in host) throw new Error(`target ${key}: ${host.refused}`);
    const known = this.#watched.get(key);
    if (known === undefined) {
      const memory: TargetMemory = { path: this.#options.createPathMemory(), lastAddress: null };
      this.#watched.set(key, { target, host, memory, stop: null });
    } else {
      const sameGrid = known.target.intervalMs === target.intervalMs;
      known.target = target;
      known.host = host;
      if (sameGrid) return;
    }
    this.#place(key, target.intervalMs, known === undefined);
  }

  /** A new target's first round comes early, spread like the rest; from then on it keeps to its grid. */
  #place(key: string, intervalMs: number, isNew: boolean): void {
    const phase = phaseOf(key);
    const epoch = this.#clock.epoch();
    const toNow = this.#clock.now() - epoch;
    const soon = epoch + phase * Math.min(intervalMs, FIRST_ROUNDS_WITHIN_MS);
    const turn = nextTurn(phase, intervalMs, epoch);
    const first = isNew && soon < turn ? soon : turn;
    // After an early first round, the next turn on the grid that leaves half an interval between.
    const then = nextTurn(phase, intervalMs, first === turn ? turn + 1 : first + intervalMs / 2);
    this.#schedule.set(key, { firstAtMs: first + toNow, thenAtMs: then + toNow, intervalMs });
  }

  #due(key: string, missed: number): void {
    const watched = this.#watched.get(key);
    if (watched === undefined) return;
    this.#roundsLate += missed;
    if (watched.stop !== null) {
      this.#roundsLate++;
      return;
    }
    const round = this.#run(watched);
    this.#running.add(round);
    void round.finally(() => this.#running.delete(round));
  }

  async #run(watched: Watched): Promise<void> {
    const stop = new AbortController();
    watched.stop = stop;
    const { target, memory } = watched;
    const host = watched.host;
    try {
      const budgetMs = target.module.timeoutMs;
      const outcome = await measure(
        { target, host, memory, budgetMs, signal: stop.signal },
        this.#options.tools,
      );
      if (outcome.kind === 'round' && !stop.signal.aborted) this.#options.onRound(outcome.round);
    } finally {
      watched.stop = null;
    }
  }
}
