// From a measurement to the Trace that the rest of the house reads.
// Invariant: a hop beyond the end of a flow's path is never reported for that flow.

import type { FlowRun } from './flow-run.ts';
import type { Measurement } from './measurement.ts';
import { type DiscoveryResult, reportDiscovery } from './multipath-report.ts';
import type { ProbeRecord } from './probe-record.ts';
import type { Hop, HopReply, Link, Trace } from './trace.ts';

/** The state of `measurement` as a Trace; `target` is the request's unless another is given (a shared measurement). */
export function reportTrace(measurement: Measurement, nowNs: number): Trace {
  const { request, channel, runs } = measurement;
  const reachedTtl = Math.min(...runs.map((run) => run.reachedTtl));
  const reached = reachedTtl !== Number.POSITIVE_INFINITY;
  const endNs = measurement.end === null ? nowNs : measurement.endedAtNs;
  const note = noteOf(measurement);
  const discovered = discoveryOf(measurement);
  const mtu = measurement.mtu?.report();
  return {
    target: request.target,
    address: request.address,
    family: channel.family,
    protocol: channel.protocol,
    port: channel.protocol === 'icmp' ? null : request.port,
    mode: channel.mode,
    startedAt: new Date(measurement.startedAtMs).toISOString(),
    durationMs: roundMs((endNs - measurement.startedAtNs) / 1e6),
    reached,
    hopCount: reached ? reachedTtl : 0,
    probesSent: measurement.probesSent,
    hops: hopsOf(measurement),
    links: mergedLinks(linksOf(runs, request.firstTtl), discovered),
    end: measurement.end ?? 'deadline',
    ...(note === undefined ? {} : { note }),
    duplicates: measurement.duplicates,
    late: measurement.late,
    flows: runs.map((run) => run.flow),
    ...(request.trafficClass === 0 ? {} : { trafficClass: request.trafficClass }),
    ...(discovered === undefined ? {} : { multipath: discovered.report }),
    ...(mtu === undefined ? {} : { mtu }),
  };
}

/** The last TTL of a flow that belongs in the table: the end of its path, or some silence past its last responder. */
function lastTtl(run: FlowRun, silentHopLimit: number): number {
  const terminal = run.terminalTtl;
  if (terminal !== Number.POSITIVE_INFINITY) return terminal;
  return Math.min(run.highestSent, run.lastResponder + silentHopLimit);
}

function hopsOf(measurement: Measurement): Hop[] {
  const { request, runs } = measurement;
  const limits = runs.map((run) => lastTtl(run, request.silentHopLimit));
  const rewrites = runs.map((run) => rewritesOf(run, request.trafficClass));
  const hops: Hop[] = [];
  for (let ttl = request.firstTtl; ttl <= Math.max(0, ...limits); ttl++) {
    let sent = 0;
    const replies: HopReply[] = [];
    for (const [i, run] of runs.entries()) {
      if (ttl > (limits[i] as number)) continue;
      for (const record of run.probes[ttl] ?? []) {
        if (record.state === 'failed' || record.voided) continue;
        sent++;
        if (record.answer !== null) replies.push(replyOf(record, run.flow, rewrites[i] as Rewrites));
      }
    }
    const mixed = replies.length > 0 && replies.length < sent;
    hops.push({ ttl, sent, replies, ...(mixed ? { outcomes: outcomesOf(measurement, ttl, limits) } : {}) });
  }
  return hops;
}

function outcomesOf({ runs, sendingOrder }: Measurement, ttl: number, limits: readonly number[]): number[] {
  const sent: { readonly atNs: number; readonly outcome: number }[] = [];
  for (const run of sendingOrder) {
    if (ttl > (limits[runs.indexOf(run)] as number)) continue;
    for (const { state, voided, sentAtNs, answer } of run.probes[ttl] ?? []) {
      if (state === 'failed' || voided) continue;
      sent.push({ atNs: sentAtNs, outcome: answer === null ? ~run.flow : run.flow });
    }
  }
  return sent.sort((a, b) => a.atNs - b.atNs).map(({ outcome }) => outcome);
}

/** What is rewritten anywhere on a flow's path: then it is told at every hop, so that it can be seen between which. */
interface Rewrites {
  readonly checksum: boolean;
  readonly trafficClass: boolean;
}

function rewritesOf(run: FlowRun, sent: number): Rewrites {
  const answers = run.probes.flatMap((records) => records?.flatMap(({ answer }) => answer ?? []) ?? []);
  return {
    checksum: answers.some(({ natDelta }) => natDelta > 0),
    trafficClass: answers.some(
      ({ quotedTrafficClass }) => quotedTrafficClass >= 0 && quotedTrafficClass !== sent,
    ),
  };
}

function replyOf(record: ProbeRecord, flow: number, rewrites: Rewrites): HopReply {
  const answer = record.answer as NonNullable<ProbeRecord['answer']>;
  return {
    flow,
    address: answer.responder,
    rttMs: roundMs(record.rttNs / 1e6),
    kind: answer.kind,
    ...(answer.kind === 'unreachable' ? { code: answer.code } : {}),
    ...(answer.replyTtl >= 0 ? { replyTtl: answer.replyTtl } : {}),
    ...(answer.mpls.length > 0 ? { mpls: answer.mpls } : {}),
    ...(answer.interfaces.length > 0 ? { interfaces: answer.interfaces } : {}),
    ...(answer.quotedTtl > 1 ? { quotedTtl: answer.quotedTtl } : {}),
    ...(rewrites.trafficClass && answer.quotedTrafficClass >= 0
      ? { quotedTrafficClass: answer.quotedTrafficClass }
      : {}),
    ...(rewrites.checksum && answer.natDelta >= 0 ? { natDelta: answer.natDelta } : {}),
    ...(answer.tooBig ? { mtu: answer.mtu } : {}),
  };
}

/** Edges between answers of one flow at consecutive TTLs; a silent hop breaks the chain. */
function linksOf(runs: readonly FlowRun[], firstTtl: number): Link[] {
  const links = new Map<string, Link>();
  for (const run of runs) {
    const last = Math.min(run.terminalTtl, run.lastResponder);
    for (let ttl = firstTtl; ttl < last; ttl++) {
      for (const from of respondersAt(run, ttl)) {
        for (const to of respondersAt(run, ttl + 1)) {
          links.set(`${ttl} ${from} ${to}`, { ttl, from, to });
        }
      }
    }
  }
  return [...links.values()].sort((a, b) => a.ttl - b.ttl);
}

function discoveryOf(measurement: Measurement): DiscoveryResult | undefined {
  const { channel, discovery, request } = measurement;
  if (discovery === null) return undefined;
  return reportDiscovery(discovery, request.multipath ?? 95, `${channel.protocol} in ${channel.mode} mode`);
}

/** The discovery's links, and those of the fixed flows except where packets of one flow are spread over several ways. */
function mergedLinks(fixed: readonly Link[], discovered: DiscoveryResult | undefined): Link[] {
  if (discovered === undefined) return [...fixed];
  const { interfaces, perPacketTtls } = discovered.report;
  const several = (ttl: number): boolean => (interfaces[ttl - 1]?.length ?? 0) > 1;
  const links = new Map<string, Link>();
  for (const link of fixed) {
    const spread = perPacketTtls.includes(link.ttl) || perPacketTtls.includes(link.ttl + 1);
    if (spread && several(link.ttl) && several(link.ttl + 1)) continue;
    links.set(`${link.ttl} ${link.from} ${link.to}`, link);
  }
  for (const link of discovered.links) links.set(`${link.ttl} ${link.from} ${link.to}`, link);
  return [...links.values()].sort((a, b) => a.ttl - b.ttl);
}

function respondersAt(run: FlowRun, ttl: number): Set<string> {
  const responders = new Set<string>();
  for (const record of run.probes[ttl] ?? [])
    if (record.answer !== null) responders.add(record.answer.responder);
  return responders;
}

function noteOf(measurement: Measurement): string | undefined {
  const failed = measurement.runs.find((run) => run.sendFailures > 0);
  if (failed !== undefined) return failed.sendFailureDetail;
  const substitute = measurement.mtu?.substitute ?? null;
  if (substitute !== null) {
    return `the path MTU was measured with ${substitute.toUpperCase()}, because ${measurement.channel.protocol.toUpperCase()} probes of this path cannot be of any length`;
  }
  if (measurement.runs.some((run) => run.shortQuotes)) {
    return 'routers on this path quote too little of a UDP datagram for an ordinary socket: hops were probed one at a time; CAP_NET_RAW or ICMP would be faster';
  }
  return undefined;
}

/** Microsecond resolution is what the stamps are good for. */
function roundMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
