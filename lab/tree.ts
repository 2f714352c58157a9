// A procedurally grown tree of routers: each is made when the first packet meets it, from nothing but its place,
// so that a hundred thousand targets need no entries. The same scenario grows the same tree whatever the seed.

import { formatAddress } from '../src/wire/address.ts';
import { type LinkPlan, type Memory, NS_PER_MS, planLink, planRouter, type RouterPlan } from './plans.ts';
import { addressPlus, parsePrefix } from './prefix.ts';
import { asShare, hashText, mix32 } from './random.ts';
import type { LinkTraits, Router, RouterTraits, Tree, TreeLevel } from './scenario.ts';

/** One router of the tree and the link that leads to it. */
export interface TreeRouter {
  readonly router: RouterPlan;
  readonly link: LinkPlan;
}

/** What a tree shares with the rest of its scenario. */
export interface TreeContext {
  /** Name of its route; router names begin with it. */
  readonly name: string;
  readonly router: RouterTraits;
  readonly link: LinkTraits;
  readonly hashSeed: number;
  memory(name: string): Memory;
}

export class TreePlan {
  readonly levels: readonly LevelPlan[];

  constructor(tree: Tree, context: TreeContext) {
    const spares = 1 + (tree.spares ?? 0);
    let base = 0;
    this.levels = tree.levels.map((level, index) => {
      const plan = new LevelPlan(tree, level, index, base, spares, context);
      base += 2 ** level.bits * spares * plan.width;
      return plan;
    });
  }
}

export class LevelPlan {
  readonly index: number;
  readonly bits: number;
  readonly width: number;
  readonly balance: NonNullable<TreeLevel['balance']>;
  readonly salt: number;
  readonly #tree: Tree;
  readonly #level: TreeLevel;
  readonly #base: number;
  readonly #spares: number;
  readonly #context: TreeContext;
  readonly #routers = new Map<number, TreeRouter>();

  constructor(
    tree: Tree,
    level: TreeLevel,
    index: number,
    base: number,
    spares: number,
    context: TreeContext,
  ) {
    this.index = index;
    this.bits = level.bits;
    this.width = level.width ?? 1;
    this.balance = level.balance ?? 'flow';
    this.salt = hashText(`${context.name}/${index}`, context.hashSeed);
    this.#tree = tree;
    this.#level = level;
    this.#base = base;
    this.#spares = spares;
    this.#context = context;
  }

  /** The subtree at this level of the host with this index, which has `hostBits` bits. */
  subtreeOf(host: number, hostBits: number): number {
    return Math.floor(host / 2 ** (hostBits - this.bits));
  }

  /** Whether paths through `subtree` lack this level. */
  skips(subtree: number): boolean {
    const share = this.#level.skipShare ?? 0;
    return share > 0 && asShare(mix32(this.salt ^ Math.imul(subtree + 1, 0x9e3779b1))) < share;
  }

  /** The router at a place; made at the first call. `spare` 0 is the normal one, `lane` is below `width`. */
  router(subtree: number, spare: number, lane: number): TreeRouter {
    const place = (subtree * this.#spares + spare) * this.width + lane;
    let found = this.#routers.get(place);
    if (found === undefined) {
      found = this.#grow(place, subtree, spare, lane);
      this.#routers.set(place, found);
    }
    return found;
  }

  #grow(place: number, subtree: number, spare: number, lane: number): TreeRouter {
    const level = this.#level;
    const lot = (what: number): number => asShare(mix32(this.salt ^ mix32(place * 8 + what)));
    const name = `${this.#context.name}.${this.index}.${subtree}.${spare}.${lane}`;
    const router: Router = {
      ...level.router,
      ...(lot(0) < (level.silentShare ?? 0) ? { silent: true } : {}),
      ...(level.limit !== undefined && lot(1) < (level.limitedShare ?? 0) ? { icmpLimit: level.limit } : {}),
      ...this.#addresses(place),
    };
    const link: LinkTraits = { ...this.#context.link, ...level.link };
    const factor = 1 + (level.spread ?? 0) * (2 * lot(2) - 1);
    const { router: defaults, hashSeed } = this.#context;
    return {
      router: planRouter(name, router, defaults, this.#context.memory(name), hashSeed),
      link: planLink(link, { delayMs: Math.round((link.delayMs ?? 1) * factor * NS_PER_MS) / NS_PER_MS }),
    };
  }

  #addresses(place: number): Router {
    const at = (text: string | undefined): string | undefined => {
      const pool = text === undefined ? undefined : parsePrefix(text);
      return pool === undefined ? undefined : formatAddress(addressPlus(pool.address, this.#base + place));
    };
    const v4 = at(this.#tree.v4);
    const v6 = at(this.#tree.v6);
    return { ...(v4 === undefined ? {} : { v4 }), ...(v6 === undefined ? {} : { v6 }) };
  }
}
