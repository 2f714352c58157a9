// A route as a graph of its routers: who may come after whom, and how traffic is spread over them. Built once
// from the steps of a route; the simulator and the truth both walk it, so they cannot disagree about it.

import type { PacketView } from './packet-view.ts';
import type { Face, LinkPlan, RouterPlan } from './plans.ts';
import { mix32, type Random } from './random.ts';
import { type Balance, HOST, type Route, SOURCE, type Step } from './scenario.ts';
import type { LevelPlan } from './tree.ts';

export interface RouteNode {
  readonly name: string;
  /** Null for the source and for a level of a tree, whose routers depend on the target. */
  readonly router: RouterPlan | null;
  readonly level: LevelPlan | null;
  edges: RouteEdge[];
  balance: Balance;
}

export interface RouteEdge {
  /** Null for the target's host. */
  readonly to: RouteNode | null;
  /** Null where the host, or the tree, brings its own. */
  readonly link: LinkPlan | null;
  /** The face that `to` shows on this side; null for hosts and trees. */
  readonly face: Face | null;
}

/** What a route is built from. */
export interface GraphParts {
  router(name: string): RouterPlan;
  /** The link between two named neighbours; null to HOST where no link is given by name. */
  link(from: string, to: string): LinkPlan | null;
  levels(): readonly LevelPlan[];
}

/** The source's node, from which the whole route is reached. */
export function buildGraph(route: Route, parts: GraphParts): RouteNode {
  const builder = new GraphBuilder(parts);
  const source: RouteNode = { name: SOURCE, router: null, level: null, edges: [], balance: 'flow' };
  const last = builder.follow([source], route.steps);
  for (const node of last) builder.connect(node, null);
  for (const [from, { to, balance }] of Object.entries(route.next ?? {})) {
    const node = builder.node(from);
    node.edges = [];
    for (const name of to) builder.connect(node, name === HOST ? null : builder.node(name));
    if (balance !== undefined) node.balance = balance;
  }
  return source;
}

/**
 * Which of `count` ways `router` (null: the source) sends a packet. `salt` makes routers choose independently.
 * A per-packet balancer needs `random`.
 */
export function choose(
  balance: Balance,
  count: number,
  salt: number,
  mask: number,
  view: PacketView,
  random: Random,
): number {
  if (count === 1) return 0;
  if (balance === 'packet') return Math.floor(random.unit() * count);
  return fixedChoice(balance, count, salt, mask, view);
}

/** The choice of a balancer that is not per-packet. */
export function fixedChoice(
  balance: 'flow' | 'destination',
  count: number,
  salt: number,
  mask: number,
  view: PacketView,
): number {
  const hash = balance === 'flow' ? view.flowHash(mask) : destinationHash(view);
  return mix32(hash ^ salt) % count;
}

function destinationHash(view: PacketView): number {
  let h = 0;
  for (let i = 0; i < 16; i++) h = Math.imul(h ^ (view.destination[i] as number), 0x01000193);
  return mix32(h);
}

class GraphBuilder {
  readonly #parts: GraphParts;
  readonly #nodes = new Map<string, RouteNode>();

  constructor(parts: GraphParts) {
    this.#parts = parts;
  }

  node(name: string): RouteNode {
    let node = this.#nodes.get(name);
    if (node === undefined) {
      node = { name, router: this.#parts.router(name), level: null, edges: [], balance: 'flow' };
      this.#nodes.set(name, node);
    }
    return node;
  }

  connect(from: RouteNode, to: RouteNode | null): void {
    if (from.edges.some((edge) => edge.to === to)) return;
    const inTree = to?.level != null;
    const face =
      to === null || to.router === null ? null : (to.router.faces.get(from.name) ?? to.router.face);
    from.edges.push({
      to,
      link: inTree ? null : this.#parts.link(from.name, to === null ? HOST : to.name),
      face,
    });
  }

  /** Appends `steps` after the nodes in `frontier`; returns the nodes at the end. */
  follow(frontier: readonly RouteNode[], steps: readonly Step[]): readonly RouteNode[] {
    let ends = frontier;
    for (const step of steps) ends = this.#step(ends, step);
    return ends;
  }

  #step(before: readonly RouteNode[], step: Step): readonly RouteNode[] {
    if (typeof step === 'string') return this.#layer(before, [step], true);
    if ('layer' in step) {
      for (const node of before) if (step.balance !== undefined) node.balance = step.balance;
      return this.#layer(before, step.layer, step.mesh ?? false);
    }
    if ('branches' in step) {
      for (const node of before) if (step.balance !== undefined) node.balance = step.balance;
      return step.branches.flatMap((branch) => this.follow(before, branch));
    }
    if ('tree' in step) return this.#tree(before);
    return this.#layer(before, step, false);
  }

  #layer(before: readonly RouteNode[], names: readonly string[], mesh: boolean): readonly RouteNode[] {
    const after = names.map((name) => this.node(name));
    const a = before.length;
    const b = after.length;
    if (mesh || a === 1 || b === 1) {
      for (const from of before) for (const to of after) this.connect(from, to);
      return after;
    }
    for (let i = 0; i < Math.max(a, b); i++) {
      const from = before[a >= b ? i : Math.floor((i * a) / b)] as RouteNode;
      this.connect(from, after[b >= a ? i : Math.floor((i * b) / a)] as RouteNode);
    }
    return after;
  }

  #tree(before: readonly RouteNode[]): readonly RouteNode[] {
    let ends = before;
    for (const level of this.#parts.levels()) {
      const node: RouteNode = {
        name: `level ${level.index}`,
        router: null,
        level,
        edges: [],
        balance: 'flow',
      };
      for (const from of ends) this.connect(from, node);
      ends = [node];
    }
    return ends;
  }
}
