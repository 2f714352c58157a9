import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fitLoss, type HopEvidence, logEvidenceOf } from './loss-model.ts';

/** Losses of 200 probes by hop, the destination last. */
function hops(...lost: readonly number[]): HopEvidence[] {
  return lost.map((n, i) => ({ sent: 200, lost: n, own: i === lost.length - 1 ? 'none' : 'possible' }));
}

function bestStart(lost: readonly HopEvidence[]): number {
  const { starts, clean } = fitLoss(lost);
  const best = Math.max(...starts);
  return clean > best ? 0 : starts.indexOf(best) + 1;
}

describe('fitLoss()', () => {
  it('finds the hop from which all later hops lose', () => {
    assert.equal(bestStart(hops(0, 0, 0, 9, 11, 8, 12, 10)), 4);
    assert.equal(bestStart(hops(9, 12, 10, 11)), 1);
    assert.equal(bestStart(hops(0, 0, 0, 0, 10)), 5);
  });

  it('explains a hop that alone leaves out replies by itself', () => {
    const fit = fitLoss(hops(0, 0, 70, 0, 0, 0));
    assert.ok(fit.clean > 0.99);
    assert.ok((fit.own[2] as number) > 0.99);
    assert.equal(bestStart(hops(0, 150, 0, 10, 9, 11, 10)), 4);
  });

  it('finds both of two lossy links', () => {
    const { loss } = fitLoss(hops(0, 0, 10, 11, 9, 31, 28, 30));
    const near = (value: number | undefined, to: number): boolean => Math.abs((value ?? 0) - to) < 0.3 * to;
    assert.equal(loss[1], 0);
    assert.ok(near(loss[3], 0.05) && near(loss[6], 0.15), String(loss));
  });

  it('does not call one lost probe of many loss', () => {
    assert.ok(fitLoss(hops(0, 1, 0, 0, 1)).clean > 0.5);
  });

  it('gives probabilities that add up, also where everything or nothing is lost', () => {
    for (const lost of [[0], [200], [200, 200, 200], [0, 200, 0, 200], [3, 2, 1, 0]]) {
      const { starts, clean, own } = fitLoss(hops(...lost));
      const sum = starts.reduce((a, b) => a + b, clean);
      assert.ok(Math.abs(sum - 1) < 1e-9, `${lost}: ${sum}`);
      assert.ok(own.every((share) => share >= 0 && share <= 1));
    }
    assert.equal(bestStart(hops(0, 0, 200, 200, 200)), 3);
  });

  it('agrees with logEvidenceOf()', () => {
    const evidence = hops(0, 5, 7, 6);
    const fit = fitLoss(evidence);
    const plain = logEvidenceOf(evidence);
    assert.ok(Math.abs(fit.logEvidence - plain.logEvidence) < 1e-9);
    assert.ok(Math.abs(fit.logCleanEvidence - plain.logCleanEvidence) < 1e-9);
  });
});
