import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CliHarness } from '../../test/cli-harness.ts';
import { temporaryFolder } from '../../test/e2e/servers.ts';
import { DiskHistory } from '../history/disk-history.ts';
import { DESTINATION, routerAddress, syntheticTrace } from '../path/synthetic-trace.ts';
import { atlasLines } from '../report/atlas-writer.ts';
import { runCli } from './program.ts';

const START_MS = Date.UTC(2026, 10, 23, 8);
const YEAR_MS = 365 * 86_400_000;
const KEY = 'example.org/icmp';
const CONTEXT = { sourceAddress: null, lookupMs: null, queries: 1, packetLength: 0 };

interface Result {
  timestamp: number;
  paris_id: number;
  prb_id: number;
  dst_name: string;
}

/** Results of one round, a minute after the other: one for each flow. */
function results(i: number, flows: readonly string[]): Result[] {
  const startedAt = new Date(START_MS + i * 60_000).toISOString();
  const lines = atlasLines(syntheticTrace(flows, { target: 'example.org', startedAt }), CONTEXT);
  return lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Forty rounds; the path changes after the first twenty-five. */
function rerouted(): Result[] {
  return Array.from({ length: 40 }, (_, i) => results(i, [i < 25 ? 'a b c D' : 'a x y D'])).flat();
}

interface Imported {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function run(folder: string, text: string, ...args: string[]): Promise<Imported> {
  const file = join(folder, 'results.json');
  writeFileSync(file, text);
  const harness = new CliHarness();
  const argv = ['import', file, '--history.path', join(folder, 'h.db'), ...args];
  const status = await runCli(argv, harness.io, harness.services);
  const { out, err } = harness.io;
  return { status, out, err: err.replaceAll(file, 'FILE') };
}

function open(folder: string): Promise<DiskHistory> {
  const history = new DiskHistory({
    path: join(folder, 'h.db'),
    retentionMs: YEAR_MS,
    rollUpRetentionMs: YEAR_MS,
  });
  return history.opened.then(() => history);
}

const PERIOD = { fromMs: START_MS - 1, toMs: START_MS + 86_400_000 };
const ALL_RUNS = { ...PERIOD, target: KEY, limit: 1000, beforeMs: null };

test('hopscope import finds runs, paths and the change in an array of results, and a second time nothing', async () => {
  using folder = temporaryFolder();
  const text = JSON.stringify(rerouted(), null, 1);
  const first = await run(folder.path, text);
  assert.deepEqual(first, {
    status: 0,
    out: `${KEY}: 40 runs, 2 paths, 1 change, 2026-11-23T08:00:00.000Z to 2026-11-23T08:39:00.000Z\n`,
    err: '',
  });
  const second = await run(folder.path, text);
  assert.equal(
    second.out,
    `${KEY}: 0 runs, 0 paths, 0 changes; 40 results older than what is there left out\n`,
  );
  await using history = await open(folder.path);
  const { items: runs } = await history.runs(ALL_RUNS);
  assert.equal(runs.length, 40);
  assert.ok(runs.every(({ reached, hopCount }) => reached && hopCount === 4));
  const { items } = await history.changes({
    ...PERIOD,
    ...{ target: KEY, kind: null, group: null, limit: 10, beforeId: null },
  });
  assert.equal(items.length, 1);
  assert.deepEqual(items[0]?.after, [...['a', 'x', 'y'].map(routerAddress), DESTINATION]);
  const late = (items[0]?.atMs ?? 0) - (START_MS + 25 * 60_000);
  assert.ok(late >= 0 && late <= 5 * 60_000, `the change is ${late} ms late`);
});

test('hopscope import joins the flows of a round, and puts results in the order of time', async () => {
  using folder = temporaryFolder();
  const list = Array.from({ length: 30 }, (_, i) => results(i, ['a b c D', 'a e c D'])).flat();
  const { out } = await run(
    folder.path,
    list
      .toReversed()
      .map((result) => JSON.stringify(result))
      .join('\n'),
  );
  assert.match(out, /^example\.org\/icmp: 30 runs, 1 path, 0 changes/);
  await using history = await open(folder.path);
  const { items } = await history.runs(ALL_RUNS);
  assert.ok(items.every(({ paths }) => paths === 2));
});

test('hopscope import takes results whose flow is another each time, as those of Atlas', async () => {
  using folder = temporaryFolder();
  const list = Array.from({ length: 160 }, (_, i) => {
    const flow = i % 16;
    const parallel = flow % 2;
    const [result] = results(i, [i < 80 ? `a b${parallel} c D` : `a x${parallel} y D`]);
    return { ...result, paris_id: 1 + flow };
  });
  const { out } = await run(folder.path, JSON.stringify(list));
  assert.match(out, /: 160 runs, 2 paths, 1 change/, 'balanced flows are no changes, a reroute is one');
  await using history = await open(folder.path);
  const { items } = await history.runs(ALL_RUNS);
  const heard = ({ answers }: (typeof items)[number]['hops'][number]): number =>
    answers.reduce((sum, { answered }) => sum + answered, 0);
  assert.ok(items.every(({ hops }) => hops.every((hop) => hop.sent === 1 && heard(hop) === 1)));
});

test('hopscope import gives each probe of Atlas its own target, and mixes none', async () => {
  using folder = temporaryFolder();
  const list = rerouted().map((result, i) => ({ ...result, prb_id: 1 + (i % 2) }));
  const apart = await run(folder.path, JSON.stringify(list));
  assert.deepEqual(apart.out.match(/^example\.org\/icmp\{probe="[12]"\}: 20 runs/gm)?.length, 2);
  const mixed = await run(folder.path, JSON.stringify(list), '--target', 'mine');
  assert.match(mixed.out, /^mine: 20 runs/);
  assert.match(mixed.err, /FILE: 20 objects left out: it is of another probe than those before/);
  const chosen = await run(folder.path, JSON.stringify(list), '--target', 'two', '--probe', '2');
  assert.match(chosen.out, /^two: 20 runs/);
  assert.match(chosen.err, /20 results of other probes left out/);
});

test('hopscope import tells what it cannot read and takes the rest', async () => {
  using folder = temporaryFolder();
  const text = `{"type":"ping"}\n{"timestamp":\nnonsense "{ \n${'{"a":'.repeat(80)}\n${JSON.stringify(results(1, ['a b D']))}\n`;
  const { status, out, err } = await run(folder.path, text);
  assert.equal(status, 0);
  assert.match(out, /: 1 run, 1 path, 0 changes/);
  assert.match(err, /1 object left out: it is no traceroute/);
  const none = await run(folder.path, 'no results at all');
  assert.deepEqual([none.status, none.out, none.err], [1, '', 'hopscope: FILE: nothing was imported\n']);
});

test('hopscope import says in one sentence what is wrong with its arguments', async () => {
  using folder = temporaryFolder();
  const harness = new CliHarness();
  const missing = join(folder.path, 'missing.json');
  const argv = ['import', missing, '--history.path'];
  assert.equal(await runCli([...argv, join(folder.path, 'h.db')], harness.io, harness.services), 2);
  assert.match(harness.io.err, /^hopscope: Cannot import .*missing\.json: ENOENT\n$/);
  const other = new CliHarness();
  writeFileSync(missing, '{}');
  assert.equal(await runCli([...argv, join(folder.path, 'no/h.db')], other.io, other.services), 3);
  assert.match(other.io.err, /there is no directory/);
});
