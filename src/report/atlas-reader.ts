// A traceroute result of RIPE Atlas read as a Trace. Invariant: any value is read without an exception; what is believed
// is bounded and valid, and a reply whose meaning is not certain is left out rather than guessed.

import type { Protocol, ReplyKind } from '../trace/network.ts';
import type { Hop, HopReply, MplsLabel, Trace } from '../trace/trace.ts';
import { formatAddress, parseAddress } from '../wire/address.ts';

export interface AtlasTrace {
  readonly kind: 'trace';
  readonly trace: Trace;
  /** Number of the Atlas probe that measured; 0 for hopscope itself. */
  readonly probe: number;
  /** Epoch milliseconds. */
  readonly atMs: number;
  readonly lookupMs: number;
}

export type AtlasReading = AtlasTrace | { readonly kind: 'refused'; readonly reason: string };

const MAX_HOP = 255;
const MAX_REPLIES = 64;
const MAX_NAME_LENGTH = 253;
const MAX_RTT_MS = 600_000;
const MAX_FLOW = 15;
/** The first second of this millennium, and the end of the next century. */
const EARLIEST_S = 946_684_800;
const LATEST_S = 4_102_444_800;
const MAX_MPLS = 16;

type Fields = Readonly<Record<string, unknown>>;

export function readAtlasResult(value: unknown): AtlasReading {
  if (!isObject(value)) return refused('it is no object');
  if (value['type'] !== undefined && value['type'] !== 'traceroute') return refused('it is no traceroute');
  const at = value['timestamp'];
  if (!isNumber(at, EARLIEST_S, LATEST_S)) return refused('its timestamp is no time');
  const address = readAddress(value['dst_addr']);
  if (address === null) return refused('it has no address of its destination');
  const protocol = readProtocol(value['proto']);
  if (protocol === null) return refused('its protocol is not ICMP, UDP or TCP');
  const flow = flowOf(value['paris_id']);
  const hops = readHops(value['result'], { address, protocol, flow, family: address.includes(':') ? 6 : 4 });
  if (hops === null) return refused('it has no hops');
  const end = isNumber(value['endtime'], at, at + 3600) ? value['endtime'] : at;
  const trace = traceOf({ value, address, protocol, flow, hops, at, end });
  const lookup = value['ttr'];
  return {
    kind: 'trace',
    trace,
    probe: isNumber(value['prb_id'], 0, 2 ** 31) ? Math.floor(value['prb_id']) : 0,
    atMs: Math.floor(at * 1000),
    lookupMs: isNumber(lookup, 0, MAX_RTT_MS) ? lookup : 0,
  };
}

interface Read {
  readonly value: Fields;
  readonly address: string;
  readonly protocol: Protocol;
  readonly flow: number;
  readonly hops: readonly Hop[];
  readonly at: number;
  readonly end: number;
}

function traceOf({ value, address, protocol, flow, hops, at, end }: Read): Trace {
  const last = hops.find(({ replies }) => replies.some((reply) => isFinal(reply.kind)));
  const sent = hops.reduce((sum, hop) => sum + hop.sent, 0);
  return {
    target: readName(value['dst_name']) ?? address,
    address,
    family: address.includes(':') ? 6 : 4,
    protocol,
    port: null,
    mode: 'raw',
    startedAt: new Date(at * 1000).toISOString(),
    durationMs: (end - at) * 1000,
    reached: last !== undefined,
    hopCount: last?.ttl ?? 0,
    probesSent: sent,
    hops,
    links: linksOf(hops),
    end: last === undefined ? 'silent' : 'reached',
    duplicates: 0,
    late: 0,
    flows: [flow],
  };
}

/** Several results of one moment, of different flows, as one trace; null where they do not belong together. */
export function joinFlows(a: Trace, b: Trace): Trace | null {
  const same = a.address === b.address && a.protocol === b.protocol && a.startedAt === b.startedAt;
  return same && !shareFlow(a, b) ? mergeFlows(a, b) : null;
}

export function shareFlow(a: Trace, b: Trace): boolean {
  return b.flows.some((flow) => a.flows.includes(flow));
}

/** Traces of different flows to one destination as one trace, which began with `a`. */
export function mergeFlows(a: Trace, b: Trace): Trace {
  const hops = Array.from({ length: Math.max(a.hops.length, b.hops.length) }, (_, i): Hop => {
    const parts = [a.hops[i], b.hops[i]].filter((hop) => hop !== undefined);
    return {
      ttl: i + 1,
      sent: parts.reduce((sum, { sent }) => sum + sent, 0),
      replies: parts.flatMap(({ replies }) => replies),
    };
  });
  const counts = [a.hopCount, b.hopCount].filter((count) => count > 0);
  const links = new Map(
    [...a.links, ...b.links].map((link) => [`${link.ttl} ${link.from} ${link.to}`, link]),
  );
  return {
    ...a,
    hops,
    links: [...links.values()],
    flows: [...a.flows, ...b.flows].sort((x, y) => x - y),
    reached: a.reached || b.reached,
    end: a.reached || b.reached ? 'reached' : a.end,
    hopCount: counts.length === 0 ? 0 : Math.min(...counts),
    probesSent: a.probesSent + b.probesSent,
    durationMs: Math.max(a.durationMs, b.durationMs),
  };
}

interface HopContext {
  readonly address: string;
  readonly protocol: Protocol;
  readonly family: 4 | 6;
  readonly flow: number;
}

/** By TTL without a gap. Atlas ends a silent stretch with one probe of TTL 255, whose distance says nothing. */
function readHops(value: unknown, context: HopContext): Hop[] | null {
  if (!Array.isArray(value)) return null;
  const hops: Hop[] = [];
  for (const item of value.slice(0, MAX_HOP)) {
    if (!isObject(item) || !isNumber(item['hop'], 1, MAX_HOP)) continue;
    const ttl = item['hop'];
    if (!Number.isInteger(ttl) || ttl <= hops.length || (ttl === MAX_HOP && hops.length < MAX_HOP - 1))
      continue;
    while (hops.length < ttl - 1) hops.push({ ttl: hops.length + 1, sent: 0, replies: [] });
    hops.push(readHop(ttl, item['result'], context));
    if (hops.at(-1)?.replies.some(({ kind }) => isFinal(kind))) break;
  }
  return hops.length === 0 ? null : hops;
}

function readHop(ttl: number, value: unknown, context: HopContext): Hop {
  let sent = 0;
  const replies: HopReply[] = [];
  for (const item of Array.isArray(value) ? value.slice(0, MAX_REPLIES) : []) {
    // A late or repeated reply belongs to a probe that is counted elsewhere.
    if (!isObject(item) || item['late'] !== undefined || item['dup'] === true) continue;
    sent++;
    const reply = readReply(item, context);
    if (reply !== null) replies.push(reply);
  }
  return { ttl, sent, replies };
}

function readReply(item: Fields, context: HopContext): HopReply | null {
  const from = readAddress(item['from']);
  if (from === null) return null;
  const kind = kindOf(item, from, context);
  const rtt = item['rtt'];
  if (kind === null || !isNumber(rtt, 0, MAX_RTT_MS)) return null;
  const code = kind === 'unreachable' ? codeOf(item['err'], context.family) : null;
  const mtu = item['mtu'];
  const mpls = readMpls(item['icmpext']);
  return {
    flow: context.flow,
    address: from,
    rttMs: rtt,
    kind,
    ...(code === null ? {} : { code }),
    ...(isNumber(item['ttl'], 0, 255) ? { replyTtl: Math.floor(item['ttl']) } : {}),
    ...(isNumber(mtu, 0, 65535) ? { mtu: Math.floor(mtu) } : {}),
    ...(mpls.length === 0 ? {} : { mpls }),
  };
}

const DESTINATION_KINDS: Readonly<Record<Protocol, ReplyKind>> = {
  icmp: 'echo-reply',
  udp: 'port-unreachable',
  tcp: 'syn-ack',
};

/** A reply with an error is an unreachable: all of Atlas' letters and numbers for it are codes of that message. */
function kindOf(item: Fields, from: string, { address, protocol }: HopContext): ReplyKind | null {
  const flags = item['flags'];
  if (typeof flags === 'string') {
    if (/R/.test(flags)) return 'rst';
    if (/S/.test(flags) && /A/.test(flags)) return 'syn-ack';
  }
  const error = item['err'];
  if (error === 'p' || (from === address && error === undefined)) return DESTINATION_KINDS[protocol];
  if (error !== undefined || item['mtu'] !== undefined) return 'unreachable';
  return 'time-exceeded';
}

const CODES_4: Readonly<Record<string, number>> = { N: 0, H: 1, P: 2, p: 3, A: 13 };
const CODES_6: Readonly<Record<string, number>> = { N: 0, A: 1, h: 2, H: 3, p: 4 };

function codeOf(error: unknown, family: 4 | 6): number | null {
  if (isNumber(error, 0, 255)) return Math.floor(error);
  return typeof error === 'string' ? ((family === 4 ? CODES_4 : CODES_6)[error] ?? null) : null;
}

function readMpls(extension: unknown): MplsLabel[] {
  if (!isObject(extension) || !Array.isArray(extension['obj'])) return [];
  return extension['obj'].slice(0, MAX_MPLS).flatMap((object): MplsLabel[] => {
    if (!isObject(object) || !Array.isArray(object['mpls'])) return [];
    return object['mpls'].slice(0, MAX_MPLS).flatMap((entry): MplsLabel[] => {
      if (!isObject(entry)) return [];
      const { label, exp, s, ttl } = entry as Record<string, unknown>;
      if (!isNumber(label, 0, 0xfffff) || !isNumber(exp, 0, 7) || !isNumber(ttl, 0, 255)) return [];
      return [{ label, tc: exp, bottom: s === 1, ttl }];
    });
  });
}

function linksOf(hops: readonly Hop[]): Trace['links'] {
  const links = new Map<string, Trace['links'][number]>();
  for (const [i, hop] of hops.entries()) {
    for (const { address: from } of hop.replies) {
      for (const { address: to } of hops[i + 1]?.replies ?? [])
        links.set(`${hop.ttl} ${from} ${to}`, { ttl: hop.ttl, from, to });
    }
  }
  return [...links.values()];
}

/** That the destination itself was heard. */
function isFinal(kind: ReplyKind): boolean {
  return kind !== 'time-exceeded' && kind !== 'unreachable';
}

/** Atlas says 0 where the flow is not kept; its identifiers begin with 1. */
function flowOf(paris: unknown): number {
  return isNumber(paris, 1, 2 ** 16) ? (Math.floor(paris) - 1) & MAX_FLOW : 0;
}

function readProtocol(value: unknown): Protocol | null {
  if (typeof value !== 'string') return null;
  const name = value.toLowerCase();
  return name === 'icmp' || name === 'udp' || name === 'tcp' ? name : null;
}

function readAddress(value: unknown): string | null {
  if (typeof value !== 'string' || value.length > 64) return null;
  const bytes = parseAddress(value);
  return bytes === undefined ? null : formatAddress(bytes);
}

/** A name is kept if it could be one. */
function readName(value: unknown): string | null {
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_NAME_LENGTH) return null;
  return /^[a-zA-Z0-9_.:-]+$/.test(value) ? value.toLowerCase() : null;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && value >= min && value <= max;
}

function refused(reason: string): AtlasReading {
  return { kind: 'refused', reason };
}
