// What multipath discovery has to report: interfaces, links, and in one sentence what cut it short.
// Invariant: a link was seen by a flow at both ends; where packets of one flow are spread on both sides, none is claimed.

import type { MultipathDiscovery } from './multipath-discovery.ts';
import { type MultipathEvidence, SILENT } from './multipath-evidence.ts';
import type { MultipathGraph } from './multipath-graph.ts';
import type { Link, MultipathReport } from './trace.ts';

export interface DiscoveryResult {
  readonly report: MultipathReport;
  readonly links: readonly Link[];
}

/** The state of `discovery`; `confidence` in percent. */
export function reportDiscovery(
  discovery: MultipathDiscovery,
  confidence: 95 | 99,
  channel: string,
): DiscoveryResult {
  const { planner } = discovery;
  const graph = planner.certainGraph();
  const limit = limitOf(discovery, channel);
  const report: MultipathReport = {
    confidence,
    interfaces: interfacesOf(graph, planner.options.firstTtl, planner.evidence),
    perPacketTtls: [...planner.spread].sort((a, b) => a - b),
    probesSent: discovery.probesSent,
    complete: discovery.done && limit === undefined,
    ...(limit === undefined ? {} : { note: limit }),
    ...(discovery.routeChanged ? { changed: true as const } : {}),
  };
  return { report, links: linksOf(graph, planner.base) };
}

function interfacesOf(graph: MultipathGraph, firstTtl: number, evidence: MultipathEvidence): string[][] {
  const interfaces: string[][] = [];
  const last = Math.min(graph.horizon, evidence.lastHeard);
  for (let ttl = 1; ttl <= last; ttl++) {
    const addresses = new Set<string>();
    if (ttl >= firstTtl) {
      for (const { address } of graph.layer(ttl).vertices) if (address !== '') addresses.add(address);
    }
    interfaces.push([...addresses].sort());
  }
  while (interfaces.at(-1)?.length === 0) interfaces.pop();
  return interfaces;
}

function linksOf(graph: MultipathGraph, base: number): Link[] {
  const links: Link[] = [];
  for (let ttl = base + 1; ttl < graph.horizon; ttl++) {
    const layer = graph.layer(ttl);
    const next = graph.layer(ttl + 1);
    for (const node of layer.nodes) {
      // Which of several successors a packet takes says nothing about which of several nodes it came from.
      if (node.members.length > 1 && next.vertices.size > 1) continue;
      for (const from of node.members) {
        for (const to of node.successors) {
          if (from !== SILENT && from.address !== '' && to.address !== '') {
            links.push({ ttl, from: from.address, to: to.address });
          }
        }
      }
    }
  }
  return links;
}

function limitOf(discovery: MultipathDiscovery, channel: string): string | undefined {
  const { limit, planner } = discovery;
  if (limit === 'route-changed')
    return 'the route changed while it was being discovered; only the fixed flows are reported';
  if (limit === 'probes') return `the discovery was ended after ${discovery.probesSent} probes`;
  if (limit === 'send-failed') return discovery.sendFailureDetail;
  if (!discovery.done) {
    const slow = discovery.limitedTtls().join(', ');
    if (slow !== '') {
      return `time ran out: the routers at TTL ${slow} limit their replies; allow more time`;
    }
    return 'time ran out before every hop was searched; allow more time';
  }
  if (planner.starved.size > 0) {
    const ttl = Math.min(...planner.starved);
    return `after TTL ${ttl} there are more ways than the ${discovery.maxFlows} flows of ${channel} can tell apart`;
  }
  return undefined;
}
