import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HopPacer, type PacedProbe } from './multipath-pacer.ts';

const SECOND = 1e9;
const RTT = 10e6;

interface Outcome {
  readonly answered: number;
  readonly silent: number;
  readonly limited: number;
  readonly sent: number;
  readonly tookNs: number;
}

/** Sends `flows` probes through a pacer to a hop that answers as `answers` says. */
function run(pacer: HopPacer, flows: number, answers: (flow: number, atNs: number) => boolean): Outcome {
  for (let flow = 0; flow < flows; flow++) {
    pacer.add({ flow, ttl: 3, repeated: false, tries: 0, settled: false });
  }
  const outcome = { answered: 0, silent: 0, limited: 0, sent: 0, tookNs: 0 };
  let nowNs = 0;
  for (let step = 0; step < 10_000 && !pacer.idle; step++) {
    const probes = pacer.take(nowNs, () => false);
    outcome.sent += probes.length;
    const heard = probes.map((probe) => answers(probe.flow, nowNs));
    nowNs = probes.length === 0 ? Math.max(nowNs + 1, pacer.wakeNs(nowNs)) : nowNs + RTT;
    for (const [i, probe] of probes.entries()) settle(pacer, probe, heard[i] === true, nowNs, outcome);
    for (const _ of pacer.silenced()) outcome[pacer.limited ? 'limited' : 'silent']++;
    assert.ok(Number.isFinite(nowNs), 'it is never stuck');
  }
  assert.ok(pacer.idle);
  return { ...outcome, tookNs: nowNs };
}

function settle(
  pacer: HopPacer,
  probe: PacedProbe,
  heard: boolean,
  nowNs: number,
  outcome: { answered: number; silent: number; limited: number },
): void {
  if (heard) {
    probe.settled = true;
    pacer.answered('r');
    outcome.answered++;
    return;
  }
  const verdict = pacer.missed(probe, nowNs);
  if (verdict !== 'again') outcome[verdict]++;
}

/** Linux' own limit: a bucket of `burst`, one more each second. */
function bucket(burst: number, perSecond: number): (flow: number, atNs: number) => boolean {
  let tokens = burst;
  let last = 0;
  return (_, atNs) => {
    tokens = Math.min(burst, tokens + ((atNs - last) / SECOND) * perSecond);
    last = atNs;
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
}

describe('HopPacer', () => {
  it('sends what a hop answers freely in windows that grow with its responders', () => {
    const outcome = run(new HopPacer(), 100, () => true);
    assert.deepEqual([outcome.answered, outcome.sent], [100, 100]);
    assert.ok(outcome.tookNs < SECOND);
    const wide = new HopPacer();
    for (let i = 0; i < 32; i++) wide.know(`r${i}`);
    for (let flow = 0; flow < 500; flow++)
      wide.add({ flow, ttl: 1, repeated: false, tries: 0, settled: false });
    assert.equal(wide.take(0, () => false).length, 256);
  });

  it('gets every answer of a router that limits its replies as Linux does, a second apart', () => {
    const pacer = new HopPacer();
    const outcome = run(pacer, 20, bucket(6, 1));
    assert.equal(outcome.answered, 20);
    assert.ok(pacer.limited);
    assert.ok(outcome.tookNs > 13 * SECOND && outcome.tookNs < 25 * SECOND, `${outcome.tookNs}`);
  });

  it('asks again what was lost at once, and takes loss for no limit', () => {
    let count = 0;
    const pacer = new HopPacer();
    const outcome = run(pacer, 400, () => ++count % 20 !== 0);
    assert.equal(outcome.answered, 400);
    assert.ok(!pacer.limited);
    assert.ok(outcome.tookNs < SECOND);
  });

  it('calls a hop silent that never answers, after two tries', () => {
    const outcome = run(new HopPacer(), 6, () => false);
    assert.deepEqual([outcome.silent, outcome.sent], [6, 12]);
    assert.ok(outcome.tookNs < SECOND);
  });

  it('calls flows silent whose router never answers while others do, and pauses for them only once', () => {
    const pacer = new HopPacer();
    const outcome = run(pacer, 100, (flow) => flow % 4 !== 0);
    assert.deepEqual([outcome.answered, outcome.silent, outcome.limited], [75, 25, 0]);
    assert.ok(!pacer.limited);
    assert.ok(outcome.tookNs < 6 * SECOND, `${outcome.tookNs}`);
  });

  it('gives up on a router that has stopped answering, as limited and not as silent', () => {
    const free = bucket(6, 1);
    const pacer = new HopPacer();
    const outcome = run(pacer, 12, (flow, atNs) => atNs < 4 * SECOND && free(flow, atNs));
    assert.equal(outcome.silent, 0);
    assert.equal(outcome.answered + outcome.limited, 12);
    assert.ok(outcome.limited > 0);
  });

  it('leaves a probe in the queue whose flow is busy', () => {
    const pacer = new HopPacer();
    for (const flow of [0, 1]) pacer.add({ flow, ttl: 1, repeated: false, tries: 0, settled: false });
    assert.deepEqual(
      pacer.take(0, ({ flow }) => flow === 0).map(({ flow }) => flow),
      [1],
    );
    pacer.answered('r');
    assert.ok(!pacer.idle);
    assert.equal(pacer.take(0, () => false).length, 1);
  });
});
