import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleRound, sampleTarget } from '../../test/sample-rounds.ts';
import type { ProbeOutcome } from './http-services.ts';
import { type ProbeLimitSettings, ProbeLimits } from './probe-limits.ts';

const ROUND: ProbeOutcome = { kind: 'round', round: sampleRound(sampleTarget('a')) };
const FREE: ProbeLimitSettings = { maxConcurrentPerClient: 1000, maxRate: 0, maxRatePerClient: 0 };

function bench(first: Partial<ProbeLimitSettings>) {
  const state = { nowMs: 0, settings: { ...FREE, ...first }, finish: [] as (() => void)[], hold: false };
  const limits = new ProbeLimits(
    {
      probe: () =>
        state.hold
          ? new Promise((resolve) => state.finish.push(() => resolve(ROUND)))
          : Promise.resolve(ROUND),
    },
    () => state.settings,
    () => state.nowMs,
  );
  const ask = (client: string): Promise<ProbeOutcome> =>
    limits.probe('a', 'icmp', { deadlineMs: 1000, client, signal: new AbortController().signal });
  return { state, ask };
}

test('ProbeLimits lets each client have so many open, and no more', async () => {
  const { state, ask } = bench({ maxConcurrentPerClient: 2 });
  state.hold = true;
  const open = [ask('a'), ask('a')];
  const third = await ask('a');
  assert.equal(third.kind, 'busy');
  assert.match(third.kind === 'busy' ? third.message : '', /this client has 2 open.*maxConcurrentPerClient/);
  open.push(ask('b'));
  for (const finish of state.finish) finish();
  assert.deepEqual(
    (await Promise.all(open)).map(({ kind }) => kind),
    ['round', 'round', 'round'],
  );
  state.hold = false;
  assert.equal((await ask('a')).kind, 'round');
});

test('ProbeLimits holds each client to its rate, says when to come back, and does not mix clients up', async () => {
  const { state, ask } = bench({ maxRatePerClient: 1 });
  for (let i = 0; i < 5; i++) assert.equal((await ask('a')).kind, 'round');
  const refused = await ask('a');
  assert.deepEqual(refused.kind === 'busy' && refused.retryAfterSeconds, 1);
  assert.equal((await ask('b')).kind, 'round');
  state.nowMs = 1000;
  assert.equal((await ask('a')).kind, 'round');
});

test('ProbeLimits holds all clients together to a rate', async () => {
  const { ask } = bench({ maxRate: 1 });
  const kinds: string[] = [];
  for (let i = 0; i < 7; i++) kinds.push((await ask(`client ${i}`)).kind);
  assert.deepEqual(kinds, ['round', 'round', 'round', 'round', 'round', 'busy', 'busy']);
});

test('ProbeLimits takes new settings at once', async () => {
  const { state, ask } = bench({ maxRatePerClient: 1 });
  for (let i = 0; i < 6; i++) await ask('a');
  state.settings = FREE;
  for (let i = 0; i < 100; i++) assert.equal((await ask('a')).kind, 'round');
});
