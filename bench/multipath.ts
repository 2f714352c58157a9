// Multipath discovery against the truth of random simulated internets: how often the graph is not found whole, what is
// missed, and what it costs beside the classic algorithm. `node bench/multipath.ts [topologies] [seed]`.

import type { Scenario } from '../lab/scenario.ts';
import { Timeline } from '../lab/timeline.ts';
import { graphOf, TRUTH_HORIZON, truthOf } from '../lab/truth.ts';
import { VirtualHost } from '../lab/virtual-run.ts';
import { nodeFailure } from '../src/trace/multipath-stopping.ts';
import type { Trace, TraceRequest } from '../src/trace/trace.ts';
import { classicMda } from './classic-mda.ts';
import { randomWorld, TARGET, WIRINGS, type Wiring } from './multipath-world.ts';
import { renderTable } from './table.ts';

const FIRST_PORT = 33_000;
const PORT = 33_434;

export interface Measured {
  readonly trace: Trace;
  readonly missingLinks: number;
  readonly links: number;
  readonly missingVertices: number;
  readonly vertices: number;
  readonly falseLinks: number;
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
  };
}

function classicOf(scenario: Scenario, failure: number): number {
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
  return classicMda(oracle, TARGET, failure).probes;
}

interface Tally {
  runs: number;
  failed: number;
  incomplete: number;
  links: number;
  missingLinks: number;
  vertices: number;
  missingVertices: number;
  falseLinks: number;
  probes: number;
  classicNode: number;
  classicGraph: number;
  ms: number;
}

function run(wiring: Wiring, count: number, seed: number, confidence: 95 | 99): Tally {
  const tally: Tally = {
    runs: 0,
    failed: 0,
    incomplete: 0,
    links: 0,
    missingLinks: 0,
    vertices: 0,
    missingVertices: 0,
    falseLinks: 0,
    probes: 0,
    classicNode: 0,
    classicGraph: 0,
    ms: 0,
  };
  const failure = 1 - confidence / 100;
  for (let i = 0; i < count; i++) {
    const scenario = randomWorld({ seed: seed + i, wiring, mostWidth: 32 });
    const one = measure(scenario, requestOf(confidence), seed + i);
    const { multipath } = one.trace;
    tally.falseLinks += one.falseLinks;
    if (multipath?.complete !== true) {
      tally.incomplete++;
      continue;
    }
    tally.runs++;
    if (one.missingLinks > 0 || one.missingVertices > 0) tally.failed++;
    tally.links += one.links;
    tally.missingLinks += one.missingLinks;
    tally.vertices += one.vertices;
    tally.missingVertices += one.missingVertices;
    tally.probes += one.trace.hopCount * 4 + multipath.probesSent;
    tally.ms += one.trace.durationMs;
    tally.classicNode += classicOf(scenario, failure);
    tally.classicGraph += classicOf(scenario, nodeFailure(failure, branchesOf(one.trace)));
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

if (import.meta.main) {
  const count = Number(process.argv[2] ?? 300);
  const seed = Number(process.argv[3] ?? 1);
  void TRUTH_HORIZON;
  const rows: string[][] = [];
  for (const confidence of [95, 99] as const) {
    for (const wiring of WIRINGS) {
      const t = run(wiring, count, seed, confidence);
      rows.push([
        `${confidence} % ${wiring}`,
        String(t.runs),
        String(t.incomplete),
        percent(t.failed / t.runs),
        wilson(t.failed, t.runs),
        percent(1 - t.missingVertices / t.vertices, 3),
        percent(1 - t.missingLinks / t.links, 3),
        String(t.falseLinks),
        (t.probes / t.runs).toFixed(0),
        (t.probes / t.classicGraph).toFixed(2),
        (t.probes / t.classicNode).toFixed(2),
        (t.ms / t.runs).toFixed(0),
      ]);
    }
  }
  const header = [
    'world',
    'graphs',
    'incomplete',
    'not whole',
    'interval',
    'vertices',
    'links',
    'false',
    'probes',
    '/ classic',
    '/ per node',
    'ms',
  ];
  process.stdout.write(`${renderTable(header, rows)}\n`);
}
