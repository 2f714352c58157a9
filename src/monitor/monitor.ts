// Who is traced when: the static targets on their schedule and the traces on demand, over one engine.

import type { Config } from '../config/config.ts';
import type { TraceEngine } from '../trace/trace.ts';
import type { Clock } from './clock.ts';
import type { MeasuringTools } from './measure.ts';
import type { NameResolver } from './name-resolver.ts';
import { OnDemandProbes } from './on-demand.ts';
import type { PathMemoryFactory } from './path-memory.ts';
import { RecentMap } from './recent-map.ts';
import type { Round } from './round.ts';
import { StaticTargets } from './static-targets.ts';

/** Distances remembered, by address, protocol and port. */
const MOST_DISTANCES = 200_000;

export interface MonitorOptions {
  readonly engine: TraceEngine;
  readonly resolver: NameResolver;
  readonly clock: Clock;
  readonly createPathMemory: PathMemoryFactory;
  /** Hears of every round of a static target. Must not throw. */
  readonly onRound: (round: Round) => void;
}

export interface Monitor {
  readonly probes: OnDemandProbes;
  readonly roundsLate: number;
  /** Puts a configuration in force; targets that stay keep what is known of them. */
  apply(config: Config): void;
  /** Starts nothing new and ends what runs. */
  stop(): Promise<void>;
}

export function createMonitor(options: MonitorOptions): Monitor {
  const { engine, resolver, clock, createPathMemory, onRound } = options;
  const tools: MeasuringTools = { engine, resolver, clock, distances: new RecentMap(MOST_DISTANCES) };
  const targets = new StaticTargets({ tools, createPathMemory, onRound });
  const probes = new OnDemandProbes({ tools, createPathMemory });
  return {
    probes,
    get roundsLate(): number {
      return targets.roundsLate;
    },
    apply(config: Config): void {
      targets.apply(config);
      probes.apply(config);
    },
    async stop(): Promise<void> {
      await Promise.all([targets.stop(), probes.stop()]);
    },
  };
}
