// The events that a monitor of these flows must report, computed from a scenario's changes. A change that no flow
// can see makes none; a router that only changes its address makes `renamed`, which is nobody's reroute.

import type { FlowFields } from './flow-fields.ts';
import type { Scenario, WrittenEvent } from './scenario.ts';
import { Timeline } from './timeline.ts';
import { graphOf, type TruthPath, truthOf } from './truth.ts';

export interface TruthEvent extends WrittenEvent {
  /** Indices of the flows that moved. */
  readonly flows: readonly number[];
  /** Whether the destination is at another distance as well. */
  readonly lengthChanged: boolean;
}

/** Changes at the same time are one event. All flows have one target. */
export function eventsOf(scenario: Scenario | Timeline, flows: readonly FlowFields[]): TruthEvent[] {
  const timeline = scenario instanceof Timeline ? scenario : new Timeline(scenario);
  const times = [...new Set(timeline.changes.map((change) => change.atMs))].sort((a, b) => a - b);
  const events: TruthEvent[] = [];
  let before = flows.map((flow) => truthOf(timeline, flow, 0));
  let beforeMs = 0;
  for (const atMs of times) {
    const after = flows.map((flow) => truthOf(timeline, flow, atMs));
    const event = eventBetween(timeline, flows, before, after, beforeMs, atMs);
    if (event !== undefined) events.push(event);
    before = after;
    beforeMs = atMs;
  }
  return events;
}

function eventBetween(
  timeline: Timeline,
  flows: readonly FlowFields[],
  before: readonly TruthPath[],
  after: readonly TruthPath[],
  beforeMs: number,
  atMs: number,
): TruthEvent | undefined {
  const target = flows[0]?.target;
  if (target === undefined) return undefined;
  const wasReached = before.some((path) => path.end === 'reached');
  const isReached = after.some((path) => path.end === 'reached');
  const all = flows.map((_, i) => i);
  if (wasReached !== isReached) {
    const kind = isReached ? 'recovered' : 'unreachable';
    return { target, atMs, kind, firstHop: 0, flows: all, lengthChanged: false };
  }
  const differences = before.map((path, i) => firstDifference(path, after[i] as TruthPath));
  const moved = all.filter((i) => differences[i] !== undefined);
  const seen = all.filter((i) => lengthOf(before[i] as TruthPath) !== lengthOf(after[i] as TruthPath));
  if (moved.length === 0 && seen.length === 0) return undefined;
  const lengthChanged = seen.length > 0;
  if (moved.length === 0) {
    const firstHop = Math.min(...seen.map((i) => Math.min(endOf(before[i]), endOf(after[i]))));
    return { target, atMs, kind: 'length', firstHop, flows: seen, lengthChanged };
  }
  const firstHop = Math.min(...moved.map((i) => differences[i] as number));
  const sameRouters = moved.every((i) => routersOf(before[i]) === routersOf(after[i]));
  if (sameRouters) return { target, atMs, kind: 'renamed', firstHop, flows: moved, lengthChanged };
  const known = graphOf(timeline, flows[0] as FlowFields, beforeMs).hops;
  const onlyKnown = moved.every((i) => {
    const ttl = differences[i] as number;
    return addressesAt(after[i] as TruthPath, ttl).every((address) => known[ttl - 1]?.includes(address));
  });
  const kind = onlyKnown && moved.length < flows.length ? 'ecmp' : 'reroute';
  return { target, atMs, kind, firstHop, flows: moved, lengthChanged };
}

/** The first TTL at which both paths show an address and share none; the ends count. */
function firstDifference(before: TruthPath, after: TruthPath): number | undefined {
  const last = Math.max(before.hops.length, after.hops.length) + 1;
  for (let ttl = 1; ttl <= last; ttl++) {
    const old = addressesAt(before, ttl);
    const now = addressesAt(after, ttl);
    if (old.length > 0 && now.length > 0 && !old.some((address) => now.includes(address))) return ttl;
  }
  return undefined;
}

function addressesAt(path: TruthPath, ttl: number): readonly string[] {
  if (ttl === path.endTtl && path.endAddress !== null) return [path.endAddress];
  return path.hops[ttl - 1]?.addresses ?? [];
}

function lengthOf(path: TruthPath): number {
  return path.end === 'reached' ? path.endTtl : 0;
}

function endOf(path: TruthPath | undefined): number {
  return path === undefined || path.endTtl === 0 ? Number.POSITIVE_INFINITY : path.endTtl;
}

function routersOf(path: TruthPath | undefined): string {
  return (path?.hops ?? []).map((hop) => hop.routers.join('+')).join(' ');
}
