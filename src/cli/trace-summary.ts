// What a finished trace comes to, in words: reached or not, where it ended and why, at what cost, and in which mode.

import { formatDuration } from '../config/duration.ts';
import { type HealthLine, healthLines } from '../path/health-lines.ts';
import { mtuText } from '../path/hop-facts.ts';
import { flowPathsOf, pathIdOf } from '../path/identity.ts';
import { type HealthReport, healthOfTrace } from '../path/path-health.ts';
import { isDestination } from '../trace/probe-record.ts';
import type { Trace } from '../trace/trace.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import { unreachableText } from './reply-notes.ts';
import { multipathText } from './route-drawing.ts';
import { type Line, type Piece, piece, wrap } from './styled-text.ts';

export interface SummaryContext {
  readonly columns: number;
  /** Probes for each hop when all have been sent. */
  readonly probesPerHop: number;
  readonly maxTtl: number;
  readonly timeoutMs: number;
  readonly modeText: string;
}

export function traceStatus(trace: Trace): ExitStatus {
  if (trace.reached) return EXIT.reached;
  return trace.end === 'send-failed' ? EXIT.refused : EXIT.unreached;
}

export function summaryLines(trace: Trace, context: SummaryContext): Line[] {
  const lines = wrapped(verdict(trace, context), trace.reached ? 'good' : 'bad', context.columns);
  if (context.probesPerHop > 1) lines.push(...healthText(healthOfTrace(trace), context.columns));
  if (trace.mtu !== undefined) {
    const style = trace.mtu.hop > 0 && trace.mtu.address === null ? 'warning' : 'plain';
    lines.push(...wrapped(`path MTU ${mtuText(trace.mtu)}`, style, context.columns));
  }
  lines.push(...wrapped(costText(trace), 'plain', context.columns));
  const multipath = multipathText(trace);
  if (multipath !== null) {
    lines.push(...wrapped(multipath.found, 'plain', context.columns));
    if (multipath.limit !== null) lines.push(...wrapped(multipath.limit, 'warning', context.columns));
  }
  lines.push(...wrapped(`mode ${trace.mode}: ${context.modeText}`, 'dim', context.columns));
  if (trace.note !== undefined && trace.end !== 'send-failed') {
    lines.push(...wrapped(`note: ${trace.note}`, 'warning', context.columns));
  }
  return lines;
}

/** What is lost and where, and which hops only leave out replies. */
export function healthText(report: HealthReport, columns: number): Line[] {
  return healthLines(report).flatMap(({ about, text }) => wrapped(text, HEALTH_STYLE[about], columns));
}

const HEALTH_STYLE: Readonly<Record<HealthLine['about'], Piece['style']>> = {
  loss: 'bad',
  'doubtful-loss': 'warning',
  replies: 'plain',
  delay: 'plain',
};

function wrapped(text: string, style: Piece['style'], columns: number): Line[] {
  return wrap(text, columns - 2).map((line, i) => [piece(i === 0 ? line : `  ${line}`, style)]);
}

function verdict(trace: Trace, context: SummaryContext): string {
  if (trace.reached) {
    return `reached in ${distanceText(trace)}, ${destinationText(trace, context.probesPerHop)}`;
  }
  const last = lastResponder(trace);
  const where =
    last === null ? 'no hop answered' : `the last answer is from hop ${last.ttl} (${last.address})`;
  switch (trace.end) {
    case 'unreachable':
      return `not reached: ${refusalText(trace) ?? where}`;
    case 'send-failed':
      return `not reached: ${trace.note ?? 'probes could not be sent'}`;
    case 'max-ttl':
      return `not reached within ${count(context.maxTtl, 'hop')}: ${loopText(trace) ?? `${where}; try a larger --max-ttl`}`;
    case 'deadline':
      return `not reached within ${formatDuration(context.timeoutMs)}: ${where}; try a longer --timeout`;
    case 'cancelled':
      return `interrupted: ${where}`;
    default:
      return last === null
        ? `not reached: no hop answered; a firewall may drop ${trace.protocol.toUpperCase()}, try --protocol ${otherProtocols(trace)}`
        : `not reached: ${where}, then silence`;
  }
}

/** Hops to the destination: several numbers where flows go ways of different lengths. */
function distanceText(trace: Trace): string {
  const lengths = flowPathsOf(trace)
    .map(({ reachedTtl }) => reachedTtl)
    .filter((ttl) => ttl > 0);
  const longest = Math.max(trace.hopCount, ...lengths);
  return longest === trace.hopCount ? count(longest, 'hop') : `${trace.hopCount} to ${longest} hops`;
}

function destinationText(trace: Trace, probesPerHop: number): string {
  const rtts = trace.hops.flatMap(({ replies }) =>
    replies.filter(({ kind }) => isDestination(kind)).map(({ rttMs }) => rttMs),
  );
  const best = Math.min(...rtts).toFixed(3);
  if (probesPerHop === 1) return `rtt ${best} ms`;
  const average = (rtts.reduce((sum, rtt) => sum + rtt, 0) / rtts.length).toFixed(3);
  const lost = rtts.length < probesPerHop ? `${rtts.length} of ${probesPerHop} probes answered, ` : '';
  return `${lost}rtt ${best}/${average}/${Math.max(...rtts).toFixed(3)} ms best/avg/worst`;
}

function costText(trace: Trace): string {
  const parts = [`${count(trace.probesSent, 'probe')} in ${Math.max(1, Math.round(trace.durationMs))} ms`];
  if (trace.late > 0) parts.push(`${trace.late} late`);
  if (trace.duplicates > 0) parts.push(count(trace.duplicates, 'duplicate'));
  const pathId = pathIdOf(trace);
  if (pathId !== null) parts.push(`path ${pathId}`);
  return parts.join(', ');
}

/** Who said "unreachable" and in what words. */
function refusalText(trace: Trace): string | null {
  for (const { ttl, replies } of trace.hops) {
    const reply = replies.find(({ kind }) => kind === 'unreachable');
    if (reply === undefined) continue;
    const who = reply.address === trace.address ? 'the destination' : reply.address;
    return `${who} says ${unreachableText(reply, trace.family)} (TTL ${ttl})`;
  }
  return null;
}

/** Few addresses that take turns at the end of a trace are a routing loop. */
function loopText(trace: Trace): string | null {
  const tail = trace.hops.slice(-8).flatMap(({ replies }) => replies[0]?.address ?? []);
  const distinct = new Set(tail);
  if (tail.length < 6 || distinct.size > tail.length / 2) return null;
  const from = trace.hops.find(({ replies }) => replies.some(({ address }) => distinct.has(address)));
  return `a routing loop from hop ${from?.ttl ?? '?'} on (${[...distinct].join(', ')})`;
}

function lastResponder(trace: Trace): { ttl: number; address: string } | null {
  const hop = trace.hops.findLast(({ replies }) => replies.length > 0);
  const address = hop?.replies[0]?.address;
  return hop === undefined || address === undefined ? null : { ttl: hop.ttl, address };
}

function otherProtocols(trace: Trace): string {
  return ['icmp', 'udp', 'tcp'].filter((protocol) => protocol !== trace.protocol).join(' or ');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
