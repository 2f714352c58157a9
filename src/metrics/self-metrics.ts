// The exporter's own series: what it sent and heard, its configuration, its process.
// Invariant: every figure is read from who owns it at the moment of writing; only requests and reloads are counted here.

import type { EngineCounters } from '../trace/trace.ts';
import {
  type MetricDefinition,
  PROBE_REQUEST_RESULTS,
  type ProbeRequestResult,
  type RoundResult,
  SELF_METRICS,
} from './catalogue.ts';
import { type ExpositionWriter, type MetricSource, renderLabels } from './exposition.ts';

/** What a process says of itself. A figure that the system does not give is null. */
export interface ProcessReadings {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly heapUsedBytes: number;
  readonly externalBytes: number;
  readonly startTimeSeconds: number;
  readonly openFds: number | null;
  readonly maxFds: number | null;
  readonly loopLag: { readonly p50: number; readonly p99: number; readonly max: number };
}

export interface HistoryReadings {
  readonly healthy: boolean;
  readonly recordedRuns: number;
  readonly droppedRuns: number;
  readonly writeFailures: number;
  readonly bytes: number;
}

/** `due` is the sum of all others. */
export interface RoundReadings {
  readonly due: number;
  readonly running: number;
  readonly late: number;
  readonly ended: Readonly<Record<RoundResult, number>>;
}

export interface SelfMetricsSources {
  readonly version: string;
  /** As `process.version` has it. */
  readonly nodeVersion: string;
  engine(): EngineCounters;
  rounds(): RoundReadings;
  targets(): number;
  seriesDropped(): number;
  /** Null where no history is kept on disk. */
  history(): HistoryReadings | null;
  process(): ProcessReadings;
}

export interface SelfMetrics extends MetricSource {
  /** A configuration was applied. */
  reloadSucceeded(atMs: number): void;
  /** A configuration was refused; the one before it stays in force. */
  reloadFailed(): void;
  countProbeRequest(result: ProbeRequestResult): void;
}

export function createSelfMetrics(sources: SelfMetricsSources): SelfMetrics {
  const requests = new Map<ProbeRequestResult, number>(PROBE_REQUEST_RESULTS.map((result) => [result, 0]));
  let reloadOk = Number.NaN;
  let reloadAtMs = Number.NaN;
  return {
    reloadSucceeded(atMs: number): void {
      reloadOk = 1;
      reloadAtMs = atMs;
    },
    reloadFailed(): void {
      reloadOk = 0;
    },
    countProbeRequest(result: ProbeRequestResult): void {
      requests.set(result, (requests.get(result) ?? 0) + 1);
    },
    *write(writer: ExpositionWriter): Generator<void> {
      writeHouse(writer, sources, reloadOk, reloadAtMs);
      writeEach(writer, SELF_METRICS.probeRequests, 'result', Object.fromEntries(requests));
      writeEngine(writer, sources.engine());
      writeHistory(writer, sources.history());
      writeProcess(writer, sources.process());
      yield;
    },
  };
}

function writeOne(writer: ExpositionWriter, definition: MetricDefinition, value: number | null): void {
  if (value === null || Number.isNaN(value)) return;
  writer.family(definition);
  writer.sample(definition.name, '', value);
}

function writeEach(
  writer: ExpositionWriter,
  definition: MetricDefinition,
  label: string,
  values: Readonly<Record<string, number>>,
): void {
  writer.family(definition);
  for (const [key, value] of Object.entries(values)) {
    writer.sample(definition.name, renderLabels({ [label]: key }), value);
  }
}

function writeHouse(
  writer: ExpositionWriter,
  sources: SelfMetricsSources,
  reloadOk: number,
  reloadAtMs: number,
): void {
  writer.family(SELF_METRICS.buildInfo);
  const labels = renderLabels({ version: sources.version, node_version: sources.nodeVersion });
  writer.sample(SELF_METRICS.buildInfo.name, labels, 1);
  writeOne(writer, SELF_METRICS.configReloadOk, reloadOk);
  writeOne(writer, SELF_METRICS.configReloadAt, reloadAtMs / 1000);
  writeOne(writer, SELF_METRICS.targets, sources.targets());
  writeRounds(writer, sources.rounds());
  writeOne(writer, SELF_METRICS.seriesDropped, sources.seriesDropped());
}

function writeRounds(writer: ExpositionWriter, { due, running, late, ended }: RoundReadings): void {
  writeOne(writer, SELF_METRICS.roundsDue, due);
  writeEach(writer, SELF_METRICS.rounds, 'result', ended);
  writeOne(writer, SELF_METRICS.roundsRunning, running);
  writeOne(writer, SELF_METRICS.roundsLate, late);
}

function writeEngine(writer: ExpositionWriter, counters: EngineCounters): void {
  writeEach(writer, SELF_METRICS.probesSent, 'protocol', counters.probesSent);
  writeEach(writer, SELF_METRICS.replies, 'outcome', counters.replies);
  writeEach(writer, SELF_METRICS.sendFailures, 'reason', counters.sendFailures);
  writeOne(writer, SELF_METRICS.receiveDrops, counters.receiveDrops);
  writeOne(writer, SELF_METRICS.activeTraces, counters.activeTraces);
}

function writeHistory(writer: ExpositionWriter, readings: HistoryReadings | null): void {
  if (readings === null) return;
  writeOne(writer, SELF_METRICS.historyUp, readings.healthy ? 1 : 0);
  writeOne(writer, SELF_METRICS.historyRuns, readings.recordedRuns);
  writeOne(writer, SELF_METRICS.historyDropped, readings.droppedRuns);
  writeOne(writer, SELF_METRICS.historyFailures, readings.writeFailures);
  writeOne(writer, SELF_METRICS.historySize, readings.bytes);
}

function writeProcess(writer: ExpositionWriter, readings: ProcessReadings): void {
  writeOne(writer, SELF_METRICS.loopLagP50, readings.loopLag.p50);
  writeOne(writer, SELF_METRICS.loopLagP99, readings.loopLag.p99);
  writeOne(writer, SELF_METRICS.loopLagMax, readings.loopLag.max);
  writeOne(writer, SELF_METRICS.heapUsed, readings.heapUsedBytes);
  writeOne(writer, SELF_METRICS.externalMemory, readings.externalBytes);
  writeOne(writer, SELF_METRICS.cpu, readings.cpuSeconds);
  writeOne(writer, SELF_METRICS.resident, readings.residentBytes);
  writeOne(writer, SELF_METRICS.startTime, readings.startTimeSeconds);
  writeOne(writer, SELF_METRICS.openFds, readings.openFds);
  writeOne(writer, SELF_METRICS.maxFds, readings.maxFds);
}
