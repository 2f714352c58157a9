// What one trace says when nothing is remembered: its identity and its figures, no changes.

import { isDestination } from '../trace/probe-record.ts';
import type { Trace } from '../trace/trace.ts';
import { distinctPaths, flowPathsOf, pathIdOf } from './identity.ts';
import type { PathObservation } from './observation.ts';

export function observeAlone(trace: Trace): PathObservation {
  const answers = trace.hops.flatMap(({ replies }) => replies.filter(({ kind }) => isDestination(kind)));
  const rtts = answers.map(({ rttMs }) => rttMs);
  return {
    pathId: pathIdOf(trace),
    asPathId: null,
    asPath: [],
    reached: trace.reached,
    hopCount: trace.hopCount,
    paths: distinctPaths(flowPathsOf(trace)),
    lastRespondingHop: Math.max(0, ...trace.hops.map((hop) => (hop.replies.length > 0 ? hop.ttl : 0))),
    rttMs: rtts.length === 0 ? null : Math.min(...rtts),
    lossRatio: destinationLoss(trace),
    changes: [],
  };
}

/**
 * Share of the probes that reached the destination's TTL, flow by flow, and got no answer. A flow that never found
 * the destination counts as one probe lost.
 */
export function destinationLoss(trace: Trace): number {
  if (!trace.reached) return 1;
  let sent = 0;
  let answered = 0;
  for (const flow of trace.flows) {
    const own = trace.hops.flatMap(({ ttl, replies }) =>
      replies.filter((reply) => reply.flow === flow && isDestination(reply.kind)).map(() => ttl),
    );
    const ttl = own.length === 0 ? 0 : Math.min(...own);
    const replies = own.filter((other) => other === ttl).length;
    answered += replies;
    sent += Math.max(1, replies);
  }
  return sent === 0 ? 1 : (sent - answered) / sent;
}
