// Random internets for multipath discovery: chains, and diamonds that are unmeshed, meshed, partly meshed, unequal in
// width and in length. Drawn from a seed; the truth is lab/truth.ts's.

import { Random } from '../lab/random.ts';
import type { Balance, Scenario } from '../lab/scenario.ts';

export type Wiring = 'unmeshed' | 'meshed' | 'partly meshed' | 'unequal';
export const WIRINGS: readonly Wiring[] = ['unmeshed', 'meshed', 'partly meshed', 'unequal'];

export const TARGET = '198.18.0.1';

export interface WorldOptions {
  readonly seed: number;
  readonly wiring: Wiring;
  readonly mostWidth: number;
  /** Probability that a reply is lost. */
  readonly replyLoss?: number;
  /** Routers answer at this rate, 6 at once. */
  readonly repliesPerSecond?: number;
  /** How the first diamond's head balances; default by flow. */
  readonly headBalance?: Balance;
  readonly delayMs?: number;
}

interface Node {
  readonly name: string;
  readonly to: Set<string>;
}

/** 2 to 6 routers in a row, then one to three diamonds with a router or two between them. */
export function randomWorld(options: WorldOptions): Scenario {
  const random = new Random(options.seed);
  const below = (n: number): number => Math.floor(random.unit() * n);
  const nodes: Node[] = [];
  const add = (): Node => {
    const node = { name: `r${nodes.length}`, to: new Set<string>() };
    nodes.push(node);
    return node;
  };
  let last = add();
  const chain = (length: number): void => {
    for (let i = 0; i < length; i++) {
      const next = add();
      last.to.add(next.name);
      last = next;
    }
  };
  chain(1 + below(5));
  const heads: string[] = [];
  const diamonds = 1 + below(3);
  for (let i = 0; i < diamonds; i++) {
    heads.push(last.name);
    last = diamond(last, options, below, add);
    chain(1 + below(2));
  }
  last.to.add('host');
  return scenarioOf(nodes, heads, options);
}

function diamond(head: Node, options: WorldOptions, below: (n: number) => number, add: () => Node): Node {
  const most = Math.log2(options.mostWidth);
  // Widths are spread evenly over their logarithm: narrow diamonds are the common ones.
  const width = (): number => Math.max(2, Math.round(2 ** (1 + (below(1000) / 1000) * (most - 1))));
  const first = width();
  const depth = 1 + below(3);
  let layers: Node[][] = [Array.from({ length: first }, add)];
  for (let i = 1; i < depth; i++) {
    const size =
      options.wiring === 'unmeshed'
        ? (layers[i - 1]?.length ?? 1) * multiple(below, options, layers)
        : width();
    layers.push(Array.from({ length: size }, add));
  }
  const tail = add();
  for (const node of layers[0] ?? []) head.to.add(node.name);
  for (let i = 0; i + 1 < layers.length; i++)
    wire(layers[i] as Node[], layers[i + 1] as Node[], options, below);
  for (const node of layers.at(-1) ?? []) node.to.add(tail.name);
  if (options.wiring === 'unequal') {
    // Some paths skip a layer, some branches split once more.
    for (const [i, layer] of layers.entries()) {
      const beyond = layers[i + 2] ?? [tail];
      for (const node of layer) {
        if (i + 1 >= layers.length) continue;
        if (below(4) === 0) node.to.add((beyond[below(beyond.length)] as Node).name);
      }
    }
  }
  layers = [];
  return tail;
}

function multiple(below: (n: number) => number, options: WorldOptions, layers: readonly Node[][]): number {
  const width = layers.at(-1)?.length ?? 1;
  return width * 2 <= options.mostWidth && below(3) === 0 ? 2 : 1;
}

function wire(
  from: readonly Node[],
  to: readonly Node[],
  options: WorldOptions,
  below: (n: number) => number,
): void {
  const { wiring } = options;
  if (wiring === 'meshed' && from.length * to.length <= 100) {
    for (const a of from) for (const b of to) a.to.add(b.name);
    return;
  }
  const larger = Math.max(from.length, to.length);
  for (let i = 0; i < larger; i++) {
    const a = from[from.length >= to.length ? i : Math.floor((i * from.length) / to.length)] as Node;
    a.to.add((to[to.length >= from.length ? i : Math.floor((i * to.length) / from.length)] as Node).name);
  }
  if (wiring === 'unmeshed' || wiring === 'unequal') return;
  // Wide meshes: a few more links for every router, or for some.
  for (const a of from) {
    if (wiring === 'partly meshed' && below(3) > 0) continue;
    const more = 1 + below(3);
    for (let i = 0; i < more; i++) a.to.add((to[below(to.length)] as Node).name);
  }
}

function scenarioOf(nodes: readonly Node[], heads: readonly string[], options: WorldOptions): Scenario {
  const { seed, wiring, replyLoss = 0, repliesPerSecond, headBalance } = options;
  return {
    name: `${wiring} ${seed}`,
    hashSeed: seed,
    defaults: {
      link: { delayMs: options.delayMs ?? 1 },
      ...(repliesPerSecond === undefined
        ? {}
        : { router: { icmpLimit: { perSecond: repliesPerSecond, burst: 6 } } }),
    },
    routers: Object.fromEntries(
      nodes.map(({ name }, i) => [
        name,
        { v4: `100.64.${i >> 8}.${i & 255}`, ...(i === 0 && replyLoss > 0 ? { link: { replyLoss } } : {}) },
      ]),
    ),
    routes: {
      main: {
        steps: ['r0'],
        next: Object.fromEntries(
          nodes.map(({ name, to }) => [
            name,
            {
              to: [...to],
              ...(name === heads[0] && headBalance !== undefined ? { balance: headBalance } : {}),
            },
          ]),
        ),
      },
    },
    targets: [{ prefix: TARGET, route: 'main' }],
  };
}
