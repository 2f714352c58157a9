// Budgets of replies: a token bucket per responder, as routers limit their ICMP errors (RFC 1812 section 4.3.2.8).

import type { Memory } from './plans.ts';
import type { TokenBucket } from './scenario.ts';

/** A bucket that begins full. Times may go backwards by what packets overtake each other. */
export function takeToken(memory: Memory, limit: TokenBucket, atNs: number): boolean {
  if (memory.tokens < 0) {
    memory.tokens = limit.burst;
    memory.refilledAtNs = atNs;
  }
  if (atNs > memory.refilledAtNs) {
    const earned = ((atNs - memory.refilledAtNs) / 1e9) * limit.perSecond;
    memory.tokens = Math.min(limit.burst, memory.tokens + earned);
    memory.refilledAtNs = atNs;
  }
  if (memory.tokens < 1) return false;
  memory.tokens -= 1;
  return true;
}
