// What a proven difference is: a rehash, a router under another address, a reroute, or another length.
// Invariant: no verdict rests on names, and where the evidence fits a mere renaming, it is one.
//
// A router that answers from another interface and a route over another router can look alike when only one hop
// differs. What tells them apart: a route over other routers almost always changes what follows too, because routers
// answer from the interface that a probe came in by; if not, it changes the delay of all later hops together (a renamed
// router changes at most its own), or the initial TTL of the replies (another make of router), or who answers beside it.

import { DESTINATION_MARK } from './address-table.ts';
import { laterHopsShifted } from './delay-shift.ts';
import type { FlowStanding } from './evidence.ts';
import type { Investigation } from './investigation.ts';

export type Verdict = 'renamed' | 'ecmp' | 'reroute' | 'length';

/** How much more often balancers rehash than a branch of theirs is rerouted. */
const REHASH_ODDS = 10;
/** Unanswered probes after which a hop counts as one that never answers. */
const SILENT_TRIES = 60;
/** Rounds after which flows that never heard a hop are deaf to it, and how many of them must be. */
const SILENT_ROUNDS = 40;
const DEAF_FLOWS = 2;
/** Probes, and the share of them answered, after which a hop's silence towards all flows at once tells. */
const TALKING_TRIES = 40;
const TALKING_RATE = 0.9;
const TALKING_FLOWS = 3;

export function judge(investigation: Investigation): Verdict {
  const moved = investigation.moved();
  if (moved.every(({ differs }) => differs.length === 0)) return 'length';
  const isolated = moved.every((standing) => isIsolated(investigation, standing));
  if (isRehash(investigation, moved, isolated)) return 'ecmp';
  if (isolated && !showsAnotherRouter(investigation)) return 'renamed';
  const seen = moved.filter(({ votes }) => votes > 0);
  if (!seen.every((standing) => hidesAddresses(investigation, standing))) return 'reroute';
  // Who speaks up at a hop that had fallen silent may be anybody.
  return moved.some((standing) => changesLength(investigation, standing)) ? 'length' : 'renamed';
}

/** Whether a flow that moved meets the destination at another TTL for sure; not where only a nearer answer may be lost. */
export function changesLength(investigation: Investigation, standing: FlowStanding): boolean {
  const { evidence } = investigation;
  const { flow, differs, farther } = standing;
  const old = evidence.sights.lengthOf(flow);
  const end = evidence.merged(flow)?.reachedTtl ?? 0;
  if (old === 0 || end === 0 || end === old) return false;
  if (end < old || farther || differs.some((ttl) => ttl >= old && ttl !== end)) return true;
  const alike = investigation.moved().map((other) => other.flow);
  return evidence.endIsGone(alike.filter((other) => evidence.sights.lengthOf(other) === old));
}

/** Flows moved among routers that still carry others. */
function isRehash(investigation: Investigation, moved: readonly FlowStanding[], isolated: boolean): boolean {
  const { memory, evidence } = investigation;
  if (moved.some((standing) => investigation.isInUse(standing))) return true;
  const allKnown = moved.every(({ flow, differs }) => {
    const path = evidence.merged(flow);
    return differs.every((ttl) => memory.knows(ttl, path?.hops[ttl - 1]?.[0] ?? ''));
  });
  if (allKnown) {
    const sighted = evidence.standings().filter(({ flow }) => (evidence.merged(flow)?.hops.length ?? 0) > 0);
    return moved.length < sighted.length;
  }
  return !isolated && suggestsRehash(investigation, moved);
}

/**
 * Flows moved to strangers, and nobody was seen on what they left: were W routers rehashed of which few are known, or
 * was one replaced? A rehash leaves each flow where it was with 1/W, and lets n sights miss m old routers with
 * (1 - m/W)^n; a replacement does both for certain.
 */
function suggestsRehash(investigation: Investigation, moved: readonly FlowStanding[]): boolean {
  const { memory } = investigation;
  const { flow, first } = investigation.suspect();
  const beside = investigation.besides(flow, first);
  const left = new Set<string>();
  for (const other of moved) if (other.first === first) left.add(memory.expectedAddress(other.flow, first));
  const unmoved = investigation.unmovedBeside(flow, first);
  const width = new Set([...beside, ...left]).size;
  const sights = beside.length - unmoved;
  if (unmoved === 0 && !beside.some((address) => memory.knows(first, address))) return false;
  const chance = (1 / width) ** unmoved * Math.max(0, 1 - left.size / width) ** sights;
  return chance * REHASH_ODDS > 1;
}

/** A router's place, or several apart, show another address, and what is known before and after each is the same. */
function isIsolated(investigation: Investigation, standing: FlowStanding): boolean {
  const { memory, evidence } = investigation;
  const { flow, differs } = standing;
  if (differs.length === 0 || changesLength(investigation, standing) || evidence.positions.isMuddleNew())
    return false;
  const path = evidence.merged(flow);
  return differs.every((ttl, i) => {
    if (differs[i + 1] === ttl + 1) return false;
    // Two differences with nothing between them that is known to have stayed are one.
    if (differs[i + 1] === ttl + 2 && evidence.positions.statusAt(flow, ttl + 1) === 'unknown') return false;
    const address = path?.hops[ttl - 1]?.[0] ?? evidence.sights.firstStranger(flow, ttl);
    return address !== DESTINATION_MARK && memory.expectedAddress(flow, ttl) !== DESTINATION_MARK;
  });
}

/** Evidence that another router stands at the first differing TTL, beyond its other address. */
function showsAnotherRouter(investigation: Investigation): boolean {
  const { memory, evidence } = investigation;
  const { flow, first } = investigation.suspect();
  if (
    [first - 1, first + 1].some(
      (ttl) => ttl > 0 && (speaksUp(investigation, ttl) || fallsSilent(investigation, ttl)),
    )
  )
    return true;
  const address = evidence.merged(flow)?.hops[first - 1]?.[0] ?? '';
  // Where flows part, what is remembered of a TTL may be another router's.
  const single = memory.isShared(first) && !evidence.positions.isSpread(flow, first);
  const was = single ? initialTtl(memory.replyTtlAt(first)) : 0;
  for (const sample of evidence.sights.samples) {
    if (sample.ttl !== first || sample.address !== address || sample.replyTtl === 0 || was === 0) continue;
    if (initialTtl(sample.replyTtl) !== was) return true;
  }
  return laterHopsShifted(memory, evidence.sights.samples, first);
}

/** A hop answers that never did, in the same moment: any flow, or several that never heard of it. */
function speaksUp(investigation: Investigation, ttl: number): boolean {
  const { memory, evidence } = investigation;
  const heard = ({ flow }: FlowStanding): boolean => evidence.sights.everShown(flow, ttl);
  if (memory.hitsAt(ttl) === 0 && memory.triesAt(ttl) >= SILENT_TRIES && evidence.standings().some(heard))
    return true;
  const deaf = investigation.moved().filter(({ flow }) => memory.expected(flow, ttl) === 0);
  return memory.settled >= SILENT_ROUNDS && deaf.length >= DEAF_FLOWS && deaf.every(heard);
}

/** A hop that used to answer answers no flow any more, from the first sight on, though hops beyond do. */
function fallsSilent(investigation: Investigation, ttl: number): boolean {
  const { memory, evidence } = investigation;
  const tries = memory.triesAt(ttl);
  if (tries < TALKING_TRIES || memory.hitsAt(ttl) / tries < TALKING_RATE || !memory.isShared(ttl))
    return false;
  const flows = evidence.standings().filter(({ flow }) => memory.expected(flow, ttl) !== 0);
  if (flows.length < TALKING_FLOWS) return false;
  return flows.every(({ flow }) => !evidence.sights.everShown(flow, ttl) && evidence.sights.sawEnd(flow));
}

/** The value that systems start from which is the least above what arrived: 32, 64, 128 or 255; 0 for unknown. */
export function initialTtl(replyTtl: number): number {
  if (replyTtl <= 0) return 0;
  for (const initial of [32, 64, 128]) if (replyTtl <= initial) return initial;
  return 255;
}

/** The destination is at another distance, and no TTL shows an address against another: silent hops hide the rest. */
function hidesAddresses({ memory, evidence }: Investigation, { flow, differs }: FlowStanding): boolean {
  const length = evidence.sights.lengthOf(flow);
  return (
    length > 0 &&
    differs.every((ttl) => ttl > length || memory.expected(flow, ttl) === 0 || memory.isSilent(ttl))
  );
}
