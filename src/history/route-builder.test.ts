import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RoutePicture } from './path-history.ts';
import { PrevalenceTally } from './prevalence-tally.ts';
import type { RecordedPath, RecordedRun } from './recorded-run.ts';
import { RouteBuilder } from './route-builder.ts';
import { parsePathId, RunPack, RunReader, type RunState } from './run-pack.ts';

const START_MS = 1_795_424_400_000;

function pathOf(id: string, hops: readonly string[], links: RecordedPath['links'] = []): RecordedPath {
  return {
    id,
    hops: hops.map((text) => text.split('|').filter((address) => address !== '*')),
    destination: 'D',
    links,
    mpls: { '2 b': ['16001'] },
  };
}

/** By hop: answered of `sent` probes, or of each address in turn. */
type Answers = readonly (number | readonly number[])[];

function runOn(path: RecordedPath, i: number, answers: Answers, sent = 4): RecordedRun {
  const hops = answers.map((answered, hop) => ({
    sent,
    answers: (typeof answered === 'number' ? [answered] : answered).map((count) => ({
      answered: count,
      rttMs: count === 0 ? null : 10 * (hop + 1),
    })),
  }));
  const last = answers.at(-1);
  const reached = typeof last === 'number' && last > 0;
  return {
    ...{
      target: 't',
      atMs: START_MS + i * 60_000,
      durationMs: 1,
      reached,
      hopCount: reached ? hops.length : 0,
    },
    ...{
      paths: 1,
      rttMs: reached ? 10 * hops.length : null,
      lossRatio: reached ? 1 - (last as number) / sent : 1,
    },
    ...{ pathId: path.id, failure: null, hops },
  };
}

function states(runs: readonly RecordedRun[], visit: (run: RunState) => void): void {
  const pack = new RunPack();
  for (const run of runs) pack.append(run);
  const reader = new RunReader(pack.close().bytes);
  while (reader.next()) visit(reader.state);
}

function picture(paths: readonly RecordedPath[], runs: readonly RecordedRun[]): RoutePicture {
  const builder = new RouteBuilder((id) => paths.find((path) => parsePathId(path.id) === id));
  states(runs, (run) => builder.add(run));
  return builder.picture();
}

function repeat(count: number, make: (i: number) => RecordedRun): RecordedRun[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

const A = pathOf('00000000000a', ['a', 'b', 'c', 'D']);
const B = pathOf('00000000000b', ['a', 'x', 'D']);

test('RouteBuilder says what share of the runs met each node and link, and keeps lengths apart', () => {
  const runs = repeat(10, (i) => (i < 8 ? runOn(A, i, [4, 4, 4, 4]) : runOn(B, i, [4, 4, 4])));
  const { nodes, links, hopCount, pathId, reachedRuns } = picture([A, B], runs);
  assert.deepEqual([hopCount, pathId, reachedRuns], [3, B.id, 10]);
  const shares = nodes.map(({ ttl, address, share }) => `${ttl} ${address} ${share}`);
  assert.deepEqual(shares, ['0  1', '1 a 1', '2 b 0.8', '2 x 0.2', '3 D 0.2', '3 c 0.8', '4 D 0.8']);
  assert.deepEqual(
    links.map(({ ttl, from, to, share, addedDelayMs }) => [
      ttl,
      from,
      to,
      share,
      Math.round(addedDelayMs ?? -1),
    ]),
    [
      [0, '', 'a', 1, 10],
      [1, 'a', 'b', 0.8, 10],
      [1, 'a', 'x', 0.2, 10],
      [2, 'b', 'c', 0.8, 10],
      [2, 'x', 'D', 0.2, 10],
      [3, 'c', 'D', 0.8, 10],
    ],
  );
  assert.deepEqual(nodes.find(({ address }) => address === 'b')?.mpls, ['16001']);
});

test('RouteBuilder draws a silent hop as a node without address and stays connected', () => {
  const silent = pathOf('00000000000c', ['a', '*', 'c', 'D']);
  const { nodes, links } = picture(
    [silent],
    repeat(3, (i) => runOn(silent, i, [4, 0, 4, 4])),
  );
  assert.deepEqual(
    nodes.map(({ ttl, address }) => [ttl, address]),
    [
      [0, ''],
      [1, 'a'],
      [2, ''],
      [3, 'c'],
      [4, 'D'],
    ],
  );
  assert.deepEqual(
    links.map(({ from, to }) => [from, to]),
    [
      ['', 'a'],
      ['a', ''],
      ['', 'c'],
      ['c', 'D'],
    ],
  );
  const gap = nodes[2];
  assert.deepEqual([gap?.rtt, gap?.forwardLossRatio, gap?.rateLimited], [null, null, false]);
});

test('RouteBuilder links a balancer as its flows were seen to go, and what was not seen to all', () => {
  const seen = [
    { ttl: 2, from: 'b1', to: 'c1' },
    { ttl: 2, from: 'b2', to: 'c2' },
  ];
  const meshed = pathOf('00000000000d', ['a', 'b1|b2|b3', 'c1|c2', 'D'], seen);
  const { links } = picture([meshed], [runOn(meshed, 0, [4, [2, 2, 0], [2, 2], 4])]);
  const between = links.filter(({ ttl }) => ttl === 2).map(({ from, to }) => `${from} ${to}`);
  assert.deepEqual(between, ['b1 c1', 'b2 c2', 'b3 c1', 'b3 c2']);
});

test('RouteBuilder blames for loss the hop from which on it persists, not one that answers less', () => {
  const lossy = picture(
    [A],
    repeat(200, (i) => runOn(A, i, [4, 4, i % 2 === 0 ? 4 : 2, i % 2 === 0 ? 4 : 2])),
  );
  assert.equal(lossy.lossStartHop, 3);
  assert.equal(lossy.lossRatio, 0.25);
  assert.deepEqual(
    lossy.nodes.map(({ forwardLossRatio }) => forwardLossRatio),
    [null, 0, 0, 0.25, 0.25],
  );
  const limited = picture(
    [A],
    repeat(200, (i) => runOn(A, i, [4, i % 4 === 0 ? 4 : 0, 4, 4])),
  );
  assert.equal(limited.lossStartHop, null);
  assert.deepEqual(
    limited.nodes.map(({ rateLimited }) => rateLimited),
    [false, false, true, false, false],
  );
});

test('RouteBuilder knows of no hop beyond the destination, though a lost answer made runs go on', () => {
  const runs = repeat(200, (i) => (i % 5 === 0 ? runOn(A, i, [4, 4, 4, 2, 0]) : runOn(A, i, [4, 4, 4, 4])));
  const { lossStartHop, nodes } = picture([A], runs);
  assert.equal(lossStartHop, 4);
  assert.deepEqual(
    nodes.map(({ ttl, forwardLossRatio }) => [ttl, forwardLossRatio]),
    [
      [0, null],
      [1, 0],
      [2, 0],
      [3, 0],
      [4, 0.09999999999999998],
    ],
  );
});

test('PrevalenceTally counts runs, stays and how long they lasted', () => {
  const tally = new PrevalenceTally();
  const order = [A, A, A, B, A, A, A, A];
  states(
    order.map((path, i) => runOn(path, i, [4, 4, 4])),
    (run) => tally.add(run),
  );
  const { runs, paths } = tally.result(() => []);
  assert.equal(runs, 8);
  assert.deepEqual(
    paths.map(({ pathId, runs: count, prevalence, persistenceMs }) => [
      pathId,
      count,
      prevalence,
      persistenceMs,
    ]),
    [
      // Three minutes, then the three that it has lasted by the last run.
      [A.id, 7, 0.875, 180_000],
      [B.id, 1, 0.125, 60_000],
    ],
  );
});
