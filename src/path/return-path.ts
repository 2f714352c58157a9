// Replies' TTLs from round to round: the same hop's reply arriving with another TTL than before is a sign that the way
// back has changed. A sign to be shown, never a change of path: of the way out it says nothing.
// Invariant: a value counts only once it was seen in consecutive rounds, and one seen lately is nothing new.

import type { Trace } from '../trace/trace.ts';
import { returnDistance } from './hop-facts.ts';

export interface ReturnShift {
  readonly ttl: number;
  readonly address: string;
  /** TTL of its replies on arrival. */
  readonly before: number;
  readonly after: number;
  /** Hops that they come, by that. */
  readonly hopsBefore: number;
  readonly hopsAfter: number;
}

/** Rounds in a row that must show the new value. */
const CONFIRMATION = 2;
/** Values of one hop that take turns without being news: balancers on the way back. */
const VALUES_REMEMBERED = 4;
const MOST_HOPS = 512;

interface Memory {
  /** Confirmed values, the latest last. */
  readonly values: number[];
  candidate: number;
  times: number;
}

/** Of one target. */
export class ReturnPathWatch {
  readonly #memories = new Map<string, Memory>();

  /** Shifts that this round confirms. */
  observe(trace: Trace): ReturnShift[] {
    const shifts: ReturnShift[] = [];
    for (const { ttl, replies } of trace.hops) {
      const seen = new Set<string>();
      for (const { address, flow, replyTtl } of replies) {
        // Ways back may depend on the flow: each has a memory of its own.
        const key = `${ttl} ${flow} ${address}`;
        if (replyTtl === undefined || seen.has(key)) continue;
        seen.add(key);
        const before = this.#take(key, replyTtl);
        if (before === null || shifts.some((shift) => shift.ttl === ttl && shift.address === address))
          continue;
        shifts.push({
          ttl,
          address,
          before,
          after: replyTtl,
          hopsBefore: returnDistance(ttl, before)?.hops ?? 0,
          hopsAfter: returnDistance(ttl, replyTtl)?.hops ?? 0,
        });
      }
    }
    return shifts;
  }

  /** The value before, where `value` is new and now confirmed. */
  #take(key: string, value: number): number | null {
    const memory = this.#memories.get(key);
    if (memory === undefined) {
      if (this.#memories.size < MOST_HOPS)
        this.#memories.set(key, { values: [value], candidate: -1, times: 0 });
      return null;
    }
    const { values } = memory;
    if (values.includes(value)) {
      memory.times = 0;
      return null;
    }
    memory.times = memory.candidate === value ? memory.times + 1 : 1;
    memory.candidate = value;
    if (memory.times < CONFIRMATION) return null;
    const before = values.at(-1) as number;
    values.push(value);
    if (values.length > VALUES_REMEMBERED) values.shift();
    memory.times = 0;
    return before;
  }
}
