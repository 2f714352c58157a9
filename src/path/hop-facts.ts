// What the hops of one trace tell about the way itself: where addresses or ports are translated, where the traffic class
// is rewritten, and how much longer the way back is than the way out. Pure; per flow, because flows go different ways.
// Invariant: a change is put between two hops whose quotes were seen, never at one whose quote said nothing.

import type { HopReply, MtuReport, Trace } from '../trace/trace.ts';

/** Between two hops of a flow's path. */
export interface Between {
  readonly flow: number;
  /** TTL of the last hop that still had the packet as before; 0 for this host. */
  readonly after: number;
  /** TTL of the first hop that had it changed. */
  readonly before: number;
}

/** A translator of addresses or ports. */
export interface NatFact extends Between {
  /** Ones-complement difference that it made to the transport checksum, 1 to 0xfffe. */
  readonly delta: number;
}

/** RFC 3168 section 5, by the two lowest bits of the traffic class. */
export type EcnChange = 'bleached' | 'congestion' | 'changed';

export interface TrafficClassFact extends Between {
  /** Whole traffic classes, 0 to 255. */
  readonly from: number;
  readonly to: number;
  /** The six upper bits, where they changed. */
  readonly dscp: { readonly from: number; readonly to: number } | null;
  /** `bleached`: a capable packet became one that is not. `congestion`: a queue marked it. */
  readonly ecn: EcnChange | null;
}

/** What a value along a flow's path did. */
interface Step extends Between {
  readonly from: number;
  readonly to: number;
}

/** Where quoted checksums change from one hop to the next. IPv4 alone has translators worth the name. */
export function natsOf(trace: Trace): NatFact[] {
  if (trace.family !== 4) return [];
  return stepsOf(trace, 0, ({ natDelta }) => natDelta).map(({ flow, after, before, from, to }) => ({
    flow,
    after,
    before,
    delta: (to - from + 0xffff) % 0xffff,
  }));
}

/** Where the traffic class in the quotes changes from one hop to the next. */
export function trafficClassesOf(trace: Trace): TrafficClassFact[] {
  return stepsOf(trace, trace.trafficClass ?? 0, ({ quotedTrafficClass }) => quotedTrafficClass).map(
    (step) => ({
      ...step,
      dscp: step.from >> 2 === step.to >> 2 ? null : { from: step.from >> 2, to: step.to >> 2 },
      ecn: ecnChange(step.from & 3, step.to & 3),
    }),
  );
}

function ecnChange(from: number, to: number): EcnChange | null {
  if (from === to) return null;
  if (to === 0) return 'bleached';
  return to === 3 && from !== 0 ? 'congestion' : 'changed';
}

function stepsOf(trace: Trace, sent: number, read: (reply: HopReply) => number | undefined): Step[] {
  const steps: Step[] = [];
  const last = new Map<number, { ttl: number; value: number }>();
  for (const { ttl, replies } of trace.hops) {
    for (const reply of replies) {
      const to = read(reply);
      if (to === undefined) continue;
      const known = last.get(reply.flow);
      const after = known?.ttl ?? 0;
      const from = known?.value ?? sent;
      // Several probes of one flow at one TTL: the first one's word stands.
      if (known?.ttl === ttl) continue;
      last.set(reply.flow, { ttl, value: to });
      if (to !== from) steps.push({ flow: reply.flow, after, before: ttl, from, to });
    }
  }
  return steps;
}

/** TTLs that systems send replies with. */
const INITIAL_TTLS = [32, 64, 128, 255] as const;

export interface ReturnDistance {
  /** Hops that a reply came, its sender counted as a TTL counts: a neighbour's is 1. */
  readonly hops: number;
  /** Hops back less hops out. */
  readonly asymmetry: number;
}

/**
 * How far a reply came, by its TTL on arrival: of the usual initial TTLs the one that makes the way back most like the
 * way out. Null where the reply's TTL is not known.
 */
export function returnDistance(ttl: number, replyTtl: number | undefined): ReturnDistance | null {
  if (replyTtl === undefined || replyTtl < 1 || replyTtl > 255) return null;
  let best: ReturnDistance | null = null;
  for (const initial of INITIAL_TTLS) {
    if (initial < replyTtl) continue;
    const hops = initial - replyTtl + 1;
    const asymmetry = hops - ttl;
    if (best === null || Math.abs(asymmetry) < Math.abs(best.asymmetry)) best = { hops, asymmetry };
  }
  return best;
}

/** `between hop 3 and 4`; `before hop 1` where no hop had it unchanged. */
export function placeText({ after, before }: Between): string {
  return after === 0 ? `before hop ${before}` : `between hop ${after} and ${before}`;
}

export function natText(fact: NatFact): string {
  return `NAT ${placeText(fact)}`;
}

/** `DSCP 0 becomes 10 between hop 6 and 7, ECN bleached`. */
export function trafficClassText(fact: TrafficClassFact): string {
  const { dscp, ecn, from, to } = fact;
  const parts = dscp === null ? [] : [`DSCP ${dscp.from} becomes ${dscp.to}`];
  if (ecn === 'bleached') parts.push('ECN bleached');
  else if (ecn === 'congestion') parts.push('ECN marked for congestion');
  else if (ecn === 'changed') parts.push(`ECN ${from & 3} becomes ${to & 3}`);
  return `${parts.join(', ')} ${placeText(fact)}`;
}

/** What a path MTU is and who makes it so, without the words "path MTU". */
export function mtuText(mtu: MtuReport): string {
  const { bytes, hop, address, exact, interfaceBytes } = mtu;
  const certainty = exact ? '' : ' as far as known';
  const steps = (mtu.steps ?? []).map(
    (step) => `; ${step.bytes} already ${afterText(step.hop, step.address)}`,
  );
  const narrowed = address !== null || hop > 0 || bytes < (interfaceBytes ?? bytes);
  if (!narrowed) return `${bytes} bytes${certainty}, as the interface has it`;
  if (address !== null)
    return `${bytes} bytes${certainty}, narrowed ${afterText(hop, address)}${steps.join('')}`;
  const place = hop > 0 ? `after hop ${hop}` : 'somewhere on the way';
  return `${bytes} bytes${certainty}, longer packets vanish without a word ${place}${steps.join('')}`;
}

function afterText(hop: number, address: string): string {
  return hop > 0 ? `after hop ${hop} (${address})` : `by ${address}`;
}
