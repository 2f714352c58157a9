import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutageLog } from './push-log.ts';
import { ACCEPTED, REFUSED, unavailable } from './recording-sender.ts';

test('OutageLog makes a complaint once an outage, and once in five minutes about a server that wavers', () => {
  const said: string[] = [];
  const say = (_: object, message: string): void => void said.push(message);
  const log = new OutageLog({ info: say, warn: say }, 'to it');
  for (let i = 0; i < 5; i++) log.heard(unavailable(), i);
  log.heard(ACCEPTED, 10);
  log.heard(unavailable(), 20);
  log.heard(ACCEPTED, 30);
  log.heard(REFUSED, 40);
  log.heard(REFUSED, 50);
  assert.deepEqual(said, ['Cannot push: away', 'Pushing to it works again', 'A push was refused: bad']);
  log.heard(unavailable(), 300_001);
  assert.equal(said.length, 4);
});

test('OutageLog says some of the refusals of a server that refuses everything, and that there are more', () => {
  const said: string[] = [];
  const say = (_: object, message: string): void => void said.push(message);
  const log = new OutageLog({ info: say, warn: say }, 'to it');
  const refuseAll = (atMs: number): void => {
    for (let i = 0; i < 1000; i++) log.heard({ kind: 'refused', message: `group ${i} was refused` }, atMs);
  };
  for (let minute = 0; minute < 5; minute++) refuseAll(minute * 60_000);
  assert.equal(said.length, 9);
  assert.equal(said.at(-1), 'Pushing to it: more is refused, see hopscope_push_failures_total');
  refuseAll(300_000);
  assert.equal(said.length, 18);
});
