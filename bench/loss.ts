// How true loss attribution is: real probes and replies over the simulator in virtual time, with known truth. "200
// probes" are 200 probes sent with each TTL: 50 rounds of four flows, as a static target has them, or one trace with 50
// queries a flow. A case is right when the hop named is that behind the lossy link (or, where that one never tells, the
// next that does) and, where nothing is lost, when none is named.
//
//   node bench/loss.ts [runs=1000] [seed=1] [case name, in part]

import { Random } from '../lab/random.ts';
import type { Link, Router, Scenario, Step } from '../lab/scenario.ts';
import { parseScenario } from '../lab/scenario-schema.ts';
import { VirtualHost } from '../lab/virtual-run.ts';
import { AddressTable } from '../src/path/address-table.ts';
import type { HopVerdict } from '../src/path/loss.ts';
import type { PathObservation } from '../src/path/observation.ts';
import { createPathTracker } from '../src/path/tracker.ts';
import type { TraceRequest } from '../src/trace/trace.ts';
import { renderTable } from './table.ts';

const TARGET = '198.18.0.1';
const ROUTERS = 11;
const FLOWS = 4;
const INTERVAL_MS = 60_000;
/** Rounds of four flows after which the answer is taken. */
const CHECKS: readonly number[] = [25, 50, 100];

/** What a case does to the chain, and what must come out. */
interface Plan {
  readonly routers?: Readonly<Record<number, Partial<Router>>>;
  /** By the hop that the link leads to; ROUTERS + 1 is the destination. */
  readonly links?: Readonly<Record<number, Omit<Link, 'from' | 'to'>>>;
  /** Instead of the chain. */
  readonly steps?: readonly Step[];
  readonly extraLinks?: readonly Link[];
  readonly extraRouters?: Readonly<Record<string, Router>>;
  /** Hops that may be named; 0 is "none". */
  readonly right: readonly number[];
  readonly branch?: boolean;
  /** A hop, and what must be said of its replies. */
  readonly verdict?: { readonly hop: number; readonly is: readonly HopVerdict[] };
  readonly queries?: number;
  readonly rounds?: readonly number[];
  readonly protocol?: 'icmp' | 'udp';
}

interface Case {
  readonly name: string;
  readonly plan: (random: Random) => Plan;
}

const below = (random: Random, n: number): number => Math.floor(random.unit() * n);
const between = (random: Random, low: number, high: number): number => low + below(random, high - low + 1);

const lossy = (loss: number): Case => ({
  name: `lossy link, ${(100 * loss).toFixed(0)} %`,
  plan: (random) => {
    const hop = between(random, 1, ROUTERS + 1);
    return { links: { [hop]: { loss } }, right: [hop] };
  },
});

const BUCKETS = [
  { perSecond: 1, burst: 1 },
  { perSecond: 0.02, burst: 1 },
  { perSecond: 0.05, burst: 3 },
  { perSecond: 0.04, burst: 6 },
] as const;

const CASES: readonly Case[] = [
  ...[0.01, 0.02, 0.05, 0.1, 0.2].map(lossy),
  { name: 'no loss', plan: () => ({ right: [0] }) },
  {
    name: 'no loss, one limited hop',
    plan: (random) => {
      const hop = between(random, 1, ROUTERS);
      const icmpLimit = BUCKETS[below(random, BUCKETS.length)] as (typeof BUCKETS)[number];
      return { routers: { [hop]: { icmpLimit } }, right: [0], verdict: { hop, is: ['rate-limited'] } };
    },
  },
  {
    name: 'no loss, all hops limited',
    plan: (random) => {
      const icmpLimit = BUCKETS[below(random, BUCKETS.length)] as (typeof BUCKETS)[number];
      const routers = Object.fromEntries(Array.from({ length: ROUTERS }, (_, i) => [i + 1, { icmpLimit }]));
      return { routers, right: [0] };
    },
  },
  {
    name: 'no loss, a hop answers 90 %',
    plan: (random) => {
      const hop = between(random, 1, ROUTERS);
      return { routers: { [hop]: { answerRate: 0.9 } }, right: [0], verdict: { hop, is: ['quiet'] } };
    },
  },
  {
    name: '5 % lossy link, a limited hop elsewhere',
    plan: (random) => {
      const hop = between(random, 1, ROUTERS + 1);
      const limited = between(random, 1, ROUTERS);
      const icmpLimit = BUCKETS[below(random, BUCKETS.length)] as (typeof BUCKETS)[number];
      return {
        routers: { [limited]: { icmpLimit } },
        links: { [hop]: { loss: 0.05 } },
        right: [limited === hop ? hop + 1 : hop],
      };
    },
  },
  {
    name: '5 % lossy link, a hop answers 70 %',
    plan: (random) => {
      const hop = between(random, 1, ROUTERS + 1);
      const quiet = between(random, 1, ROUTERS);
      return {
        routers: { [quiet]: { answerRate: 0.7 } },
        links: { [hop]: { loss: 0.05 } },
        right: [quiet === hop ? hop + 1 : hop],
      };
    },
  },
  {
    name: '5 % lossy link, three silent hops',
    plan: (random) => {
      const silent = new Set<number>();
      while (silent.size < 3) silent.add(between(random, 1, ROUTERS));
      const hop = between(random, 1, ROUTERS + 1);
      let seen = hop;
      while (silent.has(seen)) seen++;
      const routers = Object.fromEntries([...silent].map((ttl) => [ttl, { silent: true }]));
      return { routers, links: { [hop]: { loss: 0.05 } }, right: [seen] };
    },
  },
  {
    name: 'two lossy links, 5 % each',
    plan: (random) => {
      const first = between(random, 1, ROUTERS);
      const second = between(random, first + 1, ROUTERS + 1);
      return { links: { [first]: { loss: 0.05 }, [second]: { loss: 0.05 } }, right: [first] };
    },
  },
  {
    name: 'replies lost behind a hop, 5 % (as the way there)',
    plan: (random) => {
      const hop = between(random, 1, ROUTERS + 1);
      return { links: { [hop]: { replyLoss: 0.05 } }, right: [hop] };
    },
  },
  {
    name: '10 % on one of three branches',
    plan: (random) => {
      const lane = between(random, 1, 3);
      const lanes = ['m1', 'm2', 'm3'];
      return {
        steps: ['r1', 'r2', 'r3', lanes, 'r5', 'r6', 'r7', 'r8'],
        extraRouters: Object.fromEntries(lanes.map((name, i) => [name, { v4: `100.65.0.${i + 1}` }])),
        extraLinks: [{ from: 'r3', to: `m${lane}`, loss: 0.1 }],
        right: [4],
        branch: true,
      };
    },
  },
  {
    name: 'one trace, 50 queries of 4 flows, 5 %',
    plan: (random) => {
      const hop = between(random, 1, ROUTERS + 1);
      return { links: { [hop]: { loss: 0.05 } }, right: [hop], queries: 50, rounds: [1] };
    },
  },
  {
    name: 'one trace, 50 queries, Linux limits on all hops',
    plan: (random) => {
      const icmpLimit = { perSecond: 1, burst: 6 };
      const routers = Object.fromEntries(Array.from({ length: ROUTERS }, (_, i) => [i + 1, { icmpLimit }]));
      const verdict = { hop: between(random, 1, ROUTERS), is: ['rate-limited'] as const };
      return { routers, right: [0], queries: 50, rounds: [1], verdict };
    },
  },
  {
    name: 'the same and a last link that loses 5 %',
    plan: () => {
      const icmpLimit = { perSecond: 1, burst: 6 };
      const routers = Object.fromEntries(Array.from({ length: ROUTERS }, (_, i) => [i + 1, { icmpLimit }]));
      const links = { [ROUTERS + 1]: { loss: 0.05 } };
      return { routers, links, right: [ROUTERS + 1], queries: 50, rounds: [1] };
    },
  },
];

function scenarioOf(plan: Plan): Scenario {
  const names = Array.from({ length: ROUTERS }, (_, i) => `r${i + 1}`);
  const routers: Record<string, Router> = { ...plan.extraRouters };
  for (const [i, name] of names.entries()) {
    routers[name] = { v4: `100.64.0.${i + 1}`, ...plan.routers?.[i + 1] };
  }
  const links = Object.entries(plan.links ?? {}).map(([hop, traits]): Link => {
    const to = Number(hop);
    const from = to === 1 ? 'source' : `r${to - 1}`;
    return { from, to: to > ROUTERS ? 'host' : `r${to}`, ...traits };
  });
  return parseScenario({
    name: 'loss',
    defaults: { link: { delayMs: 1, jitterMs: 0.3 } },
    routers,
    links: [...links, ...(plan.extraLinks ?? [])],
    routes: { main: { steps: plan.steps ?? names } },
    targets: [{ prefix: TARGET, route: 'main' }],
  });
}

function requestOf(plan: Plan, distanceHint: number | null): TraceRequest {
  const protocol = plan.protocol ?? 'icmp';
  return {
    target: TARGET,
    address: TARGET,
    protocol,
    port: protocol === 'icmp' ? null : 33_434,
    mode: 'raw',
    firstTtl: 1,
    maxTtl: 30,
    queries: plan.queries ?? 1,
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

interface Tally {
  right: number;
  wrong: number;
  undecided: number;
  verdictRight: number;
  verdicts: number;
}

function judge(plan: Plan, { loss, health }: PathObservation, tally: Tally, lossyFlows: string): void {
  const named = loss?.startHop ?? 0;
  const flows = loss?.flows?.join(' ') ?? '';
  const branchIsRight = plan.branch !== true || flows === '' || flows === lossyFlows;
  const nothingLost = plan.branch === true && lossyFlows === '';
  if (nothingLost ? named === 0 : plan.right.includes(named) && branchIsRight) tally.right++;
  else if (named === 0) tally.undecided++;
  else tally.wrong++;
  if (plan.verdict === undefined) return;
  const { hop, is } = plan.verdict;
  const verdict = health.find(({ ttl }) => ttl === hop)?.verdict;
  tally.verdicts++;
  if (verdict !== undefined && is.includes(verdict)) tally.verdictRight++;
}

function runCase({ plan: make }: Case, runs: number, seed: number): Map<number, Tally> {
  const tallies = new Map<number, Tally>();
  for (let run = 0; run < runs; run++) {
    const plan = make(new Random(seed * 7919 + run));
    const checks = plan.rounds ?? CHECKS;
    const host = new VirtualHost({
      scenario: scenarioOf(plan),
      seed: seed * 104_729 + run,
      capacity: 65_536,
    });
    const tracker = createPathTracker({ flows: FLOWS, addresses: new AddressTable() });
    let hint: number | null = null;
    let lossyFlows = '';
    for (let round = 0; round < Math.max(...checks); round++) {
      host.advanceTo(round * INTERVAL_MS);
      const trace = host.trace(requestOf(plan, hint));
      if (trace.reached) hint = trace.hopCount;
      const seen = tracker.observe(trace, round * INTERVAL_MS);
      if (plan.branch === true) lossyFlows = flowsAt(trace.hops[3]?.replies ?? [], plan, lossyFlows);
      if (!checks.includes(round + 1)) continue;
      const probes = (round + 1) * FLOWS * (plan.queries ?? 1);
      const tally = tallies.get(probes) ?? { right: 0, wrong: 0, undecided: 0, verdictRight: 0, verdicts: 0 };
      tallies.set(probes, tally);
      judge(plan, seen, tally, lossyFlows);
    }
    tracker.close();
  }
  return tallies;
}

/** Flows that went over the lossy branch, as text; gathered over the rounds. */
function flowsAt(replies: readonly { flow: number; address: string }[], plan: Plan, known: string): string {
  const lane = Number(plan.extraLinks?.[0]?.to.slice(1));
  const flows = new Set(known === '' ? [] : known.split(' ').map(Number));
  for (const { flow, address } of replies) if (address === `100.65.0.${lane}`) flows.add(flow);
  return [...flows].sort((a, b) => a - b).join(' ');
}

if (import.meta.main) {
  const [runs = 1000, seed = 1] = process.argv.slice(2, 4).map(Number);
  const only = process.argv[4] ?? '';
  const rows: string[][] = [];
  for (const one of CASES) {
    if (!one.name.includes(only)) continue;
    const began = performance.now();
    for (const [probes, t] of runCase(one, runs, seed)) {
      const share = (n: number): string => `${((100 * n) / runs).toFixed(1)} %`;
      const verdict = t.verdicts === 0 ? '' : share(t.verdictRight);
      rows.push([one.name, String(probes), share(t.right), share(t.wrong), share(t.undecided), verdict]);
    }
    process.stderr.write(`${one.name}: ${((performance.now() - began) / 1000).toFixed(0)} s\n`);
  }
  const header = ['case', 'probes a hop', 'right', 'wrong', 'undecided', 'verdict right'];
  console.log(renderTable(header, rows));
}
