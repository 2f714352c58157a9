import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Probe } from '../trace/network.ts';
import { OUTBOX_CAPACITY, Outbox } from './outbox.ts';

function probe(handle: number): Probe {
  return {
    handle,
    destination: new Uint8Array(16).fill(handle & 0xff),
    destinationPort: (handle * 7) & 0xffff,
    flow: handle % 256,
    ttl: 1 + (handle % 30),
    sequence: 1 + (handle % 65_535),
    packetLength: handle % 9000,
    trafficClass: handle & 0xff,
    dontFragment: handle % 2 === 1,
  };
}

test('launch() gives back every probe as it was added, in order, across growth and wrap-around', () => {
  const outbox = new Outbox();
  const seen: Probe[] = [];
  const launcher = { launch: (it: Probe) => seen.push({ ...it, destination: it.destination.slice() }) };
  let next = 0;
  for (const [added, launched] of [
    [700, 600],
    [900, 50],
    [3000, 4000],
  ] as const) {
    for (let i = 0; i < added; i++) assert.ok(outbox.add(launcher, probe(next++)));
    outbox.launch(launched);
  }
  assert.equal(outbox.count, 0);
  assert.deepEqual(
    seen,
    Array.from({ length: next }, (_, i) => probe(i)),
  );
});

test('add() refuses what exceeds the capacity and takes more once there is room', () => {
  const outbox = new Outbox();
  const launcher = { launch: () => undefined };
  const one = probe(1);
  for (let i = 0; i < OUTBOX_CAPACITY; i++) outbox.add(launcher, one);
  assert.equal(outbox.add(launcher, one), false);
  outbox.launch(1);
  assert.equal(outbox.add(launcher, one), true);
});

test('launch() may be given more probes while it runs', () => {
  const outbox = new Outbox();
  const seen: number[] = [];
  const launcher = {
    launch: (it: Probe) => {
      seen.push(it.handle);
      if (it.handle < 3) outbox.add(launcher, probe(it.handle + 1));
    },
  };
  outbox.add(launcher, probe(0));
  outbox.launch(10);
  assert.deepEqual(seen, [0, 1, 2, 3]);
});
