// One flow of one trace as it is compared with memory, and what differs. Invariant: silence never differs.

import type { Trace } from '../trace/trace.ts';
import { DESTINATION_MARK } from './address-table.ts';
import type { DestinationMemory } from './destination-memory.ts';
import { type FlowPath, flowPathsOf } from './identity.ts';

/** As FlowPath, but the destination is `DESTINATION_MARK`, so that a router with its address stays a router. */
export interface SeenPath extends FlowPath {
  /** By TTL: probes that each flow which was silent there had sent, at least 1. */
  readonly silentTries: readonly number[];
}

/** The paths of a trace's flows, to be compared with memory. */
export function seenPathsOf(trace: Trace): SeenPath[] {
  const silentTries: number[] = [];
  for (const hop of trace.hops) {
    const silentFlows = trace.flows.length - new Set(hop.replies.map((reply) => reply.flow)).size;
    const unanswered = hop.sent - hop.replies.length;
    // Some of the unanswered probes may be those of flows that were answered in the end.
    const each = Math.min(unanswered / Math.max(1, silentFlows), hop.sent / Math.max(1, trace.flows.length));
    silentTries[hop.ttl] = Math.max(1, Math.floor(each));
  }
  return flowPathsOf(trace).map((path) => {
    // Met at the first TTL probed, the destination may as well be nearer.
    if (path.reachedTtl > 0 && path.reachedTtl === path.firstTtl && path.firstTtl > 1) {
      return { ...path, hops: [], reachedTtl: 0, silentTries };
    }
    return { ...path, hops: markedHops(path, trace.address), silentTries };
  });
}

function markedHops(path: FlowPath, destination: string): readonly (readonly string[])[] {
  if (path.reachedTtl === 0) return path.hops;
  const hops = path.hops.slice();
  const last = (hops[path.reachedTtl - 1] ?? []).filter((address) => address !== destination);
  hops[path.reachedTtl - 1] = [...last, DESTINATION_MARK];
  return hops;
}

export interface Difference {
  /** First TTL at which the flow cannot have gone the way that is remembered. */
  first: number;
  /** TTLs at which a known address stands against another, ascending. */
  readonly ttls: readonly number[];
  /** Highest TTL below `first` where memory and path name the same, 0 for none. */
  readonly agreedTtl: number;
}

export interface Comparison {
  /** Null where nothing differs. */
  readonly difference: Difference | null;
  /** The destination answered only beyond its TTL, which was silent: its nearer answer may have been lost. */
  readonly overshoot: boolean;
  /** TTLs at which memory and path name the same. */
  readonly same: number;
  /** Highest such TTL, 0 for none. */
  readonly lastSame: number;
}

/** Compares what a flow saw with what it expects. */
export function compareWithMemory(memory: DestinationMemory, path: SeenPath): Comparison {
  const length = memory.lengthOf(path.flow);
  let ttls: number[] | null = null;
  let same = 0;
  let lastSame = 0;
  let agreedTtl = 0;
  let overshoot = false;
  for (let ttl = 1; ttl <= path.hops.length; ttl++) {
    const relation = relationAt(memory, path, length, ttl);
    if (relation === 'same') {
      same++;
      lastSame = ttl;
      if (ttls === null) agreedTtl = ttl;
    } else if (relation === 'differs') {
      if (ttls === null) ttls = [ttl];
      else ttls.push(ttl);
    } else if (relation === 'overshoot') overshoot = true;
  }
  if (ttls === null) return { difference: null, overshoot, same, lastSame };
  // A router beyond the remembered end: the path differs from that end on, even if its TTL was silent.
  const first = length > 0 ? Math.min(ttls[0] as number, length) : (ttls[0] as number);
  return { difference: { first, ttls, agreedTtl }, overshoot: false, same, lastSame };
}

/** The relation of all that one TTL showed: the same when any of its addresses is. */
export function relationAt(
  memory: DestinationMemory,
  path: SeenPath,
  length: number,
  ttl: number,
): ReturnType<DestinationMemory['relation']> {
  let result: ReturnType<DestinationMemory['relation']> = 'unknown';
  for (const address of path.hops[ttl - 1] ?? []) {
    const relation = memory.relation(path.flow, length, ttl, address);
    if (relation === 'same') return 'same';
    if (relation !== 'unknown') result = relation;
  }
  return result;
}

/** What a TTL showed first, or the empty string. */
export function addressAt(path: SeenPath, ttl: number): string {
  return path.hops[ttl - 1]?.[0] ?? '';
}

/**
 * Takes in what memory does not know yet. A path with a difference is not to be learnt from.
 */
export function learnPath(memory: DestinationMemory, path: SeenPath): void {
  const length = memory.lengthOf(path.flow);
  for (let ttl = 1; ttl <= path.hops.length; ttl++) {
    const addresses = path.hops[ttl - 1];
    const address = addresses?.[0];
    if (addresses === undefined || address === undefined) continue;
    if (addresses.length > 1) learnSpread(memory, ttl, addresses);
    if (length > 0 && ttl > length) break;
    if (memory.expected(path.flow, ttl) === 0) memory.expect(path.flow, ttl, address);
    // Nearer than was known: what was learnt beyond was an overshoot.
    if (address === DESTINATION_MARK) for (let t = ttl + 1; t <= length; t++) memory.forget(path.flow, t);
  }
}

/**
 * Several addresses at one TTL of one flow: packets are spread there, and the addresses stand for one position. But a
 * route that changes between two probes looks the same once, so it takes a second time.
 */
function learnSpread(memory: DestinationMemory, ttl: number, addresses: readonly string[]): void {
  const first = addresses[0] as string;
  for (const other of addresses) {
    if (memory.alike(ttl, first, other)) continue;
    if (memory.suspect(ttl, other) >= 2) memory.unite(ttl, first, other);
  }
}
