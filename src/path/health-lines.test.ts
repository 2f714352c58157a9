import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DelayReport } from './delay.ts';
import { healthLines } from './health-lines.ts';
import type { HopHealth, HopVerdict, LossReport } from './loss.ts';

const LOSS: LossReport = {
  sent: 200,
  lost: 10,
  lossRatio: 0.05,
  interval: { low: 0.0274, high: 0.0896 },
  startHop: 5,
  cleanHop: 4,
  confidence: 0.99,
  lossProbability: 1,
  steps: [],
  flows: null,
};

const DELAY: DelayReport = {
  rttMinMs: 19,
  rttMedianMs: 20,
  interval: { low: 19.5, high: 20.5 },
  rttP95Ms: 25,
  rounds: 60,
  slowestHop: 0,
  slowestHopAddsMs: 0,
  shift: null,
};

function hops(...verdicts: readonly HopVerdict[]): HopHealth[] {
  return verdicts.map((verdict, i) => ({
    ttl: i + 1,
    address: null,
    sent: 100,
    answered: 100,
    replyRate: 1,
    interval: { low: 0.9, high: 1 },
    forwardLoss: 0,
    verdict,
    rttMinMs: null,
    rttMedianMs: null,
    rttP95Ms: null,
    addedDelayMs: null,
    addedDelayInterval: null,
  }));
}

function textOf(
  loss: LossReport | null,
  delay: DelayReport | null,
  ...verdicts: readonly HopVerdict[]
): string[] {
  return healthLines({ loss, delay, health: hops(...verdicts) }).map(({ text }) => text);
}

describe('healthLines()', () => {
  it('says how much is lost and from which hop on', () => {
    assert.deepEqual(textOf(LOSS, null), ['loss 5.0 % from hop 5 on (10 of 200 probes, 2.7 to 9.0 %)']);
    assert.deepEqual(textOf({ ...LOSS, flows: [0, 2, 3] }, null), [
      'loss 5.0 % from hop 5 on, on flows 0,2-3 alone (10 of 200 probes, 2.7 to 9.0 %)',
    ]);
  });

  it('says what it does not know', () => {
    assert.match(
      textOf({ ...LOSS, cleanHop: 2 }, null)[0] ?? '',
      /begins after hop 2 and shows from hop 5 on/,
    );
    assert.match(
      textOf({ ...LOSS, startHop: 0, cleanHop: 0 }, null)[0] ?? '',
      /too few probes to tell from which hop/,
    );
    assert.match(
      textOf({ ...LOSS, startHop: 0, lossProbability: 0.4 }, null)[0] ?? '',
      /too few to call it loss/,
    );
  });

  it('names limited hops and quiet ones, and calls neither loss', () => {
    assert.deepEqual(
      textOf(null, null, 'clean', 'rate-limited', 'rate-limited', 'quiet', 'rate-limited', 'silent', 'clean'),
      ['hops 2-3,5 limit their replies: no loss', 'hop 4 leaves out replies at random: no loss'],
    );
    assert.deepEqual(textOf({ ...LOSS, startHop: 0 }, null, 'clean', 'rate-limited'), [
      'hop 2 limits its replies: no loss',
    ]);
  });

  it('names the link that makes most of the delay, and a lasting change', () => {
    const shift = {
      atMs: 0,
      detectedAtMs: 1,
      beforeMs: 10,
      afterMs: 20,
      interval: { low: 9, high: 11 },
      fromHop: 3,
    };
    assert.deepEqual(textOf(null, { ...DELAY, slowestHop: 4, slowestHopAddsMs: 15, shift }), [
      'hop 4 adds 15.0 ms of 20.0 ms',
      'round-trip time 10.0 ms became 20.0 ms at 1970-01-01T00:00:00Z, from hop 3 on',
    ]);
  });

  it('has nothing to say of a healthy path', () => {
    assert.deepEqual(textOf({ ...LOSS, lost: 0, startHop: 0 }, DELAY, 'clean', 'silent', 'clean'), []);
  });
});
