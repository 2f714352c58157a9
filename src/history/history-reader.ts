// Answers the questions of the port from the database and from what the writer holds.
// Invariant: what is read for one answer is bounded: where a period has too many runs, roll-ups or a sample stand for them.

import { type Kysely, sql } from 'kysely';
import type { PathChangeKind } from '../path/observation.ts';
import type { HistoryTables } from './history-schema.ts';
import { BLOCK_RUNS, type HistoryWriter } from './history-writer.ts';
import {
  type ChangeQuery,
  type GroupQuery,
  type HistoryPage,
  MAX_GROUP_TARGETS,
  type Period,
  type Prevalence,
  type RecordedChange,
  type RecordedGroup,
  type ResumedTarget,
  type RouteAt,
  type RoutePicture,
  type RunQuery,
  type Timeline,
  type TimelineQuery,
} from './path-history.ts';
import { PrevalenceTally } from './prevalence-tally.ts';
import type { RecordedRun } from './recorded-run.ts';
import { ROLL_UP_SPANS_MS, RollUp } from './roll-up.ts';
import { RouteBuilder } from './route-builder.ts';
import { type ClosedPack, parsePathId, type RunState, runOf } from './run-pack.ts';
import { eachRun, startOf, type TargetLog } from './target-log.ts';
import { TimelineBuilder } from './timeline-builder.ts';

/** Runs that are read for one answer; past that roll-ups are, or a sample. A timeline is to be there within 20 ms. */
const MAX_RUNS_FOR_TIMELINE = 15_000;
const MAX_RUNS_READ = 60_000;
const MAX_RUNS_FOR_ROUTE = 20_000;
/** Blocks in a sample of a period, at equal distances. */
const SAMPLED_BLOCKS = 200;
const MAX_ROLL_UPS_READ = 50_000;
const BLOCKS_AT_ONCE = 16;
/** Runs without a path that are passed over to find the one in force. */
const MAX_BLOCKS_BACK = 50;
const RECENT_MS = 3_600_000;
/** Ids begin with the time (see RoundRecorder). */
const IDS_PER_MS = 1000;

type Block = Pick<ClosedPack, 'fromMs' | 'toMs' | 'bytes'>;

export class HistoryReader {
  readonly #database: Kysely<HistoryTables>;
  readonly #writer: HistoryWriter;

  constructor(database: Kysely<HistoryTables>, writer: HistoryWriter) {
    this.#database = database;
    this.#writer = writer;
  }

  async runs({ target, fromMs, toMs, limit, beforeMs }: RunQuery): Promise<HistoryPage<RecordedRun>> {
    const log = this.#writer.find(target);
    if (log === undefined) return { items: [], next: null };
    const period = { fromMs, toMs: beforeMs === null ? toMs : Math.min(toMs, beforeMs - 1) };
    const found: RecordedRun[] = [];
    for await (const block of this.#backwards(log, period)) {
      const runs: RecordedRun[] = [];
      eachRunIn(block, period, (run) => runs.push(runOf(run, target)));
      found.push(...runs.reverse());
      if (found.length > limit) break;
    }
    const items = found.slice(0, limit);
    return { items, next: found.length > limit ? (items.at(-1)?.atMs ?? null) : null };
  }

  async timeline({ target, stepMs, ...period }: TimelineQuery): Promise<Timeline> {
    const log = this.#writer.find(target);
    if (log === undefined) return { stepMs, buckets: [] };
    const total = await this.#countRuns(log, period);
    const rolledUp = await this.#rolledUp(log, period, stepMs, total);
    if (rolledUp === null) {
      const builder = new TimelineBuilder(stepMs);
      for (const block of await this.#blocks(log, period)) {
        eachRunIn(block, period, (run) => builder.add(run));
      }
      return { stepMs, buckets: builder.buckets() };
    }
    // A step that the spans do not divide is widened to one that they do.
    const takenMs = Math.ceil(stepMs / rolledUp.spanMs) * rolledUp.spanMs;
    const builder = new TimelineBuilder(takenMs);
    for (const rollUp of rolledUp.rollUps) builder.addRollUp(rollUp);
    return { stepMs: takenMs, buckets: builder.buckets() };
  }

  async route(target: string, period: Period): Promise<RoutePicture> {
    const builder = new RouteBuilder((path) => this.#writer.path(path));
    const log = this.#writer.find(target);
    if (log === undefined) return builder.picture();
    const total = await this.#countRuns(log, period);
    if (total <= MAX_RUNS_FOR_ROUTE) {
      for (const block of await this.#blocks(log, period))
        eachRunIn(block, period, (run) => builder.add(run));
      return builder.picture();
    }
    let sampled = 0;
    let reached = 0;
    for (const block of await this.#sample(log, period)) {
      eachRunIn(block, period, (run) => {
        sampled++;
        if (run.reached) reached++;
        builder.add(run);
      });
    }
    return builder.picture(total, Math.round((total * reached) / Math.max(1, sampled)));
  }

  async routeAt(target: string, atMs: number): Promise<RouteAt | null> {
    const log = this.#writer.find(target);
    if (log === undefined) return null;
    const period = { fromMs: 0, toMs: atMs };
    let blocks = 0;
    for await (const block of this.#backwards(log, period)) {
      let found: RecordedRun | null = null;
      eachRunIn(block, period, (run) => {
        if (run.path >= 0) found = runOf(run, target);
      });
      if (found !== null) return { run: found, hops: this.#hopsOf(found) };
      if (++blocks >= MAX_BLOCKS_BACK) break;
    }
    return null;
  }

  async prevalence(target: string, period: Period): Promise<Prevalence> {
    const tally = new PrevalenceTally();
    const log = this.#writer.find(target);
    if (log !== undefined && (await this.#countRuns(log, period)) <= MAX_RUNS_READ) {
      for (const block of await this.#blocks(log, period)) eachRunIn(block, period, (run) => tally.add(run));
    } else if (log !== undefined) {
      const days = (period.toMs - period.fromMs) / (ROLL_UP_SPANS_MS[2] as number);
      for (const rollUp of await this.#rollUps(log, days > 60 ? 2 : 1, period)) tally.addRollUp(rollUp);
    }
    return tally.result((path) => this.#writer.path(path)?.hops);
  }

  async changes(query: ChangeQuery): Promise<HistoryPage<RecordedChange>> {
    const { fromMs, toMs, target, kind, group, limit, beforeId } = query;
    let select = this.#database
      .selectFrom('change')
      .innerJoin('target', 'target.id', 'change.target_id')
      .selectAll('change')
      .select('target.key as key')
      .where('change.id', '>=', idAt(fromMs))
      .where('change.id', '<', beforeId === null ? idAt(toMs + 1) : Math.min(beforeId, idAt(toMs + 1)));
    if (target !== null) {
      const log = this.#writer.find(target);
      if (log === undefined) return { items: [], next: null };
      select = select.where('change.target_id', '=', log.id);
    }
    if (kind !== null) select = select.where('kind', '=', kind);
    if (group !== null) select = select.where('group_id', '=', group);
    const rows = await select
      .orderBy('change.id', 'desc')
      .limit(limit + 1)
      .execute();
    const items = rows.slice(0, limit).map((row) => changeOf(row));
    return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
  }

  async groups({ fromMs, toMs, limit, offset }: GroupQuery): Promise<HistoryPage<RecordedGroup>> {
    const rows = await this.#database
      .selectFrom('change_group')
      .selectAll()
      .where('first_at', '<=', toMs)
      .where('last_at', '>=', fromMs)
      .orderBy('first_at', 'desc')
      .orderBy('id')
      .limit(limit + 1)
      .offset(offset)
      .execute();
    const items: RecordedGroup[] = [];
    for (const row of rows.slice(0, limit)) {
      items.push({
        id: row.id,
        cause: row.cause,
        firstAtMs: row.first_at,
        lastAtMs: row.last_at,
        kinds: JSON.parse(row.kinds),
        targets: await this.#targetsOf(row.id),
        targetCount: row.targets,
      });
    }
    return { items, next: rows.length > limit ? offset + limit : null };
  }

  async resume(targets: readonly string[], nowMs: number): Promise<ResumedTarget[]> {
    const resumed: ResumedTarget[] = [];
    for (const target of targets) {
      const log = this.#writer.find(target);
      if (log === undefined) continue;
      const recent: RecordedRun[] = [];
      const period = { fromMs: nowMs - RECENT_MS, toMs: nowMs };
      for (const block of await this.#blocks(log, period)) {
        eachRunIn(block, period, (run) => recent.push({ ...runOf(run, target), hops: [] }));
      }
      const latest = await this.routeAt(target, nowMs);
      const change = await this.changes({
        ...{ target, fromMs: 0, toMs: nowMs, kind: null, group: null, limit: 1, beforeId: null },
      });
      const snapshot = await this.#database
        .selectFrom('snapshot')
        .select('data')
        .where('target_id', '=', log.id)
        .executeTakeFirst();
      resumed.push({
        target,
        lastAtMs: log.lastAtMs,
        pathId: latest?.run.pathId ?? null,
        recent,
        lastChange: change.items[0] ?? null,
        snapshot: snapshot === undefined ? null : JSON.parse(snapshot.data),
      });
    }
    return resumed;
  }

  #hopsOf({ pathId }: RecordedRun): readonly (readonly string[])[] {
    return pathId === null ? [] : (this.#writer.path(parsePathId(pathId))?.hops ?? []);
  }

  async #targetsOf(group: string): Promise<string[]> {
    const rows = await this.#database
      .selectFrom('change')
      .innerJoin('target', 'target.id', 'change.target_id')
      .select('target.key as key')
      .where('group_id', '=', group)
      .groupBy('target.key')
      .orderBy(sql`min(change.id)`)
      .limit(MAX_GROUP_TARGETS)
      .execute();
    return rows.map(({ key }) => key);
  }

  /** The roll-ups to make a timeline of, or null where it is to be made of the runs themselves. */
  async #rolledUp(
    log: TargetLog,
    period: Period,
    stepMs: number,
    total: number,
  ): Promise<{ readonly spanMs: number; readonly rollUps: readonly RollUp[] } | null> {
    const [fineMs = 0, hourMs = 0, dayMs = 0] = ROLL_UP_SPANS_MS;
    const hours = (period.toMs - period.fromMs) / hourMs;
    if (stepMs % dayMs === 0 || hours > MAX_ROLL_UPS_READ)
      return { spanMs: dayMs, rollUps: await this.#rollUps(log, 2, period) };
    const many = total > MAX_RUNS_FOR_TIMELINE;
    if (many && stepMs % fineMs === 0 && stepMs < hourMs) {
      const fine = await this.#rollUps(log, 0, period);
      const covered = fine.reduce((sum, { runs }) => sum + runs, 0);
      // Where targets were measured seldom there are none of the finest; blocks at both ends may lie in part outside.
      if (covered + 2 * BLOCK_RUNS >= total) return { spanMs: fineMs, rollUps: fine };
    }
    if (!many && stepMs % hourMs !== 0) return null;
    return { spanMs: hourMs, rollUps: await this.#rollUps(log, 1, period) };
  }

  async #rollUps(log: TargetLog, span: number, { fromMs, toMs }: Period): Promise<RollUp[]> {
    const spanMs = ROLL_UP_SPANS_MS[span] as number;
    const rows = await this.#database
      .selectFrom('roll_up')
      .select('data')
      .where('target_id', '=', log.id)
      .where('span', '=', span)
      .where('at', '>=', startOf(fromMs, spanMs))
      .where('at', '<=', toMs)
      .orderBy('at')
      .limit(MAX_ROLL_UPS_READ)
      .execute();
    const rollUps = rows.map(({ data }) => RollUp.decode(data));
    const open = log.open[span] as RollUp;
    if (open.runs > 0 && open.firstAtMs <= toMs && open.lastAtMs >= startOf(fromMs, spanMs))
      rollUps.push(open);
    return rollUps;
  }

  async #countRuns(log: TargetLog, { fromMs, toMs }: Period): Promise<number> {
    const { total } = await this.#database
      .selectFrom('run_block')
      .select(sql<number | null>`sum(runs)`.as('total'))
      .where('target_id', '=', log.id)
      .where('from_at', '>=', await this.#firstFrom(log, fromMs))
      .where('from_at', '<=', toMs)
      .executeTakeFirstOrThrow();
    return (total ?? 0) + log.pack.count;
  }

  /** Where the block begins that may hold the first run at or after `fromMs`. */
  async #firstFrom(log: TargetLog, fromMs: number): Promise<number> {
    const { first } = await this.#database
      .selectFrom('run_block')
      .select(({ fn }) => fn.max('from_at').as('first'))
      .where('target_id', '=', log.id)
      .where('from_at', '<=', fromMs)
      .executeTakeFirstOrThrow();
    return first ?? fromMs;
  }

  /** In order of time. */
  async #blocks(log: TargetLog, { fromMs, toMs }: Period): Promise<Block[]> {
    const tail = log.pack.close();
    const rows = await this.#database
      .selectFrom('run_block')
      .select(['from_at', 'to_at', 'data'])
      .where('target_id', '=', log.id)
      .where('from_at', '>=', await this.#firstFrom(log, fromMs))
      .where('from_at', '<=', toMs)
      .orderBy('from_at')
      .execute();
    const blocks = rows.map(blockOf);
    return tail.count === 0 ? blocks : [...blocks, tail];
  }

  /** Latest first, read as they are asked for. */
  async *#backwards(log: TargetLog, { fromMs, toMs }: Period): AsyncGenerator<Block> {
    const tail = log.pack.close();
    if (tail.count > 0 && tail.fromMs <= toMs) yield tail;
    const first = await this.#firstFrom(log, fromMs);
    let before = tail.count > 0 ? Math.min(tail.fromMs, toMs + 1) : toMs + 1;
    for (;;) {
      const rows = await this.#database
        .selectFrom('run_block')
        .select(['from_at', 'to_at', 'data'])
        .where('target_id', '=', log.id)
        .where('from_at', '>=', first)
        .where('from_at', '<', before)
        .orderBy('from_at', 'desc')
        .limit(BLOCKS_AT_ONCE)
        .execute();
      yield* rows.map(blockOf);
      const last = rows.at(-1);
      if (last === undefined || rows.length < BLOCKS_AT_ONCE) return;
      before = last.from_at;
    }
  }

  /** Blocks at equal distances over the period, in order of time. */
  async #sample(log: TargetLog, { fromMs, toMs }: Period): Promise<Block[]> {
    const blocks = new Map<number, Block>();
    const { first, last } = await this.#database
      .selectFrom('run_block')
      .select(({ fn }) => [fn.min('from_at').as('first'), fn.max('from_at').as('last')])
      .where('target_id', '=', log.id)
      .executeTakeFirstOrThrow();
    const start = Math.max(fromMs, first ?? fromMs);
    const end = Math.min(toMs, last ?? toMs);
    for (let i = 0; i < SAMPLED_BLOCKS; i++) {
      const row = await this.#database
        .selectFrom('run_block')
        .select(['from_at', 'to_at', 'data'])
        .where('target_id', '=', log.id)
        .where('from_at', '>=', start + ((end - start) * i) / SAMPLED_BLOCKS)
        .orderBy('from_at')
        .limit(1)
        .executeTakeFirst();
      if (row !== undefined && row.from_at <= toMs) blocks.set(row.from_at, blockOf(row));
    }
    const tail = log.pack.close();
    return tail.count === 0 ? [...blocks.values()] : [...blocks.values(), tail];
  }
}

function blockOf(row: { from_at: number; to_at: number; data: Uint8Array }): Block {
  return { fromMs: row.from_at, toMs: row.to_at, bytes: row.data };
}

function eachRunIn(block: Block, { fromMs, toMs }: Period, visit: (run: RunState) => void): void {
  if (block.toMs < fromMs || block.fromMs > toMs) return;
  eachRun(block.bytes, (run) => {
    if (run.atMs >= fromMs && run.atMs <= toMs) visit(run);
  });
}

/** The least id of changes at `atMs`; as large as a number can be exact. */
function idAt(atMs: number): number {
  return Math.min(Math.floor(atMs) * IDS_PER_MS, Number.MAX_SAFE_INTEGER);
}

function changeOf(row: HistoryTables['change'] & { readonly key: string }): RecordedChange {
  return {
    id: row.id,
    target: row.key,
    host: row.host,
    atMs: row.at,
    kind: row.kind as PathChangeKind,
    firstHop: row.first_hop,
    flow: row.flow,
    confidence: row.confidence,
    before: JSON.parse(row.before_hops),
    after: JSON.parse(row.after_hops),
    beforePathId: row.before_path,
    afterPathId: row.after_path,
    group: row.group_id,
  };
}
