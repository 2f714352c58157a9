// What history keeps of a Round: figures by hop, and the path they belong to, which is kept once for all its runs.
// Invariant: a run's answers stand in the order of its path's addresses, hop by hop, with all strangers in one last place.

import type { Round } from '../monitor/round.ts';
import { routeGraphOf } from '../path/identity.ts';
import { isDestination } from '../trace/probe-record.ts';
import type { Hop, HopReply, Link, Trace } from '../trace/trace.ts';

export interface RecordedAnswer {
  readonly answered: number;
  /** Least RTT; null where nothing was answered. */
  readonly rttMs: number | null;
}

export interface RecordedHop {
  readonly sent: number;
  /** One for each address of the path at this TTL, then one for all other addresses if any of them answered. */
  readonly answers: readonly RecordedAnswer[];
}

export interface RecordedRun {
  /** Key of the target. */
  readonly target: string;
  /** Whole epoch milliseconds; later than the target's run before. */
  readonly atMs: number;
  readonly durationMs: number;
  readonly reached: boolean;
  readonly hopCount: number;
  readonly paths: number;
  readonly rttMs: number | null;
  readonly lossRatio: number;
  readonly pathId: string | null;
  readonly failure: string | null;
  /** By TTL from 1 on. */
  readonly hops: readonly RecordedHop[];
}

/** A path by its name: everything is a function of addresses and TTLs but `links` and `mpls`, which grow with what is seen. */
export interface RecordedPath {
  readonly id: string;
  /** By TTL from 1 on; empty for a silent hop. */
  readonly hops: readonly (readonly string[])[];
  /** The address traced; it stands in the last hop where the path reaches it. */
  readonly destination: string;
  readonly links: readonly Link[];
  /** MPLS labels by `ttl address`. */
  readonly mpls: Readonly<Record<string, readonly string[]>>;
}

const MAX_FAILURE_LENGTH = 300;
/** A route of 64 flows over 255 hops is possible, and not worth its bytes. */
const MAX_ADDRESSES_PER_HOP = 32;
const MAX_LINKS = 2048;

/** What history keeps of `round`, which becomes the run at `atMs`. */
export function recordOf(round: Round, atMs: number): RecordedRun {
  const { trace, path } = round;
  return {
    target: round.target.key,
    atMs,
    durationMs: round.durationMs,
    reached: path?.reached ?? false,
    hopCount: path?.hopCount ?? 0,
    paths: path?.paths ?? 0,
    rttMs: path?.rttMs ?? null,
    lossRatio: path?.lossRatio ?? 1,
    pathId: path?.pathId ?? null,
    failure: round.failure?.message.slice(0, MAX_FAILURE_LENGTH) ?? null,
    hops: trace === null ? [] : recordedHops(trace, path?.route ?? []),
  };
}

function recordedHops(trace: Trace, route: readonly (readonly string[])[]): RecordedHop[] {
  const hops: RecordedHop[] = [];
  for (const hop of trace.hops) {
    while (hops.length < hop.ttl - 1) hops.push({ sent: 0, answers: [] });
    hops.push(recordedHop(hop, route[hop.ttl - 1] ?? [], trace.address));
  }
  return hops;
}

function recordedHop(hop: Hop, given: readonly string[], destination: string): RecordedHop {
  const addresses = given.slice(0, MAX_ADDRESSES_PER_HOP);
  const answered = new Array<number>(addresses.length + 1).fill(0);
  const least = new Array<number>(addresses.length + 1).fill(Number.POSITIVE_INFINITY);
  for (const reply of hop.replies) {
    const at = addresses.indexOf(responder(reply, destination));
    const slot = at === -1 ? addresses.length : at;
    answered[slot] = (answered[slot] as number) + 1;
    least[slot] = Math.min(least[slot] as number, reply.rttMs);
  }
  const places = answered[addresses.length] === 0 ? addresses.length : addresses.length + 1;
  const answers: RecordedAnswer[] = [];
  for (let i = 0; i < places; i++) {
    const count = answered[i] as number;
    answers.push({ answered: count, rttMs: count === 0 ? null : (least[i] as number) });
  }
  return { sent: Math.max(hop.sent, hop.replies.length), answers };
}

/** A destination may answer from another of its addresses: it stands in the route as the one traced. */
function responder(reply: HopReply, destination: string): string {
  return isDestination(reply.kind) ? destination : reply.address;
}

/** The path that `round` names, with the links and labels that its trace shows; null where none is known. */
export function pathOf(round: Round): RecordedPath | null {
  const { trace, path } = round;
  if (trace === null || path === null || path.pathId === null || path.route.length === 0) return null;
  const hops = path.route.map((addresses) => addresses.slice(0, MAX_ADDRESSES_PER_HOP));
  const inPath = (ttl: number, address: string): boolean => hops[ttl - 1]?.includes(address) === true;
  const links = routeGraphOf(trace).links.filter(
    ({ ttl, from, to }) => inPath(ttl, from) && inPath(ttl + 1, to),
  );
  const mpls: Record<string, readonly string[]> = {};
  for (const hop of trace.hops) {
    for (const reply of hop.replies) {
      if (reply.mpls === undefined || !inPath(hop.ttl, reply.address)) continue;
      mpls[`${hop.ttl} ${reply.address}`] = reply.mpls.map(({ label }) => String(label));
    }
  }
  return { id: path.pathId, hops, destination: trace.address, links: links.slice(0, MAX_LINKS), mpls };
}

/** `known` with what `seen` adds; `known` itself where that is nothing. */
export function mergePaths(known: RecordedPath, seen: RecordedPath): RecordedPath {
  const have = new Set(known.links.map(linkKey));
  const links = seen.links.filter((link) => !have.has(linkKey(link)));
  const labels = Object.entries(seen.mpls).filter(
    ([place, label]) => known.mpls[place]?.join() !== label.join(),
  );
  if ((links.length === 0 || known.links.length >= MAX_LINKS) && labels.length === 0) return known;
  return {
    ...known,
    links: [...known.links, ...links].slice(0, MAX_LINKS),
    mpls: { ...known.mpls, ...Object.fromEntries(labels) },
  };
}

function linkKey({ ttl, from, to }: Link): string {
  return `${ttl} ${from} ${to}`;
}
