// Traces written by hand for tests of this room: one string of addresses a flow, `*` for silence.

import type { Hop, HopReply, Trace } from '../trace/trace.ts';

export const DESTINATION = '198.18.0.1';

/**
 * A trace whose flows saw what `flows` say: hops by TTL from `firstTtl` on, separated by spaces. `*` is silence, `D`
 * the destination, `U` an "unreachable", `a|b` two answers at one TTL, `0.0.0.0` an interface without address on a router of
 * another make, any letter or word the router of that name.
 */
export function syntheticTrace(flows: readonly string[], more: Partial<Trace> = {}, firstTtl = 1): Trace {
  const numbers = more.flows ?? flows.map((_, i) => i);
  const byTtl = new Map<number, { sent: number; replies: HopReply[] }>();
  for (const [i, text] of flows.entries()) {
    for (const [j, token] of text.split(' ').entries()) {
      const hop = byTtl.get(firstTtl + j) ?? { sent: 0, replies: [] };
      byTtl.set(firstTtl + j, hop);
      for (const name of token.split('|')) {
        hop.sent++;
        if (name !== '*') hop.replies.push(syntheticReply(numbers[i] ?? i, firstTtl + j, name));
      }
    }
  }
  const hops: Hop[] = [...byTtl].map(([ttl, hop]) => ({ ttl, ...hop })).sort((a, b) => a.ttl - b.ttl);
  const reached = hops.find((hop) => hop.replies.some((reply) => reply.kind === 'echo-reply'));
  return {
    target: 'example.org',
    address: DESTINATION,
    family: 4,
    protocol: 'icmp',
    port: null,
    mode: 'raw',
    startedAt: '2026-11-23T09:00:00.000Z',
    durationMs: 20,
    reached: reached !== undefined,
    hopCount: reached?.ttl ?? 0,
    probesSent: hops.reduce((sum, hop) => sum + hop.sent, 0),
    hops,
    links: [],
    end: reached === undefined ? 'silent' : 'reached',
    duplicates: 0,
    late: 0,
    flows: numbers,
    ...more,
  };
}

/** The address of a router named in a synthetic trace; what already is an address stays. */
export function routerAddress(name: string): string {
  if (name === 'D') return DESTINATION;
  if (name.includes('.') || name.includes(':')) return name;
  let sum = 0;
  for (const letter of name) sum = (sum * 61 + letter.charCodeAt(0)) % 65_536;
  return `100.64.${sum >> 8}.${sum & 255}`;
}

function syntheticReply(flow: number, ttl: number, name: string): HopReply {
  const rttMs = 2 * ttl;
  if (name === 'D') return { flow, address: DESTINATION, rttMs, kind: 'echo-reply', replyTtl: 64 - ttl };
  if (name === 'U') {
    return { flow, address: routerAddress('Ux'), rttMs, kind: 'unreachable', code: 1, replyTtl: 255 - ttl };
  }
  const initialTtl = name === '0.0.0.0' ? 64 : 255;
  return { flow, address: routerAddress(name), rttMs, kind: 'time-exceeded', replyTtl: initialTtl - ttl };
}
