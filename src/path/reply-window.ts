// The answers of the recent rounds, by hop and flow: how many probes were sent and how many got nothing. Some 256 probes
// a hop are kept, in blocks that grow with age, so that what is over is forgotten. Compact, since there are as many as
// targets: 54 bytes for each TTL with four flows. Invariant: a probe is counted at the hop it was meant for; probes for
// the destination are in row 0, whatever their TTL.

import { isDestination } from '../trace/probe-record.ts';
import type { Hop, Trace } from '../trace/trace.ts';
import { LimitPattern, PATTERN_WORDS } from './limit-pattern.ts';
import { likelihoodRatio } from './statistics.ts';

/** Row of the destination; routers are in the row of their TTL. */
export const DESTINATION_ROW = 0;
/** Flows looked at; those beyond are left out. */
export const MAX_WINDOW_FLOWS = 16;

const BLOCKS = 5;
/** Probes of one hop, all flows, beyond which the oldest block is forgotten. */
const PROBES_KEPT = 256;
/** A block holds so many probes at least before the next is begun. */
const LEAST_BLOCK = 16;
/** Most probes in one cell: two bytes hold the probes and the misses among them. */
const MOST_IN_CELL = 255;
const MAX_TTL = 255;
/** Chi-square with one degree of freedom at 5e-5: older rounds of another loss are forgotten. */
const FORGET_RATIO = 16.4;
/** A trace cut off earlier than this had not waited for its last probes. */
const PATIENCE_MS = 1000;

export interface Tally {
  sent: number;
  lost: number;
}

export class ReplyWindow {
  readonly flows: number;
  readonly #width: number;
  readonly #capacity: number;
  readonly #quantum: number;
  #cells: Uint16Array = new Uint16Array(0);
  #rows = 0;
  /** Probes a cell by block, the newest last. */
  #sizes: number[] = [];
  /** TTL at which each flow meets the destination, 0 where that is not known. */
  readonly #lengths: number[];

  constructor(flows: number) {
    this.flows = Math.max(1, Math.min(MAX_WINDOW_FLOWS, flows));
    this.#width = 1 + PATTERN_WORDS + this.flows * BLOCKS;
    this.#capacity = Math.ceil(PROBES_KEPT / this.flows);
    this.#quantum = Math.max(1, Math.round(LEAST_BLOCK / this.flows));
    this.#lengths = new Array<number>(this.flows).fill(0);
  }

  /** Highest TTL with a record, 0 for none. */
  get horizon(): number {
    return Math.max(0, this.#rows - 1);
  }

  /** Bytes of the record. */
  get bytes(): number {
    return this.#cells.byteLength;
  }

  /** TTL at which the nearest flow meets the destination, 0 where that is not known. */
  get distance(): number {
    let least = 0;
    for (const length of this.#lengths) if (length > 0 && (least === 0 || length < least)) least = length;
    return least;
  }

  lengthOf(flow: number): number {
    return this.#lengths[flow] ?? 0;
  }

  /** Takes in a whole trace. One that was cut off says nothing about loss. */
  observe(trace: Trace): void {
    if (trace.end === 'cancelled' || trace.end === 'send-failed') return;
    if (trace.end === 'deadline' && trace.durationMs < PATIENCE_MS) return;
    this.#beginBlock();
    const reached = this.#learnLengths(trace);
    let most = 0;
    for (const hop of trace.hops)
      if (hop.ttl <= MAX_TTL) most = Math.max(most, this.#take(hop, trace, reached));
    if (trace.end !== 'unreachable') this.#missDestination(trace, reached, Math.max(1, most));
    const newest = this.#sizes.length - 1;
    this.#sizes[newest] = (this.#sizes[newest] as number) + Math.max(1, most);
    this.#forgetWhatIsOver();
  }

  /** Adds up the flows of `mask` that have ever been answered in this row; false where none has. */
  tally(row: number, mask: number, into: Tally): boolean {
    into.sent = 0;
    into.lost = 0;
    const answered = this.answeredFlows(row) & mask;
    for (let flow = 0; flow < this.flows; flow++) {
      if ((answered & (1 << flow)) !== 0) this.#addCells(row, flow, 0, BLOCKS, into);
    }
    return answered !== 0;
  }

  /** Probes of `mask` in this row, answered flows or not. */
  sentIn(row: number, mask: number): number {
    const tally = { sent: 0, lost: 0 };
    if (row >= this.#rows) return 0;
    for (let flow = 0; flow < this.flows; flow++) {
      if ((mask & (1 << flow)) !== 0) this.#addCells(row, flow, 0, BLOCKS, tally);
    }
    return tally.sent;
  }

  /** Flows that were ever answered in this row, a bit each. */
  answeredFlows(row: number): number {
    return row >= this.#rows ? 0 : (this.#cells[row * this.#width] as number);
  }

  pattern(row: number): LimitPattern | null {
    return row >= this.#rows ? null : new LimitPattern(this.#cells, row * this.#width + 1);
  }

  /** Forgets the hops from `ttl` on and the destination: the way there is another. */
  resetFrom(ttl: number): void {
    this.#cells.fill(0, Math.max(1, ttl) * this.#width);
    this.#cells.fill(0, 0, this.#width);
    this.#lengths.fill(0);
  }

  #addCells(row: number, flow: number, from: number, until: number, into: Tally): void {
    const at = row * this.#width + 1 + PATTERN_WORDS + flow * BLOCKS;
    for (let block = from; block < until; block++) {
      const cell = this.#cells[at + block] as number;
      into.sent += cell >>> 8;
      into.lost += cell & 0xff;
    }
  }

  /** Where each flow met the destination in this trace, 0 where it did not; what that says about its length is learnt. */
  #learnLengths(trace: Trace): number[] {
    const reached = new Array<number>(this.flows).fill(0);
    const routers = new Array<number>(this.flows).fill(0);
    for (const { ttl, replies } of trace.hops) {
      for (const { flow, kind } of replies) {
        if (flow >= this.flows) continue;
        if (isDestination(kind)) {
          if (reached[flow] === 0) reached[flow] = ttl;
        } else if (kind === 'time-exceeded') routers[flow] = ttl;
      }
    }
    for (let flow = 0; flow < this.flows; flow++) {
      const length = this.#lengths[flow] as number;
      const here = reached[flow] as number;
      if (length > 0 && (routers[flow] as number) >= length) this.#lengths[flow] = here;
      else if (here > 0 && (length === 0 || here < length)) {
        this.#lengths[flow] = here;
        this.#moveToDestination(flow, here);
      }
    }
    return reached;
  }

  /** Unanswered probes at the TTLs from `ttl` on were meant for the destination, as is known now. */
  #moveToDestination(flow: number, ttl: number): void {
    this.#grow(0);
    for (let row = Math.max(1, ttl); row < this.#rows; row++) {
      const silent = (this.answeredFlows(row) & (1 << flow)) === 0;
      const from = row * this.#width + 1 + PATTERN_WORDS + flow * BLOCKS;
      for (let block = 0; block < BLOCKS; block++) {
        const cell = this.#cells[from + block] as number;
        this.#cells[from + block] = 0;
        if (silent) this.#addTo(DESTINATION_ROW, flow, block, cell >>> 8, cell & 0xff);
      }
    }
  }

  /** Counts the probes of one hop; returns the most of any flow. */
  #take(hop: Hop, trace: Trace, reached: readonly number[]): number {
    const outcomes = hop.outcomes ?? plainOutcomes(hop, trace, reached);
    const refused = new Set(hop.replies.flatMap(({ flow, kind }) => (kind === 'unreachable' ? [flow] : [])));
    const sent = new Array<number>(this.flows).fill(0);
    const lost = new Array<number>(this.flows).fill(0);
    for (const outcome of outcomes) {
      const flow = outcome < 0 ? ~outcome : outcome;
      if (flow >= this.flows) continue;
      sent[flow] = (sent[flow] as number) + 1;
      if (outcome < 0) lost[flow] = (lost[flow] as number) + 1;
    }
    let most = 0;
    for (let flow = 0; flow < this.flows; flow++) {
      const tries = sent[flow] as number;
      const row = this.#rowOf(flow, hop.ttl);
      // A router that refuses says nothing of the destination.
      if (tries === 0 || (row === DESTINATION_ROW && refused.has(flow))) continue;
      this.#grow(row);
      const misses = lost[flow] as number;
      this.#addTo(row, flow, this.#sizes.length - 1, tries, misses);
      if (misses < tries) {
        const at = row * this.#width;
        this.#cells[at] = (this.#cells[at] as number) | (1 << flow);
      }
      most = Math.max(most, tries);
    }
    this.#notePattern(hop.ttl, outcomes);
    return most;
  }

  /** Flows that never answer here are silent, which is no pattern. */
  #notePattern(ttl: number, outcomes: readonly number[]): void {
    const rows = new Map<number, boolean[]>();
    for (const outcome of outcomes) {
      const flow = outcome < 0 ? ~outcome : outcome;
      if (flow >= this.flows) continue;
      const row = this.#rowOf(flow, ttl);
      if ((this.answeredFlows(row) & (1 << flow)) === 0) continue;
      const answers = rows.get(row);
      if (answers === undefined) rows.set(row, [outcome >= 0]);
      else answers.push(outcome >= 0);
    }
    for (const [row, answers] of rows) this.pattern(row)?.note(answers);
  }

  /** Flows that met nobody beyond the last responder asked the destination too, at a TTL that is not in the table. */
  #missDestination(trace: Trace, reached: readonly number[], tries: number): void {
    const last = trace.hops.at(-1)?.ttl ?? 0;
    const heard = trace.hops.some(({ replies }) => replies.length > 0);
    if (!heard) return;
    for (const flow of trace.flows) {
      if (flow >= this.flows || reached[flow] !== 0 || (this.#lengths[flow] as number) <= last) continue;
      this.#addTo(DESTINATION_ROW, flow, this.#sizes.length - 1, tries, tries);
    }
  }

  #rowOf(flow: number, ttl: number): number {
    const length = this.#lengths[flow] as number;
    return length > 0 && ttl >= length ? DESTINATION_ROW : ttl;
  }

  #addTo(row: number, flow: number, block: number, tries: number, misses: number): void {
    const at = row * this.#width + 1 + PATTERN_WORDS + flow * BLOCKS + block;
    const cell = this.#cells[at] as number;
    let sent = (cell >>> 8) + tries;
    let lost = (cell & 0xff) + misses;
    if (sent > MOST_IN_CELL) {
      lost = Math.round((lost * MOST_IN_CELL) / sent);
      sent = MOST_IN_CELL;
    }
    this.#cells[at] = (sent << 8) | lost;
  }

  #beginBlock(): void {
    const newest = this.#sizes.at(-1);
    if (newest !== undefined && newest < this.#quantum) return;
    let total = this.#sizes.reduce((sum, size) => sum + size, 0);
    while (this.#sizes.length > 1 && total - (this.#sizes[0] as number) >= this.#capacity) {
      total -= this.#sizes[0] as number;
      this.#dropOldest(1);
    }
    if (this.#sizes.length === BLOCKS) this.#merge();
    this.#sizes.push(0);
  }

  /** The two neighbours that are smallest together become one. */
  #merge(): void {
    let at = 0;
    for (let i = 1; i + 1 < this.#sizes.length; i++) {
      if (this.#sizeOfPair(i) < this.#sizeOfPair(at)) at = i;
    }
    for (let row = 0; row < this.#rows; row++) {
      for (let flow = 0; flow < this.flows; flow++) {
        const first = row * this.#width + 1 + PATTERN_WORDS + flow * BLOCKS;
        const cell = this.#cells[first + at + 1] as number;
        this.#addTo(row, flow, at, cell >>> 8, cell & 0xff);
        this.#cells.copyWithin(first + at + 1, first + at + 2, first + BLOCKS);
        this.#cells[first + BLOCKS - 1] = 0;
      }
    }
    this.#sizes.splice(at, 2, this.#sizeOfPair(at));
  }

  #sizeOfPair(at: number): number {
    return (this.#sizes[at] as number) + (this.#sizes[at + 1] as number);
  }

  #dropOldest(count: number): void {
    for (let row = 0; row < this.#rows; row++) {
      for (let flow = 0; flow < this.flows; flow++) {
        const first = row * this.#width + 1 + PATTERN_WORDS + flow * BLOCKS;
        this.#cells.copyWithin(first, first + count, first + BLOCKS);
        this.#cells.fill(0, first + BLOCKS - count, first + BLOCKS);
      }
    }
    this.#sizes.splice(0, count);
  }

  /** Where the destination's loss was credibly another before some block, all before it is forgotten. */
  #forgetWhatIsOver(): void {
    if (this.#rows === 0) return;
    for (let cut = this.#sizes.length - 1; cut >= 1; cut--) {
      const before = { sent: 0, lost: 0 };
      const after = { sent: 0, lost: 0 };
      for (let flow = 0; flow < this.flows; flow++) {
        this.#addCells(DESTINATION_ROW, flow, 0, cut, before);
        this.#addCells(DESTINATION_ROW, flow, cut, BLOCKS, after);
      }
      if (likelihoodRatio(before.lost, before.sent, after.lost, after.sent) > FORGET_RATIO) {
        this.#dropOldest(cut);
        return;
      }
    }
  }

  #grow(row: number): void {
    if (row < this.#rows) return;
    const cells = new Uint16Array((row + 1) * this.#width);
    cells.set(this.#cells);
    this.#cells = cells;
    this.#rows = row + 1;
  }
}

/** Of a hop that answered every probe, or none: those go to the flows that were not at their end before it. */
function plainOutcomes(hop: Hop, trace: Trace, reached: readonly number[]): number[] {
  if (hop.replies.length > 0) return hop.replies.map(({ flow }) => flow);
  const asked = trace.flows.filter(
    (flow) => (reached[flow] ?? 0) === 0 || (reached[flow] as number) >= hop.ttl,
  );
  if (asked.length === 0) return [];
  return Array.from({ length: hop.sent }, (_, i) => ~(asked[i % asked.length] as number));
}
