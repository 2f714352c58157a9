// The remarks beside a hop: unreachable codes as traceroute users know them, in words; MPLS labels, interfaces, address
// translation, a way back of another length. Each is said where it begins and not repeated at every hop after it.

import { natsOf, natText, returnDistance, trafficClassesOf, trafficClassText } from '../path/hop-facts.ts';
import { isDestination } from '../trace/probe-record.ts';
import type { HopReply, InterfaceInformation, MplsLabel, Trace } from '../trace/trace.ts';
import type { Style } from './styled-text.ts';

export interface Note {
  readonly text: string;
  readonly style: Style;
}

/** RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1; letters as traceroute(8) prints them. */
const UNREACHABLE_4: Readonly<Record<number, string>> = {
  0: '!N network unreachable',
  1: '!H host unreachable',
  2: '!P protocol unreachable',
  4: '!F fragmentation needed',
  5: '!S source route failed',
  6: '!U network unknown',
  7: '!W host unknown',
  8: '!I source host isolated',
  9: '!A network administratively prohibited',
  10: '!Z host administratively prohibited',
  11: '!Q network unreachable for this ToS',
  12: '!T host unreachable for this ToS',
  13: '!X administratively prohibited',
  14: '!V host precedence violation',
  15: '!C precedence cutoff in effect',
};

/** RFC 4443 section 3.1. */
const UNREACHABLE_6: Readonly<Record<number, string>> = {
  0: '!N no route to destination',
  1: '!X administratively prohibited',
  2: '!S beyond scope of source address',
  3: '!H address unreachable',
  5: '!X source address failed policy',
  6: '!X reject route to destination',
};

/** `!X administratively prohibited`; `!<7>` for a code without a name. */
export function unreachableText(reply: HopReply, family: 4 | 6): string {
  // "Packet too big" is a type of its own in ICMPv6, told by its MTU.
  if (reply.mtu === 0) return '!F packet too big';
  if (reply.mtu !== undefined) return `!F-${reply.mtu} packet too big, MTU ${reply.mtu}`;
  const code = reply.code ?? -1;
  return (family === 4 ? UNREACHABLE_4 : UNREACHABLE_6)[code] ?? `!<${code}> unreachable`;
}

/** What goes beside the replies of one address at one TTL. */
export class NoteTaker {
  readonly #trace: Trace;
  /** By flow: what was last said, so that only a change is said again. */
  readonly #asymmetry = new Map<number, number>();
  /** By TTL and flow. */
  readonly #rewriting = new Map<string, Note[]>();

  constructor(trace: Trace) {
    this.#trace = trace;
    for (const fact of natsOf(trace)) this.#add(fact, { text: natText(fact), style: 'warning' });
    for (const fact of trafficClassesOf(trace)) {
      this.#add(fact, { text: trafficClassText(fact), style: fact.ecn === 'congestion' ? 'warning' : 'dim' });
    }
  }

  #add({ flow, before }: { readonly flow: number; readonly before: number }, note: Note): void {
    const key = `${before} ${flow}`;
    this.#rewriting.set(key, [...(this.#rewriting.get(key) ?? []), note]);
  }

  /** To be called hop by hop, from the nearest on. `replies` are those of one address at `ttl`. */
  notesOn(ttl: number, replies: readonly HopReply[]): Note[] {
    const notes: Note[] = [];
    for (const reply of replies) {
      for (const note of this.#notesOnReply(ttl, reply)) {
        if (!notes.some(({ text }) => text === note.text)) notes.push(note);
      }
    }
    return notes;
  }

  #notesOnReply(ttl: number, reply: HopReply): Note[] {
    const notes: Note[] = [];
    const { family, address, port } = this.#trace;
    if (reply.kind === 'unreachable') notes.push({ text: unreachableText(reply, family), style: 'bad' });
    if (reply.kind === 'syn-ack') notes.push({ text: `port ${port} open`, style: 'good' });
    if (reply.kind === 'rst') notes.push({ text: `port ${port} closed`, style: 'warning' });
    if (reply.kind === 'udp-reply') notes.push({ text: `port ${port} answers`, style: 'good' });
    if (isDestination(reply.kind) && reply.address !== address) {
      notes.push({ text: `answers for ${address}`, style: 'warning' });
    }
    if (reply.mpls !== undefined) notes.push({ text: mplsText(reply.mpls), style: 'plain' });
    for (const information of reply.interfaces ?? []) {
      notes.push({ text: interfaceText(information), style: 'plain' });
    }
    notes.push(...(this.#rewriting.get(`${ttl} ${reply.flow}`) ?? []));
    // A router that refuses a packet has not counted its TTL down: nothing strange in that.
    if (reply.kind !== 'unreachable') {
      if (reply.quotedTtl !== undefined) notes.push({ text: `quotes TTL ${reply.quotedTtl}`, style: 'dim' });
      notes.push(...this.#wayBack(ttl, reply));
    }
    return notes;
  }

  /** tracepath's "asymm": the reply's TTL tells how many hops it came, if its sender began with a usual TTL. */
  #wayBack(ttl: number, reply: HopReply): Note[] {
    const back = returnDistance(ttl, reply.replyTtl);
    if (back === null || back.asymmetry === (this.#asymmetry.get(reply.flow) ?? 0)) return [];
    this.#asymmetry.set(reply.flow, back.asymmetry);
    return back.asymmetry === 0 ? [] : [{ text: `asymm ${back.hops}`, style: 'dim' }];
  }
}

function mplsText(labels: readonly MplsLabel[]): string {
  const one = ({ label, tc, ttl }: MplsLabel): string =>
    `${label}${tc === 0 ? '' : ` tc ${tc}`}${ttl === 1 ? '' : ` ttl ${ttl}`}`;
  return `MPLS ${labels.map(one).join(', ')}`;
}

const ROLES: Readonly<Record<InterfaceInformation['role'], string>> = {
  incoming: 'in',
  'sub-ip': 'member',
  outgoing: 'out',
  'next-hop': 'next',
};

function interfaceText({ role, index, address, name, mtu }: InterfaceInformation): string {
  const parts = [ROLES[role]];
  if (name !== undefined) parts.push(name);
  else if (index !== undefined) parts.push(`#${index}`);
  if (address !== undefined) parts.push(address);
  if (mtu !== undefined) parts.push(`MTU ${mtu}`);
  return parts.join(' ');
}
