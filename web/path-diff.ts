// Two paths compared hop by hop: what stayed, went and came, as rows and as a graph. Pure.
// Invariant: a hop that only moved to another TTL is kept, so that a path one hop longer does not differ from there on.

import type { ApiAddress } from '../src/http/api-shapes.ts';
import {
  blankNode,
  type DiffMark,
  nodeId,
  type RouteLink,
  type RouteModel,
  type RouteNode,
} from './route-model.ts';

/** Interfaces of one hop; none where nothing is known of it. */
export type HopAddresses = readonly ApiAddress[];

export interface DiffRow {
  /** TTL in either path; null where that path has no such hop. */
  readonly ttlBefore: number | null;
  readonly ttlAfter: number | null;
  readonly kept: HopAddresses;
  readonly removed: HopAddresses;
  readonly added: HopAddresses;
}

/** Longest paths that are aligned; a TTL is at most 255. */
const MAX_HOPS = 255;

export function diffPaths(
  before: readonly HopAddresses[],
  after: readonly HopAddresses[],
): readonly DiffRow[] {
  const a = before.slice(0, MAX_HOPS);
  const b = after.slice(0, MAX_HOPS);
  const score = alignmentScores(a, b);
  const rows: DiffRow[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const [x, y] = [a[i], b[j]];
    const here = score(i, j);
    const matched =
      x !== undefined &&
      y !== undefined &&
      here === score(i + 1, j + 1) + likeness(x, y) &&
      likeness(x, y) > 0;
    if (matched) rows.push(matchedRow(i++, j++, x, y));
    else if (x !== undefined && (y === undefined || here === score(i + 1, j))) rows.push(removedRow(i++, x));
    else if (y !== undefined) rows.push(addedRow(j++, y));
  }
  return paired(rows);
}

/** How much two hops are the same: an address in common, or nothing known that would tell them apart. */
function likeness(a: HopAddresses, b: HopAddresses): number {
  if (a.length === 0 || b.length === 0) return a.length === b.length ? 2 : 1;
  return a.some(({ address }) => b.some((other) => other.address === address)) ? 4 : 0;
}

/** Best alignment of what is left from (i, j) on. */
function alignmentScores(
  a: readonly HopAddresses[],
  b: readonly HopAddresses[],
): (i: number, j: number) => number {
  const width = b.length + 1;
  const best = new Uint16Array((a.length + 1) * width);
  const at = (i: number, j: number): number => best[i * width + j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const same = likeness(a[i] ?? [], b[j] ?? []);
      best[i * width + j] = Math.max(at(i + 1, j), at(i, j + 1), same > 0 ? at(i + 1, j + 1) + same : 0);
    }
  }
  return (i, j) => (i > a.length || j > b.length ? 0 : at(i, j));
}

function matchedRow(i: number, j: number, a: HopAddresses, b: HopAddresses): DiffRow {
  const ttls = { ttlBefore: i + 1, ttlAfter: j + 1 };
  if (a.length === 0 || b.length === 0) return { ...ttls, kept: [...a, ...b], removed: [], added: [] };
  const has = (list: HopAddresses, { address }: ApiAddress): boolean =>
    list.some((one) => one.address === address);
  return {
    ...ttls,
    kept: b.filter((one) => has(a, one)),
    removed: a.filter((one) => !has(b, one)),
    added: b.filter((one) => !has(a, one)),
  };
}

function removedRow(i: number, removed: HopAddresses): DiffRow {
  return { ttlBefore: i + 1, ttlAfter: null, kept: [], removed, added: [] };
}

function addedRow(j: number, added: HopAddresses): DiffRow {
  return { ttlBefore: null, ttlAfter: j + 1, kept: [], removed: [], added };
}

/** A run of hops that went beside the run that came in its place, one row for each pair. */
function paired(rows: readonly DiffRow[]): readonly DiffRow[] {
  const result: DiffRow[] = [];
  let run: DiffRow[] = [];
  const flush = (): void => {
    const gone = run.filter(({ ttlAfter }) => ttlAfter === null);
    const came = run.filter(({ ttlBefore }) => ttlBefore === null);
    for (let k = 0; k < Math.max(gone.length, came.length); k++) {
      result.push({
        ttlBefore: gone[k]?.ttlBefore ?? null,
        ttlAfter: came[k]?.ttlAfter ?? null,
        kept: [],
        removed: gone[k]?.removed ?? [],
        added: came[k]?.added ?? [],
      });
    }
    run = [];
  };
  for (const row of rows) {
    if (row.ttlBefore === null || row.ttlAfter === null) {
      run.push(row);
      continue;
    }
    flush();
    result.push(row);
  }
  flush();
  return result;
}

/** What stayed in one line, what went and what came on either side of it; a column is a row of the comparison. */
export function diffModel(rows: readonly DiffRow[]): RouteModel {
  const vantage = blankNode({ id: nodeId(0, ''), kind: 'vantage' });
  const nodes: RouteNode[] = [vantage];
  const links = new Map<string, RouteLink>();
  const link = (from: RouteNode, to: RouteNode, side: DiffMark): void => {
    const key = `${from.id} ${to.id}`;
    // Walked by both paths.
    const mark = links.has(key) && links.get(key)?.mark !== side ? 'kept' : side;
    links.set(key, { from: from.id, to: to.id, share: 0.3, addedDelayMs: null, mark });
  };
  let old: readonly RouteNode[] = [vantage];
  let young: readonly RouteNode[] = [vantage];
  for (const [i, row] of rows.entries()) {
    const removed = place(i, row.removed, 'removed');
    const added = place(i, row.added, 'added');
    const kept = place(i, row.kept, 'kept');
    const silent = kept.length + removed.length + added.length === 0;
    if (silent)
      kept.push(
        blankNode({ id: nodeId(i + 1, ''), kind: 'silent', ttl: i + 1, lastTtl: i + 1, mark: 'kept' }),
      );
    nodes.push(...removed, ...kept, ...added);
    const before = [...removed, ...kept];
    const after = [...added, ...kept];
    for (const from of old) for (const to of before) link(from, to, 'removed');
    for (const from of young) for (const to of after) link(from, to, 'added');
    // A path that has no hop here goes on to its next one.
    if (before.length > 0) old = before;
    if (after.length > 0) young = after;
  }
  return { nodes, links: [...links.values()] };
}

function place(row: number, addresses: HopAddresses, mark: DiffMark): RouteNode[] {
  return addresses.map(({ address, name, asn, asName }) =>
    blankNode({
      id: nodeId(row + 1, address),
      kind: 'hop',
      ttl: row + 1,
      lastTtl: row + 1,
      address,
      name,
      asn,
      asName,
      mark,
    }),
  );
}
