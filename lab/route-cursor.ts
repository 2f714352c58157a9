// Follows one packet along its route, router by router. What it meets next is in its fields; nothing is allocated.

import type { PacketView } from './packet-view.ts';
import type { Face, LinkPlan, RouterPlan } from './plans.ts';
import type { Random } from './random.ts';
import { hashText } from './random.ts';
import { choose, type RouteNode } from './route-graph.ts';
import { SOURCE } from './scenario.ts';
import { hostIndex, type RoutePlan, type TargetPlan } from './timeline.ts';

export const SOURCE_SALT: number = hashText(SOURCE);

export class RouteCursor {
  /** The router the packet has come to, or null: the host (or, before the first step, the source). */
  router: RouterPlan | null = null;
  /** The face it shows on the side the packet came from. */
  face: Face | null = null;
  link: LinkPlan | null = null;
  host = 0;
  target: TargetPlan | null = null;
  #node: RouteNode | null = null;

  /** Puts the cursor at the source. */
  start(target: TargetPlan, view: PacketView): void {
    this.target = target;
    this.host = hostIndex(view.destination, target.hostBits);
    this.#node = target.route.source;
    this.router = null;
    this.face = null;
    this.link = null;
  }

  /** Moves over the next link. False when there is nowhere to go: the router has no next hop. */
  step(view: PacketView, random: Random): boolean {
    const target = this.target as TargetPlan;
    for (;;) {
      const node = this.#node as RouteNode;
      const { edges } = node;
      if (edges.length === 0) return false;
      const salt = this.router === null ? SOURCE_SALT : this.router.salt;
      const mask = this.router === null ? 0 : this.router.hash;
      const edge = edges[choose(node.balance, edges.length, salt, mask, view, random)];
      if (edge === undefined) return false;
      if (edge.to === null) {
        this.router = null;
        this.face = null;
        this.link = edge.link ?? target.host.link;
        return true;
      }
      this.#node = edge.to;
      if (edge.to.level === null) {
        this.router = edge.to.router;
        this.face = edge.face;
        this.link = edge.link;
        return true;
      }
      if (this.#enterTree(edge.to, target.route, view, random)) return true;
    }
  }

  #enterTree(node: RouteNode, route: RoutePlan, view: PacketView, random: Random): boolean {
    const level = node.level;
    if (level === null) return false;
    const subtree = level.subtreeOf(this.host, (this.target as TargetPlan).hostBits);
    if (level.skips(subtree)) return false;
    const mask = this.router === null ? 0 : this.router.hash;
    const lane = choose(level.balance, level.width, level.salt ^ subtree, mask, view, random);
    const spare = route.detours[level.index]?.get(subtree) ?? 0;
    const found = level.router(subtree, spare, lane);
    this.router = found.router;
    this.face = found.router.face;
    this.link = found.link;
    return true;
  }
}
