// Multipath discovery against the truth of random simulated internets: how often the graph is not found whole, what is
// missed, and what it costs beside the classic algorithm. `node bench/multipath.ts [topologies] [seed]`.

import type { Scenario } from '../lab/scenario.ts';
import { Timeline } from '../lab/timeline.ts';
import { graphOf, truthOf } from '../lab/truth.ts';
import { VirtualHost } from '../lab/virtual-run.ts';
import { nodeFailure } from '../src/trace/multipath-stopping.ts';
import type { Trace, TraceRequest } from '../src/trace/trace.ts';
import { classicMda } from './classic-mda.ts';
import { randomWorld, TARGET, WIRINGS, type Wiring, type WorldOptions } from './multipath-world.ts';
import { quantile, renderTable } from './table.ts';

const FIRST_PORT = 33_000;
const PORT = 33_434;

export interface Measured {
  readonly trace: Trace;
  readonly missingLinks: number;
  readonly links: number;
  readonly missingVertices: number;
  readonly vertices: number;
  readonly falseLinks: number;
  readonly truth: ReadonlySet<string>;
}

export function requestOf(confidence: 95 | 99, timeoutMs = 60_000): TraceRequest {
  return {
    target: 'bench',
    address: TARGET,
    protocol: 'udp',
    port: PORT,
    mode: 'raw',
    firstTtl: 1,
    maxTtl: 40,
    queries: 1,
    flows: 4,
    firstFlow: 0,
    silentHopLimit: 5,
    timeoutMs,
    waitMs: 1000,
    distanceHint: null,
    packetLength: 0,
    trafficClass: 0,
    dontFragment: false,
    multipath: confidence,
  };
}

/** Discovers a world and compares with its truth. */
export function measure(scenario: Scenario, request: TraceRequest, seed: number): Measured {
  const trace = new VirtualHost({ scenario, seed }).trace(request);
  const truth = graphOf(scenario, { target: TARGET, protocol: 'udp' });
  const links = new Set(truth.links.map(({ ttl, from, to }) => `${ttl} ${from} ${to}`));
  const found = new Set(trace.links.map(({ ttl, from, to }) => `${ttl} ${from} ${to}`));
  const interfaces = trace.multipath?.interfaces ?? [];
  let missingVertices = 0;
  let vertices = 0;
  for (const [i, hop] of truth.hops.entries()) {
    vertices += hop.length;
    for (const address of hop) if (interfaces[i]?.includes(address) !== true) missingVertices++;
  }
  return {
    trace,
    missingLinks: [...links].filter((link) => !found.has(link)).length,
    links: links.size,
    missingVertices,
    vertices,
    falseLinks: [...found].filter((link) => !links.has(link)).length,
    truth: links,
  };
}

/** The classic algorithm on the same world: what it costs, and whether it found every link. */
function classicOf(
  scenario: Scenario,
  failure: number,
  links: ReadonlySet<string>,
): { probes: number; whole: boolean } {
  const timeline = new Timeline(scenario);
  const paths: string[][] = [];
  const oracle = (flow: number, ttl: number): string | null => {
    let path = paths[flow];
    if (path === undefined) {
      const fields = {
        target: TARGET,
        protocol: 'udp',
        sourcePort: FIRST_PORT + flow,
        destinationPort: PORT,
      } as const;
      const { hops, endAddress } = truthOf(timeline, fields);
      path = [...hops.map((hop) => hop.addresses[0] ?? ''), endAddress ?? ''];
      paths[flow] = path;
    }
    return path[ttl - 1] ?? null;
  };
  const result = classicMda(oracle, TARGET, failure);
  return { probes: result.probes, whole: [...links].every((link) => result.links.has(link)) };
}

class Tally {
  searches = 0;
  whole = 0;
  incomplete = 0;
  /** Of those that were cut short. */
  readonly cut = { links: 0, missingLinks: 0 };
  links = 0;
  missingLinks = 0;
  vertices = 0;
  missingVertices = 0;
  falseLinks = 0;
  probes = 0;
  ms: number[] = [];
  spread = 0;
  readonly classic = { node: 0, graph: 0, nodeWhole: 0, graphWhole: 0 };

  /** Those that say they are incomplete are counted as such, and for nothing else but links that are not there. */
  add({ trace, ...one }: Measured): boolean {
    this.searches++;
    this.falseLinks += one.falseLinks;
    const { multipath } = trace;
    if ((multipath?.perPacketTtls.length ?? 0) > 0) this.spread++;
    if (multipath?.complete !== true) {
      this.incomplete++;
      this.cut.links += one.links;
      this.cut.missingLinks += one.missingLinks;
      return false;
    }
    if (one.missingLinks + one.missingVertices === 0) this.whole++;
    this.links += one.links;
    this.missingLinks += one.missingLinks;
    this.vertices += one.vertices;
    this.missingVertices += one.missingVertices;
    this.probes += trace.hopCount * trace.flows.length + multipath.probesSent;
    this.ms.push(trace.durationMs);
    return true;
  }

  addClassic(scenario: Scenario, confidence: 95 | 99, trace: Trace, links: ReadonlySet<string>): void {
    const failure = 1 - confidence / 100;
    const node = classicOf(scenario, failure, links);
    const graph = classicOf(scenario, nodeFailure(failure, branchesOf(trace)), links);
    this.classic.node += node.probes;
    this.classic.nodeWhole += node.whole ? 1 : 0;
    this.classic.graph += graph.probes;
    this.classic.graphWhole += graph.whole ? 1 : 0;
  }

  get complete(): number {
    return this.searches - this.incomplete;
  }
}

interface Conditions extends Omit<WorldOptions, 'seed' | 'wiring'> {
  readonly timeoutMs?: number;
}

function run(
  wiring: Wiring,
  count: number,
  seed: number,
  confidence: 95 | 99,
  conditions: Conditions,
  classic: boolean,
): Tally {
  const tally = new Tally();
  const { timeoutMs = 60_000, ...world } = conditions;
  for (let i = 0; i < count; i++) {
    const own = (seed + i) * 64 + WIRINGS.indexOf(wiring) * 2 + (confidence === 95 ? 0 : 1);
    const scenario = randomWorld({ ...world, seed: own, wiring });
    const one = measure(scenario, requestOf(confidence, timeoutMs), own);
    if (tally.add(one) && classic) tally.addClassic(scenario, confidence, one.trace, one.truth);
  }
  return tally;
}

/** Vertices with several successors. */
function branchesOf(trace: Trace): number {
  const successors = new Map<string, number>();
  for (const { ttl, from } of trace.links)
    successors.set(`${ttl} ${from}`, (successors.get(`${ttl} ${from}`) ?? 0) + 1);
  return Math.max(1, [...successors.values()].filter((count) => count > 1).length);
}

/** Wilson's interval for a share, 95 %. */
function wilson(failed: number, runs: number): string {
  const z = 1.96;
  const p = failed / runs;
  const middle = p + z ** 2 / (2 * runs);
  const spread = z * Math.sqrt((p * (1 - p)) / runs + z ** 2 / (4 * runs ** 2));
  const scale = 1 + z ** 2 / runs;
  return `${percent((middle - spread) / scale)} to ${percent((middle + spread) / scale)}`;
}

function percent(share: number, digits = 2): string {
  return `${(100 * share).toFixed(digits)} %`;
}

function accuracyTable(count: number, seed: number): string {
  const rows: string[][] = [];
  for (const confidence of [95, 99] as const) {
    let failed = 0;
    let complete = 0;
    for (const wiring of WIRINGS) {
      const t = run(wiring, count, seed, confidence, { mostWidth: 32 }, true);
      failed += t.complete - t.whole;
      complete += t.complete;
      rows.push([
        `${confidence} % ${wiring}`,
        String(t.complete),
        String(t.incomplete),
        t.incomplete === 0 ? '' : percent(1 - t.cut.missingLinks / t.cut.links, 1),
        percent(1 - t.whole / t.complete),
        wilson(t.complete - t.whole, t.complete),
        percent(1 - t.missingVertices / t.vertices, 3),
        percent(1 - t.missingLinks / t.links, 3),
        String(t.falseLinks),
        (t.probes / t.complete).toFixed(0),
        (t.probes / t.classic.graph).toFixed(2),
        percent(1 - t.classic.graphWhole / t.complete, 1),
        (t.probes / t.classic.node).toFixed(2),
        percent(1 - t.classic.nodeWhole / t.complete, 1),
        quantile(t.ms, 0.5).toFixed(0),
      ]);
    }
    rows.push([
      `${confidence} % all`,
      String(complete),
      '',
      percent(failed / complete),
      wilson(failed, complete),
    ]);
  }
  const header = [
    'world',
    'searched',
    'cut short',
    'links then',
    'not whole',
    '95 % interval',
    'interfaces',
    'links',
    'false',
    'probes',
    '/ classic',
    'not whole',
    '/ per node',
    'not whole',
    'median ms',
  ];
  return renderTable(header, rows);
}

/** Where replies are lost, routers limit them, or a balancer spreads packets. */
function troubleTable(count: number, seed: number): string {
  const troubles: readonly (readonly [string, Conditions])[] = [
    ['5 % of replies lost', { mostWidth: 16, replyLoss: 0.05 }],
    ['routers answer 6, then 10/s', { mostWidth: 8, repliesPerSecond: 10, timeoutMs: 120_000 }],
    ['routers answer 6, then 1/s', { mostWidth: 4, repliesPerSecond: 1, timeoutMs: 300_000 }],
    ['packets spread at one hop', { mostWidth: 8, headBalance: 'packet' }],
  ];
  const rows: string[][] = [];
  for (const [name, conditions] of troubles) {
    for (const wiring of ['unmeshed', 'partly meshed'] as const) {
      const t = run(wiring, count, seed, 95, conditions, false);
      rows.push([
        `${name}, ${wiring}`,
        String(t.complete),
        String(t.incomplete),
        percent(1 - t.whole / t.complete),
        percent(1 - t.missingVertices / t.vertices, 3),
        percent(1 - t.missingLinks / t.links, 3),
        String(t.falseLinks),
        percent(t.spread / t.searches, 1),
        (t.probes / t.complete).toFixed(0),
        (quantile(t.ms, 0.5) / 1000).toFixed(1),
      ]);
    }
  }
  const header = [
    'trouble',
    'searched',
    'cut short',
    'not whole',
    'interfaces',
    'links',
    'false',
    'spread',
    'probes',
    'median s',
  ];
  return renderTable(header, rows);
}

if (import.meta.main) {
  const count = Number(process.argv[2] ?? 300);
  const seed = Number(process.argv[3] ?? 1);
  const say = (text: string): void => void process.stdout.write(`${text}\n`);
  say(
    `${8 * count} random topologies; "/ classic": probes beside the classic algorithm with the same chance of failure for the`,
  );
  say(
    'whole graph, "/ per node": beside it with that chance for each node; then how often either did not find the graph whole\n',
  );
  say(accuracyTable(count, seed));
  say('');
  say(troubleTable(Math.max(1, Math.ceil(count / 3)), seed));
}
