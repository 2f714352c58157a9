// The text of `/probe?debug=true`: what happened, hop by hop, and the metrics that a scrape would have got.

import { isDestinationReply } from '../metrics/destination.ts';
import type { ProbedRound } from '../metrics/probe-metrics.ts';
import { healthLines } from '../path/health-lines.ts';
import {
  mtuText,
  natsOf,
  natText,
  returnDistance,
  trafficClassesOf,
  trafficClassText,
} from '../path/hop-facts.ts';
import type { Hop, HopReply, InterfaceInformation, Trace } from '../trace/trace.ts';
import type { ProbeQuery } from './probe-request.ts';

/** Replies of one hop that are listed each; the rest is a number. */
const MAX_REPLIES_SHOWN = 16;
const MAX_FACTS_SHOWN = 32;

export function debugText(
  query: ProbeQuery,
  round: ProbedRound,
  durationMs: number,
  metrics: string,
): string {
  return [
    `Log of the probe:\n${logLines(query, round, durationMs).join('\n')}`,
    `Hops:\n${hopTable(round.trace)}`,
    `Metrics that would have been returned:\n${metrics.trimEnd()}`,
    `Module "${query.module.name}":\n${moduleLines(query).join('\n')}\n`,
  ].join('\n\n\n');
}

function logLines(query: ProbeQuery, round: ProbedRound, durationMs: number): string[] {
  const { trace, path } = round;
  const lines = [
    `target ${query.target}, module ${query.module.name}, ${milliseconds(query.timeoutMs)} allowed`,
  ];
  if (query.hostname !== null) lines.push(`hostname ${query.hostname}`);
  if (round.address !== null) {
    lines.push(`address ${round.address}, resolved in ${milliseconds(round.dnsLookupMs)}`);
  }
  if (round.failure !== null) lines.push(`failed: ${round.failure.message}`);
  if (trace !== null) {
    const port = trace.port === null ? '' : ` port ${trace.port}`;
    lines.push(`traced with ${trace.protocol}${port} over IPv${trace.family}, ${trace.mode} sockets`);
    lines.push(
      `sent ${trace.probesSent} probes in ${milliseconds(trace.durationMs)}; duplicate replies ${trace.duplicates}, late ${trace.late}`,
    );
    if (trace.note !== undefined) lines.push(`note: ${trace.note}`);
    lines.push(...factLines(trace));
    lines.push(`ended: ${END_TEXT[trace.end]}`);
  }
  if (path !== null) {
    lines.push(`path ${path.pathId ?? 'unknown'}, ${path.paths} over the flows`);
    lines.push(...healthLines(path).map(({ text }) => text));
  }
  lines.push(`${path?.reached ? 'succeeded' : 'did not succeed'} after ${milliseconds(durationMs)}`);
  return lines;
}

/** What the hops say together. */
function factLines(trace: Trace): string[] {
  const flow = (fact: { readonly flow: number }): string =>
    trace.flows.length > 1 ? `flow ${fact.flow}: ` : '';
  const facts = [
    ...natsOf(trace).map((fact) => flow(fact) + natText(fact)),
    ...trafficClassesOf(trace).map((fact) => flow(fact) + trafficClassText(fact)),
  ].slice(0, MAX_FACTS_SHOWN);
  return trace.mtu === undefined ? facts : [...facts, `path MTU ${mtuText(trace.mtu)}`];
}

const END_TEXT: Readonly<Record<Trace['end'], string>> = {
  reached: 'the destination answered',
  unreachable: 'a router said that the destination is unreachable',
  silent: 'too many silent hops in a row',
  'max-ttl': 'the highest TTL was tried',
  deadline: 'the time allowed was over',
  'send-failed': 'probes could not be sent',
  cancelled: 'cancelled',
};

function hopTable(trace: Trace | null): string {
  if (trace === null || trace.hops.length === 0) return '(nothing was sent)';
  const rows = trace.hops.flatMap(hopRows);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, i) => (i < 3 ? cell.padEnd(widths[i] ?? 0) : cell))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Rows of TTL, address, RTT and remarks. */
function hopRows(hop: Hop): string[][] {
  const ttl = String(hop.ttl).padStart(2);
  const lost = hop.sent - hop.replies.length;
  if (hop.replies.length === 0) return [[ttl, '*', '', `no answer to ${hop.sent}`]];
  const rows = hop.replies
    .slice(0, MAX_REPLIES_SHOWN)
    .map((reply, i) => [
      i === 0 ? ttl : '',
      reply.address,
      `${reply.rttMs.toFixed(3)} ms`,
      remarks(hop.ttl, reply),
    ]);
  if (hop.replies.length > MAX_REPLIES_SHOWN) {
    rows.push(['', `and ${hop.replies.length - MAX_REPLIES_SHOWN} more`, '', '']);
  }
  if (lost > 0) rows.push(['', '*', '', `no answer to ${lost} of ${hop.sent}`]);
  return rows;
}

function remarks(ttl: number, reply: HopReply): string {
  const parts: string[] = isDestinationReply(reply) ? [reply.kind] : [];
  if (reply.kind === 'unreachable') parts.push(`unreachable, code ${reply.code ?? '?'}`);
  if (reply.mpls !== undefined) parts.push(`MPLS ${reply.mpls.map((entry) => entry.label).join('/')}`);
  for (const information of reply.interfaces ?? []) parts.push(interfaceText(information));
  if (reply.quotedTtl !== undefined && reply.kind !== 'unreachable')
    parts.push(`quotes TTL ${reply.quotedTtl}`);
  const back = reply.kind === 'unreachable' ? null : returnDistance(ttl, reply.replyTtl);
  if (back !== null && back.asymmetry !== 0) parts.push(`${back.hops} hops back`);
  if (reply.mtu !== undefined) parts.push(`MTU ${reply.mtu}`);
  return parts.join(', ');
}

function interfaceText({ role, index, address, name, mtu }: InterfaceInformation): string {
  const which = [name, index === undefined ? undefined : `#${index}`, address].filter(
    (part) => part !== undefined,
  );
  return `${role} interface ${which.join(' ')}${mtu === undefined ? '' : ` MTU ${mtu}`}`;
}

function moduleLines({ module }: ProbeQuery): string[] {
  return Object.entries(module)
    .filter(([name]) => name !== 'name')
    .map(([name, value]) => `  ${name}: ${value ?? 'none'}`);
}

function milliseconds(ms: number): string {
  return `${Math.round(ms * 10) / 10} ms`;
}
