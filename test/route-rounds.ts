// Rounds of a target whose route is written as text, for tests of what is remembered of paths.

import type { TargetConfig } from '../src/config/config.ts';
import type { Round } from '../src/monitor/round.ts';
import { pathIdOf } from '../src/path/identity.ts';
import type { PathChange, PathObservation } from '../src/path/observation.ts';
import { routerAddress, syntheticTrace } from '../src/path/synthetic-trace.ts';
import { samplePath, sampleRound } from './sample-rounds.ts';

export interface RouteRound {
  /** One for each flow, as `syntheticTrace` takes them. */
  readonly flows: readonly string[];
  readonly atMs: number;
  /** Milliseconds added to every RTT. */
  readonly delayMs?: number;
  readonly changes?: readonly PathChange[];
  /** The route in force where the trace does not show it whole: by TTL, names as in a trace. */
  readonly route?: readonly string[];
}

/** A round that saw what `flows` say. */
export function routeRound(target: TargetConfig, asked: RouteRound): Round {
  const { flows, atMs, delayMs = 0, changes = [] } = asked;
  const seen = syntheticTrace(flows, { target: target.host });
  const hops = seen.hops.map((hop) => ({
    ...hop,
    replies: hop.replies.map((reply) => ({ ...reply, rttMs: reply.rttMs + delayMs })),
  }));
  const trace = { ...seen, hops };
  const whole = asked.route === undefined ? trace : syntheticTrace(asked.route);
  const route = whole.hops.map(({ replies }) => [...new Set(replies.map(({ address }) => address))].sort());
  const last = hops.at(-1)?.replies.filter(({ kind }) => kind === 'echo-reply') ?? [];
  const path: PathObservation = samplePath({
    pathId: pathIdOf(whole),
    route,
    reached: trace.reached,
    hopCount: trace.hopCount,
    rttMs: trace.reached ? Math.min(...last.map(({ rttMs }) => rttMs)) : null,
    lossRatio: trace.reached ? 0 : 1,
    changes,
  });
  return sampleRound(target, { startedAtMs: atMs, address: trace.address, trace, path });
}

/** A reroute at `firstHop` between two paths written as text. */
export function rerouteOf(before: string, after: string, firstHop: number, atMs: number): PathChange {
  const addresses = (path: string): (string | null)[] =>
    path.split(' ').map((name) => (name === '*' ? null : routerAddress(name)));
  return {
    kind: 'reroute',
    atMs,
    firstHop,
    flow: 0,
    before: addresses(before),
    after: addresses(after),
    confidence: 0.99,
  };
}
