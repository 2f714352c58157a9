// Which changes of several targets belong together, as far as a hop and a minute tell.

import type { ChangeGroup } from '../path/change-group.ts';
import type { PathChange, PathChangeKind } from '../path/observation.ts';
import { hashAsPath, hashHops } from '../path/path-hash.ts';

/** Takes in one change after the other; returns the group that each is in, as it stands then. */
export interface ChangeGrouper {
  add(target: string, change: PathChange): ChangeGroup;
}

const MINUTE_MS = 60_000;
/** Groups that may still grow. */
const MAX_OPEN_GROUPS = 1000;

interface OpenGroup {
  readonly id: string;
  readonly cause: string | null;
  readonly firstAtMs: number;
  lastAtMs: number;
  readonly kinds: Partial<Record<PathChangeKind, number>>;
  readonly targets: Set<string>;
}

/** Groups changes by the hop at which they begin and the minute in which they were confirmed. */
export class HopMinuteGrouper implements ChangeGrouper {
  readonly #open = new Map<string, OpenGroup>();

  add(target: string, change: PathChange): ChangeGroup {
    const cause = causeOf(change);
    const minute = Math.floor(change.atMs / MINUTE_MS);
    // Without a hop in common there is nothing to share.
    const key = cause === null ? `${target} ${change.atMs}` : `${cause} ${minute}`;
    let group = this.#open.get(key);
    if (group === undefined) {
      group = {
        id: groupId(cause ?? target, cause === null ? change.atMs : minute),
        cause,
        firstAtMs: change.atMs,
        lastAtMs: change.atMs,
        kinds: {},
        targets: new Set(),
      };
      this.#open.set(key, group);
      const [oldest] = this.#open.keys();
      if (this.#open.size > MAX_OPEN_GROUPS && oldest !== undefined) this.#open.delete(oldest);
    }
    group.lastAtMs = Math.max(group.lastAtMs, change.atMs);
    group.kinds[change.kind] = (group.kinds[change.kind] ?? 0) + 1;
    group.targets.add(target);
    return { ...group, kinds: { ...group.kinds }, targets: [...group.targets] };
  }
}

/** The last hop that stayed: where packets were sent another way. */
function causeOf({ before, firstHop }: PathChange): string | null {
  if (firstHop < 1) return null;
  return before[firstHop - 2] ?? before[firstHop - 1] ?? null;
}

function groupId(name: string, at: number): string {
  return hashHops([[name], [String(at)]], true) ?? hashAsPath([at]) ?? '000000000000';
}
