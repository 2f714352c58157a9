import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleTrace } from '../../test/sample-rounds.ts';
import type { Hop, Trace } from '../trace/trace.ts';
import { WatchStatistics } from './watch-statistics.ts';

/** A round as text: one word a hop, address letter and RTT as in `a2.5`; `*` for silence; the last is the destination. */
function round(text: string, reached = true): Trace {
  const words = text.split(' ');
  const hops: Hop[] = words.map((word, i) => {
    const kind = reached && i === words.length - 1 ? 'echo-reply' : 'time-exceeded';
    const reply = { flow: 0, address: word.slice(0, 1), rttMs: Number(word.slice(1)), kind } as const;
    return { ttl: i + 1, sent: 1, replies: word === '*' ? [] : [reply] };
  });
  return sampleTrace({ hops, reached, hopCount: reached ? hops.length : 0 });
}

test('WatchStatistics gives last, mean, best, worst and the deviation of the sample', () => {
  const statistics = new WatchStatistics();
  for (const rtt of [2, 4, 4, 4, 5, 5, 7, 9]) statistics.add(round(`d${rtt}`));
  const [row] = statistics.rows();
  assert.equal(row?.sent, 8);
  assert.deepEqual(
    { ...row?.rtt, stdev: row?.rtt?.stdev.toFixed(6) },
    {
      last: 9,
      avg: 5,
      best: 2,
      worst: 9,
      stdev: Math.sqrt(32 / 7).toFixed(6),
    },
  );
});

test('WatchStatistics has no deviation after one reply, and no times after none', () => {
  const statistics = new WatchStatistics();
  statistics.add(round('a1 * d3'));
  assert.equal(statistics.rows()[0]?.rtt?.stdev, 0);
  assert.equal(statistics.rows()[1]?.rtt, null);
});

test('WatchStatistics charges a hop only with loss that persists behind it', () => {
  const statistics = new WatchStatistics();
  for (let i = 0; i < 10; i++) {
    // Hop 2 leaves out replies; from hop 3 on one in ten is really lost.
    statistics.add(round(`a1 ${i % 2 === 0 ? 'b2' : '*'} ${i === 3 ? '*' : 'c3'} ${i === 3 ? '*' : 'd4'}`));
  }
  const rows = statistics.rows();
  assert.deepEqual(
    rows.map(({ lossRatio }) => lossRatio?.toFixed(2)),
    ['0.00', '0.10', '0.10', '0.10'],
  );
  assert.deepEqual(
    rows.map(({ answerRatio }) => answerRatio),
    [1, 0.5, 0.9, 0.9],
  );
});

test('WatchStatistics says nothing about loss where nobody answers any more', () => {
  const statistics = new WatchStatistics();
  statistics.add(round('a1 b2 * *', false));
  assert.deepEqual(
    statistics.rows().map(({ lossRatio }) => lossRatio),
    [0, 0, null, null],
  );
});

test('WatchStatistics does not count probes under way as sent', () => {
  const statistics = new WatchStatistics();
  statistics.add(round('a1 b2 d3'));
  const partial = statistics.rows(round('a5 * *', false));
  assert.deepEqual(
    partial.map(({ sent, rtt }) => [sent, rtt?.last]),
    [
      [2, 5],
      [1, 2],
      [1, 3],
    ],
  );
  assert.deepEqual(
    statistics.rows().map(({ sent }) => sent),
    [1, 1, 1],
  );
});

test('WatchStatistics shows rows up to the destination, also after a round in which it was silent', () => {
  const statistics = new WatchStatistics();
  statistics.add(round('a1 d2'));
  statistics.add(round('a1 * * *', false));
  assert.deepEqual(
    statistics.rows().map(({ ttl, sent }) => [ttl, sent]),
    [
      [1, 2],
      [2, 2],
    ],
  );
  assert.equal(statistics.distance, 2);
  assert.equal(statistics.reachedRounds, 1);
});

test('WatchStatistics puts a new address of the first flow on top and keeps a bounded number', () => {
  const statistics = new WatchStatistics();
  statistics.add(round('a1 d2'));
  statistics.add(round('b1 d2'));
  assert.deepEqual(statistics.rows()[0]?.addresses, ['b', 'a']);
  for (const letter of 'cefghijklmnopq') statistics.add(round(`${letter}1 d2`));
  assert.equal(statistics.rows()[0]?.addresses.length, 8);
  assert.equal(statistics.rows()[0]?.addresses[0], 'q');
});

test('WatchStatistics.reset() forgets everything', () => {
  const statistics = new WatchStatistics();
  statistics.add(round('a1 d2'));
  statistics.reset();
  assert.deepEqual([statistics.rows(), statistics.rounds, statistics.distance], [[], 0, 0]);
});

test('WatchStatistics remembers the latest shift of the TTL of a hop’s replies', () => {
  const statistics = new WatchStatistics();
  const one = (replyTtl: number): Trace => {
    const trace = round('a1 d3');
    const hops = trace.hops.map((hop) => ({
      ...hop,
      replies: hop.replies.map((reply) => ({ ...reply, replyTtl })),
    }));
    return { ...trace, hops };
  };
  for (const ttl of [64, 64, 62]) statistics.add(one(ttl));
  assert.equal(statistics.rows()[0]?.returnShift, null);
  statistics.add(one(62));
  const { hopsBefore, hopsAfter } = statistics.rows()[0]?.returnShift ?? {};
  assert.deepEqual([hopsBefore, hopsAfter], [1, 3]);
  assert.deepEqual(statistics.rows(one(62))[0]?.returnShift, statistics.rows()[0]?.returnShift);
  statistics.reset();
  assert.deepEqual(statistics.rows(), []);
});
