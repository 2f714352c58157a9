// RIPE Atlas' traceroute result, data structure version 5000, so that what reads Atlas results reads ours. A result of
// theirs has one Paris identifier: a trace of several flows is one result, on one line, for each.
//
// What is not known is left out and not made up: the sizes of replies, whether an extension was RFC 4884's, and of a run
// that was stored, all round-trip times of an address but the least.

import type { RecordedRun } from '../history/recorded-run.ts';
import type { Family, Protocol } from '../trace/network.ts';
import type { Hop, HopReply, InterfaceInformation, Trace } from '../trace/trace.ts';

export interface AtlasContext {
  /** Address that the probes left from, or null when it is not known. */
  readonly sourceAddress: string | null;
  /** Milliseconds the name lookup took; null for a numeric target. */
  readonly lookupMs: number | null;
  readonly queries: number;
  /** Length of the IP packets as asked for; 0 for the smallest. */
  readonly packetLength: number;
}

const FIRMWARE = 5000;
/** "Not known" of when a probe's clock was last synchronised. */
const LTS_UNKNOWN = -1;

/** What a stored run does not say itself. */
export interface StoredRunContext {
  readonly host: string;
  readonly protocol: Protocol;
  /** Null where it is not known: then the family is that of the addresses on the way. */
  readonly address: string | null;
  /** Of the path that the run names, by TTL from 1 on. */
  readonly route: readonly (readonly string[])[];
  readonly flows: number;
  readonly packetLength: number;
}

/** Lines with their line feeds, one for each flow. */
export function atlasLines(trace: Trace, context: AtlasContext): string {
  return trace.flows.map((flow) => `${JSON.stringify(atlasResult(trace, flow, context))}\n`).join('');
}

function atlasResult(trace: Trace, flow: number, context: AtlasContext): object {
  const startedAtMs = Date.parse(trace.startedAt);
  const { sourceAddress, lookupMs } = context;
  return {
    fw: FIRMWARE,
    lts: LTS_UNKNOWN,
    endtime: Math.floor((startedAtMs + trace.durationMs) / 1000),
    dst_name: trace.target,
    ...(lookupMs === null ? {} : { ttr: lookupMs }),
    dst_addr: trace.address,
    ...(sourceAddress === null ? {} : { src_addr: sourceAddress }),
    proto: trace.protocol.toUpperCase(),
    af: trace.family,
    size: payloadLength(trace, context.packetLength),
    // 0 says "no Paris traceroute" there.
    paris_id: flow + 1,
    result: hopsOf(trace, flow, context.queries),
    msm_id: 0,
    prb_id: 0,
    timestamp: Math.floor(startedAtMs / 1000),
    msm_name: 'Traceroute',
    from: sourceAddress ?? '',
    type: 'traceroute',
  };
}

/** Bytes after the transport header, as Atlas counts them. */
function payloadLength(
  { protocol, family }: Pick<Trace, 'protocol' | 'family'>,
  packetLength: number,
): number {
  // The probes' own payload holds 12 bytes of ICMP and UDP; a SYN has none, its option counts as header.
  if (packetLength === 0) return protocol === 'tcp' ? 0 : 12;
  const transport = protocol === 'tcp' ? 24 : 8;
  return Math.max(0, packetLength - (family === 4 ? 20 : 40) - transport);
}

/**
 * A run out of the history. Its flows are one result: without a Paris identifier where there are several, as of a
 * traceroute that varies the flow. Null for a round that had no trace.
 */
export function atlasResultOfRun(run: RecordedRun, context: StoredRunContext): object | null {
  if (run.failure !== null) return null;
  const { host, protocol, address, route, flows, packetLength } = context;
  const some = address ?? route.flat()[0] ?? '';
  const family: Family = some.includes(':') ? 6 : 4;
  return {
    fw: FIRMWARE,
    lts: LTS_UNKNOWN,
    endtime: Math.floor((run.atMs + run.durationMs) / 1000),
    dst_name: host,
    ...(address === null ? {} : { dst_addr: address }),
    proto: protocol.toUpperCase(),
    af: family,
    size: payloadLength({ protocol, family }, packetLength),
    paris_id: flows === 1 ? 1 : 0,
    result: run.hops
      .map((hop, i) => ({ hop: i + 1, result: storedReplies(hop, route[i] ?? []) }))
      .filter(({ result }) => result.length > 0),
    msm_id: 0,
    prb_id: 0,
    timestamp: Math.floor(run.atMs / 1000),
    msm_name: 'Traceroute',
    from: '',
    type: 'traceroute',
  };
}

function storedReplies(
  { sent, answers }: RecordedRun['hops'][number],
  addresses: readonly string[],
): object[] {
  const replies = answers.flatMap(({ answered, rttMs }, i) => {
    const from = addresses[i];
    // The last place may hold replies of addresses that are not in the path; whose is not known.
    if (answered === 0 || from === undefined) return [];
    const more = Array.from({ length: answered - 1 }, () => ({ from }));
    return [{ from, ...(rttMs === null ? {} : { rtt: rttMs }) }, ...more];
  });
  const answered = answers.reduce((sum, answer) => sum + answer.answered, 0);
  return [...replies, ...Array.from({ length: Math.max(0, sent - answered) }, () => ({ x: '*' }))];
}

function hopsOf(trace: Trace, flow: number, queries: number): object[] {
  const end = endOf(trace, flow);
  const hops: object[] = [];
  for (const hop of trace.hops) {
    if (hop.ttl > end) break;
    const replies = hop.replies.filter((reply) => reply.flow === flow);
    const silent = Math.max(0, silentProbes(trace, hop, flow, queries));
    hops.push({
      hop: hop.ttl,
      result: [...replies.map((reply) => replyOf(trace, reply)), ...Array<object>(silent).fill({ x: '*' })],
    });
  }
  return hops;
}

/** TTL at which the path of one flow ends, or Infinity. */
function endOf(trace: Trace, flow: number): number {
  for (const { ttl, replies } of trace.hops) {
    const ended = replies.some((reply) => reply.flow === flow && reply.kind !== 'time-exceeded');
    if (ended) return ttl;
  }
  return Number.POSITIVE_INFINITY;
}

/** Unanswered probes of one flow. A hop counts all flows' probes together, so what is silent goes to the first first. */
function silentProbes(trace: Trace, hop: Hop, flow: number, queries: number): number {
  let silent = hop.sent - hop.replies.length;
  for (const other of trace.flows) {
    if (hop.ttl > endOf(trace, other)) continue;
    const missing = queries - hop.replies.filter((reply) => reply.flow === other).length;
    const share = Math.max(0, Math.min(missing, silent));
    if (other === flow) return share;
    silent -= share;
  }
  return 0;
}

function replyOf(trace: Trace, reply: HopReply): object {
  const { quotedTtl, quotedTrafficClass, mtu, replyTtl } = reply;
  const objects = extensionObjects(reply);
  return {
    from: reply.address,
    ...(replyTtl === undefined ? {} : { ttl: replyTtl }),
    rtt: reply.rttMs,
    ...(quotedTtl === undefined ? {} : { ittl: quotedTtl }),
    ...(quotedTrafficClass === undefined ? {} : { itos: quotedTrafficClass }),
    ...errorOf(trace, reply),
    ...(mtu === undefined ? {} : { mtu }),
    ...flagsOf(reply),
    ...(objects.length === 0 ? {} : { icmpext: { version: 2, obj: objects } }),
  };
}

const ERRORS_4: Readonly<Record<number, string>> = { 0: 'N', 1: 'H', 2: 'P', 13: 'A' };
const ERRORS_6: Readonly<Record<number, string>> = { 0: 'N', 1: 'A', 2: 'h', 3: 'H' };

function errorOf(trace: Trace, { kind, code, mtu }: HopReply): object {
  if (kind !== 'unreachable' || mtu !== undefined || code === undefined) return {};
  return { err: (trace.family === 4 ? ERRORS_4 : ERRORS_6)[code] ?? code };
}

/** A reset that answers a SYN carries an acknowledgement too (RFC 9293 section 3.10.7.1). */
function flagsOf({ kind }: HopReply): object {
  if (kind === 'syn-ack') return { flags: 'SA' };
  return kind === 'rst' ? { flags: 'RA' } : {};
}

function extensionObjects(reply: HopReply): object[] {
  const objects: object[] = [];
  if (reply.mpls !== undefined) {
    const mpls = reply.mpls.map(({ label, tc, bottom, ttl }) => ({ label, exp: tc, s: bottom ? 1 : 0, ttl }));
    objects.push({ class: 1, type: 1, mpls });
  }
  for (const information of reply.interfaces ?? [])
    objects.push({ class: 2, type: interfaceType(information) });
  return objects;
}

const ROLE_BITS: Readonly<Record<InterfaceInformation['role'], number>> = {
  incoming: 0x00,
  'sub-ip': 0x40,
  outgoing: 0x80,
  'next-hop': 0xc0,
};

/** C-Type of RFC 5837 section 4.1: the role, and which parts are there. */
function interfaceType({ role, index, address, name, mtu }: InterfaceInformation): number {
  const has = (value: unknown, bit: number): number => (value === undefined ? 0 : bit);
  return ROLE_BITS[role] | has(index, 8) | has(address, 4) | has(name, 2) | has(mtu, 1);
}
