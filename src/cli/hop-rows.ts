// The hops of one trace as rows to show: one for each address that answered at a TTL, one for a TTL where nobody did.
// Invariant: what went unanswered at a TTL can be read off its rows, and is called silence, not loss.

import { isDestination } from '../trace/probe-record.ts';
import type { Hop, HopReply, Trace } from '../trace/trace.ts';
import { type FactsOf, factsText } from './hop-facts.ts';
import { type Note, NoteTaker } from './reply-notes.ts';

export interface HopRow {
  readonly ttl: number;
  /** First row of its hop: the one that bears the number. */
  readonly first: boolean;
  /** Null where nobody answered. */
  readonly address: string | null;
  /** Without an address: there may still come one. */
  readonly waiting: boolean;
  /** Replies that this row is about, of `sent` probes at this TTL. */
  readonly count: number;
  readonly sent: number;
  readonly rtt: { readonly best: number; readonly avg: number; readonly worst: number } | null;
  readonly destination: boolean;
  readonly notes: readonly Note[];
}

/** Addresses of one hop that have a row each; the rest share one. */
const MAX_ADDRESSES = 16;

/**
 * @param pending the trace is still under way: what is not answered yet gets no row of its own, and of the hops past the
 * last responder only the next is there.
 * @param factsOf what is known of an address, to be noted beside it; null for nothing
 */
export function hopRows(trace: Trace, pending = false, factsOf: FactsOf | null = null): HopRow[] {
  const taker = new NoteTaker(trace);
  const rows: HopRow[] = [];
  const last = trace.hops.findLastIndex(({ replies }) => replies.length > 0);
  for (const hop of pending ? trace.hops.slice(0, last + 2) : trace.hops) {
    const before = rows.length;
    const groups = [...groupReplies(hop)];
    for (const [address, replies] of groups.slice(0, MAX_ADDRESSES)) {
      const known = factsOf === null ? '' : factsText(factsOf(address));
      const notes: Note[] = known === '' ? [] : [{ text: known, style: 'plain' }];
      notes.push(...taker.notesOn(hop.ttl, replies));
      if (groups.length > 1 && trace.flows.length > 1) notes.push(flowNote(replies));
      const silent = hop.sent - hop.replies.length;
      if (groups.length > 1 && silent > 0 && !pending && rows.length === before) {
        notes.push({ text: `${silent} unanswered`, style: 'dim' });
      }
      if (rows.length === before) notes.push(...multipathNotes(trace, hop.ttl, groups.length));
      rows.push({ ...rowOf(hop, address, replies), first: rows.length === before, notes });
    }
    if (groups.length > MAX_ADDRESSES) rows.push(overflowRow(hop, groups.slice(MAX_ADDRESSES)));
    if (groups.length === 0) rows.push(silentRow(hop, pending));
  }
  return rows;
}

/** Replies by address, in the order in which the addresses were first met. */
function groupReplies(hop: Hop): Map<string, HopReply[]> {
  const groups = new Map<string, HopReply[]>();
  for (const reply of hop.replies) {
    const group = groups.get(reply.address);
    if (group === undefined) groups.set(reply.address, [reply]);
    else group.push(reply);
  }
  return groups;
}

function rowOf(hop: Hop, address: string, replies: readonly HopReply[]): Omit<HopRow, 'first' | 'notes'> {
  const rtts = replies.map((reply) => reply.rttMs);
  return {
    ttl: hop.ttl,
    address,
    waiting: false,
    count: replies.length,
    sent: hop.sent,
    rtt: {
      best: Math.min(...rtts),
      avg: rtts.reduce((sum, rtt) => sum + rtt, 0) / rtts.length,
      worst: Math.max(...rtts),
    },
    destination: replies.some((reply) => isDestination(reply.kind)),
  };
}

function overflowRow(hop: Hop, groups: readonly (readonly [string, readonly HopReply[]])[]): HopRow {
  const replies = groups.flatMap(([, group]) => group);
  return {
    ...rowOf(hop, `and ${groups.length} more addresses`, replies),
    destination: false,
    first: false,
    notes: [],
  };
}

function silentRow({ ttl, sent }: Hop, waiting: boolean): HopRow {
  return {
    ttl,
    first: true,
    address: null,
    waiting,
    count: 0,
    sent,
    rtt: null,
    destination: false,
    notes: [],
  };
}

/** What multipath discovery knows of the hop beyond the addresses that are shown. */
function multipathNotes({ multipath }: Trace, ttl: number, shown: number): Note[] {
  const notes: Note[] = [];
  const known = multipath?.interfaces[ttl - 1]?.length ?? 0;
  if (known > shown)
    notes.push({
      text: shown === 1 ? `one of ${known} interfaces` : `${shown} of ${known} interfaces`,
      style: 'plain',
    });
  if (multipath?.perPacketTtls.includes(ttl) === true) {
    notes.push({ text: 'packets of one flow are spread', style: 'warning' });
  }
  return notes;
}

/** `flows 0-2,5` */
function flowNote(replies: readonly HopReply[]): Note {
  const flows = [...new Set(replies.map((reply) => reply.flow))].sort((a, b) => a - b);
  const runs: string[] = [];
  for (let i = 0; i < flows.length; ) {
    let last = i;
    while (flows[last + 1] === (flows[last] as number) + 1) last++;
    runs.push(last === i ? `${flows[i]}` : `${flows[i]}-${flows[last]}`);
    i = last + 1;
  }
  return { text: `${flows.length === 1 ? 'flow' : 'flows'} ${runs.join(',')}`, style: 'dim' };
}
