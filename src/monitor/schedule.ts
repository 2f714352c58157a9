// What is due when: one heap and one timer for all targets, thousands of them.
// Invariant: an entry is due once an interval on its own grid, however late the timer or long the work.

import { TimerHeap } from '../trace/timer-heap.ts';
import type { Clock } from './clock.ts';

export interface ScheduleTimes {
  /** On the clock's `now()`. */
  readonly firstAtMs: number;
  /** The one after the first; from there on every `intervalMs`. */
  readonly thenAtMs: number;
  readonly intervalMs: number;
}

interface Entry<Owner> {
  readonly owner: Owner;
  readonly intervalMs: number;
  dueAtMs: number;
  /** Taken once, after the first time. */
  thenAtMs: number | null;
  removed: boolean;
}

export class Schedule<Owner> {
  readonly #clock: Clock;
  readonly #onDue: (owner: Owner, missed: number) => void;
  #heap = new TimerHeap<Entry<Owner>>();
  readonly #entries = new Map<Owner, Entry<Owner>>();
  #cancelTimer: (() => void) | null = null;
  #armedForMs = Number.POSITIVE_INFINITY;
  #turns = 0;
  #stopped = false;

  /** `onDue` hears how many turns passed unused because the process was held up. It must not throw. */
  constructor(clock: Clock, onDue: (owner: Owner, missed: number) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Turns that came, over all owners that ever were, those counted that nobody could use. */
  get turns(): number {
    return this.#turns;
  }

  /** When the owner is due next on the clock's `now()`; null when it is not scheduled. */
  dueAt(owner: Owner): number | null {
    return this.#entries.get(owner)?.dueAtMs ?? null;
  }

  /** Adds an owner, or gives it other times. */
  set(owner: Owner, times: ScheduleTimes): void {
    this.remove(owner);
    const { firstAtMs, thenAtMs, intervalMs } = times;
    const entry: Entry<Owner> = { owner, intervalMs, dueAtMs: firstAtMs, thenAtMs, removed: false };
    this.#entries.set(owner, entry);
    this.#heap.push(firstAtMs, entry);
    this.#arm();
  }

  remove(owner: Owner): void {
    const entry = this.#entries.get(owner);
    if (entry === undefined) return;
    entry.removed = true;
    this.#entries.delete(owner);
    if (this.#heap.size > 2 * this.#entries.size + 16) this.#compact();
  }

  /** Nothing is due any more. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  /** Removed entries stay in the heap until their time, at most as many as live ones. */
  #compact(): void {
    this.#heap = new TimerHeap();
    for (const entry of this.#entries.values()) this.#heap.push(entry.dueAtMs, entry);
  }

  #arm(): void {
    const next = this.#heap.peek();
    if (this.#stopped || next === Number.POSITIVE_INFINITY) return;
    if (this.#cancelTimer !== null && this.#armedForMs <= next) return;
    this.#cancelTimer?.();
    this.#armedForMs = next;
    this.#cancelTimer = this.#clock.after(next - this.#clock.now(), () => this.#run());
  }

  #run(): void {
    this.#cancelTimer = null;
    const now = this.#clock.now();
    while (!this.#stopped && this.#heap.peek() <= now) {
      const entry = this.#heap.pop();
      if (entry === undefined || entry.removed) continue;
      const missed = this.#moveOn(entry, now);
      this.#turns += 1 + missed;
      this.#heap.push(entry.dueAtMs, entry);
      this.#onDue(entry.owner, missed);
    }
    this.#arm();
  }

  /** To the next turn after `now`; returns the turns between that nobody can use any more. */
  #moveOn(entry: Entry<Owner>, now: number): number {
    entry.dueAtMs = entry.thenAtMs ?? entry.dueAtMs + entry.intervalMs;
    entry.thenAtMs = null;
    if (entry.dueAtMs > now) return 0;
    const missed = Math.floor((now - entry.dueAtMs) / entry.intervalMs) + 1;
    entry.dueAtMs += missed * entry.intervalMs;
    return missed;
  }
}
