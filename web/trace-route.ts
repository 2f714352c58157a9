// One trace as a route, so that graph and table show it like everything else. Pure.

import type { ApiAddress, ApiLink, ApiNode, ApiRoute, ApiTraceNow } from '../src/http/api-shapes.ts';

type Trace = NonNullable<ApiTraceNow['trace']>;
type Hop = Trace['hops'][number];
type Facts = ApiTraceNow['addresses'];

export function routeOfTrace(trace: Trace, facts: Facts, pathId: string | null): ApiRoute {
  const hops =
    trace.reached && trace.hopCount > 0 ? trace.hops.filter(({ ttl }) => ttl <= lastTtl(trace)) : trace.hops;
  const nodes = hops.flatMap((hop) => nodesOf(hop, trace, facts));
  return {
    fromMs: 0,
    toMs: 0,
    runs: 1,
    reachedRuns: trace.reached ? 1 : 0,
    pathId,
    hopCount: trace.reached ? trace.hopCount : null,
    lossRatio: null,
    lossStartHop: null,
    nodes,
    links: [
      ...nodes.filter(({ ttl, address }) => ttl === 1 && address !== '').map(firstLink),
      ...trace.links.map(({ ttl, from, to }) => linkOf(nodes, ttl, from, to)),
    ],
  };
}

/** Flows can be of different lengths: the longest counts. */
function lastTtl(trace: Trace): number {
  const reached = trace.hops.filter(({ replies }) =>
    replies.some(({ address }) => address === trace.address),
  );
  return reached.at(-1)?.ttl ?? trace.hopCount;
}

function nodesOf({ ttl, sent, replies }: Hop, trace: Trace, facts: Facts): readonly ApiNode[] {
  if (replies.length === 0)
    return [node(ttl, blank(''), { sent, answered: 0, share: 1, destination: false, rtts: [], mpls: [] })];
  const flows = new Set(replies.map(({ flow }) => flow)).size;
  return [...Map.groupBy(replies, ({ address }) => address)].map(([address, own]) =>
    node(ttl, facts[address] ?? blank(address), {
      sent: Math.max(own.length, Math.round((sent * own.length) / replies.length)),
      answered: own.length,
      share: new Set(own.map(({ flow }) => flow)).size / flows,
      destination: address === trace.address,
      rtts: own.map(({ rttMs }) => rttMs).sort((a, b) => a - b),
      mpls: [...new Set(own.flatMap(({ mpls }) => (mpls ?? []).map(({ label }) => String(label))))],
    }),
  );
}

interface Figures {
  readonly sent: number;
  readonly answered: number;
  readonly share: number;
  readonly destination: boolean;
  /** Sorted. */
  readonly rtts: readonly number[];
  readonly mpls: readonly string[];
}

function node(ttl: number, facts: ApiAddress, { rtts, ...figures }: Figures): ApiNode {
  const at = (share: number): number => rtts[Math.min(rtts.length - 1, Math.floor(share * rtts.length))] ?? 0;
  return {
    ...facts,
    ttl,
    ...figures,
    rtt: rtts.length === 0 ? null : { minMs: at(0), medianMs: at(0.5), p95Ms: at(0.95) },
    forwardLossRatio: null,
    rateLimited: false,
  };
}

function blank(address: string): ApiAddress {
  return { address, name: null, asn: null, asName: null, country: null };
}

function firstLink({ address, share, rtt }: ApiNode): ApiLink {
  return { ttl: 0, from: '', to: address, share, addedDelayMs: rtt?.medianMs ?? null };
}

function linkOf(nodes: readonly ApiNode[], ttl: number, from: string, to: string): ApiLink {
  const near = nodes.find((one) => one.ttl === ttl && one.address === from);
  const far = nodes.find((one) => one.ttl === ttl + 1 && one.address === to);
  const [a, b] = [near?.rtt?.medianMs ?? null, far?.rtt?.medianMs ?? null];
  return {
    ttl,
    from,
    to,
    share: Math.min(near?.share ?? 1, far?.share ?? 1),
    addedDelayMs: a === null || b === null ? null : b - a,
  };
}
