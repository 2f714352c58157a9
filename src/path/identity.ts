// What one trace says by itself: the path of each flow, the route they make together, and their names.
// Invariant: silence is no statement, and only addresses and TTLs enter a name, never DNS names or times.

import { isDestination } from '../trace/probe-record.ts';
import type { HopReply, Trace } from '../trace/trace.ts';
import { hashHops } from './path-hash.ts';

/** What one flow saw. */
export interface FlowPath {
  readonly flow: number;
  /**
   * By TTL from 1 on: the routers heard, sorted and distinct; empty for silence. Several mean a balancer that
   * spreads packets, not flows. At `reachedTtl` stands the traced address, whatever address answered.
   */
  readonly hops: readonly (readonly string[])[];
  /** Least TTL at which the destination answered, 0 when it did not. */
  readonly reachedTtl: number;
  /** TTLs probed, silent ones included. */
  readonly firstTtl: number;
  readonly lastTtl: number;
  /** Somebody said "unreachable" to this flow. */
  readonly refused: boolean;
}

export interface RouteNode {
  readonly ttl: number;
  readonly address: string;
  /** Flows that met it, ascending; empty where only multipath discovery did. */
  readonly flows: readonly number[];
}

export interface RouteLink {
  /** TTL of `from`. */
  readonly ttl: number;
  readonly from: string;
  readonly to: string;
}

/** All that is known of a route; a silent hop breaks a link. */
export interface RouteGraph {
  readonly nodes: readonly RouteNode[];
  readonly links: readonly RouteLink[];
}

/**
 * The path of every flow of `trace`, in the order of `trace.flows`. An "unreachable" names no hop: it comes from the
 * router that gave up, which is often the one before the TTL probed. Neither does the unspecified address.
 */
export function flowPathsOf(trace: Trace): FlowPath[] {
  const drafts = new Map<number, FlowDraft>();
  for (const flow of trace.flows) drafts.set(flow, { reachedTtl: 0, sets: [], refused: false });
  for (const hop of trace.hops) {
    for (const reply of hop.replies) note(drafts.get(reply.flow), hop.ttl, reply);
  }
  const firstTtl = trace.hops[0]?.ttl ?? 1;
  const lastTtl = trace.hops.at(-1)?.ttl ?? 0;
  return [...drafts].map(([flow, draft]) => finish(flow, draft, trace.address, firstTtl, lastTtl));
}

interface FlowDraft {
  reachedTtl: number;
  readonly sets: (string[] | undefined)[];
  refused: boolean;
}

function note(draft: FlowDraft | undefined, ttl: number, reply: HopReply): void {
  if (draft === undefined || ttl < 1) return;
  if (isDestination(reply.kind)) {
    if (draft.reachedTtl === 0 || ttl < draft.reachedTtl) draft.reachedTtl = ttl;
    return;
  }
  if (reply.kind === 'unreachable') {
    draft.refused = true;
    return;
  }
  if (isUnspecified(reply.address)) return;
  const set = draft.sets[ttl];
  if (set === undefined) draft.sets[ttl] = [reply.address];
  else if (!set.includes(reply.address)) set.push(reply.address);
}

function finish(
  flow: number,
  draft: FlowDraft,
  address: string,
  firstTtl: number,
  lastProbed: number,
): FlowPath {
  const { reachedTtl, sets } = draft;
  const end = reachedTtl === 0 ? sets.length - 1 : reachedTtl;
  const hops: string[][] = [];
  for (let ttl = 1; ttl <= end; ttl++) hops.push((sets[ttl] ?? []).sort());
  // A router and the destination at one TTL: packets of one flow go paths of different lengths.
  const last = hops[reachedTtl - 1];
  if (last !== undefined && !last.includes(address)) last.push(address);
  const lastTtl = reachedTtl === 0 ? lastProbed : reachedTtl;
  return { flow, hops, reachedTtl, firstTtl, lastTtl, refused: draft.refused };
}

/** An interface without an address of its own may answer from this: it names nobody. */
export function isUnspecified(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** The addresses of all flows by TTL from 1 on, each list sorted and distinct. */
export function mergedHops(paths: readonly FlowPath[]): string[][] {
  const merged: string[][] = [];
  const longest = Math.max(0, ...paths.map((path) => path.hops.length));
  for (let i = 0; i < longest; i++) {
    merged.push([...new Set(paths.flatMap((path) => path.hops[i] ?? []))].sort());
  }
  return merged;
}

/**
 * 12 hexadecimal digits that name the route as this one trace saw it, or null when nobody answered. With no memory
 * to fill it from, a silent hop is part of the name; a tracker's name is steadier.
 */
export function pathIdOf(trace: Trace): string | null {
  const paths = flowPathsOf(trace);
  return hashHops(
    mergedHops(paths),
    paths.some((path) => path.reachedTtl > 0),
  );
}

/** Nodes by TTL and address, links by TTL and addresses; those of `trace.links` are among them. */
export function routeGraphOf(trace: Trace): RouteGraph {
  const nodes = new Map<string, { ttl: number; address: string; flows: number[] }>();
  const links = new Map<string, RouteLink>();
  const meet = (ttl: number, address: string, flow: number | null): void => {
    const key = `${ttl} ${address}`;
    const node = nodes.get(key) ?? { ttl, address, flows: [] };
    if (flow !== null && !node.flows.includes(flow)) node.flows.push(flow);
    nodes.set(key, node);
  };
  const link = (ttl: number, from: string, to: string): void => {
    links.set(`${ttl} ${from} ${to}`, { ttl, from, to });
  };
  for (const { flow, hops } of flowPathsOf(trace)) {
    for (const [i, addresses] of hops.entries()) {
      for (const address of addresses) {
        meet(i + 1, address, flow);
        for (const next of hops[i + 1] ?? []) link(i + 1, address, next);
      }
    }
  }
  for (const { ttl, from, to } of trace.links) {
    meet(ttl, from, null);
    meet(ttl + 1, to, null);
    link(ttl, from, to);
  }
  return { nodes: [...nodes.values()].sort(byTtl), links: [...links.values()].sort(byTtl) };
}

function byTtl(a: { readonly ttl: number }, b: { readonly ttl: number }): number {
  return a.ttl - b.ttl;
}

/** Number of distinct paths among the flows; two that agree wherever both answered count as one. */
export function distinctPaths(paths: readonly FlowPath[]): number {
  const kept: FlowPath[] = [];
  for (const path of paths) {
    if (path.hops.every((set) => set.length === 0)) continue;
    if (!kept.some((other) => compatible(path, other))) kept.push(path);
  }
  return kept.length;
}

function compatible(a: FlowPath, b: FlowPath): boolean {
  if (a.reachedTtl > 0 && b.reachedTtl > 0 && a.reachedTtl !== b.reachedTtl) return false;
  return a.hops.every((set, i) => {
    const other = b.hops[i];
    return (
      set.length === 0 || other === undefined || other.length === 0 || set.some((x) => other.includes(x))
    );
  });
}
