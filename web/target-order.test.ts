import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiTarget } from '../src/http/api-shapes.ts';
import { FakeWorld } from '../test/fake-api-world.ts';
import { hostOrder, selectTargets, standingOf } from './target-order.ts';

const NOW = 1_795_424_460_000;
const world = new FakeWorld({ targets: 500 });
const all: readonly ApiTarget[] = world.targets.map((target) => world.describe(target, NOW)).sort(hostOrder);
const ANY = { filter: '', state: '', sort: 'target', descending: false } as const;

test('hostOrder() counts numbers in names', () => {
  const named = (host: string): ApiTarget => ({ ...(all[0] as ApiTarget), host, key: host });
  const sorted = ['web-10', 'web-9', 'db-2'].map(named).sort(hostOrder);
  assert.deepEqual(
    sorted.map(({ host }) => host),
    ['db-2', 'web-9', 'web-10'],
  );
});

test('selectTargets() has trouble first by default', () => {
  const standings = selectTargets(all, { ...ANY, sort: 'state' }).map(standingOf);
  assert.equal(standings[0], 'unreachable');
  assert.equal(standings.at(-1), 'ok');
  assert.ok(standings.lastIndexOf('unreachable') < standings.indexOf('failed'));
  assert.ok(standings.lastIndexOf('lossy') < standings.indexOf('ok'));
});

test('selectTargets() has what is not known last in either direction', () => {
  for (const descending of [false, true]) {
    const rtts = selectTargets(all, { ...ANY, sort: 'rtt', descending }).map(({ rttMs }) => rttMs);
    const known = rtts.filter((rtt) => rtt !== null);
    assert.ok(known.length < rtts.length);
    assert.deepEqual(
      rtts.slice(0, known.length),
      known.toSorted((a, b) => (descending ? b - a : a - b)),
    );
  }
});

test('selectTargets() reverses the order of names', () => {
  const up = selectTargets(all, ANY);
  assert.deepEqual(selectTargets(all, { ...ANY, descending: true }), up.toReversed());
});

test('selectTargets() wants every word somewhere: name, address, label, AS, path id', () => {
  const hosts = (filter: string): string[] => selectTargets(all, { ...ANY, filter }).map(({ host }) => host);
  assert.deepEqual(hosts('WEB-10. 198.18.0.10'), ['web-10.oslo.example.org']);
  assert.ok(hosts('site=lagos team=t1').every((host) => host.includes('lagos')));
  assert.equal(hosts('as64501').length, all.filter(({ asPath }) => asPath.length > 0).length);
  assert.deepEqual(hosts('web-10. nowhere'), []);
});

test('selectTargets() gives one state alone', () => {
  const lossy = selectTargets(all, { ...ANY, state: 'lossy' });
  assert.ok(lossy.length > 0 && lossy.every((target) => standingOf(target) === 'lossy'));
});
