// What one `/probe` answers: the series of a single trace, made afresh for each request.
// Invariant: they describe this one round; nothing is remembered from one request to the next.

import type { Round } from '../monitor/round.ts';
import type { Trace } from '../trace/trace.ts';
import { parseAddress } from '../wire/address.ts';
import { type MetricDefinition, PROBE_METRICS } from './catalogue.ts';
import type { ExpositionWriter, MetricSource } from './exposition.ts';
import { pathIdNumber } from './target-state.ts';

/** The part of a Round that a probe reports. */
export type ProbedRound = Pick<Round, 'address' | 'family' | 'dnsLookupMs' | 'trace' | 'path' | 'failure'>;

export interface ProbeTiming {
  /** From the request to the result. */
  readonly durationMs: number;
  /** What the probe was given. */
  readonly timeoutMs: number;
}

/** The series of one probe. Values that the round did not yield are left out. */
export function probeMetrics(round: ProbedRound, timing: ProbeTiming): MetricSource {
  return {
    *write(writer: ExpositionWriter): Generator<void> {
      for (const [definition, value] of probeValues(round, timing)) {
        if (value === null || Number.isNaN(value)) continue;
        writer.family(definition);
        writer.sample(definition.name, '', value);
      }
      yield;
    },
  };
}

function probeValues(round: ProbedRound, timing: ProbeTiming): [MetricDefinition, number | null][] {
  const { path, trace } = round;
  const reached = path?.reached ?? false;
  const hops = reached ? (path?.hopCount ?? 0) : 0;
  const pathId = pathIdNumber(path?.pathId ?? null);
  return [
    [PROBE_METRICS.success, reached ? 1 : 0],
    [PROBE_METRICS.duration, timing.durationMs / 1000],
    [PROBE_METRICS.timeout, timing.timeoutMs / 1000],
    [PROBE_METRICS.dnsLookup, round.dnsLookupMs / 1000],
    [PROBE_METRICS.ipProtocol, round.family ?? 0],
    [PROBE_METRICS.ipAddrHash, round.address === null ? 0 : addressHash(round.address)],
    [PROBE_METRICS.hops, hops],
    [PROBE_METRICS.rtt, path?.rttMs == null ? null : path.rttMs / 1000],
    [PROBE_METRICS.lossRatio, path?.lossRatio ?? null],
    [PROBE_METRICS.pathId, pathId],
    [PROBE_METRICS.asPathId, pathIdNumber(path?.asPathId ?? null)],
    [PROBE_METRICS.paths, path?.paths ?? null],
    [PROBE_METRICS.mtu, trace?.mtu?.bytes ?? null],
    [PROBE_METRICS.lastRespondingHop, path?.lastRespondingHop ?? null],
    [PROBE_METRICS.hopsAmount, reached ? hops : (path?.lastRespondingHop ?? 0)],
    [PROBE_METRICS.executionDuration, (trace?.durationMs ?? 0) / 1000],
    [PROBE_METRICS.totalHops, reached ? hops : (trace?.hops.length ?? 0)],
    [PROBE_METRICS.routeHash, pathId],
    [PROBE_METRICS.packetLoss, trace === null ? null : overallLoss(trace)],
  ];
}

/** Lost over sent for all hops of the trace together; null when nothing was sent. */
function overallLoss(trace: Trace): number | null {
  let sent = 0;
  let answered = 0;
  for (const hop of trace.hops) {
    sent += hop.sent;
    answered += Math.min(hop.sent, hop.replies.length);
  }
  return sent === 0 ? null : (sent - answered) / sent;
}

/**
 * The hash that the blackbox exporter gives: 32-bit FNV-1a over the 16 bytes of the address, IPv4 mapped.
 * 127.0.0.1 is 99635399 in both.
 */
export function addressHash(address: string): number {
  const bytes = parseAddress(address);
  if (bytes === undefined) return 0;
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
