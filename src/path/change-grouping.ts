// Which changes of several targets have one cause: those at about the same time that share a hop, the last that stayed or
// the first that went or came. Invariant: every change of a group has the group's cause among its own such hops; what
// shares none stands alone; and a group keeps its name however it grows.

import type { ChangeGroup } from './change-group.ts';
import type { PathChange, PathChangeKind } from './observation.ts';
import { hashHops } from './path-hash.ts';

/** Changes farther apart in time have different causes. Targets are looked at a minute apart, and confirming takes time. */
const WINDOW_MS = 120_000;
/** Groups that may still grow; the oldest is closed first. */
export const MAX_OPEN_GROUPS = 1000;
/** Targets that a group names; later ones are only counted among its kinds. */
export const MAX_GROUP_TARGETS = 10_000;
/** Silent hops that may lie between a change and the last hop known to have stayed. */
const SILENT_BETWEEN = 2;

interface Group {
  readonly id: string;
  /** Hops that all changes of the group share, in the order of preference. */
  shared: readonly string[];
  firstAtMs: number;
  lastAtMs: number;
  readonly kinds: Partial<Record<PathChangeKind, number>>;
  readonly targets: Set<string>;
}

export class ChangeGrouping {
  readonly #windowMs: number;
  /** By id, oldest first. */
  readonly #groups = new Map<string, Group>();
  /** By hop: the open groups that share it. */
  readonly #byHop = new Map<string, Set<Group>>();

  constructor(windowMs: number = WINDOW_MS) {
    this.#windowMs = windowMs;
  }

  /** Groups that may still grow. */
  get size(): number {
    return this.#groups.size;
  }

  /** Takes in a change, in any order within the window; returns its group as it stands now. */
  add(target: string, change: PathChange): ChangeGroup {
    const hops = suspectsOf(change);
    const group = this.#groupFor(hops, target, change) ?? this.#open(hops, target, change);
    this.#narrow(
      group,
      group.shared.filter((hop) => hops.includes(hop)),
    );
    group.firstAtMs = Math.min(group.firstAtMs, change.atMs);
    group.lastAtMs = Math.max(group.lastAtMs, change.atMs);
    group.kinds[change.kind] = (group.kinds[change.kind] ?? 0) + 1;
    if (group.targets.size < MAX_GROUP_TARGETS) group.targets.add(target);
    const { id, shared, firstAtMs, lastAtMs, kinds, targets } = group;
    return { id, cause: shared[0] ?? null, firstAtMs, lastAtMs, kinds: { ...kinds }, targets: [...targets] };
  }

  /** The open group that shares a hop with the change: the one of this target and moment, else the one of most targets. */
  #groupFor(hops: readonly string[], target: string, change: PathChange): Group | undefined {
    let best: Group | undefined;
    for (const hop of hops) {
      for (const group of this.#byHop.get(hop) ?? []) {
        if (!this.#isNear(group, change.atMs)) continue;
        if (group.targets.has(target) && group.lastAtMs === change.atMs) return group;
        if (best === undefined || group.targets.size > best.targets.size) best = group;
      }
    }
    return best;
  }

  #isNear({ firstAtMs, lastAtMs }: Group, atMs: number): boolean {
    return atMs >= lastAtMs - this.#windowMs && atMs <= firstAtMs + this.#windowMs;
  }

  #open(hops: readonly string[], target: string, { atMs }: PathChange): Group {
    const id = this.#freeId(target, atMs);
    const group: Group = { id, shared: [], firstAtMs: atMs, lastAtMs: atMs, kinds: {}, targets: new Set() };
    this.#groups.set(id, group);
    group.shared = hops;
    for (const hop of hops) {
      const groups = this.#byHop.get(hop);
      if (groups === undefined) this.#byHop.set(hop, new Set([group]));
      else groups.add(group);
    }
    for (const oldest of this.#groups.values()) {
      if (this.#groups.size <= MAX_OPEN_GROUPS && oldest.lastAtMs >= atMs - 2 * this.#windowMs) break;
      if (oldest !== group) this.#close(oldest);
    }
    return group;
  }

  #close(group: Group): void {
    this.#narrow(group, []);
    this.#groups.delete(group.id);
  }

  #narrow(group: Group, shared: readonly string[]): void {
    for (const hop of group.shared) {
      if (shared.includes(hop)) continue;
      const groups = this.#byHop.get(hop);
      groups?.delete(group);
      if (groups?.size === 0) this.#byHop.delete(hop);
    }
    group.shared = shared;
  }

  /** 12 hexadecimal digits after the change that began the group. */
  #freeId(target: string, atMs: number): string {
    for (let salt = 0; ; salt++) {
      const id = hashHops([[target], [`${atMs} ${salt}`]], true) as string;
      if (!this.#groups.has(id)) return id;
    }
  }
}

/**
 * Hops that may be where it happened: the last that stayed, the first that went, the first that came. Where the
 * destination is gone nothing tells where, but targets beside one another share the hops before them.
 */
export function suspectsOf({ kind, before, after, firstHop }: PathChange): string[] {
  const found: (string | null | undefined)[] = [];
  if (kind === 'unreachable' || kind === 'recovered') {
    const known = before.filter((hop) => hop !== null);
    found.push(...known.slice(0, -1).slice(-2).reverse());
  } else if (firstHop > 0) {
    for (let ttl = firstHop - 1; ttl >= Math.max(1, firstHop - 1 - SILENT_BETWEEN); ttl--) {
      const stayed = before[ttl - 1] ?? after[ttl - 1];
      if (stayed === null || stayed === undefined) continue;
      found.push(stayed);
      break;
    }
    found.push(before[firstHop - 1], after[firstHop - 1]);
  }
  return [...new Set(found.filter((hop) => hop !== null && hop !== undefined))];
}
