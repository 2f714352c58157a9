// `--output prometheus`: what /probe answers for the same host, as text.

import { exposeText } from '../metrics/exposition.ts';
import { type ProbedRound, probeMetrics } from '../metrics/probe-metrics.ts';
import { distinctPaths, flowPathsOf, pathIdOf } from '../path/identity.ts';
import type { PathObservation } from '../path/observation.ts';
import { isDestination } from '../trace/probe-record.ts';
import type { Trace } from '../trace/trace.ts';

export interface PrometheusContext {
  /** Milliseconds the name lookup took; null for a numeric target. */
  readonly lookupMs: number | null;
  readonly timeoutMs: number;
  /** Probes for each hop when all have been sent. */
  readonly probesPerHop: number;
}

export function prometheusText(trace: Trace, context: PrometheusContext): string {
  const { lookupMs, timeoutMs, probesPerHop } = context;
  const round: ProbedRound = {
    address: trace.address,
    family: trace.family,
    dnsLookupMs: lookupMs ?? 0,
    trace,
    path: observationOf(trace, probesPerHop),
    failure: null,
  };
  return exposeText([probeMetrics(round, { durationMs: trace.durationMs + (lookupMs ?? 0), timeoutMs })]);
}

/** What one trace says by itself, without memory of those before it. */
export function observationOf(trace: Trace, probesPerHop: number): PathObservation {
  const answers = trace.hops.flatMap(({ replies }) => replies.filter(({ kind }) => isDestination(kind)));
  const paths = flowPathsOf(trace);
  return {
    pathId: pathIdOf(trace),
    asPathId: null,
    route: [],
    asPath: [],
    reached: trace.reached,
    hopCount: trace.hopCount,
    paths: distinctPaths(paths),
    lastRespondingHop: trace.hops.findLast(({ replies }) => replies.length > 0)?.ttl ?? 0,
    rttMs: answers.length === 0 ? null : Math.min(...answers.map(({ rttMs }) => rttMs)),
    lossRatio: Math.max(0, 1 - answers.length / probesPerHop),
    changes: [],
    loss: null,
    delay: null,
    health: [],
  };
}
