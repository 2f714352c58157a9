import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HopReply, Trace } from '../trace/trace.ts';
import { type HealthReport, PathHealth } from './path-health.ts';
import { DESTINATION, routerAddress, syntheticTrace } from './synthetic-trace.ts';

const ROUND_MS = 60_000;

/** Feeds rounds of flows in the notation of syntheticTrace(); `rtt` says how long each reply took. */
function healthOf(
  rounds: readonly (readonly string[])[],
  rtt: (ttl: number, round: number, flow: number) => number = (ttl) => 2 * ttl,
): HealthReport {
  const health = new PathHealth(rounds[0]?.length ?? 1);
  for (const [round, flows] of rounds.entries()) {
    health.observe(timed(syntheticTrace(flows), round, rtt), round * ROUND_MS);
  }
  const last = rounds.at(-1)?.map((text) => text.split(' ')) ?? [];
  return health.report(DESTINATION, (flow, ttl) => {
    const name = last[flow]?.[ttl - 1] ?? '*';
    return name === '*' || name === 'D' ? '' : routerAddress(name);
  });
}

function timed(
  trace: Trace,
  round: number,
  rtt: (ttl: number, round: number, flow: number) => number,
): Trace {
  const hops = trace.hops.map((hop) => {
    const replies = hop.replies.map(
      (reply): HopReply => ({ ...reply, rttMs: rtt(hop.ttl, round, reply.flow) }),
    );
    const answered = new Set(replies.map(({ flow }) => flow));
    const outcomes = trace.flows.map((flow) => (answered.has(flow) ? flow : ~flow));
    return { ...hop, replies, ...(replies.length > 0 && replies.length < hop.sent ? { outcomes } : {}) };
  });
  return { ...trace, hops };
}

const repeat = (count: number, round: (i: number) => readonly string[]): (readonly string[])[] =>
  Array.from({ length: count }, (_, i) => round(i));

/** A path of six on which what `lose` says is lost from a hop on, a probe each TTL. */
function losingFrom(hop: number, lose: (round: number, ttl: number) => boolean): (round: number) => string[] {
  return (round) => [
    ['A', 'B', 'C', 'E', 'F', 'D']
      .map((name, i) => (i + 1 >= hop && lose(round, i + 1) ? '*' : name))
      .join(' '),
  ];
}

describe('PathHealth', () => {
  it('names the hop from which loss persists, and calls it and those behind it lossy', () => {
    const { loss, health } = healthOf(
      repeat(
        200,
        losingFrom(4, (round, ttl) => (round * 7 + ttl * 5) % 20 === 0),
      ),
    );
    assert.equal(loss?.startHop, 4);
    assert.equal(loss?.cleanHop, 3);
    assert.ok(Math.abs((loss?.lossRatio ?? 0) - 0.05) < 0.02);
    assert.deepEqual(
      health.map(({ verdict }) => verdict),
      ['clean', 'clean', 'clean', 'lossy', 'lossy', 'lossy'],
    );
  });

  it('never names a silent hop: it says after which hop and by which hop loss begins', () => {
    const silentFourth = losingFrom(4, (round, ttl) => ttl === 4 || (round * 7 + ttl * 5) % 12 === 0);
    const { loss, health } = healthOf(repeat(200, silentFourth));
    assert.equal(loss?.startHop, 5);
    assert.equal(loss?.cleanHop, 3);
    assert.equal(health[3]?.verdict, 'silent');
    assert.equal(health[3]?.address, null);
  });

  it('calls a hop that limits its replies so, whatever it leaves out, and one that does so at random quiet', () => {
    const limited = repeat(60, (round) => {
      const lucky = (round * 7) % 4;
      return [0, 1, 2, 3].map((flow) => (flow === lucky ? 'A B C D' : 'A * C D'));
    });
    const of = healthOf(limited);
    assert.equal(of.loss?.startHop, 0);
    assert.equal(of.health[1]?.verdict, 'rate-limited');
    const atRandom = repeat(100, (round) => [((round * 7919) % 101) % 3 === 0 ? 'A * C D' : 'A B C D']);
    assert.equal(healthOf(atRandom).health[1]?.verdict, 'quiet');
  });

  it('says that only the flows of one branch lose', () => {
    const { loss } = healthOf(
      repeat(80, (round) => {
        const lost = (ttl: number): boolean => (round * 7 + ttl * 3) % 9 === 0;
        const other = ['A', 'X', 'C', 'D'].map((name, i) => (i >= 1 && lost(i) ? '*' : name)).join(' ');
        return ['A B C D', other, 'A B C D', 'A B C D'];
      }),
    );
    assert.deepEqual(loss?.flows, [1]);
    assert.equal(loss?.startHop, 2);
  });

  it('knows total loss from a hop that used to answer', () => {
    const { loss } = healthOf([...repeat(40, () => ['A B C E F D']), ...repeat(20, () => ['A B * * * *'])]);
    assert.equal(loss?.startHop, 3);
    assert.ok((loss?.lossRatio ?? 0) > 0.3);
  });

  it('has nothing to say of loss to a destination that never answered, or without a trace', () => {
    assert.equal(healthOf(repeat(5, () => ['A B *'])).loss, null);
    assert.deepEqual(
      new PathHealth(4).report(DESTINATION, () => ''),
      { loss: null, delay: null, health: [] },
    );
  });

  it('blames the link that adds delay, and no router that is slow to answer', () => {
    const slow = (ttl: number): number => (ttl === 2 ? 80 : ttl) + (ttl >= 4 ? 30 : 0);
    const { delay, health } = healthOf(
      repeat(30, () => ['A B C E F D']),
      (ttl, round) => slow(ttl) + 0.1 * (round % 7),
    );
    assert.equal(delay?.slowestHop, 4);
    assert.ok(Math.abs((delay?.slowestHopAddsMs ?? 0) - 31) < 0.5);
    assert.equal(health[1]?.addedDelayMs, null);
    assert.ok((health[2]?.addedDelayMs ?? 99) < 2.5);
    assert.ok((health[1]?.rttMedianMs ?? 0) > 79);
    assert.ok((health[3]?.addedDelayInterval?.low ?? 0) > 25);
  });

  it('reports a lasting change of the delay with its time, its size and the hop from which it persists', () => {
    const { delay } = healthOf(
      repeat(60, () => ['A B C E F D']),
      (ttl, round) => {
        return 3 * ttl + ((round * 31) % 17) / 20 + (round >= 50 && ttl >= 3 ? 12 : 0);
      },
    );
    const { shift } = delay ?? {};
    assert.equal(shift?.fromHop, 3);
    assert.equal(shift?.atMs, 50 * ROUND_MS);
    assert.equal(shift?.detectedAtMs, 57 * ROUND_MS);
    assert.ok(Math.abs((shift?.afterMs ?? 0) - (shift?.beforeMs ?? 0) - 12) < 1);
  });

  it('takes what it cost to lose the reply of a fast branch for no change of the delay', () => {
    const { delay } = healthOf(
      repeat(300, (round) => [round % 3 === 0 ? 'A *' : 'A D', 'A D', 'A D', 'A D']),
      (_ttl, round, flow) => (flow < 2 ? 20 : 40) + ((round * 13) % 11) / 30,
    );
    assert.equal(delay?.shift, null);
  });

  it('fits 100,000 targets of twelve hops: about a kilobyte each', () => {
    const health = new PathHealth(4);
    const way = 'A B C E F G H I J K L D';
    for (let round = 0; round < 300; round++)
      health.observe(syntheticTrace([way, way, way, way]), round * ROUND_MS);
    assert.ok(health.bytes <= 1300, `${health.bytes}`);
  });
});
