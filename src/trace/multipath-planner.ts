// Which flow to probe at which TTL next, so that the route graph is found whole with the confidence asked for.
// A state machine without time: it is told answers and silence, and asked for a plan whenever it has none open.
// Every node keeps its own account, so meshes and unequal branches need no special case (docs/decisions/0008).

import { type NodeAccount, NodeGroup, weightOf } from './multipath-account.ts';
import { MultipathEvidence, SILENT, type Vertex } from './multipath-evidence.ts';
import { type GraphNode, MultipathGraph } from './multipath-graph.ts';
import { nodeFailure } from './multipath-stopping.ts';
import { FlowTests } from './multipath-tests.ts';

export interface PlannerOptions {
  /** Chance that the graph may be found incomplete. */
  readonly failure: number;
  readonly firstTtl: number;
  readonly maxTtl: number;
  /** Flows at hand. */
  readonly maxFlows: number;
  /** The traced address. */
  readonly destination: string;
}

/** One probe, or several of one flow back to back. */
export interface Ask {
  readonly flow: number;
  readonly ttl: number;
  readonly probes: number;
}

/** Most flows newly asked at one TTL in one plan. */
const MOST_AT_ONCE = 128;
const SEED_FLOWS = 4;
/** A node whose account is this much better than needed is asked no more in another's stead. */
const GENEROSITY = 2;

export class MultipathPlanner {
  readonly evidence: MultipathEvidence = new MultipathEvidence();
  readonly options: PlannerOptions;
  readonly #tests = new FlowTests();
  /** Asked or open, by TTL, then flow. */
  readonly #asked: (Set<number> | undefined)[] = [];
  /** Probes open, by TTL. */
  readonly #open: number[] = [];
  /** TTLs whose nodes need flows that are not to be had. */
  readonly #starved = new Set<number>();
  #checked = false;
  #seedTo = 0;
  #asks: Ask[] = [];

  constructor(options: PlannerOptions) {
    this.options = options;
  }

  get base(): number {
    return this.options.firstTtl - 1;
  }

  /** TTLs at which packets of one flow are spread. */
  get spread(): ReadonlySet<number> {
    return this.#tests.spread;
  }

  /** A flow that went one way goes another: the route changed under the discovery. */
  get changedAt(): number {
    return this.#tests.changedAt;
  }

  /** TTLs after which something may have been missed, because flows ran out. */
  get starved(): ReadonlySet<number> {
    return this.#starved;
  }

  /** The graph found so far. */
  graph(): MultipathGraph {
    return new MultipathGraph(this.evidence, this.base, this.#horizon(), this.spread);
  }

  /** The graph with nothing in it that rests on a search that is not finished. */
  certainGraph(): MultipathGraph {
    const graph = this.graph();
    const failure = this.#share(graph);
    const trusted = new Set<number>();
    for (let ttl = this.base; ttl < graph.horizon; ttl++) {
      if (!NodeGroup.of(graph.layer(ttl).nodes, failure).every((group) => group.satisfied)) break;
      trusted.add(ttl + 1);
    }
    return new MultipathGraph(this.evidence, this.base, graph.horizon, this.spread, trusted);
  }

  /** With nothing known: a few flows at every TTL up to `lastTtl`. */
  seed(lastTtl: number): void {
    this.#seedTo = lastTtl;
  }

  /** An answer that came without having been asked for here: the trace's own, or a late one. */
  learn(flow: number, ttl: number, vertex: Vertex): void {
    this.#askedAt(ttl).add(flow);
    this.evidence.learn(flow, ttl, vertex);
  }

  /** The answer to a probe of a plan. */
  answered(flow: number, ttl: number, vertex: Vertex): void {
    this.#close(ttl);
    this.evidence.learn(flow, ttl, vertex);
    this.#tests.heard(flow, ttl, vertex);
  }

  /** Nobody answered a probe of a plan: for good, or (`limited`) because its router has no answers left. */
  unanswered(flow: number, ttl: number, limited: boolean): void {
    this.#close(ttl);
    this.#tests.heard(flow, ttl, undefined);
    if (!limited && this.evidence.cell(flow, ttl) === undefined) this.evidence.learn(flow, ttl, SILENT);
  }

  /** What passed for silence at this TTL was not: those flows may be asked again. */
  forgetSilence(ttl: number): void {
    for (const flow of this.evidence.forgetSilence(ttl)) this.#asked[ttl]?.delete(flow);
  }

  /** What to probe next. Empty with nothing open: there is nothing more to find out. */
  plan(): readonly Ask[] {
    this.#asks = [];
    if (this.changedAt > 0) return this.#asks;
    const graph = this.#spreadOn();
    this.#starved.clear();
    this.#order();
    for (let ttl = this.options.firstTtl; ttl <= this.#seedTo; ttl++) {
      for (let flow = 0; flow < SEED_FLOWS; flow++) this.#ask(flow, ttl);
    }
    this.#seedTo = 0;
    const failure = this.#share(graph);
    for (let ttl = this.base; ttl < graph.horizon; ttl++) {
      if (this.#openAt(ttl) === 0 && this.#openAt(ttl + 1) === 0) this.#planAfter(graph, ttl, failure);
    }
    if (this.#asks.length === 0 && !this.#checked && this.#open.every((open) => (open ?? 0) === 0)) {
      this.#checked = true;
      this.#tests.lastChecks(graph, this.evidence, this.base);
      this.#order();
    }
    return this.#asks;
  }

  /** The chance of failure that one TTL of weight 1 may have: those at which paths part, and one that may be unknown. */
  #share(graph: MultipathGraph): number {
    return nodeFailure(
      this.options.failure,
      1 + graph.layers.reduce((sum, { nodes }) => sum + weightOf(nodes), 0),
    );
  }

  /** The graph, in which packets that are spread and meet several vertices are spread at the next TTL too. */
  #spreadOn(): MultipathGraph {
    for (;;) {
      const graph = this.graph();
      const before = this.spread.size;
      for (let ttl = this.base; ttl < graph.horizon; ttl++) {
        const { nodes, spread } = graph.layer(ttl);
        if (spread && nodes.some((node) => node.successors.size > 1)) this.#tests.spread.add(ttl + 1);
      }
      if (this.spread.size === before) return graph;
    }
  }

  /** Nothing is heard past this TTL; one more is asked while paths go on. */
  #horizon(): number {
    return Math.max(this.base, Math.min(this.options.maxTtl, this.evidence.lastHeard + 1));
  }

  #planAfter(graph: MultipathGraph, ttl: number, failure: number): void {
    const { nodes } = graph.layer(ttl);
    const next = graph.layer(ttl + 1);
    // Where one flow's packets may be spread, what follows is not planned before that is known.
    const before = ttl > this.base ? graph.layer(ttl - 1).nodes : [];
    if (before.some((node) => this.#tests.wanted(node, graph.layer(ttl)))) return;
    for (const node of nodes) {
      if (!this.#tests.wanted(node, next)) continue;
      const flow = this.#testFlow(graph, node, ttl + 1);
      const expected = this.evidence.cell(flow, ttl + 1)?.heard[0];
      if (expected === undefined) this.#tests.abandon(node, ttl + 1);
      else this.#tests.begin(node, ttl + 1, flow, expected);
    }
    this.#tests.suspect(this.evidence, next);
    this.#tests.watch(this.evidence, next);
    this.#order();
    this.#completeEdges(graph, ttl);
    for (const group of NodeGroup.of(nodes, failure)) this.#satisfy(graph, ttl, group);
  }

  /** Earliest flow known at `node` and heard after it. */
  #testFlow(graph: MultipathGraph, node: GraphNode, ttl: number): number {
    for (let flow = 0; flow < this.evidence.flows; flow++) {
      if (graph.placeOf(flow, ttl - 1) !== node) continue;
      const heard = this.evidence.cell(flow, ttl)?.heard[0];
      if (heard !== undefined && heard !== SILENT && ttl <= this.evidence.endOf(flow)) return flow;
    }
    return -1;
  }

  /** Puts what the tests want into the plan. */
  #order(): void {
    for (const { flow, ttl, probes } of this.#tests.take()) {
      this.#asks.push({ flow, ttl, probes });
      this.#open[ttl] = this.#openAt(ttl) + probes;
    }
  }

  /** Every vertex after `ttl` needs one before it. */
  #completeEdges(graph: MultipathGraph, ttl: number): void {
    const next = graph.layer(ttl + 1);
    if (next.spread || ttl === this.base) return;
    const followed = new Set<Vertex>();
    for (const node of graph.layer(ttl).nodes) for (const vertex of node.successors) followed.add(vertex);
    for (const vertex of next.vertices) {
      if (followed.has(vertex)) continue;
      for (let flow = 0; flow < this.evidence.flows; flow++) {
        if (this.evidence.cell(flow, ttl + 1)?.heard.includes(vertex) !== true || !this.#mayAsk(flow, ttl))
          continue;
        this.#ask(flow, ttl);
        break;
      }
    }
    // A path's end may have been overshot: what it met before says where it really ends.
    for (let flow = 0; flow < this.evidence.flows; flow++) {
      const end = this.evidence.endOf(flow);
      if (end !== ttl + 1 || end === this.evidence.leastEnd || !this.#mayAsk(flow, ttl)) continue;
      if (graph.layer(ttl).nodes.some((node) => node.tried === 0)) this.#ask(flow, ttl);
    }
  }

  /** Asks until the group's accounts are good: first flows known to pass its nodes, then flows that may. */
  #satisfy(graph: MultipathGraph, ttl: number, group: NodeGroup): void {
    const pools = new Map<NodeAccount, Iterator<number>>();
    for (const account of group.accounts) pools.set(account, this.#availableAt(account.node, ttl));
    let asked = 0;
    while (!group.satisfied && asked < MOST_AT_ONCE) {
      const account = group.worst((one) => pools.has(one) && one.miss > group.failure / GENEROSITY);
      if (account === undefined) break;
      const flow = pools.get(account)?.next();
      if (flow === undefined || flow.done === true) {
        pools.delete(account);
        continue;
      }
      this.#ask(flow.value, ttl + 1);
      account.flows++;
      asked++;
    }
    if (group.satisfied || asked >= MOST_AT_ONCE) return;
    if (ttl === this.base || group.accounts.some((one) => one.node.everyone)) this.#starved.add(ttl);
    else this.#recruit(graph, ttl, group);
  }

  /** Flows that pass `node` and have not been asked at the next TTL, lowest first: they are asked everywhere. */
  *#availableAt(node: GraphNode, ttl: number): Generator<number> {
    if (!node.everyone) {
      for (const flow of node.flows) if (this.#mayAsk(flow, ttl + 1)) yield flow;
      return;
    }
    for (let flow = 0; flow < this.options.maxFlows; flow++) if (this.#mayAsk(flow, ttl + 1)) yield flow;
  }

  /** Asks flows at `ttl` itself that are likely to pass the nodes whose accounts are short. */
  #recruit(graph: MultipathGraph, ttl: number, group: NodeGroup): void {
    const classes = this.#classesAt(graph, ttl);
    const chosen: number[] = [];
    for (const flow of this.#chosenAt(ttl)) group.expect(graph.placeOf(flow, ttl - 1));
    while (!group.satisfied && chosen.length < MOST_AT_ONCE) {
      let best: FlowClass | undefined;
      let bestGain = 0;
      for (const one of classes) {
        const gain = one.next.done === true ? 0 : group.gain(one.from) * (one.halfKnown ? 2 : 1);
        if (gain > bestGain) {
          best = one;
          bestGain = gain;
        }
      }
      if (best === undefined || best.next.done === true) {
        this.#starved.add(ttl);
        break;
      }
      chosen.push(best.next.value);
      group.expect(best.from);
      best.next = best.flows.next();
    }
    // Expectations are refined by the next plan; the last few flows may turn out not to be needed.
    const count = chosen.length > 4 ? Math.ceil(chosen.length * 0.6) : chosen.length;
    for (const flow of chosen.slice(0, count)) this.#ask(flow, ttl);
  }

  /** Flows not asked at `ttl`, by where they come from and whether their next hop is known. */
  #classesAt(graph: MultipathGraph, ttl: number): FlowClass[] {
    const lists = new Map<GraphNode | undefined, [number[], number[]]>();
    for (let flow = 0; flow < this.options.maxFlows; flow++) {
      if (!this.#mayAsk(flow, ttl)) continue;
      const from = graph.placeOf(flow, ttl - 1);
      let list = lists.get(from);
      if (list === undefined) {
        list = [[], []];
        lists.set(from, list);
      }
      list[this.evidence.cell(flow, ttl + 1) === undefined ? 0 : 1].push(flow);
    }
    const classes: FlowClass[] = [];
    for (const [from, pair] of lists) {
      for (const [known, list] of pair.entries()) {
        const flows = list.values();
        classes.push({ from, halfKnown: known === 1, flows, next: flows.next() });
      }
    }
    return classes;
  }

  #chosenAt(ttl: number): number[] {
    return this.#asks.filter((ask) => ask.ttl === ttl && ask.probes === 1).map((ask) => ask.flow);
  }

  #mayAsk(flow: number, ttl: number): boolean {
    return this.#asked[ttl]?.has(flow) !== true && this.evidence.endOf(flow) > ttl;
  }

  #ask(flow: number, ttl: number): void {
    this.#askedAt(ttl).add(flow);
    this.#asks.push({ flow, ttl, probes: 1 });
    this.#open[ttl] = this.#openAt(ttl) + 1;
  }

  #askedAt(ttl: number): Set<number> {
    let set = this.#asked[ttl];
    if (set === undefined) {
      set = new Set();
      this.#asked[ttl] = set;
    }
    return set;
  }

  #openAt(ttl: number): number {
    return this.#open[ttl] ?? 0;
  }

  #close(ttl: number): void {
    this.#open[ttl] = Math.max(0, this.#openAt(ttl) - 1);
  }
}

interface FlowClass {
  readonly from: GraphNode | undefined;
  readonly halfKnown: boolean;
  readonly flows: Iterator<number>;
  next: IteratorResult<number>;
}
