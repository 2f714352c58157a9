// Path changes in words. Invariant: what is said is what was recorded; where AS numbers are known and differ they are
// said, else addresses.

import type { RecordedChange, RecordedGroup } from '../history/path-history.ts';
import type { AsNumberOf } from '../path/as-path.ts';

/** One change in words: "hop 7 left AS64500 for AS64511". */
export function changeWords(change: RecordedChange, asNumberOf: AsNumberOf): string {
  const { kind, firstHop, before, after, flow } = change;
  switch (kind) {
    case 'unreachable':
      return 'the destination stopped answering';
    case 'recovered':
      return 'the destination answers again';
    case 'length':
      return lengthWords(before.length, after.length, firstHop);
    case 'ecmp':
      return `flow ${flow} moved among parallel links: hop ${firstHop}${moved(change, asNumberOf) || ' is another'}`;
    case 'as_path':
      return asPathWords(change, asNumberOf);
    case 'reroute':
      return `hop ${firstHop}${moved(change, asNumberOf) || ' moved'}${lengthSuffix(before.length, after.length)}`;
  }
}

/** A group in words: "14 targets moved at 100.64.3.1". `hostOf` gives a target's host for its key, where it is known. */
export function groupWords(group: RecordedGroup, hostOf: (key: string) => string | undefined): string {
  const { targetCount, targets, cause, kinds } = group;
  const [key] = targets;
  const who = targetCount === 1 && key !== undefined ? (hostOf(key) ?? key) : `${targetCount} targets`;
  const names = Object.keys(kinds);
  const what = names.every((kind) => kind === 'unreachable')
    ? 'stopped answering'
    : names.every((kind) => kind === 'recovered')
      ? 'came back'
      : 'moved';
  return `${who} ${what}${cause === null ? '' : ` at ${cause}`}`;
}

function lengthWords(before: number, after: number, firstHop: number): string {
  const difference = after - before;
  if (difference === 0) return `the path changed its length at hop ${firstHop}`;
  const hops = `${Math.abs(difference)} hop${Math.abs(difference) === 1 ? '' : 's'}`;
  return `path is ${hops} ${difference > 0 ? 'longer' : 'shorter'} from hop ${firstHop}`;
}

function lengthSuffix(before: number, after: number): string {
  const difference = after - before;
  if (difference === 0) return '';
  return `, ${Math.abs(difference)} hop${Math.abs(difference) === 1 ? '' : 's'} ${difference > 0 ? 'longer' : 'shorter'}`;
}

/** " left X for Y", or nothing where neither is known. */
function moved({ firstHop, before, after }: RecordedChange, asNumberOf: AsNumberOf): string {
  const from = before[firstHop - 1] ?? null;
  const to = after[firstHop - 1] ?? null;
  const fromAs = from === null ? null : asNumberOf(from);
  const toAs = to === null ? null : asNumberOf(to);
  if (fromAs !== null && toAs !== null && fromAs !== toAs) return ` left AS${fromAs} for AS${toAs}`;
  if (from !== null && to !== null) return ` left ${from} for ${to}`;
  if (to !== null) return ` moved to ${to}`;
  return from === null ? '' : ` left ${from}`;
}

/** The first AS that left or came. */
function asPathWords(change: RecordedChange, asNumberOf: AsNumberOf): string {
  const { before, after, firstHop } = change;
  const numbers = (hops: readonly (string | null)[]): Set<number> =>
    new Set(hops.map((hop) => (hop === null ? null : asNumberOf(hop))).filter((as) => as !== null));
  const old = numbers(before);
  const now = numbers(after);
  const left = [...old].filter((as) => !now.has(as)).map((as) => `AS${as}`);
  const came = [...now].filter((as) => !old.has(as)).map((as) => `AS${as}`);
  if (left.length > 0 && came.length > 0) return `path left ${left.join(', ')} for ${came.join(', ')}`;
  if (came.length > 0) return `path goes through ${came.join(', ')} from hop ${firstHop}`;
  if (left.length > 0) return `path goes through ${left.join(', ')} no more`;
  return `the AS path changed at hop ${firstHop}`;
}
