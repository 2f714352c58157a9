// Scenarios that the benchmarks share: a chain of twelve hops, with or without silent ones.

import type { Scenario } from '../lab/scenario.ts';
import { parseScenario } from '../lab/scenario-schema.ts';

export const CHAIN_TARGET = '198.18.0.1';

export interface ChainOptions {
  /** Routers before the destination. */
  readonly routers: number;
  /** One way, each link. */
  readonly delayMs: number;
  readonly jitterMs?: number;
  /** Positions from 1 on that never answer. */
  readonly silent?: readonly number[];
  /** Prefix of destinations; default the one target. */
  readonly prefix?: string;
}

/** A chain in which every link takes the same time. */
export function chainScenario({
  routers,
  delayMs,
  jitterMs = 0,
  silent = [],
  prefix = CHAIN_TARGET,
}: ChainOptions): Scenario {
  const names = Array.from({ length: routers }, (_, i) => `r${i + 1}`);
  return parseScenario({
    name: `chain of ${routers + 1}`,
    defaults: { link: { delayMs, jitterMs } },
    routers: Object.fromEntries(
      names.map((name, i) => [name, { v4: `100.64.0.${i + 1}`, silent: silent.includes(i + 1) }]),
    ),
    routes: { main: { steps: names } },
    targets: [{ prefix, route: 'main' }],
  });
}
