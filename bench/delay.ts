// How true delay attribution is. False alarms: a million rounds of round-trip times with jitter, heavy tails, congestion
// by the hour and the drift of a day, none of them a lasting step. Steps: real probes over the simulator in virtual time,
// a link that becomes slower or faster at a known round; reported how often, how soon, and from the right hop. Slow
// repliers: whether the link that adds most is named although routers answer late.
//
//   node bench/delay.ts [rounds of all noises together=1000000] [runs=200] [seed=1] [noise, in part]

import { Random } from '../lab/random.ts';
import { parseScenario } from '../lab/scenario-schema.ts';
import { VirtualHost } from '../lab/virtual-run.ts';
import type { DelayReport } from '../src/path/delay.ts';
import { PathHealth } from '../src/path/path-health.ts';
import type { Hop, Trace, TraceRequest } from '../src/trace/trace.ts';
import { quantile, renderTable } from './table.ts';

const INTERVAL_MS = 60_000;
const TARGET = '198.18.0.1';
const FLOWS = 4;
const ROUTERS = 8;
const ROUNDS_A_DAY = 1440;
/** Rounds of one target in the search for false alarms. */
const ROUNDS_A_TARGET = 10_000;
const QUIET_ROUNDS = 60;
const MOST_ROUNDS_AFTER = 30;

/** Milliseconds that a probe of this round takes more than the path's own 20; none of them steps for good. */
const NOISES: Readonly<Record<string, (random: Random, round: number) => number>> = {
  'uniform jitter, 2 ms': (random) => 2 * random.unit(),
  'exponential, 1 ms, and 3 % spikes to 300 ms': (random) =>
    -Math.log(1 - random.unit()) + (random.chance(0.03) ? 300 * random.unit() : 0),
  'Pareto tail (shape 1.2)': (random) => (1 - random.unit()) ** (-1 / 1.2) - 1,
  'drift of a day, 20 ms, jitter 1 ms': (random, round) =>
    10 + 10 * Math.sin((2 * Math.PI * round) / ROUNDS_A_DAY) + random.unit(),
  'drift of a day, 20 ms, jitter 0.05 ms': (random, round) =>
    10 + 10 * Math.sin((2 * Math.PI * round) / ROUNDS_A_DAY) + 0.05 * random.unit(),
  'busy evenings: jitter grows to 15 ms': (random, round) =>
    (1 + 14 * Math.max(0, Math.sin((2 * Math.PI * round) / ROUNDS_A_DAY)) ** 2) * random.unit(),
};

function flatTrace(rttOf: () => number): Trace {
  const flows = Array.from({ length: FLOWS }, (_, flow) => flow);
  const hop: Hop = {
    ttl: 1,
    sent: FLOWS,
    replies: flows.map((flow) => ({ flow, address: TARGET, rttMs: rttOf(), kind: 'echo-reply' })),
  };
  return {
    target: TARGET,
    address: TARGET,
    family: 4,
    protocol: 'icmp',
    port: null,
    mode: 'raw',
    startedAt: '2026-11-23T09:00:00.000Z',
    durationMs: 20,
    reached: true,
    hopCount: 1,
    probesSent: FLOWS,
    hops: [hop],
    links: [],
    end: 'reached',
    duplicates: 0,
    late: 0,
    flows,
  };
}

function falseAlarms(all: number, seed: number, only: string): string[][] {
  const noises = Object.entries(NOISES).filter(([name]) => name.includes(only));
  const rounds = all / noises.length;
  return noises.map(([name, noise], i) => {
    const random = new Random(seed * 31 + i);
    let alarms = 0;
    let done = 0;
    for (; done < rounds; done += ROUNDS_A_TARGET) {
      const health = new PathHealth(FLOWS);
      let last = 0;
      for (let round = 0; round < ROUNDS_A_TARGET; round++) {
        health.observe(
          flatTrace(() => 20 + noise(random, round)),
          round * INTERVAL_MS,
        );
        const at = health.shift?.detectedAtMs ?? 0;
        if (at !== last) alarms++;
        last = at;
      }
    }
    return [name, String(done), String(alarms)];
  });
}

function request(distanceHint: number | null): TraceRequest {
  return {
    target: TARGET,
    address: TARGET,
    protocol: 'icmp',
    port: null,
    mode: 'raw',
    firstTtl: 1,
    maxTtl: 30,
    queries: 1,
    flows: FLOWS,
    firstFlow: 0,
    silentHopLimit: 5,
    timeoutMs: 10_000,
    waitMs: 2000,
    distanceHint,
    packetLength: 0,
    trafficClass: 0,
    dontFragment: false,
  };
}

interface Step {
  readonly jitterMs: number;
  readonly byMs: number;
  readonly loss: number;
}

/** Chain whose link to `hop` is slower by `byMs` from a time on (before it, if negative); some routers answer late. */
function chain(
  { jitterMs, byMs, loss }: Step,
  hop: number,
  atMs: number,
  random: Random,
): { readonly host: VirtualHost; readonly shows: number } {
  const slow = Array.from({ length: ROUTERS }, () => random.chance(0.25));
  const names = Array.from({ length: ROUTERS }, (_, i) => `r${i + 1}`);
  const link = (delayMs: number): object => ({
    from: hop === 1 ? 'source' : `r${hop - 1}`,
    to: hop > ROUTERS ? 'host' : `r${hop}`,
    delayMs,
    jitterMs,
    loss,
  });
  const usual = 2 + Math.max(0, -byMs / 2);
  const scenario = parseScenario({
    name: 'step',
    defaults: { link: { delayMs: 2, jitterMs } },
    routers: Object.fromEntries(
      names.map((name, i) => [
        name,
        { v4: `100.64.0.${i + 1}`, ...(slow[i] === true ? { answerMs: 60, answerJitterMs: 30 } : {}) },
      ]),
    ),
    links: [link(usual)],
    routes: { main: { steps: names } },
    targets: [{ prefix: TARGET, route: 'main' }],
    changes: [{ atMs, links: [link(usual + byMs / 2)] }],
  });
  // A router that answers late need not tell: then the change shows at the next that does.
  let shows = hop;
  while (slow[shows - 1] === true) shows++;
  return { host: new VirtualHost({ scenario, seed: Math.floor(random.unit() * 1e9) }), shows };
}

function steps(runs: number, seed: number): string[][] {
  const cases: Step[] = [
    { jitterMs: 0.3, byMs: 1, loss: 0 },
    { jitterMs: 0.3, byMs: 2, loss: 0 },
    { jitterMs: 0.3, byMs: 10, loss: 0.05 },
    { jitterMs: 0.3, byMs: -10, loss: 0 },
    { jitterMs: 2, byMs: 5, loss: 0 },
    { jitterMs: 2, byMs: 20, loss: 0.05 },
  ];
  return cases.map((one) => {
    const after: number[] = [];
    let rightHop = 0;
    let early = 0;
    for (let run = 0; run < runs; run++) {
      const random = new Random(seed * 7919 + run);
      const hop = 1 + Math.floor(random.unit() * (ROUTERS + 1));
      const { host, shows } = chain(one, hop, QUIET_ROUNDS * INTERVAL_MS - 1, random);
      const health = new PathHealth(FLOWS);
      let hint: number | null = null;
      for (let round = 0; round < QUIET_ROUNDS + MOST_ROUNDS_AFTER; round++) {
        host.advanceTo(round * INTERVAL_MS);
        const trace = host.trace(request(hint));
        if (trace.reached) hint = trace.hopCount;
        health.observe(trace, round * INTERVAL_MS);
        const { shift } = health;
        if (shift === null) continue;
        if (round < QUIET_ROUNDS) early++;
        else {
          after.push(round - QUIET_ROUNDS + 1);
          if (shift.fromHop === shows || shift.fromHop === hop) rightHop++;
        }
        break;
      }
    }
    const share = (n: number): string => `${((100 * n) / runs).toFixed(1)} %`;
    return [
      `${one.byMs > 0 ? '+' : ''}${one.byMs} ms, jitter ${one.jitterMs} ms a link, loss ${100 * one.loss} %`,
      share(after.length),
      String(quantile(after, 0.5)),
      String(Math.max(...after)),
      share(rightHop),
      String(early),
    ];
  });
}

/** Whether the link that adds most is found, with a quarter of the routers answering 60 to 90 ms late. */
function slowestLinks(runs: number, seed: number): string[][] {
  return [10, 20, 40].map((byMs) => {
    let right = 0;
    let none = 0;
    for (let run = 0; run < runs; run++) {
      const random = new Random(seed * 104_729 + run);
      const hop = 1 + Math.floor(random.unit() * (ROUTERS + 1));
      const { host, shows } = chain({ jitterMs: 0.5, byMs, loss: 0 }, hop, 0, random);
      const health = new PathHealth(FLOWS);
      let delay: DelayReport | null = null;
      for (let round = 0; round < 20; round++) {
        host.advanceTo(1 + round * INTERVAL_MS);
        health.observe(host.trace(request(round === 0 ? null : ROUTERS + 1)), round * INTERVAL_MS);
      }
      delay = health.report(TARGET, () => '').delay;
      if (delay?.slowestHop === shows) right++;
      else if ((delay?.slowestHop ?? 0) === 0) none++;
    }
    const share = (n: number): string => `${((100 * n) / runs).toFixed(1)} %`;
    return [
      `${byMs} ms more than the other links' 4 ms`,
      share(right),
      share(none),
      share(runs - right - none),
    ];
  });
}

if (import.meta.main) {
  const [rounds = 1_000_000, runs = 200, seed = 1] = process.argv.slice(2).map(Number);
  console.log(
    renderTable(
      ['no lasting change', 'rounds', 'false alarms'],
      falseAlarms(rounds, seed, process.argv[5] ?? ''),
    ),
  );
  console.log();
  const header = ['step', 'reported', 'rounds, median', 'most', 'right hop', 'before it'];
  console.log(renderTable(header, steps(runs, seed)));
  console.log();
  console.log(renderTable(['slowest link', 'right', 'none named', 'wrong'], slowestLinks(runs, seed)));
}
