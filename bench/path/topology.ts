// Simulated routes as a bench changes them: segments of routers, diamonds and meshes, and the scenario parts that
// they become. Invariant: a router answers one neighbour from one address for as long as it is not renamed.

import { Random } from '../../lab/random.ts';
import type { Balance, Route, Router, Step, Successors, TokenBucket } from '../../lab/scenario.ts';

export interface NetRouter {
  readonly name: string;
  readonly as: number;
  /** Answers from the interface that a probe came in by, as most do; else always from one address. */
  readonly perLink: boolean;
  readonly silent: boolean;
  readonly rate: number;
  readonly limit: TokenBucket | null;
  readonly replyTtl: number;
  readonly returnHops: number;
  readonly linkMs: number;
  readonly jitterMs: number;
  /** An address that others have too, or that is none. */
  readonly fixedAddress: string | null;
  /** Counts its renamings. */
  version: number;
  /** Answers each probe from one of two addresses. */
  byReply: boolean;
  hashSalt: number;
  /** Added to its link by a queue. */
  queueMs: number;
}

export type Segment =
  | { readonly kind: 'router'; readonly router: NetRouter }
  | { readonly kind: 'branches'; readonly balance: Balance; readonly branches: readonly Plan[] }
  | { readonly kind: 'mesh'; readonly balance: Balance; readonly layers: readonly (readonly NetRouter[])[] };

export type Plan = readonly Segment[];

/** How a family of topologies is drawn; shares are probabilities for each segment or router. */
export interface Style {
  readonly name: string;
  readonly length: readonly [number, number];
  readonly flowDiamonds: number;
  readonly packetDiamonds: number;
  readonly meshes: number;
  readonly nested: number;
  readonly unequal: number;
  /** Whether packets of one flow may go ways of different length. */
  readonly uneven: boolean;
  readonly widest: number;
  readonly silent: number;
  readonly dim: number;
  readonly limited: number;
  readonly shared: number;
  readonly unnumbered: number;
  readonly perLink: number;
  readonly jitterMs: number;
  /** Whether balancing may begin at the source and end at the destination. */
  readonly edges: boolean;
}

const MIXED: Style = {
  name: 'mixed',
  length: [5, 14],
  flowDiamonds: 0.12,
  packetDiamonds: 0.08,
  meshes: 0.02,
  nested: 0.1,
  unequal: 0.15,
  uneven: false,
  widest: 8,
  silent: 0.07,
  dim: 0.1,
  limited: 0.1,
  shared: 0.01,
  unnumbered: 0.01,
  perLink: 0.6,
  jitterMs: 0.3,
  edges: false,
};

export const STYLES: readonly Style[] = [
  MIXED,
  { ...MIXED, name: 'plain chain', flowDiamonds: 0, packetDiamonds: 0, meshes: 0, perLink: 0, dim: 0 },
  { ...MIXED, name: 'wide', flowDiamonds: 0.2, packetDiamonds: 0.05, widest: 16, nested: 0.2, meshes: 0.04 },
  { ...MIXED, name: 'spread', flowDiamonds: 0.05, packetDiamonds: 0.25, widest: 16, unequal: 0.05 },
];

/** Families that were not looked at while the detector was made. */
export const HELD_OUT_STYLES: readonly Style[] = [
  { ...MIXED, name: 'meshes', meshes: 0.25, flowDiamonds: 0.05, widest: 12, jitterMs: 2 },
  { ...MIXED, name: 'edges', edges: true, unequal: 0.5, flowDiamonds: 0.25, length: [2, 9] },
  { ...MIXED, name: 'quiet', silent: 0.3, dim: 0.25, limited: 0.3, length: [4, 22] },
  { ...MIXED, name: 'odd addresses', shared: 0.15, unnumbered: 0.1, jitterMs: 1 },
  { ...MIXED, name: 'uneven packets', uneven: true, unequal: 0.5, nested: 0.2, packetDiamonds: 0.15 },
];

/** Limits that routers have: Linux's own, and tighter ones. */
const LIMITS: readonly TokenBucket[] = [
  { perSecond: 1, burst: 6 },
  { perSecond: 10, burst: 10 },
  { perSecond: 1, burst: 2 },
  { perSecond: 0.2, burst: 4 },
];
/** A bucket smaller than a round's probes leaves some unanswered. */
export const ENOUGH_BURST = 6;

export class Topology {
  readonly random: Draw;
  readonly style: Style;
  readonly routers: Map<string, NetRouter> = new Map();
  readonly #as = new Map<string, number>();
  readonly #addresses = new Map<string, string>();

  constructor(seed: number, style: Style) {
    this.random = new Draw(seed);
    this.style = style;
  }

  newRouter(as: number, more: Partial<NetRouter> = {}): NetRouter {
    const { random, style } = this;
    const dim = random.chance(style.dim);
    const router: NetRouter = {
      name: `r${this.routers.size + 1}`,
      as,
      perLink: random.chance(style.perLink),
      silent: random.chance(style.silent),
      rate: dim ? 0.2 + 0.6 * random.next() : 1,
      limit:
        !dim && random.chance(style.limited) ? (LIMITS[random.below(LIMITS.length)] as TokenBucket) : null,
      replyTtl: random.chance(0.8) ? 255 : 64,
      returnHops: random.chance(0.1) ? random.between(-1, 3) : 0,
      linkMs: 0.2 + 5 * random.next() ** 3,
      jitterMs: style.jitterMs * random.next(),
      fixedAddress: random.chance(style.unnumbered)
        ? '0.0.0.0'
        : random.chance(style.shared)
          ? `192.168.0.${random.between(1, 4)}`
          : null,
      version: 0,
      byReply: false,
      hashSalt: 0,
      queueMs: 0,
      ...more,
    };
    this.routers.set(router.name, router);
    return router;
  }

  newPlan(): Plan {
    const { random, style } = this;
    const plan: Segment[] = [];
    if (!style.edges || random.chance(0.5)) plan.push(single(this.newRouter(64_500, { silent: false })));
    const count = random.between(style.length[0], style.length[1]);
    for (let i = 0; i < count; i++) plan.push(this.newSegment(64_500 + Math.floor((i * 3) / count), 0));
    if (!style.edges && plan.at(-1)?.kind !== 'router') plan.push(single(this.newRouter(64_502)));
    return plan;
  }

  newSegment(as: number, depth: number): Segment {
    const { random, style } = this;
    const draw = random.next();
    if (depth < 2) {
      let bound = style.flowDiamonds;
      if (draw < bound) return this.#diamond(as, 'flow', depth);
      bound += style.packetDiamonds;
      if (draw < bound) return this.#diamond(as, 'packet', depth);
      bound += style.meshes;
      if (draw < bound) return this.#mesh(as);
    }
    return single(this.newRouter(random.chance(0.05) ? 0 : as));
  }

  newBranch(as: number, count: number, depth = 2): Plan {
    const branch: Segment[] = [];
    while (depthOf(branch) < count) {
      // A diamond at the head of a branch would make its balancer that of the whole.
      const nests = branch.length > 0 && this.random.chance(this.style.nested);
      const nested = nests ? this.newSegment(as, depth) : null;
      const fits = nested !== null && depthOf([...branch, nested]) <= count && isEven(nested);
      branch.push(fits || (nested !== null && this.style.uneven) ? nested : single(this.newRouter(as)));
    }
    return branch;
  }

  #diamond(as: number, balance: Balance, depth: number): Segment {
    const { random, style } = this;
    const width = random.chance(0.6) ? random.between(2, 3) : random.between(2, style.widest);
    const length = random.between(1, 3);
    const unequal = (balance === 'flow' || style.uneven) && random.chance(style.unequal);
    const branches = Array.from({ length: width }, () =>
      this.newBranch(as, unequal ? random.between(1, 4) : length, balance === 'packet' ? 2 : depth + 1),
    );
    return { kind: 'branches', balance, branches };
  }

  #mesh(as: number): Segment {
    const { random, style } = this;
    const balance = random.chance(0.8) ? 'flow' : 'packet';
    const layers = Array.from({ length: random.between(2, 3) }, () =>
      Array.from({ length: random.between(2, Math.min(8, style.widest)) }, () => this.newRouter(as)),
    );
    return { kind: 'mesh', balance, layers };
  }

  asNumberOf(address: string): number | null {
    return this.#as.get(address) ?? null;
  }

  /** The plan as a scenario's route, and its routers as they are now. */
  compile(
    plan: Plan,
    loop?: { readonly from: NetRouter; readonly to: NetRouter },
  ): {
    readonly route: Route;
    readonly routers: Record<string, Router>;
  } {
    const before = new Map<NetRouter, Set<string>>();
    const steps = this.#steps(plan, [''], before).steps;
    const routers: Record<string, Router> = {};
    for (const [router, neighbours] of before) routers[router.name] = this.traitsOf(router, [...neighbours]);
    const next: Record<string, Successors> = {};
    if (loop !== undefined) next[loop.from.name] = { to: [loop.to.name] };
    return { route: { steps, next }, routers };
  }

  #steps(
    plan: Plan,
    frontier: readonly string[],
    before: Map<NetRouter, Set<string>>,
  ): { readonly steps: Step[]; readonly ends: readonly string[] } {
    const meet = (router: NetRouter, from: readonly string[]): void => {
      const known = before.get(router) ?? new Set<string>();
      for (const name of from) known.add(name);
      before.set(router, known);
    };
    let ends = frontier;
    const steps: Step[] = [];
    for (const segment of plan) {
      if (segment.kind === 'router') {
        meet(segment.router, ends);
        steps.push(segment.router.name);
        ends = [segment.router.name];
      } else if (segment.kind === 'mesh') {
        for (const layer of segment.layers) {
          for (const router of layer) meet(router, ends);
          ends = layer.map((router) => router.name);
          steps.push({ layer: ends, mesh: true, balance: segment.balance });
        }
      } else {
        const parts = segment.branches.map((branch) => this.#steps(branch, ends, before));
        steps.push({ branches: parts.map((part) => part.steps), balance: segment.balance });
        ends = parts.flatMap((part) => part.ends);
      }
    }
    return { steps, ends };
  }

  /** A router as the scenario has it, answering these neighbours. */
  traitsOf(router: NetRouter, neighbours: readonly string[]): Router {
    const { perLink, fixedAddress, byReply, version } = router;
    const addressFor = (from: string): string => fixedAddress ?? this.#address(router, from, version);
    const base = addressFor('');
    const other = byReply ? this.#address(router, '', version + 1000) : base;
    return {
      v4: base,
      silent: router.silent,
      answerRate: router.rate,
      replyTtl: router.replyTtl,
      returnHops: router.returnHops,
      link: linkOf(router),
      hashSalt: router.hashSalt,
      ...(router.limit === null ? {} : { icmpLimit: router.limit }),
      ...(perLink && fixedAddress === null
        ? {
            interfaces: neighbours.map((from) => ({
              from: from === '' ? 'source' : from,
              v4: addressFor(from),
            })),
          }
        : {}),
      ...(byReply ? { aliases: { v4: [base, other] } } : {}),
    };
  }

  #address(router: NetRouter, from: string, version: number): string {
    const key = `${router.name} ${router.perLink ? from : ''} ${version}`;
    let address = this.#addresses.get(key);
    if (address === undefined) {
      const n = this.#addresses.size + 1;
      address = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
      this.#addresses.set(key, address);
      if (router.as > 0) this.#as.set(address, router.as);
    }
    return address;
  }
}

/** The link that leads to a router, as it is now; a queue wavers. */
export function linkOf({ linkMs, jitterMs, queueMs }: NetRouter): { delayMs: number; jitterMs: number } {
  return { delayMs: linkMs + queueMs, jitterMs: jitterMs + queueMs / 4 };
}

export function single(router: NetRouter): Segment {
  return { kind: 'router', router };
}

/** Every router of a plan. */
export function routersOf(plan: Plan): NetRouter[] {
  return plan.flatMap((segment) =>
    segment.kind === 'router'
      ? [segment.router]
      : segment.kind === 'mesh'
        ? segment.layers.flat()
        : segment.branches.flatMap((branch) => routersOf(branch)),
  );
}

/** Whether all ways through a segment have the same length. */
function isEven(segment: Segment): boolean {
  if (segment.kind !== 'branches') return true;
  const depths = new Set(segment.branches.map((branch) => depthOf(branch)));
  return depths.size === 1 && segment.branches.every((branch) => branch.every((part) => isEven(part)));
}

/** Most hops of a plan. */
export function depthOf(plan: Plan): number {
  return plan.reduce(
    (sum, segment) =>
      sum +
      (segment.kind === 'router'
        ? 1
        : segment.kind === 'mesh'
          ? segment.layers.length
          : Math.max(0, ...segment.branches.map((branch) => depthOf(branch)))),
    0,
  );
}

/** The house's generator with the draws that a bench wants. */
export class Draw {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  next(): number {
    return this.#random.unit();
  }

  below(n: number): number {
    return Math.floor(this.#random.unit() * n);
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(p: number): boolean {
    return this.#random.unit() < p;
  }

  pick<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }
}
