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
const VALUES = 4;
/** Of each TTL: the values, the latest first, 0 for none; the candidate, and how often it came. */
const WIDTH = VALUES + 2;
const CANDIDATE = VALUES;
const TIMES = VALUES + 1;
const GROWTH = 16;

/** Of one target: some 10 bytes a hop, because there may be a hundred thousand targets. */
export class ReturnPathWatch {
  #memory: Uint8Array = new Uint8Array(0);
  /** Who answered at each TTL, as a hash: another responder's replies come another way. */
  #responders: Uint32Array = new Uint32Array(0);

  /** Shifts that this round confirms, by the first reply at each TTL. */
  observe(trace: Trace): ReturnShift[] {
    const shifts: ReturnShift[] = [];
    for (const { ttl, replies } of trace.hops) {
      const [reply] = replies;
      const after = reply?.replyTtl;
      if (reply === undefined || after === undefined || after < 1 || after > 255 || ttl > 255) continue;
      const before = this.#take(ttl, hashOf(`${reply.flow} ${reply.address}`), after);
      if (before === 0) continue;
      const { address } = reply;
      const hopsBefore = returnDistance(ttl, before)?.hops ?? 0;
      const hopsAfter = returnDistance(ttl, after)?.hops ?? 0;
      shifts.push({ ttl, address, before, after, hopsBefore, hopsAfter });
    }
    return shifts;
  }

  /** The value before, where `value` is new and now confirmed; else 0. */
  #take(ttl: number, responder: number, value: number): number {
    this.#grow(ttl);
    const memory = this.#memory;
    const at = (ttl - 1) * WIDTH;
    if (this.#responders[ttl - 1] !== responder) {
      this.#responders[ttl - 1] = responder;
      memory.fill(0, at, at + WIDTH);
      memory[at] = value;
      return 0;
    }
    const known = memory.subarray(at, at + VALUES).indexOf(value);
    if (known >= 0) {
      memory[at + TIMES] = 0;
      // The latest is what the next shift is told against.
      memory.copyWithin(at + 1, at, at + known);
      memory[at] = value;
      return 0;
    }
    const times = memory[at + CANDIDATE] === value ? (memory[at + TIMES] as number) + 1 : 1;
    memory[at + CANDIDATE] = value;
    memory[at + TIMES] = times;
    if (times < CONFIRMATION) return 0;
    const before = memory[at] as number;
    memory.copyWithin(at + 1, at, at + VALUES - 1);
    memory[at] = value;
    memory[at + TIMES] = 0;
    return before;
  }

  #grow(ttl: number): void {
    if (this.#responders.length >= ttl) return;
    const length = Math.min(255, ttl + GROWTH);
    const memory = new Uint8Array(length * WIDTH);
    memory.set(this.#memory);
    const responders = new Uint32Array(length);
    responders.set(this.#responders);
    this.#memory = memory;
    this.#responders = responders;
  }
}

/** FNV-1a, never 0. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash === 0 ? 1 : hash;
}
