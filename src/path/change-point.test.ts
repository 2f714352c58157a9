import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exceedanceTail, findShift, mannWhitneyTail } from './change-point.ts';

const UNIT_MS = 0.01;
const decode = (rank: number): number => rank * UNIT_MS;
const least = (): number => 0.1;

/** Milliseconds as ranks of 10 microseconds. */
function ranks(values: readonly number[]): Uint16Array {
  return Uint16Array.from(values, (value) => Math.round(value / UNIT_MS));
}

/** Between 0 and 1, the same for every run. */
function noise(i: number): number {
  const x = Math.sin(i * 12.9898) * 43_758.5453;
  return x - Math.floor(x);
}

const quiet = (from: number, count: number, centre: number): number[] =>
  Array.from({ length: count }, (_, i) => centre + noise(from + i));

describe('findShift()', () => {
  it('finds a step eight figures after it, with its size and interval', () => {
    const before = quiet(0, 40, 20);
    const steps = (after: number): ReturnType<typeof findShift> =>
      findShift(ranks([...before, ...quiet(40, after, 25)]), decode, least);
    assert.equal(steps(7), null);
    const found = steps(8);
    assert.equal(found?.count, 8);
    assert.ok(Math.abs((found?.difference ?? 0) - 5) < 0.4);
    assert.ok((found?.interval.low ?? 0) < 5 && (found?.interval.high ?? 0) > 5);
  });

  it('finds a step down, and one among spikes', () => {
    const spiky = (values: readonly number[]): number[] => values.map((v, i) => (i % 11 === 5 ? v + 200 : v));
    assert.ok(
      (findShift(ranks([...quiet(0, 40, 30), ...quiet(9, 10, 22)]), decode, least)?.difference ?? 0) < -7,
    );
    const found = findShift(ranks([...spiky(quiet(0, 40, 20)), ...quiet(40, 16, 26)]), decode, least);
    assert.ok(found !== null && Math.abs(found.difference - 6) < 1);
  });

  it('takes no slow drift for a step, however sure it is', () => {
    for (const slope of [0.05, 0.2, 1, 5]) {
      const drift = Array.from({ length: 56 }, (_, i) => 20 + slope * i + 0.02 * noise(i));
      assert.equal(findShift(ranks(drift), decode, least), null, `slope ${slope}`);
    }
  });

  it('says nothing of what is too small to matter, or of a few figures', () => {
    assert.equal(
      findShift(
        ranks([...new Array<number>(40).fill(20), ...new Array<number>(16).fill(20.05)]),
        decode,
        least,
      ),
      null,
    );
    assert.equal(findShift(ranks(quiet(0, 20, 5)), decode, least), null);
    assert.equal(findShift(ranks([]), decode, least), null);
  });

  it('is quiet over 100,000 looks at noise with a heavy tail', () => {
    const values = Array.from(
      { length: 100_056 },
      (_, i) => 20 - Math.log(1 - noise(i)) + (noise(i + 0.5) < 0.03 ? 60 : 0),
    );
    const all = ranks(values);
    for (let i = 0; i < 100_000; i++) assert.equal(findShift(all.subarray(i, i + 56), decode, least), null);
  });
});

describe('mannWhitneyTail()', () => {
  it('is the share of orderings, as counted one by one', () => {
    const [n, m] = [6, 4];
    for (let limit = 0; limit <= 8; limit++) {
      let within = 0;
      let all = 0;
      for (let mask = 0; mask < 1 << (n + m); mask++) {
        const places = Array.from({ length: n + m }, (_, i) => (mask >> i) & 1);
        if (places.reduce((a, b) => a + b, 0) !== m) continue;
        all++;
        let inversions = 0;
        let ones = 0;
        for (const place of places) {
          if (place === 1) ones++;
          else inversions += ones;
        }
        if (inversions <= limit) within++;
      }
      assert.ok(Math.abs(mannWhitneyTail(limit, n, m) - within / all) < 1e-12);
    }
  });
});

describe('exceedanceTail()', () => {
  it('is the share of orderings in which so few of the later figures stay below', () => {
    const [n, m, r] = [6, 4, 5];
    for (let limit = 0; limit <= m; limit++) {
      let within = 0;
      let all = 0;
      for (let mask = 0; mask < 1 << (n + m); mask++) {
        const places = Array.from({ length: n + m }, (_, i) => (mask >> i) & 1);
        if (places.reduce((a, b) => a + b, 0) !== m) continue;
        all++;
        let before = 0;
        let stayed = 0;
        for (const place of places) {
          if (place === 0) before++;
          else if (before < r) stayed++;
        }
        if (stayed <= limit) within++;
      }
      assert.ok(Math.abs(exceedanceTail(limit, r, n, m) - within / all) < 1e-12);
    }
  });
});
