// The history: runs written a second, bytes a run on disk, how long the main thread is held up, and how soon the API answers
// for 1,000 targets and for 30 days. Floors are plain SQLite doing no more than it must. `node bench/history.ts`

import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { DatabaseSync } from 'node:sqlite';
import { type DiskHistory, openDiskHistory } from '../src/history/disk-history.ts';
import { RunPack } from '../src/history/run-pack.ts';
import { startApiServer } from '../test/api-server.ts';
import { type MadeRun, RunMaker } from '../test/history-runs.ts';
import { routeRound } from '../test/route-rounds.ts';
import { sampleConfig, sampleTarget } from '../test/sample-rounds.ts';
import { quantile, renderTable } from './table.ts';

const TARGETS = 1000;
const RUNS_PER_TARGET = 240;
const ASKED_RUNS_PER_S = 20_000;
const DAYS = 30;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const LONG_TARGETS = 20;
const ASKS = 40;
const KEPT = { retentionMs: 3650 * DAY_MS, rollUpRetentionMs: 3650 * DAY_MS };
/** Runs handed over before the event loop gets a turn: those of 5 ms at 20,000 a second. */
const RUNS_A_TURN = 100;

const folder = mkdtempSync(join(tmpdir(), 'hopscope-bench-'));

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function sizeOf(prefix: string): number {
  return readdirSync(folder)
    .filter((name) => name.startsWith(prefix))
    .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

/** All runs, made before anything is timed. */
function makeRuns(): MadeRun[] {
  const makers = Array.from(
    { length: TARGETS },
    (_, i) => new RunMaker({ target: `target-${i}.example.org` }),
  );
  const startMs = Date.now() - RUNS_PER_TARGET * 1000;
  const runs: MadeRun[] = [];
  for (let i = 0; i < RUNS_PER_TARGET; i++) {
    for (const [k, maker] of makers.entries()) runs.push(maker.next(startMs + i * 1000 + (k % 1000)));
  }
  return runs;
}

/** Runs a second that plain SQLite inserts: the same bytes, one row a run, one transaction a second's worth. */
function floorRunsPerSecond(runs: readonly MadeRun[]): number {
  const rows = runs.map(({ run }) => {
    const pack = new RunPack();
    pack.append(run);
    return pack.close().bytes;
  });
  const database = new DatabaseSync(join(folder, 'floor.db'));
  database.exec('pragma journal_mode = wal; pragma synchronous = normal');
  database.exec('create table run (id integer primary key, target integer, at integer, data blob)');
  const insert = database.prepare('insert into run (target, at, data) values (?, ?, ?)');
  const beganAt = performance.now();
  for (let from = 0; from < rows.length; from += ASKED_RUNS_PER_S) {
    database.exec('begin');
    for (let i = from; i < Math.min(rows.length, from + ASKED_RUNS_PER_S); i++) {
      insert.run(i % TARGETS, (runs[i] as MadeRun).run.atMs, rows[i] as Uint8Array);
    }
    database.exec('commit');
  }
  const seconds = (performance.now() - beganAt) / 1000;
  database.close();
  return rows.length / seconds;
}

/** Processor time of all threads so far, in milliseconds: what a busy machine does not stretch. */
function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

interface Written {
  readonly runsPerSecond: number;
  readonly processorUsPerRun: number;
  readonly usPerRun: number;
  readonly loopDelayMs: number;
  readonly longestBlockMs: number;
  readonly dropped: number;
}

/** As fast as it goes, without ever having more than half of the queue on the way. */
async function write(runs: readonly MadeRun[], history: DiskHistory): Promise<Written> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  let handingMs = 0;
  const beganAt = performance.now();
  const processorAt = processorMs();
  for (let from = 0; from < runs.length; from += RUNS_A_TURN) {
    const began = performance.now();
    for (let i = from; i < Math.min(runs.length, from + RUNS_A_TURN); i++) {
      const { run, path } = runs[i] as MadeRun;
      // As the recorder does: a path comes with its first rounds, then with each sixteenth.
      history.recordRun(run, Math.floor(i / TARGETS) % 16 === 0 ? path : null);
    }
    handingMs += performance.now() - began;
    if (from % 40_000 === 0) await history.flush();
    else await turn();
  }
  await history.flush();
  const seconds = (performance.now() - beganAt) / 1000;
  delay.disable();
  return {
    runsPerSecond: runs.length / seconds,
    processorUsPerRun: ((processorMs() - processorAt) * 1000) / runs.length,
    usPerRun: (handingMs * 1000) / runs.length,
    loopDelayMs: delay.percentile(99) / 1e6,
    longestBlockMs: delay.max / 1e6,
    dropped: history.state.droppedRuns,
  };
}

async function writing(): Promise<readonly string[][]> {
  const runs = makeRuns();
  const floor = floorRunsPerSecond(runs);
  const history = await openDiskHistory({ path: join(folder, 'write.db'), ...KEPT });
  const { runsPerSecond, processorUsPerRun, usPerRun, loopDelayMs, longestBlockMs, dropped } = await write(
    runs,
    history,
  );
  await history[Symbol.asyncDispose]();
  return [
    ['runs/s, plain inserts of the same bytes (floor)', floor.toFixed(0), '1.00'],
    ['runs/s written, 1,000 targets', runsPerSecond.toFixed(0), (runsPerSecond / floor).toFixed(2)],
    ['  of the 20,000 asked for', '', (runsPerSecond / ASKED_RUNS_PER_S).toFixed(2)],
    ['processor time of both threads, us a run', processorUsPerRun.toFixed(1), ''],
    ['main thread, us a run', usPerRun.toFixed(1), ''],
    ['main thread, delay of its loop while writing, ms p99', loopDelayMs.toFixed(1), ''],
    ['  longest', longestBlockMs.toFixed(1), ''],
    ['runs dropped', String(dropped), ''],
  ];
}

/** 30 days at one run a minute. */
async function month(): Promise<readonly string[][]> {
  const path = join(folder, 'month.db');
  const history = await openDiskHistory({ path, ...KEPT });
  const startMs = Date.now() - DAYS * DAY_MS;
  const makers = Array.from({ length: LONG_TARGETS }, (_, i) => new RunMaker({ target: `long-${i}` }));
  let runs = 0;
  for (let minute = 0; minute < DAYS * 1440; minute++) {
    for (const maker of makers) {
      const { run, path: taken } = maker.next(startMs + minute * MINUTE_MS);
      history.recordRun(run, minute % 16 === 0 ? taken : null);
      runs++;
    }
    if (minute % 1000 === 0) await history.flush();
    else if (minute % 20 === 0) await turn();
  }
  await history[Symbol.asyncDispose]();
  const bytes = sizeOf('month.db');
  const rows = [
    [
      'bytes a run on disk, all in (30 days, 12 hops, 13 addresses)',
      (bytes / runs).toFixed(1),
      (bytes / runs / 100).toFixed(2),
    ],
  ];
  const again = await openDiskHistory({ path, ...KEPT });
  rows.push(...(await monthAsked(again, startMs)));
  await again[Symbol.asyncDispose]();
  return rows;
}

async function monthAsked(history: DiskHistory, startMs: number): Promise<string[][]> {
  const period = { fromMs: startMs, toMs: startMs + DAYS * DAY_MS };
  const timed = async (ask: (target: string) => Promise<unknown>): Promise<string> => {
    const times: number[] = [];
    const processorAt = processorMs();
    for (let i = 0; i < ASKS; i++) {
      const began = performance.now();
      await ask(`long-${i % LONG_TARGETS}`);
      times.push(performance.now() - began);
    }
    const processor = (processorMs() - processorAt) / ASKS;
    return [quantile(times, 0.5), quantile(times, 0.95), processor].map((ms) => ms.toFixed(1)).join(' / ');
  };
  const page = { limit: 100, beforeMs: null };
  const days30 = (stepMs: number) => (target: string) => history.timeline({ ...period, target, stepMs });
  return [
    ['timeline of 30 days, 3 h steps, ms (median / p95 / processor)', await timed(days30(3 * 3_600_000)), ''],
    ['timeline of 30 days, 30 min asked, hours given, ms', await timed(days30(30 * MINUTE_MS)), ''],
    ['route of 30 days (sampled), ms', await timed((target) => history.route(target, period)), ''],
    ['prevalence of 30 days, ms', await timed((target) => history.prevalence(target, period)), ''],
    ['a page of 100 runs, ms', await timed((target) => history.runs({ ...period, ...page, target })), ''],
  ];
}

/** The list over HTTP, every target with an hour of runs. */
async function list(): Promise<readonly string[][]> {
  const targets = Array.from({ length: TARGETS }, (_, i) =>
    sampleTarget(`target-${i}.example.org`, { site: 'paris' }),
  );
  const nowMs = 1_795_424_460_000;
  await using server = await startApiServer({ config: sampleConfig(targets) });
  for (let minute = 60; minute > 0; minute--) {
    for (const target of targets) {
      const atMs = nowMs - minute * MINUTE_MS;
      server.record.observe(routeRound(target, { flows: ['a b c D'], atMs, delayMs: minute / 7 }));
    }
  }
  const times: number[] = [];
  let bytes = 0;
  const processorAt = processorMs();
  for (let i = 0; i < ASKS; i++) {
    const began = performance.now();
    const { text } = await server.get('/api/v1/targets?limit=1000&sort=rtt');
    times.push(performance.now() - began);
    bytes = text.length;
  }
  const processor = (processorMs() - processorAt) / ASKS;
  const floor: number[] = [];
  const { json } = await server.get('/api/v1/targets?limit=1000&sort=rtt');
  for (let i = 0; i < ASKS; i++) {
    const began = performance.now();
    JSON.parse(JSON.stringify(json));
    floor.push(performance.now() - began);
  }
  const [median, least] = [quantile(times, 0.5), quantile(floor, 0.5)];
  return [
    ['JSON of 1,000 targets made and read, ms (floor)', least.toFixed(1), '1.00'],
    [
      `list of 1,000 targets over HTTP, ms median (${(bytes / 1e6).toFixed(1)} MB)`,
      median.toFixed(1),
      (median / least).toFixed(2),
    ],
    ['  processor time of server and client, ms', processor.toFixed(1), ''],
    ['list of 1,000 targets over HTTP, ms p95', quantile(times, 0.95).toFixed(1), ''],
  ];
}

try {
  const rows = [...(await writing()), ...(await month()), ...(await list())];
  process.stdout.write(`${renderTable(['history', 'value', 'ratio'], rows)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
