// The route graph as the evidence has it at one moment: a layer a TTL, the nodes that paths go on from, and how much is
// known of what follows each. Rebuilt from the evidence whenever something is planned or reported.

import type { MultipathEvidence, Vertex } from './multipath-evidence.ts';

/** A place that flows go on from: a vertex; or all vertices of a TTL where packets of one flow are spread. */
export interface GraphNode {
  /** Names the node within its layer. */
  readonly key: string;
  readonly members: readonly Vertex[];
  /** Every flow passes here, asked or not. */
  readonly everyone: boolean;
  /** Flows known to pass here, ascending. */
  readonly flows: number[];
  /** Flows (packets, where the next TTL is unordered) known here and at the next TTL. */
  tried: number;
  readonly successors: Set<Vertex>;
  /** Share of all flows that pass here, as the graph found so far has it; 0 while unknown. */
  share: number;
}

export interface GraphLayer {
  readonly ttl: number;
  /** Packets of one flow are spread here. */
  readonly spread: boolean;
  /** Everything met here, ends included. */
  readonly vertices: Set<Vertex>;
  readonly nodes: GraphNode[];
  /** The node of each flow asked here; ended flows have none. */
  readonly places: (GraphNode | undefined)[];
}

const START: Vertex = { key: '', address: '', ends: false };

export class MultipathGraph {
  readonly #evidence: MultipathEvidence;
  readonly #base: number;
  readonly #layers: GraphLayer[] = [];

  /**
   * @param base the TTL before the first, at which all flows are together
   * @param horizon the last TTL
   * @param spread TTLs at which packets of one flow are spread
   * @param trusted TTLs at which a vertex found alone counts as the only one; all unless given
   */
  constructor(
    evidence: MultipathEvidence,
    base: number,
    horizon: number,
    spread: ReadonlySet<number>,
    trusted?: ReadonlySet<number>,
  ) {
    this.#evidence = evidence;
    this.#base = base;
    const start = newNode('', [START], true);
    start.share = 1;
    this.#layers.push({
      ttl: base,
      spread: false,
      vertices: new Set([START]),
      nodes: [start],
      places: [],
    });
    for (let ttl = base + 1; ttl <= horizon; ttl++) {
      this.#layers.push(this.#layerAt(ttl, spread.has(ttl), trusted?.has(ttl) !== false));
    }
    for (let ttl = base; ttl < horizon; ttl++) this.#relate(this.layer(ttl), this.layer(ttl + 1));
  }

  get horizon(): number {
    return this.#base + this.#layers.length - 1;
  }

  layer(ttl: number): GraphLayer {
    const layer = this.#layers[ttl - this.#base];
    if (layer === undefined) throw new RangeError(`the graph has no TTL ${ttl}`);
    return layer;
  }

  get layers(): readonly GraphLayer[] {
    return this.#layers;
  }

  /** The node at which `flow` is at this TTL, as far as known. */
  placeOf(flow: number, ttl: number): GraphNode | undefined {
    const layer = this.layer(ttl);
    const place = layer.places[flow];
    if (place !== undefined) return place;
    const only = layer.nodes[0];
    return only?.everyone === true ? only : undefined;
  }

  /** What `flow` met at this TTL, if that is a place on its path. */
  #valid(flow: number, ttl: number): readonly Vertex[] | undefined {
    const evidence = this.#evidence;
    const cell = evidence.cell(flow, ttl);
    if (cell === undefined) return undefined;
    const end = evidence.endOf(flow);
    if (ttl > end) return undefined;
    // A destination that answers may have been reached earlier, unless the TTL before shows that it was not.
    if (ttl === end && ttl > this.#base + 1 && ttl !== evidence.leastEnd) {
      if (evidence.cell(flow, ttl - 1) === undefined) return undefined;
    }
    return cell.heard;
  }

  #layerAt(ttl: number, spread: boolean, trusted: boolean): GraphLayer {
    const vertices = new Set<Vertex>();
    const flows = new Map<Vertex, number[]>();
    const going: number[] = [];
    for (let flow = 0; flow < this.#evidence.flows; flow++) {
      const heard = this.#valid(flow, ttl);
      if (heard === undefined) continue;
      for (const vertex of heard) vertices.add(vertex);
      const first = heard.find((vertex) => !vertex.ends);
      if (first === undefined) continue;
      going.push(flow);
      const list = flows.get(first);
      if (list === undefined) flows.set(first, [flow]);
      else list.push(flow);
    }
    const onward = [...vertices].filter((vertex) => !vertex.ends);
    const noneEnded = this.#evidence.leastEnd > ttl && trusted;
    const nodes: GraphNode[] = [];
    if (spread && onward.length > 0) {
      const node = newNode('~', onward, noneEnded);
      node.flows.push(...going);
      nodes.push(node);
    } else {
      const everyone = noneEnded && onward.length === 1;
      for (const vertex of onward) {
        const node = newNode(vertex.key, [vertex], everyone);
        node.flows.push(...(flows.get(vertex) ?? []));
        nodes.push(node);
      }
    }
    const places: (GraphNode | undefined)[] = [];
    for (const node of nodes) for (const flow of node.flows) places[flow] = node;
    return { ttl, spread, vertices, nodes, places };
  }

  /** Who follows whom, how often that was looked at, and what share of the flows it makes. */
  #relate(layer: GraphLayer, next: GraphLayer): void {
    for (let flow = 0; flow < this.#evidence.flows; flow++) {
      const node = this.placeOf(flow, layer.ttl);
      if (node === undefined || this.#evidence.endOf(flow) <= layer.ttl) continue;
      const heard = this.#valid(flow, next.ttl);
      if (heard === undefined) continue;
      node.tried += next.spread ? (this.#evidence.cell(flow, next.ttl)?.answers ?? 0) : 1;
      for (const vertex of heard) node.successors.add(vertex);
    }
    for (const node of layer.nodes) {
      const share = node.share / Math.max(1, node.successors.size);
      for (const vertex of node.successors) {
        const onward = next.nodes.find((other) => other.members.includes(vertex));
        if (onward !== undefined) onward.share += share;
      }
    }
    let known = 0;
    for (const node of next.nodes) known += node.flows.length;
    for (const node of next.nodes) if (node.share === 0) node.share = node.flows.length / Math.max(1, known);
  }
}

function newNode(key: string, members: readonly Vertex[], everyone: boolean): GraphNode {
  return { key, members, everyone, flows: [], tried: 0, successors: new Set(), share: 0 };
}
