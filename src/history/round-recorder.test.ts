import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleRound, sampleTarget } from '../../test/sample-rounds.ts';
import { MemoryHistory } from './memory-history.ts';
import { RoundRecorder } from './round-recorder.ts';
import { TargetBoard } from './target-board.ts';

test('RoundRecorder keeps every run in order when the clock steps back, and follows it again once it has caught up', async () => {
  const history = new MemoryHistory({ spanMs: 1e12 });
  const told: number[] = [];
  const noGrouper = { add: () => assert.fail('no change is sampled') };
  const recorder = new RoundRecorder(history, new TargetBoard(), noGrouper, {
    onRun: (_, atMs) => told.push(atMs),
    onChange: () => {},
  });
  const target = sampleTarget('example.org');
  const noon = Date.UTC(2026, 10, 1, 12);
  const starts = [0, 1000, -3_600_000, -3_599_000, 2000, 3_602_000, 3_603_000].map((ms) => noon + ms);
  for (const startedAtMs of starts) recorder.observe({ ...sampleRound(target), startedAtMs });
  assert.deepEqual(
    told.map((atMs) => atMs - noon),
    [0, 1000, 1001, 1002, 2000, 3_602_000, 3_603_000],
  );
  const all = { target: target.key, fromMs: 0, toMs: noon + 1e9, limit: 100, beforeMs: null };
  assert.equal((await history.runs(all)).items.length, starts.length);
});
