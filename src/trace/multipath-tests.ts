// One flow asked several times: does it always go the same way? Where it does not, packets are spread and the TTL is
// unordered; where it steadily goes another way than before, the route has changed under the discovery.

import { type MultipathEvidence, SILENT, type Vertex } from './multipath-evidence.ts';
import type { GraphLayer, GraphNode, MultipathGraph } from './multipath-graph.ts';

/** Back to back. A balancer that spreads packets over two ways passes for one that spreads flows once in 2^7 tests. */
const TEST_PROBES = 8;
/** Routers of one TTL are mostly alike: after the first, each is asked less, and in full when it shows anything odd. */
const SHORT_TEST_PROBES = 4;

interface FlowTest {
  readonly flow: number;
  readonly ttl: number;
  readonly probes: number;
  readonly expected: Vertex;
  /** How the tested node is known; empty where no node is in question. */
  readonly subject: string;
  /** The flow has been heard in two places: it is not to be acquitted. */
  readonly odd: boolean;
  /** Second test, after the first could have straddled a change. */
  readonly again: boolean;
  readonly heard: Vertex[];
  left: number;
}

export interface TestOrder {
  readonly flow: number;
  readonly ttl: number;
  readonly probes: number;
}

export class FlowTests {
  readonly spread: Set<number> = new Set();
  /** TTL at which a flow has changed its way, 0 for none. */
  changedAt = 0;
  readonly #settled = new Set<string>();
  /** Vertices at each TTL when it was last looked at. */
  readonly #seen = new Map<number, number>();
  readonly #testedTtls = new Set<number>();
  readonly #active: FlowTest[] = [];
  #due: TestOrder[] = [];
  /** TTLs at which a tested flow went another way than before. */
  readonly #moved: number[] = [];

  /** Whether it is still to be found out how `node` spreads what it sends to `next`. */
  wanted(node: GraphNode, next: GraphLayer): boolean {
    return node.successors.size > 1 && !next.spread && !this.#settled.has(subjectOf(node, next.ttl));
  }

  /** Tests which way `node` sends `flow`, which went to `expected` before. */
  begin(node: GraphNode, ttl: number, flow: number, expected: Vertex): void {
    const subject = subjectOf(node, ttl);
    if (!this.#active.some((test) => test.subject === subject)) {
      // Past a place where packets are spread every flow is under suspicion.
      const tested = this.#testedTtls.has(ttl) && this.spread.size === 0;
      this.#testedTtls.add(ttl);
      const probes = tested ? SHORT_TEST_PROBES : TEST_PROBES;
      this.#start({ flow, ttl, probes, expected, subject, odd: false, again: false });
    }
  }

  /** No flow can show how `node` spreads. */
  abandon(node: GraphNode, ttl: number): void {
    this.#settled.add(subjectOf(node, ttl));
  }

  /** A flow that was heard in two places at a TTL that counts as ordered. */
  suspect(evidence: MultipathEvidence, layer: GraphLayer): void {
    if (layer.spread || layer.vertices.size < 2) return;
    for (let flow = 0; flow < evidence.flows; flow++) {
      const heard = evidence.cell(flow, layer.ttl)?.heard;
      if (heard === undefined || heard.length < 2 || this.#active.some((test) => test.ttl === layer.ttl))
        continue;
      const expected = heard[0] as Vertex;
      this.#start({
        flow,
        ttl: layer.ttl,
        probes: TEST_PROBES,
        expected,
        subject: '',
        odd: true,
        again: false,
      });
      return;
    }
  }

  /** Looks once more at the earliest flow where there are twice the vertices that there were when last looked. */
  watch(evidence: MultipathEvidence, layer: GraphLayer): void {
    const { ttl, spread, vertices } = layer;
    const before = this.#seen.get(ttl) ?? 0;
    if (spread || vertices.size < 2 || vertices.size < 2 * before) return;
    this.#seen.set(ttl, vertices.size);
    // With the first few comes a test.
    const [flow] = flowsAt(evidence, ttl);
    if (before > 1 && flow !== undefined) this.#check(evidence, flow, ttl);
  }

  /** Looks once more where there are several ways, at an early flow and a late one. */
  lastChecks(graph: MultipathGraph, evidence: MultipathEvidence, base: number): void {
    for (let ttl = base + 1; ttl <= graph.horizon; ttl++) {
      const layer = graph.layer(ttl);
      if (layer.spread || layer.vertices.size < 2) continue;
      const flows = flowsAt(evidence, ttl);
      const places = new Set([0, flows.length - 1]);
      for (const place of places) {
        const flow = flows[place];
        if (flow !== undefined) this.#check(evidence, flow, ttl);
      }
    }
  }

  #check(evidence: MultipathEvidence, flow: number, ttl: number): void {
    const expected = evidence.cell(flow, ttl)?.heard[0];
    if (expected === undefined || this.#active.some((test) => test.ttl === ttl && test.flow === flow)) return;
    this.#start({ flow, ttl, probes: 1, expected, subject: '', odd: false, again: false });
  }

  /** What the tests want sent; each order is given out once. */
  take(): readonly TestOrder[] {
    const due = this.#due;
    this.#due = [];
    return due;
  }

  /** One probe of a test was answered, or (undefined) was not. */
  heard(flow: number, ttl: number, vertex: Vertex | undefined): void {
    const index = this.#active.findIndex((test) => test.flow === flow && test.ttl === ttl);
    const test = this.#active[index];
    if (test === undefined) return;
    if (vertex !== undefined) test.heard.push(vertex);
    if (--test.left > 0) return;
    this.#active.splice(index, 1);
    this.#judge(test);
    if (this.#active.length === 0) this.#judgeMoved();
  }

  #start(test: Omit<FlowTest, 'heard' | 'left'>): void {
    this.#active.push({ ...test, heard: [], left: test.probes });
    this.#due.push({ flow: test.flow, ttl: test.ttl, probes: test.probes });
  }

  /** Flows that steadily go another way: after a place where packets are spread that is chance, else a change. */
  #judgeMoved(): void {
    for (const ttl of this.#moved.splice(0)) {
      if ([...this.spread].some((spread) => spread < ttl)) this.spread.add(ttl);
      else this.changedAt = ttl;
    }
  }

  #judge(test: FlowTest): void {
    const { heard, expected, probes } = test;
    const distinct = new Set(heard);
    if (probes < TEST_PROBES) {
      if (heard.some((vertex) => vertex !== expected)) this.#start({ ...test, probes: TEST_PROBES });
      else this.#settled.add(test.subject);
      return;
    }
    if (distinct.size > 1) {
      if (!test.again && switches(heard) === 1) this.#start({ ...test, again: true });
      else this.spread.add(test.ttl);
      return;
    }
    this.#settled.add(test.subject);
    if (distinct.size === 0) return;
    if (!distinct.has(expected)) this.#moved.push(test.ttl);
    else if (test.odd) this.spread.add(test.ttl);
  }
}

function subjectOf(node: GraphNode, ttl: number): string {
  return `${ttl} ${node.key}`;
}

/** Flows that somebody answered at this TTL, in the order of their numbers, which is about that of time. */
function flowsAt(evidence: MultipathEvidence, ttl: number): number[] {
  const flows: number[] = [];
  for (let flow = 0; flow < evidence.flows; flow++) {
    const heard = evidence.cell(flow, ttl)?.heard[0];
    if (heard !== undefined && heard !== SILENT && ttl <= evidence.endOf(flow)) flows.push(flow);
  }
  return flows;
}

function switches(heard: readonly Vertex[]): number {
  let count = 0;
  for (let i = 1; i < heard.length; i++) if (heard[i] !== heard[i - 1]) count++;
  return count;
}
