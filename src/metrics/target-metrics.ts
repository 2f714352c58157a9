// The series of all static targets, fed with Rounds.
// Invariant: a target that is not in the configuration has no series, and no two targets have the same.

import type { Config, TargetConfig } from '../config/config.ts';
import type { Round, RoundFailure } from '../monitor/round.ts';
import type { AddressDirectory } from '../path/address-facts.ts';
import { PATH_CHANGE_KINDS } from '../path/observation.ts';
import { type MetricDefinition, ROUND_FAILURE_KINDS, TARGET_METRICS } from './catalogue.ts';
import {
  type Buckets,
  type ExpositionWriter,
  joinLabels,
  type MetricSource,
  renderLabels,
} from './exposition.ts';
import type { NativeHistogram } from './native-histogram.ts';
import { Slab } from './slab.ts';
import {
  COUNTS_PER_TARGET,
  DOUBLES_PER_TARGET,
  DURATION,
  FIELD,
  type HopFigures,
  hopFigures,
  RTT,
  TargetState,
  targetLabels,
} from './target-state.ts';

export type TargetMetricsConfig = Pick<Config, 'targets' | 'metrics'>;

/** The latest round of a target in a few figures. */
export interface TargetSummary {
  readonly reached: boolean;
  readonly hopCount: number;
  readonly rttSeconds: number | null;
  /** Epoch milliseconds at which the round ended. */
  readonly atMs: number;
  readonly address: string | null;
  /** Why there was no trace, or null when there was one. */
  readonly failure: RoundFailure | null;
}

export interface TargetMetrics extends MetricSource {
  /** Takes a configuration: targets that are gone lose their series, those that stay keep their totals. */
  apply(config: TargetMetricsConfig): void;
  /** Takes in a round; one of a target that is not configured is left out. */
  observeRound(round: Round): void;
  /** When the path of a target changed last before this program started; told with its first round. */
  resume(key: string, lastChangeAtMs: number): void;
  forget(key: string): void;
  /** The latest round of a target, or undefined before its first. */
  summary(key: string): TargetSummary | undefined;
  /** The series of these targets alone, as they stand when written; nothing for those without a round yet. */
  sourceOf(keys: readonly string[]): MetricSource;
  /** Targets in the configuration. */
  readonly targetCount: number;
  /** Series left out since the start: over the budget, or with the labels of another target. */
  readonly seriesDropped: number;
}

/**
 * The series of the targets in `config`, which has none until rounds come in.
 * @param directory asked, as series are written, for the AS number and the name of hops
 */
export function createTargetMetrics(
  config: TargetMetricsConfig,
  directory: Pick<AddressDirectory, 'factsOf'> | null = null,
): TargetMetrics {
  return new TargetStore(config, directory);
}

const CHANGE_LABELS = PATH_CHANGE_KINDS.map((kind) => renderLabels({ kind }));
const FAILURE_LABELS = ROUND_FAILURE_KINDS.map((kind) => renderLabels({ kind }));

/** Series of one target when each has a value: gauges and info, counters, two histograms with sum and count. */
const SERIES_PER_TARGET =
  15 + 2 + FAILURE_LABELS.length + CHANGE_LABELS.length + (RTT.length + 2) + (DURATION.length + 2);

class TargetStore implements TargetMetrics {
  readonly #directory: Pick<AddressDirectory, 'factsOf'> | null;
  readonly #slab = new Slab(DOUBLES_PER_TARGET, COUNTS_PER_TARGET);
  readonly #states = new Map<string, TargetState>();
  /** Rendered labels to the key of the target that exposes them. */
  readonly #owners = new Map<string, string>();
  #configured = new Map<string, TargetConfig>();
  /** Of targets that have had no round yet. */
  readonly #lastChanges = new Map<string, number>();
  #hopsOn = false;
  #budget = 0;
  #hopSeries = 0;
  seriesDropped = 0;
  readonly #hopFamilies: readonly Family[] = [
    [
      TARGET_METRICS.hopInfo,
      (state, labels, writer, name) => this.#writeHopInfo(state, labels, writer, name),
    ],
    [TARGET_METRICS.hopRtt, hopValue((hop) => hop.rttSeconds)],
    [TARGET_METRICS.hopReplyRatio, hopValue((hop) => hop.replyRatio)],
  ];

  constructor(config: TargetMetricsConfig, directory: Pick<AddressDirectory, 'factsOf'> | null) {
    this.#directory = directory;
    this.apply(config);
  }

  get targetCount(): number {
    return this.#configured.size;
  }

  apply(config: TargetMetricsConfig): void {
    this.#configured = new Map(config.targets.map((target) => [target.key, target]));
    this.#hopsOn = config.metrics.hops;
    this.#budget = config.metrics.seriesBudget;
    for (const [key, state] of this.#states) {
      const target = this.#configured.get(key);
      if (target === undefined) this.#remove(key, state);
      else this.#retarget(state, target);
    }
    for (const key of this.#lastChanges.keys()) if (!this.#configured.has(key)) this.#lastChanges.delete(key);
    for (const state of this.#states.values()) this.#setHops(state, state.hops);
  }

  observeRound(round: Round): void {
    const target = this.#configured.get(round.target.key);
    if (target === undefined) return;
    let state = this.#states.get(target.key);
    if (state === undefined) {
      state = new TargetState(target, this.#slab);
      this.#states.set(target.key, state);
      state.set(FIELD.lastChange, (this.#lastChanges.get(target.key) ?? Number.NaN) / 1000);
      this.#lastChanges.delete(target.key);
    }
    state.observe(round);
    this.#claim(state);
    if (state.shadowed) this.seriesDropped += SERIES_PER_TARGET;
    this.#setHops(state, round.trace === null ? [] : hopFigures(round.trace));
  }

  resume(key: string, lastChangeAtMs: number): void {
    if (!this.#states.has(key) && this.#configured.has(key)) this.#lastChanges.set(key, lastChangeAtMs);
  }

  forget(key: string): void {
    this.#configured.delete(key);
    const state = this.#states.get(key);
    if (state !== undefined) this.#remove(key, state);
  }

  summary(key: string): TargetSummary | undefined {
    const state = this.#states.get(key);
    if (state === undefined) return undefined;
    const rtt = state.get(FIELD.rtt);
    return {
      reached: state.get(FIELD.success) === 1,
      hopCount: state.get(FIELD.hops),
      rttSeconds: Number.isNaN(rtt) ? null : rtt,
      atMs: state.get(FIELD.lastRun) * 1000,
      address: state.destination === '' ? null : state.destination,
      failure: ROUND_FAILURE_KINDS[state.get(FIELD.failure) - 1] ?? null,
    };
  }

  *write(writer: ExpositionWriter): Generator<void> {
    yield* this.#writeStates([...this.#states.values()], writer, this.#labelsToCome());
  }

  sourceOf(keys: readonly string[]): MetricSource {
    const write = (writer: ExpositionWriter): Iterable<void> => {
      const states = keys.flatMap((key) => this.#states.get(key) ?? []);
      return this.#writeStates(states, writer);
    };
    return { write };
  }

  /**
   * Family by family. Targets and labels as they are now: what a reload moves about while a slow reader pulls must not let
   * one series appear twice.
   */
  *#writeStates(
    all: readonly TargetState[],
    writer: ExpositionWriter,
    toCome: readonly string[] = [],
  ): Generator<void> {
    const states = all.filter((state) => !state.shadowed);
    const labels = states.map((state) => state.labels);
    for (const [definition, writeTarget] of [...FAMILIES, ...this.#hopFamilies]) {
      writer.family(definition);
      for (const [i, state] of states.entries()) {
        if (!state.gone) writeTarget(state, labels[i] as string, writer, definition.name);
        if (writer.full) yield;
      }
      if (definition !== TARGET_METRICS.pathChanges) continue;
      for (const target of toCome) {
        for (const kind of CHANGE_LABELS) writer.sample(definition.name, joinLabels(target, kind), 0);
        if (writer.full) yield;
      }
    }
  }

  /**
   * Labels of the targets that have had no round. Their counters of changes are there at 0 already: Prometheus sees no
   * increase in a series that begins with one.
   */
  #labelsToCome(): string[] {
    const found = new Set<string>();
    for (const [key, target] of this.#configured) {
      if (this.#states.has(key)) continue;
      const labels = targetLabels(target);
      if (!this.#owners.has(labels)) found.add(labels);
    }
    return [...found];
  }

  #writeHopInfo(state: TargetState, labels: string, writer: ExpositionWriter, name: string): void {
    for (const hop of state.hops) {
      for (const address of hop.addresses) {
        const { asn = null, name: hostName = null } = this.#directory?.factsOf(address) ?? {};
        const own = {
          hop: String(hop.ttl),
          address,
          asn: asn === null ? '' : String(asn),
          name: hostName ?? '',
        };
        writer.sample(name, joinLabels(labels, renderLabels(own)), 1);
      }
    }
  }

  #remove(key: string, state: TargetState): void {
    this.#states.delete(key);
    this.#hopSeries -= countHopSeries(state.hops);
    if (this.#owners.get(state.labels) === key) this.#owners.delete(state.labels);
    state.gone = true;
    this.#slab.release(state.slot);
  }

  /** The same target with, perhaps, other labels. */
  #retarget(state: TargetState, target: TargetConfig): void {
    state.target = target;
    const labels = targetLabels(target);
    if (labels === state.labels) return;
    if (this.#owners.get(state.labels) === target.key) this.#owners.delete(state.labels);
    state.labels = labels;
    this.#claim(state);
  }

  #claim(state: TargetState): void {
    const owner = this.#owners.get(state.labels);
    if (owner === undefined) this.#owners.set(state.labels, state.target.key);
    state.shadowed = owner !== undefined && owner !== state.target.key;
  }

  /** Hops from the first on as the budget allows; what this target had before is free for it again. */
  #setHops(state: TargetState, hops: readonly HopFigures[]): void {
    this.#hopSeries -= countHopSeries(state.hops);
    state.hops = [];
    if (!this.#hopsOn || state.shadowed) return;
    let kept = 0;
    let series = 0;
    for (const hop of hops) {
      const more = countHopSeries([hop]);
      if (this.#hopSeries + series + more > this.#budget) break;
      series += more;
      kept++;
    }
    state.hops = kept === hops.length ? hops : hops.slice(0, kept);
    this.#hopSeries += series;
    this.seriesDropped += countHopSeries(hops.slice(kept));
  }
}

function countHopSeries(hops: readonly HopFigures[]): number {
  let series = 0;
  for (const hop of hops) {
    series += hop.addresses.length;
    if (!Number.isNaN(hop.rttSeconds)) series++;
    if (!Number.isNaN(hop.replyRatio)) series++;
  }
  return series;
}

type Family = readonly [MetricDefinition, WriteTarget];
type WriteTarget = (state: TargetState, labels: string, writer: ExpositionWriter, name: string) => void;

/** A series that is there when its value is. */
function value(field: number): WriteTarget {
  return (state, labels, writer, name) => {
    const current = state.get(field);
    if (!Number.isNaN(current)) writer.sample(name, labels, current);
  };
}

/** One counter for each of `ownLabels`, from the field `first` on. */
function each(first: number, ownLabels: readonly string[]): WriteTarget {
  return (state, labels, writer, name) => {
    for (const [i, own] of ownLabels.entries()) {
      writer.sample(name, joinLabels(labels, own), state.get(first + i));
    }
  };
}

function histogram(
  buckets: Buckets,
  at: number,
  sumField: number,
  native: (state: TargetState) => NativeHistogram,
): WriteTarget {
  return (state, labels, writer, name) => {
    const { counts, countsAt } = state.slot;
    writer.histogram(name, labels, buckets, counts, countsAt + at, state.get(sumField), native(state));
  };
}

function writePathInfo(state: TargetState, labels: string, writer: ExpositionWriter, name: string): void {
  const id = state.get(FIELD.pathId);
  if (Number.isNaN(id)) return;
  const own = renderLabels({
    path_id: id.toString(16).padStart(12, '0'),
    as_path: state.asPath,
    destination: state.destination,
  });
  writer.sample(name, joinLabels(labels, own), 1);
}

function writeExpectedHops(state: TargetState, labels: string, writer: ExpositionWriter, name: string): void {
  const { expectedHops } = state.target;
  if (expectedHops !== null) writer.sample(name, labels, expectedHops);
}

function hopValue(read: (hop: HopFigures) => number): WriteTarget {
  return (state, labels, writer, name) => {
    for (const hop of state.hops) {
      const current = read(hop);
      if (Number.isNaN(current)) continue;
      writer.sample(name, joinLabels(labels, `hop="${hop.ttl}"`), current);
    }
  };
}

const FAMILIES: readonly Family[] = [
  [TARGET_METRICS.success, value(FIELD.success)],
  [TARGET_METRICS.hops, value(FIELD.hops)],
  [TARGET_METRICS.expectedHops, writeExpectedHops],
  [TARGET_METRICS.paths, value(FIELD.paths)],
  [TARGET_METRICS.pathId, value(FIELD.pathId)],
  [TARGET_METRICS.asPathId, value(FIELD.asPathId)],
  [TARGET_METRICS.mtu, value(FIELD.mtu)],
  [TARGET_METRICS.pathInfo, writePathInfo],
  [TARGET_METRICS.pathChanges, each(FIELD.changes, CHANGE_LABELS)],
  [TARGET_METRICS.lastChange, value(FIELD.lastChange)],
  [TARGET_METRICS.lastRun, value(FIELD.lastRun)],
  [TARGET_METRICS.probesSent, value(FIELD.probesSent)],
  [TARGET_METRICS.probesLost, value(FIELD.probesLost)],
  [TARGET_METRICS.failures, each(FIELD.failures, FAILURE_LABELS)],
  [TARGET_METRICS.forwardLoss, value(FIELD.forwardLoss)],
  [TARGET_METRICS.lossStartHop, value(FIELD.lossStartHop)],
  [TARGET_METRICS.delayShift, value(FIELD.delayShift)],
  [TARGET_METRICS.delayShiftAt, value(FIELD.delayShiftAt)],
  [TARGET_METRICS.delayShiftHop, value(FIELD.delayShiftHop)],
  [TARGET_METRICS.rtt, histogram(RTT, 0, FIELD.rttSum, (state) => state.rttNative)],
  [
    TARGET_METRICS.duration,
    histogram(DURATION, RTT.length, FIELD.durationSum, (state) => state.durationNative),
  ],
];
