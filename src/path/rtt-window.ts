// The round-trip times of the recent rounds: one figure a round for each TTL, and more rounds of the destination. Compact:
// 40 bytes for each TTL and 176 beside. Times are kept as logarithms in 16 bits, to 0.03 %. Codes are in the
// order of the times. Invariant: a round in which a hop did not answer is missing, never zero.

import { isDestination } from '../trace/probe-record.ts';
import type { Hop, Trace } from '../trace/trace.ts';
import { medianOf } from './statistics.ts';

/** Rounds kept of the destination, and of each TTL before it. */
export const DESTINATION_ROUNDS = 64;
export const HOP_ROUNDS = 20;
/** Rounds of which it is known when they were. */
const TIMED_ROUNDS = 24;
const INTERVAL_UNIT_MS = 100;
/** 65,535 is a little more than 100 seconds. */
const CODES_PER_E = 3550;
const HOPS_AT = DESTINATION_ROUNDS + TIMED_ROUNDS;
const MAX_TTL = 255;

export class RttWindow {
  readonly #flows: number;
  #codes: Uint16Array = new Uint16Array(HOPS_AT);
  /** Rounds taken in. */
  #rounds = 0;
  #lastAtMs = 0;
  /** The latest RTT of each flow's destination: stands in where a reply is lost, so that branches do not take turns. */
  readonly #latest: number[];

  constructor(flows: number) {
    this.#flows = flows;
    this.#latest = new Array<number>(flows).fill(0);
  }

  get bytes(): number {
    return this.#codes.byteLength;
  }

  get horizon(): number {
    return (this.#codes.length - HOPS_AT) / HOP_ROUNDS;
  }

  observe(trace: Trace, atMs: number): void {
    const sinceMs = this.#rounds === 0 ? 0 : Math.max(0, atMs - this.#lastAtMs);
    this.#lastAtMs = atMs;
    this.#codes[DESTINATION_ROUNDS + (this.#rounds % TIMED_ROUNDS)] = Math.min(
      0xffff,
      Math.round(sinceMs / INTERVAL_UNIT_MS),
    );
    this.#codes[this.#rounds % DESTINATION_ROUNDS] = encodeRtt(this.#destinationMs(trace));
    const place = this.#rounds % HOP_ROUNDS;
    for (let ttl = 1; ttl <= this.horizon; ttl++) this.#codes[this.#at(ttl) + place] = 0;
    for (const hop of trace.hops) {
      const rttMs = routerMs(hop);
      if (Number.isNaN(rttMs) || hop.ttl > MAX_TTL) continue;
      this.#grow(hop.ttl);
      this.#codes[this.#at(hop.ttl) + place] = encodeRtt(rttMs);
    }
    this.#rounds++;
  }

  /** Codes of the destination, oldest first, at most the latest `rounds`; 0 where it did not answer. */
  destination(rounds: number): Uint16Array {
    return this.#read(0, DESTINATION_ROUNDS, rounds);
  }

  /** Codes of the router at `ttl`. */
  hop(ttl: number): Uint16Array {
    return ttl > this.horizon ? new Uint16Array(0) : this.#read(this.#at(ttl), HOP_ROUNDS, HOP_ROUNDS);
  }

  /** When the round was that lies so many rounds back; 0 is the latest. */
  timeMs(back: number): number {
    let atMs = this.#lastAtMs;
    for (let i = 0; i < Math.min(back, TIMED_ROUNDS); i++) {
      const at = DESTINATION_ROUNDS + ((this.#rounds - 1 - i + TIMED_ROUNDS) % TIMED_ROUNDS);
      atMs -= (this.#codes[at] as number) * INTERVAL_UNIT_MS;
    }
    return atMs;
  }

  /** Forgets the routers from `ttl` on: others stand there now. */
  resetFrom(ttl: number): void {
    this.#codes.fill(0, this.#at(Math.max(1, ttl)));
  }

  #read(at: number, capacity: number, rounds: number): Uint16Array {
    const count = Math.min(this.#rounds, capacity, rounds);
    const first = (this.#rounds - count) % capacity;
    const codes = new Uint16Array(count);
    const whole = Math.min(count, capacity - first);
    codes.set(this.#codes.subarray(at + first, at + first + whole));
    codes.set(this.#codes.subarray(at, at + count - whole), whole);
    return codes;
  }

  /** Median over the flows of the least RTT of each. */
  #destinationMs(trace: Trace): number {
    const least = new Map<number, number>();
    for (const { replies } of trace.hops) {
      for (const { flow, kind, rttMs } of replies) {
        if (isDestination(kind) && flow < this.#flows)
          least.set(flow, Math.min(least.get(flow) ?? rttMs, rttMs));
      }
    }
    if (least.size === 0) return Number.NaN;
    for (const [flow, rttMs] of least) this.#latest[flow] = rttMs;
    return medianOf(trace.flows.flatMap((flow) => this.#latest[flow] || []));
  }

  #at(ttl: number): number {
    return HOPS_AT + (ttl - 1) * HOP_ROUNDS;
  }

  #grow(ttl: number): void {
    if (ttl <= this.horizon) return;
    const codes = new Uint16Array(HOPS_AT + ttl * HOP_ROUNDS);
    codes.set(this.#codes);
    this.#codes = codes;
  }
}

/** Least RTT of the first flow that was answered, with whoever else met the same router: branches do not mix. */
function routerMs(hop: Hop): number {
  let first: Hop['replies'][number] | undefined;
  for (const reply of hop.replies) {
    if (reply.kind !== 'time-exceeded') continue;
    if (first === undefined || reply.flow < first.flow) first = reply;
  }
  if (first === undefined) return Number.NaN;
  let least = first.rttMs;
  for (const { kind, address, rttMs } of hop.replies) {
    if (kind === 'time-exceeded' && address === first.address) least = Math.min(least, rttMs);
  }
  return least;
}

function encodeRtt(rttMs: number): number {
  if (Number.isNaN(rttMs)) return 0;
  return 1 + Math.min(65_534, Math.round(Math.log1p(Math.max(0, rttMs) * 1000) * CODES_PER_E));
}

/** Milliseconds; NaN for a round without an answer. */
export function decodeRtt(code: number): number {
  return code === 0 ? Number.NaN : Math.expm1((code - 1) / CODES_PER_E) / 1000;
}
