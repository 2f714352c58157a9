import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../../test/e2e/servers.ts';
import { RunMaker } from '../../test/history-runs.ts';
import { type DiskHistory, type DiskHistoryOptions, openDiskHistory } from './disk-history.ts';
import { RetentionSweep } from './history-retention.ts';
import { MemoryHistory } from './memory-history.ts';
import { HistoryUnavailable, type PathHistory, type RecordedChange } from './path-history.ts';
import { RunPack, RunReader } from './run-pack.ts';
import { TimelineBuilder } from './timeline-builder.ts';

const START_MS = Date.UTC(2026, 10, 1);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const YEARS_MS = 3650 * DAY_MS;

function open(path: string, more: Partial<DiskHistoryOptions> = {}): Promise<DiskHistory> {
  return openDiskHistory({ path, retentionMs: YEARS_MS, rollUpRetentionMs: YEARS_MS, ...more });
}

function changeAt(id: number, target: string, atMs: number, group: string): RecordedChange {
  return {
    ...{ id, target, host: target, atMs, kind: 'reroute', firstHop: 5, flow: 0, confidence: 0.99, group },
    before: ['100.64.0.1', null, '100.64.0.3'],
    after: ['100.64.0.1', null, '100.65.0.3'],
    beforePathId: '000000000001',
    afterPathId: null,
  };
}

/** All that the port can be asked about a target. */
async function everything(history: PathHistory, target: string, toMs: number): Promise<object> {
  const period = { fromMs: START_MS, toMs };
  const runs = [];
  let beforeMs: number | null = null;
  do {
    const page = await history.runs({ ...period, target, limit: 100, beforeMs });
    runs.push(...page.items);
    beforeMs = page.next;
  } while (beforeMs !== null);
  return {
    runs,
    timeline: await history.timeline({ ...period, target, stepMs: 5 * MINUTE_MS }),
    hours: await history.timeline({ ...period, target, stepMs: HOUR_MS }),
    part: await history.runs({
      ...{ target, fromMs: START_MS + 50 * MINUTE_MS, toMs: START_MS + 90 * MINUTE_MS },
      ...{ limit: 1000, beforeMs: null },
    }),
    route: await history.route(target, period),
    at: await history.routeAt(target, START_MS + 77 * MINUTE_MS + 1),
    before: await history.routeAt(target, START_MS - 1),
    prevalence: await history.prevalence(target, period),
    changes: await history.changes({
      ...{ ...period, target, kind: null, group: null, limit: 3, beforeId: null },
    }),
    unreachable: await history.changes({
      ...{ ...period, target: null, kind: 'unreachable', group: null, limit: 3, beforeId: null },
    }),
    groups: await history.groups({ ...period, limit: 5, offset: 1 }),
  };
}

test('DiskHistory answers what MemoryHistory answers, also after restarts at any point', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'history.db');
  const memory = new MemoryHistory({ spanMs: YEARS_MS });
  let disk = await open(path);
  const makers = ['a', 'b', 'c'].map((target) => new RunMaker({ target, rerouteEvery: 90, lossOneIn: 20 }));
  for (let i = 0; i < 400; i++) {
    const atMs = START_MS + i * MINUTE_MS;
    for (const maker of makers) {
      const { run, path: taken } = maker.next(atMs);
      for (const history of [memory, disk])
        history.recordRun(run, i % 50 === 0 || i % 90 === 0 ? taken : null);
    }
    if (i % 90 === 0) {
      const change = changeAt(atMs * 1000 + i, 'abc'[(i / 90) % 3] ?? '', atMs, `group${i}`);
      const kinds = { reroute: 1 };
      const group = {
        id: `group${i}`,
        cause: null,
        firstAtMs: atMs,
        lastAtMs: atMs,
        kinds,
        targets: [change.target],
      };
      for (const history of [memory, disk]) history.recordChange(change, group);
    }
    if ([1, 63, 64, 65, 200, 333].includes(i)) {
      await disk[Symbol.asyncDispose]();
      disk = await open(path);
    }
  }
  const toMs = START_MS + 400 * MINUTE_MS;
  for (const target of ['a', 'b', 'c', 'nobody']) {
    assert.deepEqual(await everything(disk, target, toMs), await everything(memory, target, toMs), target);
  }
  assert.equal(disk.state.droppedRuns, 0);
  await disk[Symbol.asyncDispose]();
});

test('DiskHistory reads a long timeline from roll-ups, which are those of the runs', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'history.db');
  let disk = await open(path);
  const maker = new RunMaker({ target: 'a', rerouteEvery: 2000, lossOneIn: 30, hops: 4 });
  const [hours, days] = [new TimelineBuilder(6 * HOUR_MS), new TimelineBuilder(2 * DAY_MS)];
  const pack = new RunPack();
  for (let i = 0; i < 5 * 1440; i++) {
    const { run, path: taken } = maker.next(START_MS + i * MINUTE_MS);
    disk.recordRun(run, i % 500 === 0 ? taken : null);
    pack.append(run);
    if (i % 1777 === 0) {
      await disk[Symbol.asyncDispose]();
      disk = await open(path);
    }
  }
  const reader = new RunReader(pack.close().bytes);
  while (reader.next()) for (const builder of [hours, days]) builder.add(reader.state);
  const period = { fromMs: START_MS, toMs: START_MS + 5 * DAY_MS };
  const sixHours = await disk.timeline({ ...period, target: 'a', stepMs: 6 * HOUR_MS });
  assert.deepEqual(sixHours.buckets, hours.buckets());
  const twoDays = await disk.timeline({ ...period, target: 'a', stepMs: 2 * DAY_MS });
  assert.deepEqual(twoDays.buckets, days.buckets());
  const century = await disk.timeline({ fromMs: 0, toMs: 8.64e15, target: 'a', stepMs: 36_500 * DAY_MS });
  assert.equal(
    century.buckets.reduce((sum, { runs }) => sum + runs, 0),
    5 * 1440,
  );
  await disk[Symbol.asyncDispose]();
});

test('DiskHistory makes a timeline of a month of frequent runs of what has all of them', async () => {
  using folder = temporaryFolder();
  await using disk = await open(join(folder.path, 'history.db'));
  const makers = [1, 10, 60].map((seconds) => {
    return {
      seconds,
      target: `every-${seconds}`,
      maker: new RunMaker({ target: `every-${seconds}`, hops: 2 }),
    };
  });
  for (const { seconds, target, maker } of makers) {
    const runs = 18_000;
    for (let i = 0; i < runs; i++) {
      disk.recordRun(maker.next(START_MS + i * seconds * 1000).run, null);
      if (i % 4000 === 0) await disk.flush();
    }
    const toMs = START_MS + runs * seconds * 1000;
    for (const stepMs of [MINUTE_MS, 10 * MINUTE_MS, 3 * HOUR_MS]) {
      const { buckets, stepMs: taken } = await disk.timeline({ fromMs: START_MS, toMs, target, stepMs });
      assert.equal(
        buckets.reduce((sum, bucket) => sum + bucket.runs, 0),
        runs,
        `${target} ${stepMs}`,
      );
      // Spans of five minutes are kept of what runs often enough; else hours stand in for too many runs.
      const wanted = stepMs === 10 * MINUTE_MS && seconds < 60 ? stepMs : Math.max(stepMs, HOUR_MS);
      assert.equal(taken, wanted, `${target} ${stepMs}`);
    }
  }
});

test('DiskHistory resumes what trackers, board and changes were left with', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'history.db');
  const maker = new RunMaker({ target: 'a' });
  const last = START_MS + 5 * MINUTE_MS;
  {
    await using disk = await open(path);
    for (let i = 0; i <= 5; i++) {
      const { run, path: taken } = maker.next(START_MS + i * MINUTE_MS);
      disk.recordRun(run, taken);
    }
    const group = { id: 'g', cause: null, firstAtMs: last, lastAtMs: last, kinds: {}, targets: ['a'] };
    disk.recordChange(changeAt(last * 1000, 'a', last, 'g'), group);
    disk.saveSnapshot({ target: 'a', atMs: last, data: { flows: [1, 2] } });
    disk.saveSnapshot({ target: 'a', atMs: last + 1, data: { flows: [3] } });
  }
  await using disk = await open(path);
  const [resumed, ...rest] = await disk.resume(['nobody', 'a'], last + 1000);
  assert.equal(rest.length, 0);
  assert.equal(resumed?.target, 'a');
  assert.equal(resumed.lastAtMs, last);
  assert.equal(resumed.recent.length, 6);
  assert.equal(resumed.lastChange?.id, last * 1000);
  assert.deepEqual(resumed.snapshot, { flows: [3] });
  // A clock that was set back meanwhile does not put new runs before old ones.
  disk.recordRun({ ...maker.next(START_MS).run, atMs: START_MS }, null);
  const { items } = await disk.runs({ target: 'a', fromMs: 0, toMs: 8e15, limit: 10, beforeMs: null });
  assert.deepEqual(
    items.slice(0, 2).map(({ atMs }) => atMs),
    [last + 1, last],
  );
});

const WRITER = fileURLToPath(new URL('../../test/history-writer-process.ts', import.meta.url));

async function killedAfter(path: string, linesUntilKill: number): Promise<number> {
  const child: ChildProcess = spawn(process.execPath, [WRITER, path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let written = 0;
  let lines = 0;
  let text = '';
  child.stdout?.setEncoding('utf8');
  child.stdout?.on('data', (chunk: string) => {
    text += chunk;
    const parts = text.split('\n');
    text = parts.pop() ?? '';
    for (const part of parts) {
      written = Number(part);
      if (++lines === linesUntilKill) child.kill('SIGKILL');
    }
  });
  await once(child, 'exit');
  return written;
}

test('the history survives SIGKILL at any moment: no damage, and nothing lost that was older than a second', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'history.db');
  let runs = 0;
  for (let round = 0; round < 8; round++) {
    // The process says after each flush how many runs it has recorded; it is killed at work on the next.
    const flushed = await killedAfter(path, 1 + ((round * 7) % 5));
    const database = new DatabaseSync(path);
    assert.deepEqual({ ...database.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' });
    database.close();
    await using disk = await open(path);
    assert.equal(disk.state.healthy, true);
    let found = 0;
    for (const target of ['t0', 't1', 't2', 't3', 't4']) {
      found += (await disk.route(target, { fromMs: 0, toMs: 8e15 })).runs;
    }
    assert.ok(found >= runs + flushed, `${found} of ${runs} + ${flushed}`);
    runs = found;
  }
  assert.ok(runs > 1000);
});

interface MessageCase {
  readonly name: string;
  readonly prepare: (path: string) => void;
  readonly message: RegExp;
}

const CASES: readonly MessageCase[] = [
  {
    name: 'a file that is no database',
    prepare: (path) =>
      writeFileSync(path, 'This is a text of some length, and no database at all.\n'.repeat(50)),
    message: /it is not an SQLite database; choose another file with --history\.path/,
  },
  {
    name: "another program's database",
    prepare: (path) => {
      const other = new DatabaseSync(path);
      other.exec('create table customers (id integer)');
      other.close();
    },
    message: /it is the database of another program; choose another file/,
  },
];

for (const { name, prepare, message } of CASES) {
  test(`DiskHistory leaves ${name} as it was and says so in one sentence`, async () => {
    using scratch = temporaryFolder();
    const path = join(scratch.path, 'history.db');
    prepare(path);
    const before = readFileSync(path);
    const said: (string | null)[] = [];
    await using disk = await open(path, { onChange: (text) => said.push(text) });
    assert.equal(disk.state.healthy, false);
    assert.match(disk.state.message ?? '', message);
    assert.match(disk.state.message ?? '', /^Cannot use the history \S+: [^\n]+$/);
    assert.equal(said.length, 1);
    assert.equal(disk.state.writeFailures, 1);
    await assert.rejects(disk.route('a', { fromMs: 0, toMs: 1 }), HistoryUnavailable);
    assert.deepEqual(readFileSync(path), before);
  });
}

test('DiskHistory says that a newer version has written the file, and leaves it as it was', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'history.db');
  await (await open(path))[Symbol.asyncDispose]();
  const newer = new DatabaseSync(path);
  newer.exec("insert into kysely_migration (name, timestamp) values ('0099-from-the-future', '2031')");
  newer.close();
  const before = readFileSync(path);
  await using disk = await open(path);
  assert.match(
    disk.state.message ?? '',
    /a newer version of hopscope has written it \(it has "0099-from-the-future"\)/,
  );
  assert.deepEqual(readFileSync(path), before);
});

test('DiskHistory says that its directory is missing, and goes on by itself once it is there', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'there/history.db');
  const { promise: inOrder, resolve } = Promise.withResolvers<void>();
  await using disk = await open(path, { onChange: (message) => message === null && resolve() });
  assert.match(disk.state.message ?? '', /there is no directory \S+there; make it/);
  const maker = new RunMaker({ target: 'a' });
  disk.recordRun(maker.next(START_MS).run, null);
  mkdirSync(join(scratch.path, 'there'));
  await inOrder;
  assert.equal((await disk.route('a', { fromMs: 0, toMs: 8e15 })).runs, 1);
  assert.equal(disk.state.droppedRuns, 0);
});

test('DiskHistory refuses a file that another instance has open, and takes over when that one ends', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'history.db');
  const first = await open(path);
  const { promise: inOrder, resolve } = Promise.withResolvers<void>();
  await using second = await open(path, { onChange: (message) => message === null && resolve() });
  assert.match(second.state.message ?? '', /another hopscope has it open; stop that one/);
  assert.equal(first.state.healthy, true);
  await first[Symbol.asyncDispose]();
  await inOrder;
  assert.equal(second.state.healthy, true);
});

test('DiskHistory says that a database is damaged', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'history.db');
  {
    await using disk = await open(path);
    const maker = new RunMaker({ target: 'a' });
    for (let i = 0; i < 3000; i++) disk.recordRun(maker.next(START_MS + i * MINUTE_MS).run, null);
  }
  const bytes = readFileSync(path);
  for (let at = 4096 * 2; at < bytes.length; at += 64) bytes.fill(0xa5, at, at + 32);
  writeFileSync(path, bytes);
  await using disk = await open(path);
  const maker = new RunMaker({ target: 'b' });
  disk.recordRun(maker.next(START_MS).run, null);
  await disk.flush();
  assert.equal(disk.state.healthy, false);
  assert.match(disk.state.message ?? '', /the database is damaged; restore it from a backup/);
});

function mount(...args: string[]): void {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

test('DiskHistory on a full disk says so, counts what it drops, and goes on by itself when there is room', async () => {
  using scratch = temporaryFolder();
  const directory = join(scratch.path, 'small');
  mkdirSync(directory);
  mount('-t', 'tmpfs', '-o', 'size=1M', 'tmpfs', directory);
  try {
    const { promise: inOrder, resolve } = Promise.withResolvers<void>();
    await using disk = await open(`${directory}/history.db`, {
      onChange: (message) => message === null && resolve(),
    });
    assert.equal(disk.state.healthy, true);
    const maker = new RunMaker({ target: 'a' });
    let i = 0;
    while (disk.state.healthy && i < 100_000) {
      for (let k = 0; k < 500; k++, i++) disk.recordRun(maker.next(START_MS + i * 1000).run, null);
      await disk.flush();
    }
    assert.match(
      disk.state.message ?? '',
      /the disk is full, or a limit on file sizes is reached; make room/,
    );
    assert.ok(disk.state.writeFailures >= 1);
    const held = disk.state.recordedRuns;
    mount('-o', 'remount,size=64M', directory);
    await inOrder;
    assert.ok(disk.state.recordedRuns > held);
    await disk.flush();
    const { runs } = await disk.route('a', { fromMs: 0, toMs: 8e15 });
    assert.equal(runs, i);
    assert.equal(disk.state.droppedRuns, 0);
    const check = new DatabaseSync(`${directory}/history.db`);
    assert.deepEqual({ ...check.prepare('pragma integrity_check').get() }, { integrity_check: 'ok' });
    check.close();
  } finally {
    spawnSync('umount', ['-l', directory]);
  }
});

test('DiskHistory says that a file may not be written', async () => {
  using scratch = temporaryFolder();
  const directory = join(scratch.path, 'readonly');
  mkdirSync(directory);
  mount('-t', 'tmpfs', '-o', 'size=8M', 'tmpfs', directory);
  try {
    await (await open(`${directory}/history.db`))[Symbol.asyncDispose]();
    mount('-o', 'remount,ro', directory);
    await using disk = await open(`${directory}/history.db`);
    assert.equal(disk.state.healthy, false);
    assert.match(
      disk.state.message ?? '',
      /the file or its directory may not be written; give hopscope write/,
    );
  } finally {
    spawnSync('umount', ['-l', directory]);
  }
});

test('DiskHistory lets go of what is older than it is to be kept, and of the room it took', async () => {
  using scratch = temporaryFolder();
  const path = join(scratch.path, 'history.db');
  const nowMs = Date.now();
  {
    await using disk = await open(path);
    const maker = new RunMaker({ target: 'a' });
    for (let i = 0; i < 20_000; i++) {
      const { run, path: taken } = maker.next(nowMs - 20 * DAY_MS + i * 86_400);
      disk.recordRun(run, i % 1000 === 0 ? taken : null);
    }
  }
  const database = new DatabaseSync(path);
  const before = statSync(path).size;
  const sweep = new RetentionSweep(database);
  for (let i = 0; i < 10; i++) sweep.step({ retentionMs: 5 * DAY_MS, rollUpRetentionMs: 10 * DAY_MS }, nowMs);
  database.exec('pragma wal_checkpoint(truncate)');
  const oldest = (sql: string): number => Number(database.prepare(sql).get()?.['at']);
  assert.ok(oldest('select min(to_at) at from run_block') >= nowMs - 5 * DAY_MS);
  assert.ok(oldest('select min(at) at from roll_up where span = 1') >= nowMs - 10 * DAY_MS);
  database.close();
  assert.ok(statSync(path).size < before * 0.6, `${statSync(path).size} of ${before}`);
  await using disk = await open(path);
  const { runs } = await disk.route('a', { fromMs: 0, toMs: 8e15 });
  assert.ok(runs > 4900 && runs < 5200, String(runs));
  assert.ok(existsSync(path));
});
