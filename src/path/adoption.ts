// Makes a proven new path the remembered one. Invariant: what the new path did not show is unknown, except where it
// has joined the old one again.

import { DESTINATION_MARK } from './address-table.ts';
import { ANYWHERE, type DestinationMemory } from './destination-memory.ts';
import type { Investigation } from './investigation.ts';
import { addressAt, compareWithMemory, relationAt, type SeenPath } from './seen-path.ts';
import type { Verdict } from './verdict.ts';

/** What the suspected flow expected, and what it shows now; by TTL from 1 on. */
export interface BeforeAfter {
  readonly before: readonly (string | null)[];
  readonly after: readonly (string | null)[];
}

/** Adopts the verdict for every flow that moved; returns the suspected flow's path before and after. */
export function adopt(investigation: Investigation, verdict: Verdict): BeforeAfter {
  const { memory, flow, first } = investigation;
  const moved = investigation.movedFlows();
  const before = expectedHops(memory, flow);
  if (verdict === 'renamed') {
    rename(investigation, moved);
    return { before, after: expectedHops(memory, flow) };
  }
  if (verdict === 'ecmp') keepAsSiblings(investigation, moved);
  else forgetUnseen(investigation, moved);
  for (const other of moved) replace(investigation, other, verdict);
  if (verdict !== 'ecmp') {
    memory.dropSiblingsFrom(first);
    memory.resetRepliesFrom(first);
    memory.settled = 0;
  }
  memory.overshoots = [];
  return { before, after: expectedHops(memory, flow) };
}

/** Addresses that `flow` expects by TTL, silent hops null, up to the destination or the last one known. */
export function expectedHops(memory: DestinationMemory, flow: number): (string | null)[] {
  const hops: (string | null)[] = [];
  const end = memory.lengthOf(flow) || memory.horizon;
  for (let ttl = 1; ttl <= end; ttl++) {
    const address = memory.expectedAddress(flow, ttl);
    hops.push(address === '' ? null : address === DESTINATION_MARK ? memory.address : address);
  }
  while (hops.length > 0 && hops.at(-1) === null) hops.pop();
  return hops;
}

/** The flows that met the renamed router know its new address; for the others it is an alias that they may meet. */
function rename({ memory, first, flow, candidate, paths }: Investigation, moved: readonly number[]): void {
  const address = candidate.get(first) ?? '';
  const old = memory.expectedAddress(flow, first);
  if (address === '' || old === '') return;
  for (const other of moved) {
    const path = paths.get(other);
    const sees = other === flow || (path !== undefined && addressAt(path, first) === address);
    if (sees && memory.expectedAddress(other, first) === old) memory.expect(other, first, address);
  }
  memory.unite(ANYWHERE, old, address);
}

/** Flows that shared what was replaced and have not been seen since: where they go now is not known. */
function forgetUnseen(
  { memory, flow, paths, ttls, overshoot }: Investigation,
  moved: readonly number[],
): void {
  const end = memory.lengthOf(flow);
  for (const [other, path] of paths) {
    const same = overshoot && !moved.includes(other) && memory.lengthOf(other) === end;
    if (same && path.reachedTtl === 0) memory.forget(other, end);
  }
  for (const ttl of ttls) {
    const old = memory.expectedAddress(flow, ttl);
    if (old === '') continue;
    for (const [other, path] of paths) {
      if (moved.includes(other) || addressAt(path, ttl) !== '') continue;
      const expected = memory.expectedAddress(other, ttl);
      if (expected !== '' && memory.alike(ttl, expected, old)) memory.forget(other, ttl);
    }
  }
}

/** Where flows were and where they are now both belong to the balanced hop. */
function keepAsSiblings(investigation: Investigation, moved: readonly number[]): void {
  const { memory, paths, first } = investigation;
  for (const flow of moved) {
    const path = paths.get(flow);
    if (path === undefined) continue;
    for (const ttl of compareWithMemory(memory, path).difference?.ttls ?? []) {
      memory.addSibling(ttl, memory.expectedAddress(flow, ttl) || DESTINATION_MARK);
      memory.addSibling(ttl, addressAt(path, ttl));
    }
  }
  for (const path of investigation.extras) {
    for (const address of path.hops[first - 1] ?? []) memory.addSibling(first, address);
  }
}

function replace(investigation: Investigation, flow: number, verdict: Verdict): void {
  const { memory, paths } = investigation;
  const path = paths.get(flow);
  if (path === undefined) return;
  const length = memory.lengthOf(flow);
  const comparison = compareWithMemory(memory, path);
  const fallback = investigation.overshoot ? length : investigation.first;
  const first = Math.min(comparison.difference?.first ?? fallback, verdict === 'ecmp' ? 255 : fallback);
  const seen = (ttl: number): string =>
    flow === investigation.flow ? (investigation.candidate.get(ttl) ?? '') : addressAt(path, ttl);
  const end = endOf(investigation, flow, path);
  const lastDifference = Math.max(comparison.difference?.ttls.at(-1) ?? 255, ...investigation.ttls);
  const rejoinedAt = end === length ? rejoins(memory, path, lastDifference) : 256;
  const last = Math.max(memory.horizon, path.hops.length);
  for (let ttl = first; ttl <= last; ttl++) {
    const address = end > 0 && ttl > end ? '' : ttl === end ? DESTINATION_MARK : notDestination(seen(ttl));
    if (address !== '') memory.expect(flow, ttl, address);
    else if (ttl < rejoinedAt || (end > 0 && ttl > end)) memory.forget(flow, ttl);
  }
}

/** First TTL beyond the last difference at which the path was seen to be the remembered one again. */
function rejoins(memory: DestinationMemory, path: SeenPath, lastDifference: number): number {
  const length = memory.lengthOf(path.flow);
  for (let ttl = lastDifference + 1; ttl <= path.hops.length; ttl++) {
    if (relationAt(memory, path, length, ttl) === 'same') return ttl;
  }
  return 256;
}

/** TTL at which the new way meets the destination; the old one where the new did not show it but ends alike. */
function endOf(investigation: Investigation, flow: number, path: SeenPath): number {
  if (investigation.overshoot) return path.reachedTtl;
  let end = path.reachedTtl;
  if (flow === investigation.flow) {
    for (const [ttl, address] of investigation.candidate) {
      if (address === DESTINATION_MARK && (end === 0 || ttl < end)) end = ttl;
    }
  }
  if (end > 0) return end;
  const { memory } = investigation;
  const length = memory.lengthOf(flow);
  const { difference, lastSame } = compareWithMemory(memory, path);
  return difference !== null && lastSame > (difference.ttls.at(-1) ?? 255) ? length : 0;
}

function notDestination(address: string): string {
  return address === DESTINATION_MARK ? '' : address;
}
