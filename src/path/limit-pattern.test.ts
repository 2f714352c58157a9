import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LimitPattern, PATTERN_WORDS } from './limit-pattern.ts';

/** Reproducible chance: mulberry32. */
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function patternOf(rounds: readonly (readonly boolean[])[]): LimitPattern {
  const pattern = new LimitPattern(new Uint16Array(PATTERN_WORDS), 0);
  for (const round of rounds) pattern.note(round);
  return pattern;
}

describe('LimitPattern', () => {
  it('knows a bucket by its answers to the first probes of a burst', () => {
    const burst = Array.from({ length: 50 }, (_, i) => i < 7);
    assert.equal(patternOf([burst]).isLimited, true);
  });

  it('knows a bucket of one token by one answer in every round, whichever probe gets it', () => {
    const random = chance(1);
    const rounds = Array.from({ length: 50 }, () => {
      const lucky = Math.floor(4 * random());
      return [0, 1, 2, 3].map((i) => i === lucky);
    });
    assert.equal(patternOf(rounds).isLimited, true);
  });

  it('takes misses by chance for a limit in less than one of a thousand hops', () => {
    const random = chance(2);
    let wrong = 0;
    for (let hop = 0; hop < 3000; hop++) {
      const rate = 0.05 + 0.9 * random();
      const rounds = Array.from({ length: 50 }, () => [1, 2, 3, 4].map(() => random() < rate));
      if (patternOf(rounds).isLimited) wrong++;
    }
    assert.ok(wrong <= 3, `${wrong} of 3000`);
  });

  it('says that misses keep company where a bucket is emptied by others, and not where chance makes them', () => {
    const random = chance(3);
    const shared = Array.from({ length: 60 }, () => new Array<boolean>(4).fill(random() < 0.7));
    assert.equal(patternOf(shared).isClumped, true);
    assert.equal(patternOf(shared).isLimited, false);
    const free = Array.from({ length: 60 }, () => [1, 2, 3, 4].map(() => random() < 0.7));
    assert.equal(patternOf(free).isClumped, false);
  });

  it('keeps its counts within 16 bits over a million probes', () => {
    const words = new Uint16Array(PATTERN_WORDS);
    const pattern = new LimitPattern(words, 0);
    for (let round = 0; round < 20_000; round++) pattern.note(Array.from({ length: 50 }, (_, i) => i < 6));
    assert.equal(pattern.isLimited, true);
    assert.ok(words.every((word) => word < 60_000));
  });
});
