// How the positions of a route stand: what flows with one expectation at a TTL share. Invariant: where packets of one flow
// meet several routers, the position as a whole is compared; it stands while anybody still meets one of its routers.

import { DESTINATION_MARK } from './address-table.ts';
import type { DestinationMemory } from './destination-memory.ts';
import { relationAt } from './seen-path.ts';
import type { Sights } from './sights.ts';

/** `spread`: what is new there may be so because packets are spread, and says nothing. */
export type Status = 'same' | 'differs' | 'spread' | 'unknown';

/** Most of one position's routers that are reckoned with. */
const WIDEST = 16;
/** Probability that strangers alone are met where a position spreads packets as before. */
const SPREAD_ALPHA = 1e-5;
/** The same beside a hop that surely differs. */
const LEANING_ALPHA = 1e-3;
/** Routers met in a muddle, none known, that make it a new one. */
const MUDDLE_STRANGERS = 8;
/** However long nobody new was met, the next may be new. */
const LEAST_NOVELTY = 0.03;
/** Strangers that must be met at a position that spreads packets. */
const LEAST_STRANGERS = 3;
/** Times that a hop must be met for it to stand before a muddle. */
const STEADY_SIGHTS = 2;

export class Positions {
  readonly #memory: DestinationMemory;
  readonly #sights: Sights;

  constructor(sights: Sights) {
    this.#sights = sights;
    this.#memory = sights.memory;
  }

  statusAt(flow: number, ttl: number): Status {
    const { same, strangers } = this.#countAt(flow, ttl);
    if (same + strangers === 0) return 'unknown';
    if (!this.isSpread(flow, ttl)) {
      if (same > 0) return 'same';
      // Where others meet several routers, this one may do so too and not have shown it yet.
      if (!this.#spreadsAt(ttl)) return 'differs';
      const ends = this.#sights.shownAt(flow, ttl).every((address) => address === DESTINATION_MARK);
      return ends || (this.#isImprobable(ttl, strangers) && !this.#isOfSpread(flow, ttl))
        ? 'differs'
        : 'spread';
    }
    let poolStrangers = 0;
    for (const other of this.#poolOf(flow, ttl)) {
      const count = this.#countAt(other, ttl);
      if (count.same > 0) return 'same';
      poolStrangers += count.strangers;
    }
    // The destination is no router of a position, however many it has.
    const ends = this.#sights.shownAt(flow, ttl).every((address) => address === DESTINATION_MARK);
    return ends || this.#isImprobable(ttl, poolStrangers) ? 'differs' : 'spread';
  }

  /** Whether packets of one flow are known, or now seen, to meet several routers at the position. */
  isSpread(flow: number, ttl: number): boolean {
    const memory = this.#memory;
    const expected = memory.expectedAddress(flow, ttl);
    if (expected !== '' && memory.positionSize(ttl, expected) > 1) return true;
    return this.#poolOf(flow, ttl).some((other) => this.#sights.isUnsteady(other, ttl));
  }

  /** Whether all that was met from where ways of different length part on is new there. */
  isMuddleNew(): boolean {
    const memory = this.#memory;
    const from = memory.unevenFrom;
    if (from === 0) return false;
    let strangers = 0;
    for (let flow = 0; flow < memory.flows; flow++) {
      for (const path of this.#sights.freshOf(flow)) {
        const met = path.hops.slice(from - 1).flat();
        if (met.some((address) => address !== DESTINATION_MARK && memory.knowsFrom(from, address)))
          return false;
        strangers += met.filter((address) => address !== DESTINATION_MARK).length;
      }
    }
    return strangers >= MUDDLE_STRANGERS;
  }

  /** First TTL of an uneven flow's muddle: the one after the last at which it steadily meets who it expects. */
  partingOf(flow: number): number {
    for (let ttl = this.#sights.horizon; ttl >= 1; ttl--) {
      const { same, strangers } = this.#countAt(flow, ttl);
      if (same >= STEADY_SIGHTS && strangers === 0 && !this.isSpread(flow, ttl)) return ttl + 1;
    }
    return 1;
  }

  /** Whether any flow meets several routers at a TTL. */
  #spreadsAt(ttl: number): boolean {
    for (let flow = 0; flow < this.#memory.flows; flow++) if (this.isSpread(flow, ttl)) return true;
    return false;
  }

  /** Whether all that a flow newly shows at a TTL belongs to positions there that spread packets: it may be one of them. */
  #isOfSpread(flow: number, ttl: number): boolean {
    const memory = this.#memory;
    return this.#sights.shownAt(flow, ttl).every((address) => {
      for (let other = 0; other < memory.flows; other++) {
        if (other === flow || !this.isSpread(other, ttl)) continue;
        const expected = memory.expectedAddress(other, ttl);
        if (expected !== '' && memory.alike(ttl, expected, address)) return true;
        if (this.#sights.shownAt(other, ttl).includes(address)) return true;
      }
      return false;
    });
  }

  /** Adds spread hops that show strangers only: those between two differences, and those beside one if chance hardly does it. */
  addLeaning(flow: number, differs: number[]): void {
    const { horizon } = this.#sights;
    for (let ttl = 1; ttl <= horizon; ttl++) {
      if (differs.includes(ttl) || this.statusAt(flow, ttl) !== 'spread') continue;
      const pool = this.#poolOf(flow, ttl);
      const counts = pool.map((other) => this.#countAt(other, ttl));
      if (counts.some(({ same }) => same > 0)) continue;
      const strangers = counts.reduce((sum, count) => sum + count.strangers, 0);
      const below = differs.includes(ttl - 1);
      const above = differs.includes(ttl + 1);
      if ((below && above) || ((below || above) && this.#chanceOf(ttl, strangers) < LEANING_ALPHA))
        differs.push(ttl);
    }
    differs.sort((a, b) => a - b);
  }

  /** Whether any trace held something against memory at this TTL. */
  isDoubted(flow: number, ttl: number): boolean {
    return this.#sights.firstStranger(flow, ttl) !== '' || this.#countAt(flow, ttl).strangers > 0;
  }

  #countAt(flow: number, ttl: number): { readonly same: number; readonly strangers: number } {
    let same = 0;
    let strangers = 0;
    const length = this.#sights.lengthOf(flow);
    for (const path of this.#sights.freshOf(flow)) {
      if (path.hops.length < ttl) continue;
      const relation = relationAt(this.#memory, path, length, ttl);
      if (relation === 'same') same++;
      else if (relation === 'differs') {
        // Spread hops that flows met apart may be one.
        const joins =
          ttl < (length || 256) &&
          this.#memory.isKnownSpread(ttl, path.hops[ttl - 1]?.[0] ?? '') &&
          this.isSpread(flow, ttl);
        if (joins) same++;
        else strangers++;
      }
    }
    return { same, strangers };
  }

  /** Flows that expect the same position at a TTL. */
  #poolOf(flow: number, ttl: number): number[] {
    const memory = this.#memory;
    const expected = memory.expectedAddress(flow, ttl);
    const pool = [flow];
    if (expected === '') return pool;
    for (let other = 0; other < memory.flows; other++) {
      if (other === flow) continue;
      const address = memory.expectedAddress(other, ttl);
      if (address !== '' && memory.alike(ttl, address, expected)) pool.push(other);
    }
    return pool;
  }

  #isImprobable(ttl: number, strangers: number): boolean {
    return strangers >= LEAST_STRANGERS && this.#chanceOf(ttl, strangers) < SPREAD_ALPHA;
  }

  /** Probability, at most, that so many sights of a position that spreads packets all meet unknown members of it. */
  #chanceOf(ttl: number, strangers: number): number {
    const novelty = Math.max(LEAST_NOVELTY, (1 - 1 / WIDEST) ** this.#memory.hitsAt(ttl));
    return novelty ** strangers;
  }
}
