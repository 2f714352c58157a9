import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { temporaryFolder } from '../../test/e2e/servers.ts';
import { RunMaker } from '../../test/history-runs.ts';
import { VirtualClock } from '../monitor/virtual-clock.ts';
import { HistoryKeeper, MAX_WAITING_RUNS, WRITE_EVERY_MS } from './history-keeper.ts';
import type { HistoryBatch, WriterState } from './history-messages.ts';
import type { RoutePicture } from './path-history.ts';
import { RunPack } from './run-pack.ts';

const START_MS = Date.UTC(2026, 10, 1);
const KEPT = { retentionMs: 1e12, rollUpRetentionMs: 1e12 };
const ALWAYS = { fromMs: 0, toMs: 8e15 };

interface Kept {
  readonly keeper: HistoryKeeper;
  readonly clock: VirtualClock;
  readonly states: WriterState[];
  batch(runs: number): HistoryBatch;
}

function keep(path: string): Kept {
  const clock = new VirtualClock(START_MS);
  const states: WriterState[] = [];
  const maker = new RunMaker({ target: 'a', hops: 4 });
  let atMs = START_MS;
  return {
    keeper: new HistoryKeeper({ path, ...KEPT }, clock, (state) => states.push(state)),
    clock,
    states,
    batch: (runs) => {
      const pack = new RunPack();
      for (let i = 0; i < runs; i++) pack.append(maker.next(++atMs).run);
      const targets = new Array<string>(runs).fill('a');
      return { type: 'batch', runs: pack.close().bytes, targets, paths: [], changes: [], snapshots: [] };
    },
  };
}

async function runsOf(keeper: HistoryKeeper): Promise<number> {
  return ((await keeper.answer('route', ['a', ALWAYS])) as RoutePicture).runs;
}

test('HistoryKeeper writes what it took within half a second, and not each batch for itself', async () => {
  using folder = temporaryFolder();
  const { keeper, clock, states, batch } = keep(join(folder.path, 'history.db'));
  await keeper.start();
  for (let i = 0; i < 5; i++) {
    keeper.take(batch(10));
    await clock.advance(50);
  }
  assert.equal(keeper.state.recordedRuns, 0);
  await clock.advance(WRITE_EVERY_MS);
  assert.equal(keeper.state.recordedRuns, 50);
  assert.equal(states.length, 2, 'opened, written once');
  assert.equal(await runsOf(keeper), 50);
  keeper.close();
});

test('HistoryKeeper holds a bounded number of runs while the disk fails, counts the rest, and tries less and less often', async () => {
  using folder = temporaryFolder();
  const { keeper, clock, states, batch } = keep(join(folder.path, 'missing/history.db'));
  await keeper.start();
  const big = 10_000;
  for (let i = 0; i < 8; i++) keeper.take(batch(big));
  assert.equal(keeper.state.droppedRuns, 8 * big - MAX_WAITING_RUNS);
  for (let i = 0; i < 120; i++) await clock.advance(1000);
  const tries = keeper.state.writeFailures;
  assert.ok(tries >= 8 && tries <= 13, String(tries));
  assert.ok(states.every(({ healthy }) => !healthy));
  mkdirSync(join(folder.path, 'missing'));
  for (let i = 0; i < 20 && !keeper.state.healthy; i++) await clock.advance(1000);
  assert.equal(keeper.state.healthy, true);
  assert.equal(keeper.state.recordedRuns, MAX_WAITING_RUNS);
  assert.equal(keeper.state.takenRuns, keeper.state.recordedRuns + keeper.state.droppedRuns);
  keeper.close();
});

test('HistoryKeeper drops what cannot be read, and goes on with what comes then', async () => {
  using folder = temporaryFolder();
  const { keeper, clock, batch } = keep(join(folder.path, 'history.db'));
  await keeper.start();
  keeper.take(batch(3));
  keeper.take({ ...batch(5), runs: new Uint8Array([0xff, 0xff, 0xff]) });
  keeper.flush();
  assert.equal(keeper.state.droppedRuns, 8);
  assert.equal(keeper.state.healthy, false);
  keeper.take(batch(4));
  for (let i = 0; i < 20 && !keeper.state.healthy; i++) await clock.advance(1000);
  assert.equal(keeper.state.healthy, true);
  assert.equal(await runsOf(keeper), 4);
  keeper.close();
});

test('HistoryKeeper loses of damaged bytes the runs that are in them, and no others', async () => {
  using folder = temporaryFolder();
  const path = join(folder.path, 'history.db');
  const { keeper, batch } = keep(path);
  await keeper.start();
  keeper.take(batch(1000));
  keeper.close();
  const database = new DatabaseSync(path);
  const damaged = database.prepare('select id, runs from run_block order by id limit 1 offset 2').get();
  const tail = database.prepare('update run_tail set data = ?').run(new Uint8Array([0xff]));
  assert.equal(Number(tail.changes), 1);
  database
    .prepare('update run_block set data = ? where id = ?')
    .run(new Uint8Array([0xff]), Number(damaged?.['id']));
  const whole = database.prepare('select sum(runs) n from run_block').get()?.['n'];
  database.close();
  const again = keep(path);
  await again.keeper.start();
  assert.equal(await runsOf(again.keeper), Number(whole) - Number(damaged?.['runs']));
  again.keeper.take(again.batch(10));
  again.keeper.flush();
  assert.equal(again.keeper.state.recordedRuns, 10);
  again.keeper.close();
});
