// `--output json`: one object a trace, on one line. The keys and their order are an interface: they only grow.

import { natsOf, returnDistance, trafficClassesOf } from '../path/hop-facts.ts';
import { pathIdOf } from '../path/identity.ts';
import type { LossReport } from '../path/loss.ts';
import type { HealthReport } from '../path/path-health.ts';
import type { Hop, HopReply, MtuReport, MultipathReport, Trace } from '../trace/trace.ts';
import type { FactsOf } from './hop-facts.ts';

/** One line with its line feed. Optional keys are left out, never null, except `port` and `pathId`. */
export function jsonLine(
  trace: Trace,
  factsOf: FactsOf | null = null,
  report: HealthReport | null = null,
): string {
  const { target, address, family, protocol, port, mode, startedAt, durationMs } = trace;
  const { reached, hopCount, probesSent, end, note, duplicates, late, flows } = trace;
  return `${JSON.stringify({
    target,
    address,
    family,
    protocol,
    port,
    mode,
    startedAt,
    durationMs,
    reached,
    hopCount,
    probesSent,
    pathId: pathIdOf(trace),
    hops: trace.hops.map((hop) => hopObject(hop, factsOf, report)),
    links: trace.links.map(({ ttl, from, to }) => ({ ttl, from, to })),
    end,
    ...(note === undefined ? {} : { note }),
    duplicates,
    late,
    flows,
    ...(trace.multipath === undefined ? {} : { multipath: multipathObject(trace.multipath) }),
    ...(report?.loss == null ? {} : { loss: lossObject(report.loss) }),
    ...wayObject(trace),
  })}\n`;
}

/** What the hops say together; each key is there where there is something to say. */
function wayObject(trace: Trace): object {
  const { trafficClass, mtu } = trace;
  const nat = natsOf(trace);
  const trafficClassChanges = trafficClassesOf(trace);
  return {
    ...(nat.length === 0 ? {} : { nat }),
    ...defined({ trafficClass }),
    ...(trafficClassChanges.length === 0 ? {} : { trafficClassChanges }),
    ...(mtu === undefined ? {} : { mtu: mtuObject(mtu) }),
  };
}

function mtuObject({ bytes, hop, address, exact, interfaceBytes, steps }: MtuReport): object {
  return { bytes, hop, address, exact, ...defined({ interfaceBytes, steps }) };
}

function hopObject(
  { ttl, sent, replies }: Hop,
  factsOf: FactsOf | null,
  report: HealthReport | null,
): object {
  const verdict = report?.health.find((hop) => hop.ttl === ttl)?.verdict;
  return {
    ttl,
    sent,
    replies: replies.map((reply) => replyObject(ttl, reply, factsOf)),
    ...defined({ verdict }),
  };
}

function lossObject({ sent, lost, lossRatio, startHop, cleanHop, confidence, flows }: LossReport): object {
  return { sent, lost, lossRatio, startHop, cleanHop, confidence, flows };
}

/** Spelt out, so that a new field of the program's own does not become part of the interface by accident. */
function replyObject(ttl: number, reply: HopReply, factsOf: FactsOf | null): object {
  const { flow, address, rttMs, kind, code, replyTtl, mpls, interfaces } = reply;
  const { quotedTtl, quotedTrafficClass, natDelta, mtu } = reply;
  return {
    flow,
    address,
    rttMs,
    kind,
    ...defined({ code, replyTtl, returnHops: unlikeTheWayOut(ttl, reply), mpls, interfaces }),
    ...defined({ quotedTtl, quotedTrafficClass, natDelta, mtu }),
    ...factsObject(address, factsOf),
  };
}

/** Hops that the reply came, where they are not as many as the probe went. */
function unlikeTheWayOut(ttl: number, { kind, replyTtl }: HopReply): number | undefined {
  const back = kind === 'unreachable' ? null : returnDistance(ttl, replyTtl);
  return back === null || back.asymmetry === 0 ? undefined : back.hops;
}

function factsObject(address: string, factsOf: FactsOf | null): object {
  if (factsOf === null) return {};
  const { asn, name } = factsOf(address);
  return defined({ asn: asn ?? undefined, name: name ?? undefined });
}

function multipathObject(report: MultipathReport): object {
  const { confidence, interfaces, perPacketTtls, probesSent, complete, note, changed } = report;
  return { confidence, interfaces, perPacketTtls, probesSent, complete, ...defined({ note, changed }) };
}

function defined(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
