// How often and how fast each hop answers, learnt from every trace. Invariant: a hop that falls silent, or that speaks
// up where it was always silent, is a statement about its replies and never about the path.

import { isDestination } from '../trace/probe-record.ts';
import type { Trace } from '../trace/trace.ts';
import type { DestinationMemory } from './destination-memory.ts';
import { isUnspecified } from './identity.ts';
import type { SeenPath } from './seen-path.ts';
import { type Interval, isImprobableSilence, wilsonInterval } from './statistics.ts';

export interface HopReplies {
  readonly ttl: number;
  readonly sent: number;
  readonly answered: number;
  /** Share of probes answered, with its 95 % interval. */
  readonly replyRate: number;
  readonly interval: Interval;
  /** Probes unanswered since the last answer. */
  readonly missesInARow: number;
  /** It used to answer, and chance does not explain its silence. */
  readonly newlySilent: boolean;
}

/** False alarms accepted over all hops, targets and rounds. */
const SILENCE_ALPHA = 0.01;
/** A year of rounds, one a minute. */
const ROUNDS = 525_600;

/** Takes in the replies of a trace; `doubted` flows may be on another path. */
export function noteReplies(
  memory: DestinationMemory,
  trace: Trace,
  paths: readonly SeenPath[],
  doubted: ReadonlySet<number>,
): void {
  for (const path of paths) if (!doubted.has(path.flow)) tallyPath(memory, path);
  // A change under way would leave its mark on the delays that it is to be judged by.
  if (doubted.size > 0) return;
  for (const hop of trace.hops) {
    let least = Number.POSITIVE_INFINITY;
    for (const reply of hop.replies) {
      if (reply.flow >= memory.flows || reply.kind === 'unreachable') continue;
      // Nobody knows whose delay and reply TTL that would be, where flows part.
      if (isUnspecified(reply.address)) continue;
      if (isDestination(reply.kind) && hop.ttl !== memory.lengthOf(reply.flow)) continue;
      least = Math.min(least, reply.rttMs);
      memory.noteReplyTtl(hop.ttl, reply.replyTtl ?? 0);
    }
    if (least < Number.POSITIVE_INFINITY) memory.noteRtt(hop.ttl, least);
  }
}

function tallyPath(memory: DestinationMemory, path: SeenPath): void {
  const length = memory.lengthOf(path.flow);
  const end = Math.min(path.lastTtl, length > 0 ? length : Math.max(path.hops.length, memory.horizon));
  for (let ttl = path.firstTtl; ttl <= end; ttl++) {
    const answered = (path.hops[ttl - 1]?.length ?? 0) > 0;
    const probes = answered ? 1 : Math.max(1, path.silentTries[ttl] ?? 1);
    for (let i = 0; i < probes; i++) memory.tally(ttl, answered);
  }
}

export function hopReplies(memory: DestinationMemory, targets: number): HopReplies[] {
  const hops: HopReplies[] = [];
  const alpha = SILENCE_ALPHA / (Math.max(1, memory.horizon) * Math.max(1, targets) * ROUNDS);
  for (let ttl = 1; ttl <= memory.horizon; ttl++) {
    const sent = memory.triesAt(ttl);
    const answered = memory.hitsAt(ttl);
    const missesInARow = memory.missesAt(ttl);
    hops.push({
      ttl,
      sent,
      answered,
      replyRate: sent === 0 ? 0 : answered / sent,
      interval: wilsonInterval(answered, sent),
      missesInARow,
      newlySilent: isImprobableSilence(answered, sent - missesInARow, missesInARow, alpha),
    });
  }
  return hops;
}
