// Which replies are the destination's own, and how many probes for it were sent and lost.

import type { HopReply, Trace } from '../trace/trace.ts';

/** Replies that only the destination gives. */
const DESTINATION_KINDS: ReadonlySet<string> = new Set([
  'echo-reply',
  'port-unreachable',
  'udp-reply',
  'syn-ack',
  'rst',
]);

export function isDestinationReply(reply: HopReply): boolean {
  return DESTINATION_KINDS.has(reply.kind);
}

/** Round-trip times of the destination's replies in seconds. */
export function destinationRtts(trace: Trace): number[] {
  return trace.hops.flatMap((hop) =>
    hop.replies.filter(isDestinationReply).map((reply) => reply.rttMs / 1000),
  );
}

/**
 * Probes sent to the destination and lost, in agreement with the loss ratio that path/ found. Where nothing
 * came back the distance is unknown, and what each flow was to send to one hop is what was lost.
 */
export function destinationTally(
  answers: number,
  lossRatio: number,
  probesPerHop: number,
): { sent: number; lost: number } {
  if (answers === 0 || lossRatio >= 1) return { sent: probesPerHop, lost: probesPerHop };
  const sent = Math.max(answers, Math.round(answers / (1 - lossRatio)));
  return { sent, lost: sent - answers };
}
