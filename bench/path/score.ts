// Holds what was reported against what is true. Invariant: a report answers at most one change; what answers none is
// false. Plain numbers, so that scores of several processes add up.

import { PATH_CHANGE_KINDS, type PathChangeKind } from '../../src/path/observation.ts';
import { EVENT_KINDS, type EventKind } from './events.ts';
import type { Scheduled } from './simulated-target.ts';
import type { Truth } from './truth.ts';
import type { Reported } from './watch.ts';

/** A change seen only through hops that answer now and then may take so long to show. */
const DIM_ROUNDS = 40;
/** A change that is undone sooner need not be reported if it happened in the middle of a trace. */
const MOST_EXAMPLES = 400;

export interface Tally {
  scheduled: number;
  invisible: number;
  ambiguous: number;
  dim: number;
  reported: number;
  rightKind: number;
  rightHop: number;
}

export interface PlainScore {
  targetRounds: number;
  probes: number;
  confirmations: number;
  confirmingProbes: number;
  /** Changes of path id in rounds without a reroute or a change of length. */
  idChanges: number;
  /** Reroutes and lengths after which the id was the same are not counted here. */
  falseEvents: Record<PathChangeKind, number>;
  tallies: Record<EventKind, Tally>;
  misses: string[];
  falses: string[];
}

export class Score implements PlainScore {
  targetRounds = 0;
  probes = 0;
  confirmations = 0;
  confirmingProbes = 0;
  idChanges = 0;
  readonly falseEvents: Record<PathChangeKind, number> = Object.fromEntries(
    PATH_CHANGE_KINDS.map((kind) => [kind, 0]),
  ) as Record<PathChangeKind, number>;
  readonly tallies: Record<EventKind, Tally> = Object.fromEntries(
    EVENT_KINDS.map((kind) => [
      kind,
      { scheduled: 0, invisible: 0, ambiguous: 0, dim: 0, reported: 0, rightKind: 0, rightHop: 0 },
    ]),
  ) as Record<EventKind, Tally>;
  readonly misses: string[] = [];
  readonly falses: string[] = [];

  add(other: PlainScore): void {
    this.targetRounds += other.targetRounds;
    this.probes += other.probes;
    this.confirmations += other.confirmations;
    this.confirmingProbes += other.confirmingProbes;
    this.idChanges += other.idChanges;
    for (const kind of PATH_CHANGE_KINDS) this.falseEvents[kind] += other.falseEvents[kind];
    for (const kind of EVENT_KINDS) {
      const tally = this.tallies[kind];
      for (const key of Object.keys(tally) as (keyof Tally)[]) tally[key] += other.tallies[kind][key];
    }
    keep(this.misses, other.misses);
    keep(this.falses, other.falses);
  }

  take(
    scheduled: readonly Scheduled[],
    reported: readonly Reported[],
    idChanges: readonly number[],
    rounds: number,
    name: string,
  ): void {
    this.targetRounds += rounds;
    for (const [i, one] of scheduled.entries()) {
      this.#judge(one, reported, rounds, name, scheduled[i + 1]?.round ?? rounds);
    }
    for (const { change, round, used } of reported) {
      if (used) continue;
      this.falseEvents[change.kind]++;
      keep(this.falses, [`${name} round ${round}: ${change.kind}@${change.firstHop}`]);
    }
    for (const round of idChanges) {
      // What cannot be decided may be learnt silently.
      const excused = scheduled.some((one) => one.round <= round && round - one.round < DIM_ROUNDS);
      if (excused) continue;
      this.idChanges++;
      keep(this.falses, [`${name} round ${round}: path id without an event`]);
    }
  }

  #judge(one: Scheduled, reported: readonly Reported[], rounds: number, name: string, next: number): void {
    const { event, round, dueRound, truth } = one;
    const until =
      truth.dim || truth.ambiguous ? Math.max(dueRound, Math.min(round + DIM_ROUNDS, next - 1)) : dueRound;
    const near = reported.filter((each) => each.round >= round && each.round <= until && !each.used);
    const match = near.find(({ change }) => truth.kinds.includes(change.kind));
    const wrong = match ?? near.find(({ change }) => change.kind !== 'as_path' && change.kind !== 'length');
    if (match !== undefined) match.used = true;
    const asPath = takeAlong(near, 'as_path', truth.asPath);
    const length = takeAlong(near, 'length', truth.length);
    // A path that loops, or ends elsewhere, is another path too.
    if (truth.kinds[0] === 'unreachable' || truth.kinds[0] === 'recovered')
      takeAlong(near, 'reroute', 'mixed');
    // Too near to the end to be judged.
    if (dueRound >= rounds) return;
    const tally = this.tallies[event];
    tally.scheduled++;
    if (truth.kinds.length === 0) tally.invisible++;
    else if (truth.ambiguous) tally.ambiguous++;
    else if (truth.dim) tally.dim++;
    else {
      const kindIsRight =
        match !== undefined &&
        (truth.asPath !== 'changed' || asPath || match.change.kind === 'ecmp') &&
        (truth.length !== 'changed' ||
          length ||
          match.change.kind === 'length' ||
          match.change.kind === 'ecmp');
      const hop = match?.change.firstHop ?? -1;
      if ((match ?? wrong) !== undefined) tally.reported++;
      if (kindIsRight) tally.rightKind++;
      if (kindIsRight && hop >= truth.firstHop && hop <= truth.clearHop) tally.rightHop++;
      else {
        const got = near.map((each) => `${each.change.kind}@${each.change.firstHop}+${each.round - round}`);
        keep(this.misses, [`${name} round ${round} ${event}: wanted ${wanted(truth)}, got ${got.join(' ')}`]);
        // It is counted as a miss; let it not count as a false event too.
        if (match === undefined && wrong !== undefined) wrong.used = true;
      }
    }
  }
}

/** What comes along with the main event. */
function takeAlong(near: readonly Reported[], kind: PathChangeKind, extent: Truth['asPath']): boolean {
  const found = near.find(({ change, used }) => change.kind === kind && !used);
  if (found === undefined || extent === 'same') return false;
  found.used = true;
  return true;
}

function wanted({ kinds, firstHop, clearHop, asPath, length }: Truth): string {
  const along = `${asPath === 'changed' ? ' as_path' : ''}${length === 'changed' ? ' length' : ''}`;
  return `${kinds.join('|')}@${firstHop}${clearHop === firstHop ? '' : `..${clearHop}`}${along}`;
}

function keep(list: string[], more: readonly string[]): void {
  for (const line of more) if (list.length < MOST_EXAMPLES) list.push(line);
}
