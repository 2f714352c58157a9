// The plain figures of one trace that need no memory: destination RTT and loss, how far anybody answered.

import { isDestination } from '../trace/probe-record.ts';
import type { Trace } from '../trace/trace.ts';

export interface Figures {
  readonly lastRespondingHop: number;
  /** Least RTT of the destination in milliseconds, or null. */
  readonly rttMs: number | null;
  /** Share of the probes for the destination without an answer; 1 when it never answered. */
  readonly lossRatio: number;
}

/**
 * Probes for the destination are those sent with a TTL at which it answered some flow, or any beyond, less those that a
 * router answered.
 */
export function figuresOf(trace: Trace): Figures {
  let lastRespondingHop = 0;
  let rttMs: number | null = null;
  let sent = 0;
  let answered = 0;
  for (const hop of trace.hops) {
    if (hop.replies.length > 0) lastRespondingHop = Math.max(lastRespondingHop, hop.ttl);
    let routers = 0;
    for (const reply of hop.replies) {
      if (!isDestination(reply.kind)) routers++;
      else {
        answered++;
        rttMs = rttMs === null ? reply.rttMs : Math.min(rttMs, reply.rttMs);
      }
    }
    if (answered > 0) sent += hop.sent - routers;
  }
  const lossRatio = answered === 0 ? 1 : Math.max(0, 1 - answered / Math.max(sent, answered));
  return { lastRespondingHop, rttMs, lossRatio };
}
