// Gathers a support bundle out of the history. Invariant: a bounded number of questions with bounded answers, whatever is
// asked; the figures before and after a change are of whole runs, of which the one that confirmed it belongs to after.

import type { PathHistory, Period, RecordedChange } from '../history/path-history.ts';
import type { RecordedRun } from '../history/recorded-run.ts';
import type { AddressDirectory } from '../path/address-facts.ts';
import type { AsNumberOf } from '../path/as-path.ts';
import { summaryOf } from './bundle-summary.ts';
import { changeWords } from './change-words.ts';
import { alignHops } from './hop-alignment.ts';
import { RouteBook } from './stored-runs.ts';
import {
  BUNDLE_FORMAT,
  type BundleAddress,
  type BundleChange,
  type BundleFigures,
  type BundleMethod,
  type BundlePath,
  type BundleRun,
  type SupportBundle,
} from './support-bundle.ts';

/** Each of them is shown with two paths and two runs. */
export const MAX_CHANGES = 10;
/** Either side of a change is judged by no more than this, so that what is compared lies near it. */
export const MAX_WINDOW_MS = 21_600_000;
const MAX_KNOWN_CHANGES = 500;
const MAX_PATHS = 20;
const MAX_RUNS = 1000;
const TIMELINE_BUCKETS = 240;
const MAX_ANSWERS = 16;

export interface BundleSources {
  readonly history: PathHistory;
  readonly directory: AddressDirectory | null;
  readonly nowMs: number;
  readonly generator: string;
}

export interface BundleOrder extends Period {
  readonly vantagePoint: string;
  readonly target: SupportBundle['target'];
  readonly method: BundleMethod;
}

/** Rejects with HistoryUnavailable. */
export async function makeBundle(order: BundleOrder, sources: BundleSources): Promise<SupportBundle> {
  const { history } = sources;
  const { key } = order.target;
  const period = { fromMs: order.fromMs, toMs: Math.min(order.toMs, sources.nowMs) };
  const book = new RouteBook(history, key);
  await book.learn(period);
  const [changes, prevalence, route, timeline] = await Promise.all([
    history.changes({
      ...period,
      ...{ target: key, kind: null, group: null, limit: MAX_KNOWN_CHANGES, beforeId: null },
    }),
    history.prevalence(key, period),
    history.route(key, period),
    history.timeline({ ...period, target: key, stepMs: stepOf(period) }),
  ]);
  const events = eventsOf(changes.items);
  const shown = events.slice(-MAX_CHANGES);
  const maker = new ChangeMaker(order, period, sources, book);
  const made: BundleChange[] = [];
  for (const [i, event] of shown.entries()) made.push(await maker.make(event, i, shown, events));
  const paths = pathsOf(prevalence.paths);
  const address = order.target.address;
  const known = new Set([
    ...(address === null ? [] : [address]),
    ...paths.flatMap(({ hops }) => hops.flat()),
    ...made.flatMap((change) => addressesOf(change)),
  ]);
  const partial = {
    format: BUNDLE_FORMAT,
    generator: sources.generator,
    generatedAtMs: sources.nowMs,
    vantagePoint: order.vantagePoint,
    target: order.target,
    ...period,
    method: order.method,
    figures: wholeFigures(period, route, timeline.buckets),
    lossStartHop: route.lossStartHop,
    timeline: {
      stepMs: timeline.stepMs,
      buckets: timeline.buckets.map(({ atMs, runs, rttMedianMs, rttP95Ms, lossRatio, pathId }) => {
        return { atMs, runs, rttMedianMs, rttP95Ms, lossRatio, pathId };
      }),
    },
    paths,
    changes: made,
    otherChanges: changes.items.length - shown.reduce((sum, { changes: parts }) => sum + parts.length, 0),
    addresses: factsOf(known, sources.directory),
  } as const;
  return { ...partial, summary: summaryOf(partial) };
}

/** What was confirmed by one run: a reroute may be one of length and of AS path too. */
interface ChangeEvent {
  readonly atMs: number;
  readonly changes: readonly RecordedChange[];
}

/** In order of time. Flows that move among parallel links are no event. */
function eventsOf(newestFirst: readonly RecordedChange[]): ChangeEvent[] {
  const byTime = Map.groupBy(
    newestFirst.filter(({ kind }) => kind !== 'ecmp').toReversed(),
    ({ atMs }) => atMs,
  );
  return [...byTime].map(([atMs, changes]) => ({ atMs, changes }));
}

class ChangeMaker {
  readonly #order: BundleOrder;
  readonly #period: Period;
  readonly #sources: BundleSources;
  readonly #book: RouteBook;

  constructor(order: BundleOrder, period: Period, sources: BundleSources, book: RouteBook) {
    this.#order = order;
    this.#period = period;
    this.#sources = sources;
    this.#book = book;
  }

  async make(
    event: ChangeEvent,
    index: number,
    shown: readonly ChangeEvent[],
    all: readonly ChangeEvent[],
  ): Promise<BundleChange> {
    const { atMs, changes } = event;
    const at = all.indexOf(event);
    const fromMs = Math.max(all[at - 1]?.atMs ?? this.#period.fromMs, atMs - MAX_WINDOW_MS);
    const toMs = Math.min((shown[index + 1]?.atMs ?? this.#period.toMs + 1) - 1, atMs + MAX_WINDOW_MS);
    const first = changes.find(({ kind }) => kind === 'reroute') ?? (changes[0] as RecordedChange);
    const [until, since] = await Promise.all([
      this.#runs(fromMs, atMs),
      this.#runs(atMs + 1, Math.max(toMs, atMs + 1)),
    ]);
    const confirming = until.findLastIndex((run) => !belongsAfter(run, first)) + 1;
    const before = until.slice(0, confirming);
    const next = shown[index + 1]?.changes[0];
    // The run that confirmed the next change began before it was confirmed.
    const last =
      next === undefined ? since.length - 1 : since.findLastIndex((run) => !belongsAfter(run, next));
    const after = [...until.slice(confirming), ...since.slice(0, last + 1)];
    return {
      number: index + 1,
      atMs,
      kinds: changes.map(({ kind }) => kind),
      text: eventWords(changes, (address) => this.#sources.directory?.asNumberOf(address) ?? null),
      firstHop: first.firstHop,
      confidence: Math.min(...changes.map(({ confidence }) => confidence)),
      beforePathId: first.beforePathId,
      afterPathId: first.afterPathId,
      hops: alignHops(first.before, first.after),
      before: figuresOf(before, fromMs, before.at(-1)?.atMs ?? atMs),
      after: figuresOf(after, after[0]?.atMs ?? atMs, toMs),
      runBefore: await this.#run(before.at(-1)),
      runAfter: await this.#run(after[0]),
    };
  }

  /** The latest of them, oldest first. */
  async #runs(fromMs: number, toMs: number): Promise<RecordedRun[]> {
    const { key: target } = this.#order.target;
    const page = await this.#sources.history.runs({
      ...{ fromMs, toMs, target, limit: MAX_RUNS, beforeMs: null },
    });
    return page.items.toReversed();
  }

  async #run(run: RecordedRun | undefined): Promise<BundleRun | null> {
    if (run === undefined) return null;
    const { atMs, durationMs, reached, hopCount, rttMs, lossRatio, pathId, failure } = run;
    const route = await this.#book.routeOf(run);
    const hops = run.hops.map(({ sent, answers }, i) => ({
      sent,
      answers: answers
        .map((answer, k) => ({ address: route[i]?.[k] ?? '', ...answer }))
        .filter(({ answered }) => answered > 0)
        .slice(0, MAX_ANSWERS),
    }));
    return { atMs, durationMs, reached, hopCount, rttMs, lossRatio, pathId, failure, hops };
  }
}

/** A reroute says by itself how much longer the path is, and often which AS it left. */
function eventWords(changes: readonly RecordedChange[], asNumberOf: AsNumberOf): string {
  const reroute = changes.find(({ kind }) => kind === 'reroute');
  if (reroute === undefined) return changes.map((change) => changeWords(change, asNumberOf)).join('; ');
  const words = changeWords(reroute, asNumberOf);
  const others = changes.filter(
    ({ kind }) => kind !== 'reroute' && kind !== 'length' && !(kind === 'as_path' && / AS\d/.test(words)),
  );
  return [words, ...others.map((change) => changeWords(change, asNumberOf))].join('; ');
}

/** Whether a run from before the confirmation shows what was confirmed. */
function belongsAfter(run: RecordedRun, { kind, beforePathId, afterPathId }: RecordedChange): boolean {
  if (kind === 'unreachable') return !run.reached;
  if (kind === 'recovered') return run.reached;
  return afterPathId !== beforePathId && run.pathId === afterPathId;
}

function figuresOf(runs: readonly RecordedRun[], fromMs: number, toMs: number): BundleFigures {
  const rtts = runs
    .map(({ rttMs }) => rttMs)
    .filter((rttMs) => rttMs !== null)
    .sort((a, b) => a - b);
  const measured = runs.filter(({ failure }) => failure === null);
  return {
    fromMs,
    toMs,
    runs: runs.length,
    reachedRuns: runs.filter(({ reached }) => reached).length,
    lossRatio:
      measured.length === 0
        ? null
        : measured.reduce((sum, { lossRatio }) => sum + lossRatio, 0) / measured.length,
    rttMinMs: rtts[0] ?? null,
    rttMedianMs: quantile(rtts, 0.5),
    rttP95Ms: quantile(rtts, 0.95),
  };
}

/** Nearest rank. */
function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}

type Buckets = Awaited<ReturnType<PathHistory['timeline']>>['buckets'];

/** Of all runs of the period: counts are exact, the median is that of the buckets' medians. */
function wholeFigures(
  period: Period,
  route: Awaited<ReturnType<PathHistory['route']>>,
  buckets: Buckets,
): BundleFigures {
  const of = (read: (bucket: Buckets[number]) => number | null): number[] =>
    buckets
      .map(read)
      .filter((value) => value !== null)
      .sort((a, b) => a - b);
  return {
    ...period,
    runs: route.runs,
    reachedRuns: route.reachedRuns,
    lossRatio: route.lossRatio,
    rttMinMs: of(({ rttMinMs }) => rttMinMs)[0] ?? null,
    rttMedianMs: quantile(
      of(({ rttMedianMs }) => rttMedianMs),
      0.5,
    ),
    rttP95Ms: quantile(
      of(({ rttP95Ms }) => rttP95Ms),
      0.95,
    ),
  };
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRST';

function pathsOf(paths: Awaited<ReturnType<PathHistory['prevalence']>>['paths']): BundlePath[] {
  return paths
    .slice(0, MAX_PATHS)
    .map(({ pathId, runs, prevalence, firstSeenMs, lastSeenMs, rttMedianMs, hops }, i) => ({
      pathId,
      letter: LETTERS[i] ?? '?',
      ...{ runs, prevalence, firstSeenMs, lastSeenMs, rttMedianMs, hops },
    }));
}

function stepOf({ fromMs, toMs }: Period): number {
  return Math.max(1000, Math.ceil((toMs - fromMs) / TIMELINE_BUCKETS));
}

function addressesOf({ hops, runBefore, runAfter }: BundleChange): string[] {
  const heard = [runBefore, runAfter].flatMap(
    (run) => run?.hops.flatMap(({ answers }) => answers.map(({ address }) => address)) ?? [],
  );
  const rows = hops.flatMap(({ before, after }) => [before, after]);
  return [...rows, ...heard].filter((address): address is string => address !== null && address !== '');
}

function factsOf(
  addresses: ReadonlySet<string>,
  directory: AddressDirectory | null,
): Record<string, BundleAddress> {
  return Object.fromEntries(
    [...addresses].map((address) => {
      const { name = null, asn = null, asName = null } = directory?.factsOf(address) ?? {};
      return [address, { address, name, asn, asName }];
    }),
  );
}
