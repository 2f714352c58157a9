// Which addresses stand for one position: the routers that a hop spreads packets over, and the addresses of a renamed
// router. Invariant: bounded; every address in it is held in the shared table until it goes.

import type { AddressTable } from './address-table.ts';

/** Most addresses kept as standing for some position; the oldest go first. */
export const MAX_ALIASES = 128;
/** In place of a TTL: two addresses of one router are so wherever it stands. */
export const ANYWHERE = 0;

/** An address at a TTL; those of one group stand for one position. */
export interface Alias {
  readonly ttl: number;
  readonly id: number;
  group: number;
}

export class Aliases {
  readonly #table: AddressTable;
  #all: Alias[] = [];
  #groups = 0;

  constructor(table: AddressTable) {
    this.#table = table;
  }

  /** Oldest first. */
  get all(): readonly Alias[] {
    return this.#all;
  }

  alike(ttl: number, a: string, b: string): boolean {
    if (a === b) return true;
    if (this.#all.length === 0) return false;
    return this.#grouped(ttl, a, b) || this.#grouped(ANYWHERE, a, b);
  }

  /** How many routers stand for the position of `address` at `ttl`. */
  positionSize(ttl: number, address: string): number {
    const group = this.#groupOf(ttl, address);
    if (group === 0) return 1;
    let size = 0;
    for (const alias of this.#all) if (alias.ttl === ttl && alias.group === group) size++;
    return size;
  }

  unite(ttl: number, a: string, b: string): void {
    if (this.alike(ttl, a, b)) return;
    const into = this.#memberOf(ttl, a).group;
    const from = this.#memberOf(ttl, b).group;
    for (const alias of this.#all) if (alias.ttl === ttl && alias.group === from) alias.group = into;
    while (this.#all.length > MAX_ALIASES) {
      const oldest = this.#all.shift();
      if (oldest !== undefined) this.#table.release(oldest.id);
    }
  }

  /** Takes back an alias whose id is held. */
  restore(alias: Alias): void {
    this.#all.push(alias);
    this.#groups = Math.max(this.#groups, alias.group);
  }

  release(): void {
    for (const alias of this.#all) this.#table.release(alias.id);
    this.#all = [];
  }

  #grouped(ttl: number, a: string, b: string): boolean {
    const group = this.#groupOf(ttl, a);
    return group !== 0 && group === this.#groupOf(ttl, b);
  }

  #groupOf(ttl: number, address: string): number {
    if (this.#all.length === 0) return 0;
    const id = this.#table.find(address);
    if (id === 0) return 0;
    for (const alias of this.#all) if (alias.ttl === ttl && alias.id === id) return alias.group;
    return 0;
  }

  #memberOf(ttl: number, address: string): Alias {
    const id = this.#table.find(address);
    const known = this.#all.find((alias) => alias.ttl === ttl && alias.id === id);
    if (known !== undefined) return known;
    this.#groups++;
    const added: Alias = { ttl, id: this.#table.hold(address), group: this.#groups };
    this.#all.push(added);
    return added;
  }
}
