// Watches one simulated target as the monitor does, and keeps the score. Invariant: confirming traces are asked for,
// bounded and timed as in monitor/measure.ts, so that the figures are those of the exporter.

import { VIRTUAL_EPOCH_MS } from '../../lab/virtual-run.ts';
import { MAX_CONFIRMATIONS } from '../../src/monitor/measure.ts';
import type { AddressTable } from '../../src/path/address-table.ts';
import type { PathChange } from '../../src/path/observation.ts';
import { createPathTracker, type PathTracker } from '../../src/path/tracker.ts';
import type { Trace, TraceRequest } from '../../src/trace/trace.ts';
import type { Score } from './score.ts';
import { DESTINATION, FLOWS, INTERVAL_MS, type Scheduled, type SimulatedTarget } from './simulated-target.ts';

/** Rounds in which the first path is learnt: no id is stable before. */
const LEARNING_ROUNDS = 8;
const TIMEOUT_MS = 10_000;
const LEAST_CONFIRMATION_MS = 20;
const PORTS = { icmp: null, udp: 33_434, tcp: 443 } as const;

export interface Reported {
  readonly round: number;
  readonly change: PathChange;
  used: boolean;
}

export interface WatchOptions {
  readonly rounds: number;
  readonly addresses: AddressTable;
  /** How a reader makes this target again. */
  readonly name: string;
  readonly onRound?: (round: number, trace: Trace, told: string) => void;
}

export function watch(target: SimulatedTarget, options: WatchOptions, score: Score): void {
  const { rounds, addresses, name } = options;
  const tracker = createPathTracker({ flows: FLOWS, asNumberOf: target.asNumberOf, addresses });
  const scheduled: Scheduled[] = [];
  const reported: Reported[] = [];
  const idChanges: number[] = [];
  let pathId: string | null = null;
  let hint: number | null = null;
  for (let round = 0; round < rounds; round++) {
    const event = target.advance(round);
    if (event !== null) scheduled.push(event);
    const request = requestFor(target, hint);
    const trace = target.trace(request);
    if (trace.reached) hint = trace.hopCount;
    const seen = measure(tracker, target, trace, request, round, score);
    for (const change of seen.changes) reported.push({ round, change, used: false });
    const moved = seen.changes.some(({ kind }) => kind === 'reroute' || kind === 'length');
    if (round >= LEARNING_ROUNDS && seen.pathId !== pathId && !moved) idChanges.push(round);
    pathId = seen.pathId;
    if (options.onRound !== undefined) {
      const told = seen.changes
        .map((change) => `${change.kind}@${change.firstHop} f${change.flow}`)
        .join(' ');
      options.onRound(round, trace, `${event === null ? '' : `[${event.event}] `}${told}`);
    }
  }
  tracker.close();
  score.take(scheduled, reported, idChanges, rounds, name);
}

function measure(
  tracker: PathTracker,
  target: SimulatedTarget,
  trace: Trace,
  request: TraceRequest,
  round: number,
  score: Score,
): { readonly pathId: string | null; readonly changes: readonly PathChange[] } {
  const deadlineMs = round * INTERVAL_MS + TIMEOUT_MS;
  let path = tracker.observe(trace, VIRTUAL_EPOCH_MS + target.host.nowMs);
  const changes = [...path.changes];
  for (let i = 0; i < MAX_CONFIRMATIONS; i++) {
    const wanted = tracker.confirmation();
    const timeoutMs = deadlineMs - target.host.nowMs;
    if (wanted === null || timeoutMs < LEAST_CONFIRMATION_MS) break;
    const { flow, flows, firstTtl, maxTtl } = wanted;
    const part = { firstFlow: flow, flows, queries: 1, firstTtl, maxTtl, distanceHint: maxTtl, timeoutMs };
    const again = target.trace({ ...request, ...part });
    score.confirmations++;
    score.confirmingProbes += again.probesSent;
    path = tracker.confirm(again, VIRTUAL_EPOCH_MS + target.host.nowMs);
    changes.push(...path.changes);
  }
  score.probes += trace.probesSent;
  return { pathId: path.pathId, changes };
}

function requestFor({ protocol }: SimulatedTarget, distanceHint: number | null): TraceRequest {
  return {
    target: 'bench',
    address: DESTINATION,
    protocol,
    port: PORTS[protocol],
    mode: 'raw',
    firstTtl: 1,
    maxTtl: 30,
    queries: 1,
    flows: FLOWS,
    firstFlow: 0,
    silentHopLimit: 5,
    timeoutMs: TIMEOUT_MS,
    waitMs: 2000,
    distanceHint,
    packetLength: 0,
    trafficClass: 0,
    dontFragment: false,
  };
}
