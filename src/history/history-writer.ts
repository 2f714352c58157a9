// Writes batches into the database, one transaction each. Invariant: what is in memory here is never ahead of the disk by
// more than the transaction under way; when one fails, all of it is thrown away and read back when it is wanted.

import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { RecentMap } from '../monitor/recent-map.ts';
import type { ChangeGroup } from '../path/change-group.ts';
import type { HistoryBatch } from './history-messages.ts';
import type { PathSnapshot, RecordedChange } from './path-history.ts';
import { mergePaths, type RecordedPath, type RecordedRun } from './recorded-run.ts';
import { ROLL_UP_SPANS_MS, RollUp } from './roll-up.ts';
import { parsePathId, RunReader, runOf } from './run-pack.ts';
import { type EndedRollUp, eachRun, startOf, TargetLog } from './target-log.ts';

/** Two blocks of this size, and what stands around them, fill a page of 4 KiB. */
const BLOCK_BYTES = 1920;
/** Runs in a block at most. */
export const BLOCK_RUNS = 400;
/** The finest roll-ups are of use only where they stand for many runs; else the runs are read. */
const LEAST_RUNS_OF_FINEST = 20;
const MAX_KNOWN_PATHS = 20_000;
/** A path's last sight is written no more often than this. */
const SEEN_EVERY_MS = 86_400_000;

interface KnownPath {
  path: RecordedPath;
  seenAtMs: number;
}

export class HistoryWriter {
  readonly #sqlite: DatabaseSync;
  readonly #statements: Statements;
  readonly #logs = new Map<string, TargetLog>();
  #paths = new RecentMap<number, KnownPath>(MAX_KNOWN_PATHS);

  constructor(sqlite: DatabaseSync) {
    this.#sqlite = sqlite;
    this.#statements = prepare(sqlite);
  }

  /** Writes batches in one transaction. Throws what SQLite throws; nothing of them is written then. */
  write(batches: readonly HistoryBatch[]): void {
    this.#sqlite.exec('begin immediate');
    try {
      for (const batch of batches) this.#apply(batch);
      this.#writeTails();
      this.#sqlite.exec('commit');
    } catch (error) {
      this.forget();
      if (this.#sqlite.isTransaction) this.#sqlite.exec('rollback');
      throw error;
    }
  }

  /** Throws away what is in memory. */
  forget(): void {
    this.#logs.clear();
    this.#paths = new RecentMap<number, KnownPath>(MAX_KNOWN_PATHS);
  }

  /** The target's log, read back from the disk if need be; undefined for one that has never been recorded. */
  find(key: string): TargetLog | undefined {
    return this.#logs.get(key) ?? this.#load(key);
  }

  path(id: number): RecordedPath | undefined {
    return this.#known(id)?.path;
  }

  #apply({ runs, targets, paths, changes, snapshots }: HistoryBatch): void {
    const reader = new RunReader(runs);
    let atMs = 0;
    for (const target of targets) {
      if (!reader.next()) break;
      atMs = reader.state.atMs;
      this.#run(runOf(reader.state, target), reader);
    }
    for (const path of paths) this.#path(path, atMs);
    for (const { change, group } of changes) this.#change(change, group);
    for (const snapshot of snapshots) this.#snapshot(snapshot);
  }

  #run(run: RecordedRun, { state }: RunReader): void {
    const log = this.#logOf(run.target);
    // The clock may have been set back while hopscope was down.
    const atMs = Math.max(run.atMs, log.lastAtMs + 1);
    const late = atMs !== run.atMs;
    if (late) state.atMs = atMs;
    for (const ended of log.count(state)) this.#rollUp(log, ended);
    // The reader takes differences from what it read.
    if (late) state.atMs = run.atMs;
    log.pack.append(late ? { ...run, atMs } : run);
    log.dirty = true;
    if (log.pack.byteLength < BLOCK_BYTES && log.pack.count < BLOCK_RUNS) return;
    const { fromMs, toMs, count, bytes } = log.pack.close();
    this.#statements.addBlock.run(log.id, fromMs, toMs, count, bytes);
    log.startPack();
  }

  #rollUp(log: TargetLog, { span, atMs, rollUp }: EndedRollUp): void {
    if (span === 0 && rollUp.runs < LEAST_RUNS_OF_FINEST) return;
    const before = this.#statements.rollUpAt.get(log.id, span, atMs)?.['data'];
    let merged = rollUp;
    if (before instanceof Uint8Array) {
      // The clock was set back over the end of a span: its runs are in two parts.
      merged = RollUp.decode(before);
      merged.merge(rollUp);
    }
    this.#statements.putRollUp.run(log.id, span, atMs, merged.encode());
  }

  #writeTails(): void {
    for (const log of this.#logs.values()) {
      if (!log.dirty) continue;
      this.#statements.putTail.run(log.id, log.pack.close().bytes);
      log.dirty = false;
    }
  }

  #path(path: RecordedPath, atMs: number): void {
    const id = parsePathId(path.id);
    const known = this.#known(id);
    if (known === undefined) {
      this.#paths.set(id, { path, seenAtMs: atMs });
      this.#statements.putPath.run(id, JSON.stringify(path), atMs);
      return;
    }
    const merged = mergePaths(known.path, path);
    if (merged === known.path && atMs - known.seenAtMs < SEEN_EVERY_MS) return;
    known.path = merged;
    known.seenAtMs = Math.max(atMs, known.seenAtMs);
    this.#statements.putPath.run(id, JSON.stringify(merged), known.seenAtMs);
  }

  #known(id: number): KnownPath | undefined {
    const known = this.#paths.get(id);
    if (known !== undefined) return known;
    const row = this.#statements.path.get(id);
    if (row === undefined) return undefined;
    const read = {
      path: JSON.parse(String(row['content'])) as RecordedPath,
      seenAtMs: Number(row['seen_at']),
    };
    this.#paths.set(id, read);
    return read;
  }

  #change(change: RecordedChange, group: ChangeGroup): void {
    const { id } = this.#logOf(change.target);
    const { host, atMs, kind, firstHop, flow, confidence, beforePathId, afterPathId } = change;
    const before = JSON.stringify(change.before);
    const after = JSON.stringify(change.after);
    this.#statements.addChange.run(
      ...[change.id, id, host, atMs, kind, firstHop, flow, confidence],
      ...[before, after, beforePathId, afterPathId, change.group],
    );
    this.#statements.putGroup.run(
      ...[group.id, group.cause, group.firstAtMs, group.lastAtMs],
      ...[JSON.stringify(group.kinds), group.targets.length],
    );
  }

  #snapshot({ target, atMs, data }: PathSnapshot): void {
    this.#statements.putSnapshot.run(this.#logOf(target).id, atMs, JSON.stringify(data));
  }

  #logOf(key: string): TargetLog {
    const known = this.find(key);
    if (known !== undefined) return known;
    const id = Number(this.#statements.addTarget.run(key).lastInsertRowid);
    const log = new TargetLog(id);
    this.#logs.set(key, log);
    return log;
  }

  #load(key: string): TargetLog | undefined {
    const id = this.#statements.targetId.get(key)?.['id'];
    if (typeof id !== 'number') return undefined;
    const log = new TargetLog(id);
    const tail = this.#statements.tail.get(id)?.['data'];
    if (tail instanceof Uint8Array) log.resume(tail);
    if (log.lastAtMs === 0) log.lastAtMs = Number(this.#statements.lastBlock.get(id)?.['to_at'] ?? 0);
    if (log.lastAtMs > 0) this.#resumeRollUps(log);
    this.#logs.set(key, log);
    return log;
  }

  /**
   * Makes the roll-ups that were not over when the program ended: the hour's and the finest from runs, the day's from
   * hours.
   */
  #resumeRollUps(log: TargetLog): void {
    const [fineMs = 0, hourMs = 0, dayMs = 0] = ROLL_UP_SPANS_MS;
    const { lastAtMs } = log;
    const [fine, hour, day] = log.open as [RollUp, RollUp, RollUp];
    const hourStart = startOf(lastAtMs, hourMs);
    this.#eachRunSince(log, hourStart, (run) => {
      hour.add(run);
      if (run.atMs >= startOf(lastAtMs, fineMs)) fine.add(run);
    });
    for (const { data } of this.#statements.rollUpsSince.all(log.id, 1, startOf(lastAtMs, dayMs))) {
      if (data instanceof Uint8Array) day.merge(RollUp.decode(data));
    }
    day.merge(hour);
  }

  #eachRunSince(log: TargetLog, fromMs: number, visit: Parameters<typeof eachRun>[1]): void {
    const since: typeof visit = (run) => {
      if (run.atMs >= fromMs) visit(run);
    };
    for (const { data } of this.#statements.blocksSince.all(log.id, fromMs)) {
      if (data instanceof Uint8Array) eachRun(data, since);
    }
    eachRun(log.pack.close().bytes, since);
  }
}

type Statements = Readonly<Record<keyof typeof SQL, StatementSync>>;

/** The hot path's statements. Everything else goes through Kysely. */
const SQL = {
  targetId: 'select id from target where key = ?',
  addTarget: 'insert into target (key) values (?)',
  tail: 'select data from run_tail where target_id = ?',
  putTail:
    'insert into run_tail (target_id, data) values (?, ?) on conflict (target_id) do update set data = excluded.data',
  addBlock: 'insert into run_block (target_id, from_at, to_at, runs, data) values (?, ?, ?, ?, ?)',
  lastBlock: 'select to_at from run_block where target_id = ? order by from_at desc limit 1',
  blocksSince: 'select data from run_block where target_id = ? and to_at >= ? order by from_at',
  rollUpAt: 'select data from roll_up where target_id = ? and span = ? and at = ?',
  rollUpsSince: 'select data from roll_up where target_id = ? and span = ? and at >= ? order by at',
  putRollUp:
    'insert into roll_up (target_id, span, at, data) values (?, ?, ?, ?) on conflict (target_id, span, at) do update set data = excluded.data',
  path: 'select content, seen_at from path where id = ?',
  putPath:
    'insert into path (id, content, seen_at) values (?, ?, ?) on conflict (id) do update set content = excluded.content, seen_at = excluded.seen_at',
  addChange:
    'insert into change (id, target_id, host, at, kind, first_hop, flow, confidence, before_hops, after_hops, before_path, after_path, group_id) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing',
  putGroup:
    'insert into change_group (id, cause, first_at, last_at, kinds, targets) values (?, ?, ?, ?, ?, ?) on conflict (id) do update set cause = excluded.cause, first_at = excluded.first_at, last_at = excluded.last_at, kinds = excluded.kinds, targets = excluded.targets',
  putSnapshot:
    'insert into snapshot (target_id, at, data) values (?, ?, ?) on conflict (target_id) do update set at = excluded.at, data = excluded.data',
} as const;

function prepare(sqlite: DatabaseSync): Statements {
  return Object.fromEntries(
    Object.entries(SQL).map(([name, text]) => [name, sqlite.prepare(text)]),
  ) as unknown as Statements;
}
