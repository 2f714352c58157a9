// Atlas results in the order of a file, as runs in the order of time: joins the flows of one moment, puts late results in
// their place within a window, and gives each target its path tracker. Invariant: results, targets and trackers held are
// bounded; a target's runs are recorded with ascending times.
//
// Atlas may give each result another flow. A tracker wants the same flows each time, so it is shown the results up to where
// a flow comes again as one round; each of them becomes a run all the same.

import type { Module, TargetConfig } from '../config/config.ts';
import { formatLabels } from '../config/labels.ts';

import type { PathHistory } from '../history/path-history.ts';
import { RoundRecorder } from '../history/round-recorder.ts';
import { TargetBoard } from '../history/target-board.ts';
import { AddressTable } from '../path/address-table.ts';
import { ChangeGrouping } from '../path/change-grouping.ts';
import { figuresOf } from '../path/figures.ts';
import type { PathObservation } from '../path/observation.ts';
import { createPathTracker, type PathTracker } from '../path/tracker.ts';
import {
  type AtlasReading,
  type AtlasTrace,
  joinFlows,
  mergeFlows,
  shareFlow,
} from '../report/atlas-reader.ts';

/** Results that wait for one before them: files are in order of time, or nearly. */
const WINDOW = 4096;
const MAX_TARGETS = 1000;
const MAX_REASONS = 10;
/** Paris identifiers that are told apart. */
const FLOWS = 16;
/** Results further apart say nothing of one another. */
const MAX_ROUND_MS = 86_400_000;

export interface ImportedTarget {
  readonly key: string;
  readonly runs: number;
  readonly paths: number;
  readonly changes: number;
  /** Results left out: they are in the history, or older than what is. */
  readonly old: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

interface Course {
  readonly target: TargetConfig;
  readonly tracker: PathTracker;
  /** What the history has already. */
  readonly knownUntilMs: number;
  readonly paths: Set<string>;
  /** Results of different flows that are not recorded yet. */
  round: AtlasTrace[];
  readonly tally: { runs: number; changes: number; old: number; firstAtMs: number; lastAtMs: number };
}

export interface ImportWish {
  /** Key of the target that all results become runs of, or null for one of their own. */
  readonly key: string | null;
  /** Only results of this Atlas probe, or null. */
  readonly probe: number | null;
}

export class AtlasImport {
  /** By reason, how many. */
  readonly refused: Map<string, number> = new Map();
  /** Results of probes that were not asked for. */
  others = 0;
  readonly #history: PathHistory;
  readonly #wish: ImportWish;
  readonly #nowMs: number;
  readonly #recorder: RoundRecorder;
  readonly #addresses = new AddressTable();
  readonly #courses = new Map<string, Course>();
  /** In order of time. */
  #waiting: AtlasTrace[] = [];
  /** The vantage point of all results, where they become one target. */
  #probe: number | null = null;

  constructor(history: PathHistory, wish: ImportWish, nowMs: number) {
    this.#history = history;
    this.#wish = wish;
    this.#nowMs = nowMs;
    const listener = { onRun: () => undefined, onChange: () => undefined };
    this.#recorder = new RoundRecorder(history, new TargetBoard(), new ChangeGrouping(), listener);
  }

  get targets(): ImportedTarget[] {
    return [...this.#courses.values()].map(({ target, paths, tally }) => ({
      ...tally,
      key: target.key,
      paths: paths.size,
    }));
  }

  async take(reading: AtlasReading): Promise<void> {
    if (reading.kind === 'refused') return this.#refuse(reading.reason);
    if (this.#wish.probe !== null && reading.probe !== this.#wish.probe) {
      this.others++;
      return;
    }
    if (this.#wish.key !== null && this.#probe !== null && reading.probe !== this.#probe)
      return this.#refuse('it is of another probe than those before: choose one with --probe');
    this.#probe ??= reading.probe;
    this.#insert(reading);
    if (this.#waiting.length > WINDOW) await this.#settle(WINDOW / 2);
  }

  async end(): Promise<void> {
    await this.#settle(0);
    for (const course of this.#courses.values()) {
      this.#endRound(course);
      course.tracker.close();
    }
  }

  /** Behind all of its time and before: most results are the latest so far. */
  #insert(reading: AtlasTrace): void {
    let at = this.#waiting.length;
    while (at > 0 && (this.#waiting[at - 1] as AtlasTrace).atMs > reading.atMs) at--;
    this.#waiting.splice(at, 0, reading);
  }

  /** Records all but the latest `keep`, and never a part of a moment. */
  async #settle(keep: number): Promise<void> {
    let end = Math.max(0, this.#waiting.length - keep);
    const limit = this.#waiting[end - 1]?.atMs;
    if (keep > 0) while (end < this.#waiting.length && this.#waiting[end]?.atMs === limit) end++;
    const settled = this.#waiting.splice(0, end);
    for (let i = 0; i < settled.length; ) {
      const atMs = (settled[i] as AtlasTrace).atMs;
      const moment: AtlasTrace[] = [];
      while (settled[i]?.atMs === atMs) moment.push(settled[i++] as AtlasTrace);
      for (const result of joined(moment)) await this.#record(result);
    }
  }

  async #record(result: AtlasTrace): Promise<void> {
    const { trace, atMs } = result;
    const course = await this.#courseOf(result);
    if (course === null) return this.#refuse(`it would be one target more than ${MAX_TARGETS}`);
    const { tally, round } = course;
    if (atMs <= course.knownUntilMs || atMs < (round.at(-1)?.atMs ?? tally.lastAtMs)) {
      tally.old++;
      return;
    }
    const [first] = round;
    const ends =
      first !== undefined &&
      (round.length === FLOWS ||
        atMs - first.atMs > MAX_ROUND_MS ||
        first.trace.address !== trace.address ||
        round.some((other) => shareFlow(other.trace, trace)));
    if (ends) this.#endRound(course);
    course.round.push(result);
  }

  #endRound(course: Course): void {
    const { tracker, round } = course;
    course.round = [];
    const last = round.at(-1);
    if (last === undefined) return;
    const whole = tracker.observe(
      round.map(({ trace }) => trace).reduce((all, trace) => mergeFlows(all, trace)),
      last.atMs,
    );
    for (const result of round) {
      const own = round.length === 1 ? whole : ownObservation(result, whole);
      this.#recordRun(course, result, result === last ? { ...own, changes: whole.changes } : own);
    }
  }

  #recordRun({ target, tally, paths }: Course, result: AtlasTrace, path: PathObservation): void {
    const { trace, atMs, lookupMs } = result;
    this.#recorder.observe({
      target,
      startedAtMs: atMs,
      durationMs: trace.durationMs,
      address: trace.address,
      family: trace.family,
      dnsLookupMs: lookupMs,
      trace,
      path,
      failure: null,
    });
    tally.runs++;
    tally.changes += path.changes.length;
    if (path.pathId !== null) paths.add(path.pathId);
    if (tally.runs === 1) tally.firstAtMs = atMs;
    tally.lastAtMs = atMs;
  }

  async #courseOf(result: AtlasTrace): Promise<Course | null> {
    const key = this.#wish.key ?? keyOf(result);
    const known = this.#courses.get(key);
    if (known !== undefined) return known;
    if (this.#courses.size >= MAX_TARGETS) return null;
    const target = targetOf(key, result);
    const [resumed] = await this.#history.resume([key], this.#nowMs);
    if (resumed !== undefined) this.#recorder.resume(key, resumed.lastAtMs, resumed.pathId);
    const course: Course = {
      target,
      tracker: createPathTracker({ flows: FLOWS, addresses: this.#addresses, targets: 1 }),
      knownUntilMs: resumed?.lastAtMs ?? 0,
      paths: new Set(),
      round: [],
      tally: { runs: 0, changes: 0, old: 0, firstAtMs: 0, lastAtMs: 0 },
    };
    this.#courses.set(key, course);
    return course;
  }

  #refuse(reason: string): void {
    const times = this.refused.get(reason);
    if (times !== undefined || this.refused.size < MAX_REASONS) this.refused.set(reason, (times ?? 0) + 1);
  }
}

/** What one of a round's results measured, on the route that the round shows. */
function ownObservation({ trace }: AtlasTrace, whole: PathObservation): PathObservation {
  const { lastRespondingHop, rttMs, lossRatio } = figuresOf(trace);
  const { reached, hopCount } = trace;
  return { ...whole, reached, hopCount, lastRespondingHop, rttMs, lossRatio, changes: [] };
}

/** The results of one moment, those of different flows of one measurement as one. */
function joined(moment: readonly AtlasTrace[]): AtlasTrace[] {
  const whole: AtlasTrace[] = [];
  for (const result of moment) {
    const at = whole.findIndex(
      ({ probe, trace }) => probe === result.probe && joinFlows(trace, result.trace) !== null,
    );
    const other = whole[at];
    const trace = other === undefined ? null : joinFlows(other.trace, result.trace);
    if (other === undefined || trace === null) whole.push(result);
    else whole[at] = { ...other, trace };
  }
  return whole;
}

/** That of a target in the configuration with this host and protocol; what a probe of Atlas measured has its number. */
function keyOf({ trace, probe }: AtlasTrace): string {
  const key = `${trace.target.toLowerCase()}/${trace.protocol}`;
  return probe === 0 ? key : `${key}${formatLabels({ probe: String(probe) })}`;
}

function targetOf(key: string, { trace, probe }: AtlasTrace): TargetConfig {
  const module: Module = {
    name: trace.protocol,
    protocol: trace.protocol,
    port: null,
    family: null,
    preferFamily: 4,
    mode: 'auto',
    firstTtl: 1,
    maxTtl: 255,
    queries: 1,
    flows: FLOWS,
    silentHopLimit: 255,
    timeoutMs: 0,
    waitMs: 0,
    packetLength: 0,
    trafficClass: 0,
    dontFragment: false,
    mtu: false,
    multipath: null,
  };
  const labels: Record<string, string> = probe === 0 ? {} : { probe: String(probe) };
  return { host: trace.target, key, module, intervalMs: 0, labels, expectedHops: null };
}
