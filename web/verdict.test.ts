import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeWorld } from '../test/fake-api-world.ts';
import { verdictOf } from './verdict.ts';

const NOW = 1_795_424_460_000;
const world = new FakeWorld({ targets: 400 });

function verdict(pick: (target: (typeof world.targets)[number]) => boolean): string {
  const target = world.targets.find(pick);
  assert.ok(target !== undefined);
  return verdictOf(world.describe(target, NOW), world.route(target, NOW - 3_600_000, NOW));
}

test('verdictOf() says that all is well', () => {
  assert.match(
    verdict(({ state, lossRatio }) => state === 'ok' && lossRatio === 0),
    /^Reached in \d+ hops, [\d.]+ ms, nothing lost\.$/,
  );
});

test('verdictOf() says how much is lost, and from which hop on', () => {
  const text = verdict(({ state, lossRatio }) => state === 'ok' && lossRatio > 0);
  assert.match(text, /; 15 % lost, from hop 6 on \(100\.6[67]\.0\.\d+, AS\d+ .*\)\.$/);
});

test('verdictOf() says who was the last to answer of a target that does not', () => {
  assert.match(
    verdict(({ state }) => state === 'unreachable'),
    /^Does not answer; the last hop that does is \d+ \(100\.\d+/,
  );
});

test('verdictOf() gives the reason where nothing was measured', () => {
  assert.match(
    verdict(({ state }) => state === 'failed'),
    /NXDOMAIN/,
  );
  assert.match(
    verdict(({ state }) => state === 'stale'),
    /No fresh measurement/,
  );
  const target = world.targets[0];
  assert.ok(target !== undefined);
  assert.match(verdictOf({ ...world.describe(target, NOW), state: 'pending' }, null), /Waiting/);
});
