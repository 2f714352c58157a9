// How sure it is that nodes of one TTL have no further successor.
// Invariant: a group's mean chance of having missed one more successor bounds the chance for a node that was one
// successor short, whichever it is: before anything is sent, nodes that get the same share of flows are alike.

import type { GraphNode } from './multipath-graph.ts';
import { missChance } from './multipath-stopping.ts';

export class NodeAccount {
  readonly node: GraphNode;
  /** Successors known, or as many as make the next one as hard to find as it may be. */
  readonly known: number;
  /** Flows looked at or on their way; fractions are expected ones. */
  flows: number;

  constructor(node: GraphNode) {
    this.node = node;
    // Several routers taken as one: a way that only one of them has gets a small share of the packets.
    const { length } = node.members;
    this.known = length > 1 ? Math.max(node.successors.size, 2 * length - 1) : node.successors.size;
    this.flows = node.tried;
  }

  get miss(): number {
    return missChance(this.known, this.flows);
  }
}

export class NodeGroup {
  readonly accounts: readonly NodeAccount[];
  readonly failure: number;

  constructor(nodes: readonly GraphNode[], failure: number) {
    this.accounts = nodes.map((node) => new NodeAccount(node));
    this.failure = failure;
  }

  /**
   * The nodes of one TTL in groups that are judged together. Where paths part, only the sum of the nodes' chances enters
   * the graph's, and they stand in for one another. Where none seems to part, any one node could be the exception:
   * nodes are judged with those that about as many flows pass.
   */
  static of(nodes: readonly GraphNode[], failure: number): NodeGroup[] {
    if (nodes.some((node) => node.successors.size > 1)) {
      return [new NodeGroup(nodes, (failure * weightOf(nodes)) / nodes.length)];
    }
    const groups = new Map<number, GraphNode[]>();
    for (const node of nodes) {
      const key = Math.round(2 * Math.log2(Math.max(1e-6, node.share)));
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [node]);
      else group.push(node);
    }
    return [...groups.values()].map((group) => new NodeGroup(group, failure));
  }

  get satisfied(): boolean {
    let sum = 0;
    for (const account of this.accounts) sum += account.miss;
    return sum <= this.failure * this.accounts.length;
  }

  /** The account that is furthest from good among those that may be chosen. */
  worst(may: (account: NodeAccount) => boolean): NodeAccount | undefined {
    let worst: NodeAccount | undefined;
    for (const account of this.accounts) {
      if (may(account) && (worst === undefined || account.miss > worst.miss)) worst = account;
    }
    return worst;
  }

  /** By how much a flow that comes from `from` is expected to lessen the sum. */
  gain(from: GraphNode | undefined): number {
    let gain = 0;
    for (const account of this.accounts) {
      gain += (chanceOf(from, account.node) * account.miss) / (account.known + 1);
    }
    return gain;
  }

  /** Books a flow that comes from `from` as expected. */
  expect(from: GraphNode | undefined): void {
    for (const account of this.accounts) account.flows += chanceOf(from, account.node);
  }
}

/**
 * How large a part of the graph's chance of failure a TTL at which paths part may have, beside others. The more nodes,
 * the more the last of the chance costs; the square root spends about as much on it everywhere.
 */
export function weightOf(nodes: readonly GraphNode[]): number {
  return nodes.some((node) => node.successors.size > 1) ? Math.sqrt(nodes.length) : 0;
}

/** Chance that a flow which is at `from` one TTL earlier (undefined: nobody knows where) passes `node`. */
function chanceOf(from: GraphNode | undefined, node: GraphNode): number {
  if (from === undefined) return node.share;
  let common = 0;
  for (const member of node.members) if (from.successors.has(member)) common++;
  return common / Math.max(1, from.successors.size);
}
