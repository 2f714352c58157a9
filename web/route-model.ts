// A route as the graph draws it: nodes and links, with hops of one AS put together where asked. Pure.
// Invariant: every node but those of the first column has a link into it, so that nothing floats.

import type { ApiLink, ApiNode, ApiRoute } from '../src/http/api-shapes.ts';

export type NodeKind = 'vantage' | 'hop' | 'silent' | 'destination' | 'group' | 'missing';
export type DiffMark = 'kept' | 'added' | 'removed';

export interface RouteNode {
  /** Stable between two pictures of the same route. */
  readonly id: string;
  readonly kind: NodeKind;
  readonly ttl: number;
  /** Of a group: the last TTL in it. */
  readonly lastTtl: number;
  readonly address: string;
  readonly name: string | null;
  readonly asn: number | null;
  readonly asName: string | null;
  readonly share: number;
  readonly medianMs: number | null;
  readonly forwardLossRatio: number | null;
  readonly rateLimited: boolean;
  /** Interfaces in a group, else 1. */
  readonly size: number;
  readonly mark: DiffMark | null;
}

export interface RouteLink {
  readonly from: string;
  readonly to: string;
  readonly share: number;
  readonly addedDelayMs: number | null;
  readonly mark: DiffMark | null;
}

export interface RouteModel {
  readonly nodes: readonly RouteNode[];
  readonly links: readonly RouteLink[];
}

export function nodeId(ttl: number, address: string): string {
  return `${ttl}/${address}`;
}

/** The whole route, hop by hop. */
export function routeModel(route: ApiRoute): RouteModel {
  const nodes = route.nodes.map(toNode);
  if (!nodes.some(({ ttl }) => ttl === 0)) nodes.push({ ...BLANK, id: nodeId(0, ''), kind: 'vantage' });
  if (route.runs > 0 && route.reachedRuns === 0 && !nodes.some(({ kind }) => kind === 'destination')) {
    const last = Math.max(...nodes.map(({ ttl }) => ttl));
    nodes.push({ ...BLANK, id: 'missing', kind: 'missing', ttl: last + 1, lastTtl: last + 1 });
  }
  const known = new Set(nodes.map(({ id }) => id));
  const vantage = nodes.find(({ kind }) => kind === 'vantage')?.id ?? '';
  const links = route.links
    .map((link) => toLink(link, vantage))
    .filter(({ from, to }) => known.has(from) && known.has(to));
  return { nodes, links: withBridges(nodes, links) };
}

const BLANK: RouteNode = {
  id: '',
  kind: 'hop',
  ttl: 0,
  lastTtl: 0,
  address: '',
  name: null,
  asn: null,
  asName: null,
  share: 1,
  medianMs: null,
  forwardLossRatio: null,
  rateLimited: false,
  size: 1,
  mark: null,
};

/** A node with nothing known of it but what is given. */
export function blankNode(known: Partial<RouteNode>): RouteNode {
  return { ...BLANK, ...known };
}

function toNode(node: ApiNode): RouteNode {
  const kind =
    node.ttl === 0 ? 'vantage' : node.destination ? 'destination' : node.address === '' ? 'silent' : 'hop';
  return {
    id: nodeId(node.ttl, node.address),
    kind,
    ttl: node.ttl,
    lastTtl: node.ttl,
    address: node.address,
    name: node.name,
    asn: node.asn,
    asName: node.asName,
    share: node.share,
    medianMs: node.rtt?.medianMs ?? null,
    forwardLossRatio: node.forwardLossRatio,
    rateLimited: node.rateLimited,
    size: 1,
    mark: null,
  };
}

function toLink({ ttl, from, to, share, addedDelayMs }: ApiLink, vantage: string): RouteLink {
  return {
    from: ttl === 0 ? vantage : nodeId(ttl, from),
    to: nodeId(ttl + 1, to),
    share,
    addedDelayMs,
    mark: null,
  };
}

/**
 * Links that were not seen but must be there: a silent hop breaks a trace's links, the packets went on.
 * A node that nothing leads to hangs on what stands before it.
 */
function withBridges(nodes: readonly RouteNode[], links: readonly RouteLink[]): readonly RouteLink[] {
  const byTtl = Map.groupBy(nodes, ({ ttl }) => ttl);
  const entered = new Set(links.map(({ to }) => to));
  const left = new Set(links.map(({ from }) => from));
  const bridges: RouteLink[] = [];
  for (const node of nodes) {
    if (node.ttl === 0 || entered.has(node.id)) continue;
    const before = nearest(byTtl, node.ttl);
    const loose = before.filter(({ id, kind }) => kind === 'silent' || !left.has(id));
    for (const { id, share } of loose.length > 0 ? loose : before) {
      bridges.push({
        from: id,
        to: node.id,
        share: Math.min(share, node.share),
        addedDelayMs: null,
        mark: null,
      });
      left.add(id);
    }
  }
  return [...links, ...bridges];
}

function nearest(byTtl: ReadonlyMap<number, readonly RouteNode[]>, below: number): readonly RouteNode[] {
  for (let ttl = below - 1; ttl >= 0; ttl--) {
    const found = byTtl.get(ttl);
    if (found !== undefined) return found;
  }
  return [];
}

/**
 * Connected hops of one AS as one node. The vantage point, the first hop and the destination stay what they are, so
 * that both ends of the path can always be seen.
 */
export function collapseByAs(model: RouteModel): RouteModel {
  const groups = sameAsGroups(model);
  const groupOf = new Map<string, RouteNode>();
  for (const members of groups) {
    const ttls = members.map(({ ttl }) => ttl);
    if (new Set(ttls).size < 2) continue;
    const group = groupNode(members, Math.min(...ttls), Math.max(...ttls));
    for (const { id } of members) groupOf.set(id, group);
  }
  const nodes = model.nodes.filter(({ id }) => !groupOf.has(id));
  const links = new Map<string, RouteLink>();
  for (const link of model.links) {
    const from = groupOf.get(link.from)?.id ?? link.from;
    const to = groupOf.get(link.to)?.id ?? link.to;
    if (from === to) continue;
    const key = `${from} ${to}`;
    const before = links.get(key);
    links.set(key, {
      ...link,
      from,
      to,
      share: Math.min(1, (before?.share ?? 0) + link.share),
      addedDelayMs: most(before?.addedDelayMs ?? null, link.addedDelayMs),
    });
  }
  return { nodes: [...nodes, ...new Set(groupOf.values())], links: [...links.values()] };
}

function groupNode(members: readonly RouteNode[], ttl: number, lastTtl: number): RouteNode {
  const first = members[0] ?? BLANK;
  const known = members.filter(({ asn }) => asn !== null);
  const asn = known[0]?.asn ?? null;
  const last = members.filter((member) => member.ttl === lastTtl);
  return {
    ...first,
    id: `${ttl}-${lastTtl}/AS${asn}`,
    kind: 'group',
    ttl,
    lastTtl,
    address: '',
    name: null,
    asn,
    asName: known[0]?.asName ?? null,
    share: Math.max(...members.map(({ share }) => share)),
    medianMs: last.reduce<number | null>((worst, { medianMs }) => most(worst, medianMs), null),
    forwardLossRatio: members.reduce<number | null>((worst, m) => most(worst, m.forwardLossRatio), null),
    rateLimited: members.some(({ rateLimited }) => rateLimited),
    size: members.length,
  };
}

function most(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}

/** Hops linked to one another within one AS; a silent hop between two of an AS is of it. */
export function sameAsGroups({ nodes, links }: RouteModel): readonly (readonly RouteNode[])[] {
  const asnOf = inferredAsn(nodes, links);
  const parent = new Map<string, string>();
  const root = (id: string): string => {
    const up = parent.get(id);
    return up === undefined || up === id ? id : root(up);
  };
  for (const { from, to } of links) {
    const asn = asnOf.get(from);
    if (asn !== undefined && asn === asnOf.get(to)) parent.set(root(to), root(from));
  }
  const grouped = Map.groupBy(
    nodes.filter(({ id }) => asnOf.has(id)),
    ({ id }) => root(id),
  );
  return [...grouped.values()];
}

function inferredAsn(nodes: readonly RouteNode[], links: readonly RouteLink[]): ReadonlyMap<string, number> {
  const asnOf = new Map<string, number>();
  for (const { id, kind, ttl, asn } of nodes) {
    if (kind === 'hop' && ttl > 1 && asn !== null) asnOf.set(id, asn);
  }
  const silent = nodes.filter(({ kind }) => kind === 'silent').toSorted((a, b) => a.ttl - b.ttl);
  const neighbours = (id: string, side: 'from' | 'to'): Set<number | undefined> =>
    new Set(
      links.filter((link) => link[side === 'from' ? 'to' : 'from'] === id).map((l) => asnOf.get(l[side])),
    );
  // Forwards what comes in, kept only where the way out agrees.
  const incoming = new Map<string, number>();
  for (const { id } of silent) {
    const [asn, ...others] = neighbours(id, 'from');
    if (asn === undefined || others.length > 0) continue;
    incoming.set(id, asn);
    asnOf.set(id, asn);
  }
  for (const { id } of silent.toReversed()) {
    const asn = incoming.get(id);
    if (asn === undefined) continue;
    const out = neighbours(id, 'to');
    if (out.size !== 1 || !out.has(asn)) asnOf.delete(id);
  }
  return asnOf;
}
