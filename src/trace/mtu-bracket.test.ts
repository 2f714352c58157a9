import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LEAST_MTU, MtuBracket } from './mtu-bracket.ts';

const ROUTER = { address: '100.64.0.3', ttl: 30, quotedTtl: 28 };

/** Tries lengths as a path of this MTU would answer them, until nothing is left to try. */
function search(
  mtu: number,
  says: ((length: number) => number) | null,
  family: 4 | 6 = 4,
  top = 1500,
): MtuBracket {
  const bracket = new MtuBracket(family);
  bracket.refusedHere(65_535, top);
  for (let round = 0; round < 40; round++) {
    const lengths = bracket.next();
    if (lengths.length === 0) return bracket;
    for (const length of lengths) {
      assert.ok(length >= LEAST_MTU[family] && length <= top, `${length} may be tried`);
      if (length <= mtu) bracket.arrived(length);
      else if (says === null) bracket.missed(length);
      else bracket.refused({ ...ROUTER, length, claim: says(length) });
    }
    bracket.short(true);
  }
  assert.fail('the search does not end');
}

describe('MtuBracket', () => {
  it('begins with what the interface takes, and is settled when that arrives', () => {
    const bracket = new MtuBracket(4);
    assert.deepEqual(bracket.next(), [65_535]);
    bracket.refusedHere(65_535, 1500);
    assert.deepEqual(bracket.next(), [1500]);
    bracket.arrived(1500);
    assert.equal(bracket.settled, true);
    assert.deepEqual(bracket.next(), []);
    assert.equal(bracket.arrivedLength, 1500);
  });

  it('goes down the common lengths where the system does not say what its interface takes', () => {
    const bracket = new MtuBracket(4);
    bracket.refusedHere(65_535, 0);
    assert.deepEqual(bracket.next(), [32_000]);
    bracket.refusedHere(32_000, 70_000);
    assert.deepEqual(bracket.next(), [17_914]);
  });

  it('tries the length that a router gives, and one byte more', () => {
    const bracket = new MtuBracket(4);
    bracket.refusedHere(65_535, 1500);
    bracket.next();
    bracket.refused({ ...ROUTER, length: 1500, claim: 1400 });
    assert.deepEqual(bracket.next(), [1401, 1400]);
    bracket.refused({ ...ROUTER, length: 1401, claim: 1400 });
    bracket.arrived(1400);
    assert.equal(bracket.settled, true);
    assert.equal(bracket.tightest?.address, ROUTER.address);
  });

  it('believes silence only after tries that loss cannot explain, more of them the more gets lost', () => {
    const tries = (answers: readonly boolean[]): number => {
      const bracket = new MtuBracket(4);
      bracket.refusedHere(65_535, 1500);
      bracket.next();
      for (const answer of answers) bracket.short(answer);
      bracket.arrived(1499);
      let made = 0;
      for (; !bracket.settled; made++) bracket.missed(1500);
      return made;
    };
    assert.equal(tries(Array<boolean>(20).fill(true)), 3);
    assert.ok(tries([true, false, true, true, true]) > 3);
    assert.equal(tries(Array<boolean>(20).fill(false)), 10, 'bounded');
  });

  it('takes back what silence said when the length arrives after all', () => {
    const bracket = new MtuBracket(4);
    bracket.refusedHere(65_535, 1500);
    bracket.next();
    for (let i = 0; i < 10; i++) bracket.missed(1400);
    bracket.arrived(1450);
    assert.equal(bracket.upper, 1501);
  });

  for (const family of [4, 6] as const) {
    it(`finds any path MTU exactly, whatever routers say, IPv${family}`, () => {
      const lies: ((length: number) => number)[] = [
        () => 0,
        () => 65_535,
        () => 1,
        (n) => n,
        (n) => n - 1,
        () => 1290,
      ];
      const says = fc.constantFrom<((length: number) => number) | null>(null, ...lies);
      fc.assert(
        fc.property(
          fc.integer({ min: LEAST_MTU[family], max: 9000 }),
          says,
          fc.constantFrom(1500, 9000),
          (mtu, say, top) => {
            const bracket = search(mtu, say, family, top);
            assert.equal(bracket.arrivedLength, Math.min(mtu, top));
            assert.equal(bracket.settled, true);
          },
        ),
        { numRuns: 400, seed: 1 },
      );
    });
  }

  it('knows nothing where not even the least length arrives', () => {
    assert.equal(search(60, null).arrivedLength, 0);
    assert.equal(search(1200, null, 6).arrivedLength, 0);
  });
});
