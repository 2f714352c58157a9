// Where nodes and links of a route stand: TTL gives the columns, barycentres the order in them. Pure.
// Invariant: the picture before is the seed, and its order stays unless another one crosses fewer links, so that the
// drawing stands still while nothing moves.

import type { RouteLink, RouteModel, RouteNode } from './route-model.ts';
import { sameAsGroups } from './route-model.ts';

export interface PlacedNode {
  readonly node: RouteNode;
  /** Columns from the left, rows from the top of the column; centres in units of one column and one row. */
  readonly column: number;
  readonly row: number;
}

export interface Enclosure {
  readonly asn: number;
  readonly name: string | null;
  /** By column from the left: what is enclosed, in rows. */
  readonly columns: readonly { readonly column: number; readonly top: number; readonly bottom: number }[];
}

export interface GraphLayout {
  readonly nodes: readonly PlacedNode[];
  readonly links: readonly RouteLink[];
  /** TTLs of the columns. */
  readonly columns: readonly { readonly ttl: number; readonly lastTtl: number }[];
  /** Height in rows. */
  readonly rows: number;
  readonly enclosures: readonly Enclosure[];
}

const SWEEPS = 6;
/** More than this in one column are not untangled any further: the order by share is kept. */
const MAX_UNTANGLED = 64;

/** Places `model`; `before` is the picture that it replaces, if there is one. */
export function layoutGraph(model: RouteModel, before: GraphLayout | null): GraphLayout {
  const ttls = [...new Set(model.nodes.map(({ ttl }) => ttl))].sort((a, b) => a - b);
  const byTtl = Map.groupBy(model.nodes, ({ ttl }) => ttl);
  const seed = new Map(before?.nodes.map(({ node, row }) => [node.id, row]));
  const columns = ttls.map((ttl) => seeded(byTtl.get(ttl) ?? [], seed, model.links));
  const links = indexLinks(model.links);
  const order = untangle(columns, links);
  const place = placeRows(order, links);
  const top = Math.min(...place.values());
  const nodes = order.flatMap((column, c) =>
    column.map((node) => ({ node, column: c, row: (place.get(node.id) ?? 0) - top })),
  );
  const rows = 1 + Math.max(0, ...nodes.map(({ row }) => row));
  return {
    nodes,
    links: model.links,
    columns: ttls.map((ttl) => ({
      ttl,
      lastTtl: Math.max(ttl, ...(byTtl.get(ttl) ?? []).map(({ lastTtl }) => lastTtl)),
    })),
    rows,
    enclosures: enclosures(model, nodes),
  };
}

/** Nodes known from the picture before in their old order, new ones where their neighbours are, the busiest first. */
function seeded(
  nodes: readonly RouteNode[],
  seed: ReadonlyMap<string, number>,
  links: readonly RouteLink[],
): RouteNode[] {
  const place = (node: RouteNode): number | undefined => {
    const own = seed.get(node.id);
    if (own !== undefined) return own;
    const near = links
      .filter(({ from, to }) => from === node.id || to === node.id)
      .map(({ from, to }) => seed.get(from === node.id ? to : from))
      .filter((row) => row !== undefined);
    return near.length === 0 ? undefined : near.reduce((sum, row) => sum + row, 0) / near.length;
  };
  const places = new Map(nodes.map((node) => [node.id, place(node)]));
  return nodes.toSorted((a, b) => {
    const [pa, pb] = [places.get(a.id), places.get(b.id)];
    if (pa !== undefined && pb !== undefined && pa !== pb) return pa - pb;
    if ((pa === undefined) !== (pb === undefined)) return pa === undefined ? 1 : -1;
    return b.share - a.share || (a.id < b.id ? -1 : 1);
  });
}

type Neighbours = ReadonlyMap<string, readonly { readonly id: string; readonly weight: number }[]>;

interface LinkIndex {
  readonly into: Neighbours;
  readonly outOf: Neighbours;
}

function indexLinks(links: readonly RouteLink[]): LinkIndex {
  const into = new Map<string, { id: string; weight: number }[]>();
  const outOf = new Map<string, { id: string; weight: number }[]>();
  const add = (to: typeof into, key: string, id: string, weight: number): void => {
    const list = to.get(key);
    if (list === undefined) to.set(key, [{ id, weight }]);
    else list.push({ id, weight });
  };
  for (const { from, to, share } of links) {
    add(into, to, from, Math.max(share, 0.01));
    add(outOf, from, to, Math.max(share, 0.01));
  }
  return { into, outOf };
}

function untangle(columns: readonly RouteNode[][], links: LinkIndex): readonly RouteNode[][] {
  let best = columns.map((column) => column.slice());
  let fewest = crossings(best, links);
  const current = best.map((column) => column.slice());
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
    const forwards = sweep % 2 === 0;
    for (let step = 1; step < current.length; step++) {
      const c = forwards ? step : current.length - 1 - step;
      const column = current[c];
      if (column === undefined || column.length < 2 || column.length > MAX_UNTANGLED) continue;
      current[c] = byBarycentre(column, forwards ? links.into : links.outOf, rowsOf(current));
    }
    const count = crossings(current, links);
    if (count < fewest) {
      fewest = count;
      best = current.map((column) => column.slice());
    }
  }
  return best;
}

/** Rows of all nodes, columns centred on one another. */
function rowsOf(columns: readonly (readonly RouteNode[])[]): Map<string, number> {
  const rows = new Map<string, number>();
  for (const column of columns) {
    for (const [i, { id }] of column.entries()) rows.set(id, i - (column.length - 1) / 2);
  }
  return rows;
}

/**
 * Every node as near as may be to where its links come from, one row apart from the next and in the given order: least
 * squares under an order, by pooling adjacent violators. So paths run straight where nothing forces them aside.
 */
function placeRows(columns: readonly (readonly RouteNode[])[], { into }: LinkIndex): Map<string, number> {
  const rows = new Map<string, number>();
  for (const column of columns) {
    const pools: { sum: number; count: number }[] = [];
    for (const [i, { id }] of column.entries()) {
      const wish = weightedMean(into.get(id) ?? [], rows) ?? i - (column.length - 1) / 2;
      // One row a node taken off, the order asks for no more than that none goes back.
      let pool = { sum: wish - i, count: 1 };
      for (
        let last = pools.at(-1);
        last !== undefined && last.sum / last.count > pool.sum / pool.count;
        last = pools.at(-1)
      ) {
        pools.pop();
        pool = { sum: last.sum + pool.sum, count: last.count + pool.count };
      }
      pools.push(pool);
    }
    let i = 0;
    for (const { sum, count } of pools) {
      for (let k = 0; k < count; k++, i++)
        rows.set(column[i]?.id ?? '', Math.round((sum / count + i) * 4) / 4);
    }
  }
  return rows;
}

/** Null where none of them has a row. */
function weightedMean(
  near: readonly { readonly id: string; readonly weight: number }[],
  rows: ReadonlyMap<string, number>,
): number | null {
  let sum = 0;
  let total = 0;
  for (const { id, weight } of near) {
    const row = rows.get(id);
    if (row === undefined) continue;
    sum += row * weight;
    total += weight;
  }
  return total === 0 ? null : sum / total;
}

/** Nodes of one AS stay together, so that it can be drawn as one. */
function byBarycentre(
  column: readonly RouteNode[],
  neighbours: Neighbours,
  rows: ReadonlyMap<string, number>,
): RouteNode[] {
  const centre = new Map(
    column.map(({ id }) => [id, weightedMean(neighbours.get(id) ?? [], rows) ?? rows.get(id) ?? 0]),
  );
  const centreOf = ({ id }: RouteNode): number => centre.get(id) ?? 0;
  const systems = Map.groupBy(column, ({ asn, id }) => (asn === null ? id : asn));
  return [...systems.values()]
    .map((members) => members.toSorted((a, b) => centreOf(a) - centreOf(b)))
    .map((members) => ({
      members,
      mean: members.reduce((sum, member) => sum + centreOf(member), 0) / members.length,
    }))
    .sort((a, b) => a.mean - b.mean)
    .flatMap(({ members }) => members);
}

function crossings(columns: readonly (readonly RouteNode[])[], { outOf }: LinkIndex): number {
  const rows = rowsOf(columns);
  let count = 0;
  for (const column of columns) {
    if (column.length > MAX_UNTANGLED) continue;
    const ends = column.flatMap(({ id }, i) =>
      (outOf.get(id) ?? []).map((to) => ({ from: i, to: rows.get(to.id) ?? 0 })),
    );
    for (const [i, a] of ends.entries()) {
      for (const b of ends.slice(i + 1)) if ((a.from - b.from) * (a.to - b.to) < 0) count++;
    }
  }
  return count;
}

function enclosures(model: RouteModel, placed: readonly PlacedNode[]): readonly Enclosure[] {
  const placeOf = new Map(placed.map((place) => [place.node.id, place]));
  const groups = sameAsGroups(model).map((group) => group.slice());
  // Ends and groups belong to an AS as well, though they are never collapsed.
  for (const node of model.nodes) {
    if (node.asn !== null && !groups.some((group) => group.includes(node)))
      joinOrAdd(groups, node, model.links);
  }
  return groups.flatMap((members) => {
    const known = members.find(({ asn }) => asn !== null);
    if (known?.asn === undefined || known.asn === null) return [];
    const places = members.map(({ id }) => placeOf.get(id)).filter((place) => place !== undefined);
    const columns = [...Map.groupBy(places, ({ column }) => column)]
      .sort(([a], [b]) => a - b)
      .map(([column, inside]) => ({
        column,
        top: Math.min(...inside.map(({ row }) => row)),
        bottom: Math.max(...inside.map(({ row }) => row)),
      }));
    return [{ asn: known.asn, name: known.asName, columns }];
  });
}

/** Puts an end of the path into the enclosure of its AS that it is linked to, or into one of its own. */
function joinOrAdd(groups: RouteNode[][], node: RouteNode, links: readonly RouteLink[]): void {
  const near = new Set(
    links.flatMap(({ from, to }) => (from === node.id ? [to] : to === node.id ? [from] : [])),
  );
  const group = groups.find((members) =>
    members.some((member) => near.has(member.id) && member.asn === node.asn),
  );
  if (group === undefined) groups.push([node]);
  else group.push(node);
}
