// What a soaked exporter promises of its own counts, as checks that hold exactly or are broken.

import { DatabaseSync } from 'node:sqlite';
import { RunReader } from '../../src/history/run-pack.ts';
import type { DoorCounts } from './agent.ts';
import type { Figures } from './exposition-figures.ts';

export interface Check {
  readonly promise: string;
  readonly seen: string;
  readonly kept: boolean;
}

/** Every turn that came is a round that ended, is running, or is counted as late. */
export function roundsCheck(figures: Figures): Check {
  const due = figures.sum('hopscope_rounds_due_total');
  const [ended, late, running] = [
    figures.sum('hopscope_rounds_total'),
    figures.sum('hopscope_rounds_late_total'),
    figures.sum('hopscope_rounds_running'),
  ];
  return {
    promise: 'rounds due = ended + late + running',
    seen: `${due} = ${ended} + ${late} + ${running}`,
    kept: due === ended + late + running,
  };
}

/** Only at rest: nothing queued, nothing on its way. */
export function pushCheck(figures: Figures, door: DoorCounts): Check {
  const way = 'way="pushgateway"';
  const attempts = figures.of(`hopscope_push_attempts_total{${way}}`);
  const failed = (reason: string): number =>
    figures.of(`hopscope_push_failures_total{${way},reason="${reason}"}`);
  const lost = failed('timeout') + failed('network');
  const succeeded = attempts - failed('refused') - failed('unavailable') - failed('setup') - lost;
  const kept =
    succeeded === door.accepted &&
    failed('refused') === door.refused &&
    failed('unavailable') === door.unavailable &&
    lost >= door.dead;
  return {
    promise: 'pushes: each attempt is in one count, as the other side counted it (accepted, 4xx, 5xx, dead)',
    seen: `${succeeded}, ${failed('refused')}, ${failed('unavailable')}, ${lost} beside ${door.accepted}, ${door.refused}, ${door.unavailable}, ${door.dead}`,
    kept,
  };
}

/** The last line of an exporter's log. */
export interface LifeAccount {
  readonly due: number;
  readonly traced: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly late: number;
  readonly running: number;
  readonly recorded: number;
  readonly dropped: number;
}

export function parseLifeAccount(log: string): LifeAccount | null {
  const line = log.split('\n').findLast((one) => one.includes('msg=Ended '));
  if (line === undefined) return null;
  const value = (key: string): number => Number(new RegExp(`\\b${key}=(\\d+)`).exec(line)?.[1]);
  return {
    due: value('due'),
    traced: value('traced'),
    failed: value('failed'),
    cancelled: value('cancelled'),
    late: value('late'),
    running: value('running'),
    recorded: value('recorded'),
    dropped: value('dropped'),
  };
}

export interface Recorded {
  readonly runs: number;
  /** Times of the runs of each target, ascending. */
  readonly times: ReadonlyMap<string, readonly number[]>;
  readonly integrity: string;
}

/** All runs of a history's file, block by block. */
export function readRecorded(path: string): Recorded {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const keys = new Map(
      database
        .prepare('select id, key from target')
        .all()
        .map(({ id, key }) => [id as number, key as string]),
    );
    const times = new Map<string, number[]>();
    let runs = 0;
    const packs = `select target_id, data from run_block union all select target_id, data from run_tail`;
    for (const { target_id: target, data } of database.prepare(packs).iterate()) {
      const key = keys.get(target as number) ?? '';
      const list = times.get(key) ?? [];
      times.set(key, list);
      const reader = new RunReader(data as Uint8Array);
      while (reader.next()) {
        runs++;
        list.push(reader.state.atMs);
      }
    }
    for (const list of times.values()) list.sort((a, b) => a - b);
    const { integrity_check: integrity } = database.prepare('pragma integrity_check').get() ?? {};
    return { runs, times, integrity: String(integrity) };
  } finally {
    database.close();
  }
}

/** Turns of a target without a run, by the gaps between its runs. */
export function missingTurns(times: readonly number[], intervalMs: number): number {
  let missing = 0;
  for (const [i, atMs] of times.entries()) {
    const before = times[i - 1];
    if (before !== undefined) missing += Math.max(0, Math.round((atMs - before) / intervalMs) - 1);
  }
  return missing;
}

/** What holds once the exporter has ended. */
export function finalChecks(
  life: LifeAccount | null,
  recorded: Recorded,
  stable: readonly string[],
  intervalMs: number,
): Check[] {
  if (life === null) return [{ promise: 'an account at the end', seen: 'none in the log', kept: false }];
  const { due, traced, failed, cancelled, late, running } = life;
  const missing = stable.map((key) => missingTurns(recorded.times.get(key) ?? [], intervalMs));
  const gaps = missing.reduce((sum, one) => sum + one, 0);
  const unseen = stable.filter((key) => !recorded.times.has(key)).length;
  return [
    {
      promise: 'at the end: due = traced + failed + cancelled + late, nothing running',
      seen: `${due} = ${traced} + ${failed} + ${cancelled} + ${late}, ${running} running`,
      kept: due === traced + failed + cancelled + late && running === 0,
    },
    {
      promise: 'runs recorded = rounds traced + failed - counted drops',
      seen: `${life.recorded} = ${traced} + ${failed} - ${life.dropped}`,
      kept: life.recorded === traced + failed - life.dropped,
    },
    {
      promise: 'runs in the file = runs recorded, and the file is whole',
      seen: `${recorded.runs} = ${life.recorded}, integrity ${recorded.integrity}`,
      kept: recorded.runs === life.recorded && recorded.integrity === 'ok',
    },
    {
      promise: 'gaps in the runs of targets that stayed are no more than the turns counted late or dropped',
      seen: `${gaps} turns without a run over ${stable.length} targets, ${unseen} never seen; ${late} late, ${life.dropped} dropped`,
      kept: unseen === 0 && gaps <= late + life.dropped,
    },
  ];
}
