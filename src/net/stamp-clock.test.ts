import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClockPair, StampClock } from './stamp-clock.ts';

/** Two clocks that the test moves; every reading takes 50 ns. */
class FakeClocks implements ClockPair {
  readonly realtimeBase = 1_700_000_000;
  elapsed = 0;
  /** CLOCK_REALTIME minus CLOCK_MONOTONIC, less the base. */
  offset = 3e9;

  monotonic(): number {
    this.elapsed += 50;
    return this.elapsed;
  }

  realtime(): number {
    this.elapsed += 50;
    return this.elapsed + this.offset;
  }

  /** A kernel stamp taken now. */
  stamp(): [seconds: number, nanoseconds: number] {
    const at = this.elapsed + this.offset;
    const seconds = Math.floor(at / 1e9);
    return [this.realtimeBase + seconds, at - seconds * 1e9];
  }
}

test('convert() gives the monotonic time of a stamp to within the bracket of a reading', () => {
  const clocks = new FakeClocks();
  const clock = new StampClock(clocks);
  clocks.elapsed += 5e9;
  const at = clock.now();
  const stamp = clocks.stamp();
  clocks.elapsed += 2e6;
  const converted = clock.convert(...stamp, clock.check());
  assert.ok(Math.abs(converted - at) <= 100, `${converted - at} ns off`);
});

for (const step of [3600e9, 10e6, 600e3, -600e3, -10e6, -3600e9]) {
  test(`convert() refuses stamps from before a clock step of ${step / 1e6} ms and takes later ones`, () => {
    const clocks = new FakeClocks();
    const clock = new StampClock(clocks);
    clocks.elapsed += 1e9;
    const before = clocks.stamp();
    clocks.elapsed += 1e5;
    clocks.offset += step;
    const noticed = clock.check();
    assert.equal(clock.steps, 1);
    assert.ok(Number.isNaN(clock.convert(...before, noticed)));
    clocks.elapsed += 1e6;
    const at = clock.now();
    const after = clocks.stamp();
    const converted = clock.convert(...after, clock.check());
    assert.ok(Math.abs(converted - at) <= 100, `${converted - at} ns off`);
  });
}

test('an RTT across a clock step is never negative: each stamp is converted or refused by itself', () => {
  const clocks = new FakeClocks();
  const clock = new StampClock(clocks);
  const sent = clocks.stamp();
  const sentAt = clock.convert(...sent, clock.check());
  clocks.elapsed += 20e6;
  clocks.offset -= 5e9;
  const received = clocks.stamp();
  clocks.elapsed += 30e3;
  const now = clock.check();
  const converted = clock.convert(...received, now);
  const receivedAt = Number.isNaN(converted) ? now : converted;
  const rtt = receivedAt - sentAt;
  assert.ok(rtt >= 20e6 && rtt < 20.1e6, `${rtt} ns`);
});

test('check() takes slow readings and slewing for no step', () => {
  const clocks = new FakeClocks();
  const clock = new StampClock(clocks);
  for (let i = 0; i < 1000; i++) {
    clocks.elapsed += (i % 7) * 1e6;
    clock.check();
  }
  assert.equal(clock.steps, 0);
});

test('convert() never answers a time later than now', () => {
  const clocks = new FakeClocks();
  const clock = new StampClock(clocks);
  const now = clock.check();
  const converted = clock.convert(...clocks.stamp(), now);
  assert.ok(converted <= now);
});
