// Runs of one target in a row as bytes, each told by its difference to the one before: about three bytes a hop.
// Invariant: a pack's bytes are all there is to it: it can be read, or grow on, from them alone.

import { ByteReader, ByteWriter } from './byte-codec.ts';
import type { RecordedHop, RecordedRun } from './recorded-run.ts';

/** RTTs are kept to the microsecond, durations to a tenth of a millisecond, losses to a ten-thousandth. */
const RTT_UNITS_PER_MS = 1000;
const DURATION_UNITS_PER_MS = 10;
const LOSS_UNITS = 10_000;

const FLAG = { reached: 1, sameHead: 2, newShape: 4, changedAnswers: 8, rtt: 16, loss: 32 } as const;

/** One run as it is read or written, its arrays used again for the next. */
export class RunState {
  atMs = 0;
  intervalMs = 0;
  durationUnits = 0;
  reached = false;
  hopCount = 0;
  paths = 0;
  /** -1 where no path is known. */
  path = -1;
  failure = '';
  lossUnits = 0;
  /** -1 where the destination did not answer; the RTT that differences are taken to is kept apart. */
  rttUnits = -1;
  rttBase = 0;
  ttls = 0;
  /** By TTL from 1 on. */
  sent: number[] = [];
  places: number[] = [];
  /** By place, TTL after TTL; RTTs are those of the latest run in which the place answered. */
  answered: number[] = [];
  rtts: number[] = [];

  get rttMs(): number | null {
    return this.rttUnits < 0 ? null : this.rttUnits / RTT_UNITS_PER_MS;
  }

  get durationMs(): number {
    return this.durationUnits / DURATION_UNITS_PER_MS;
  }

  get lossRatio(): number {
    return this.lossUnits / LOSS_UNITS;
  }

  get pathId(): string | null {
    return this.path < 0 ? null : formatPathId(this.path);
  }
}

export function formatPathId(path: number): string {
  return path.toString(16).padStart(12, '0');
}

export function parsePathId(id: string): number {
  return Number.parseInt(id, 16);
}

export interface ClosedPack {
  readonly fromMs: number;
  readonly toMs: number;
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** Grows by one run at a time. */
export class RunPack {
  readonly #writer = new ByteWriter(128);
  readonly #state = new RunState();
  fromMs = 0;
  count = 0;

  get toMs(): number {
    return this.#state.atMs;
  }

  get byteLength(): number {
    return this.#writer.length;
  }

  append(run: RecordedRun): void {
    encodeRun(this.#writer, run, this.#state);
    if (this.count === 0) this.fromMs = run.atMs;
    this.count++;
  }

  /** The pack that has these bytes, to grow on. */
  static resume(bytes: Uint8Array): RunPack {
    const pack = new RunPack();
    const reader = new ByteReader(bytes);
    while (!reader.ended) {
      decodeRun(reader, pack.#state);
      if (pack.count === 0) pack.fromMs = pack.#state.atMs;
      pack.count++;
    }
    pack.#writer.append(bytes);
    return pack;
  }

  /** The pack as it is now. */
  close(): ClosedPack {
    return { fromMs: this.fromMs, toMs: this.toMs, count: this.count, bytes: this.#writer.take() };
  }
}

/** Reads the runs of a pack one after the other into one state. */
export class RunReader {
  readonly state: RunState = new RunState();
  readonly #reader: ByteReader;

  constructor(bytes: Uint8Array) {
    this.#reader = new ByteReader(bytes);
  }

  /** Whether there was another run; it is in `state` then. */
  next(): boolean {
    if (this.#reader.ended) return false;
    decodeRun(this.#reader, this.state);
    return true;
  }
}

/** The run as a value of its own. */
export function runOf(state: RunState, target: string): RecordedRun {
  const hops: RecordedHop[] = [];
  let place = 0;
  for (let i = 0; i < state.ttls; i++) {
    const answers = [];
    for (const end = place + (state.places[i] as number); place < end; place++) {
      const answered = state.answered[place] as number;
      answers.push({
        answered,
        rttMs: answered === 0 ? null : (state.rtts[place] as number) / RTT_UNITS_PER_MS,
      });
    }
    hops.push({ sent: state.sent[i] as number, answers });
  }
  return {
    target,
    atMs: state.atMs,
    durationMs: state.durationMs,
    reached: state.reached,
    hopCount: state.hopCount,
    paths: state.paths,
    rttMs: state.rttMs,
    lossRatio: state.lossRatio,
    pathId: state.pathId,
    failure: state.failure === '' ? null : state.failure,
    hops,
  };
}

function encodeRun(writer: ByteWriter, run: RecordedRun, state: RunState): void {
  const path = run.pathId === null ? -1 : parsePathId(run.pathId);
  const failure = run.failure ?? '';
  const lossUnits = Math.round(Math.min(1, Math.max(0, run.lossRatio)) * LOSS_UNITS);
  const sameHead =
    state.hopCount === run.hopCount &&
    state.paths === run.paths &&
    state.path === path &&
    state.failure === failure;
  const newShape = !hasShape(state, run.hops);
  if (newShape) takeShape(state, run.hops);
  const changedAnswers = !newShape && !hasAnswers(state, run.hops);
  writer.byte(
    (run.reached ? FLAG.reached : 0) |
      (sameHead ? FLAG.sameHead : 0) |
      (newShape ? FLAG.newShape : 0) |
      (changedAnswers ? FLAG.changedAnswers : 0) |
      (run.rttMs === null ? 0 : FLAG.rtt) |
      (lossUnits === 0 ? 0 : FLAG.loss),
  );
  const intervalMs = run.atMs - state.atMs;
  writer.signed(intervalMs - state.intervalMs);
  state.intervalMs = state.atMs === 0 ? 0 : intervalMs;
  state.atMs = run.atMs;
  const durationUnits = Math.round(Math.max(0, run.durationMs) * DURATION_UNITS_PER_MS);
  writer.signed(durationUnits - state.durationUnits);
  state.durationUnits = durationUnits;
  if (!sameHead) {
    writer.varint(run.hopCount);
    writer.varint(run.paths);
    writer.byte(path < 0 ? 0 : 1);
    if (path >= 0) writer.uint48(path);
    writer.text(failure);
    Object.assign(state, { hopCount: run.hopCount, paths: run.paths, path, failure });
  }
  if (lossUnits > 0) writer.varint(lossUnits);
  if (run.rttMs !== null) {
    const units = rttUnits(run.rttMs);
    writer.signed(units - state.rttBase);
    state.rttBase = units;
  }
  if (newShape) writeShape(writer, state);
  writeAnswers(writer, run.hops, state, newShape || changedAnswers);
}

function rttUnits(rttMs: number): number {
  return Math.round(Math.max(0, rttMs) * RTT_UNITS_PER_MS);
}

/** Whether probes and places are as they were in the run before. */
function hasShape(state: RunState, hops: readonly RecordedHop[]): boolean {
  if (state.ttls !== hops.length) return false;
  return hops.every(
    (hop, i) => hop.sent === state.sent[i] && hop.answers.length === (state.places[i] as number),
  );
}

function hasAnswers(state: RunState, hops: readonly RecordedHop[]): boolean {
  let place = 0;
  for (const hop of hops) {
    for (const { answered } of hop.answers) if (answered !== state.answered[place++]) return false;
  }
  return true;
}

/** RTTs stay with their place's number: near enough to start from. */
function takeShape(state: RunState, hops: readonly RecordedHop[]): void {
  state.ttls = hops.length;
  state.sent = hops.map((hop) => hop.sent);
  state.places = hops.map((hop) => hop.answers.length);
  resetPlaces(state);
}

function resetPlaces(state: RunState): void {
  let places = 0;
  for (let i = 0; i < state.ttls; i++) places += state.places[i] as number;
  state.answered = new Array<number>(places).fill(0);
  while (state.rtts.length < places) state.rtts.push(state.rtts.at(-1) ?? 0);
  state.rtts.length = places;
}

function writeShape(writer: ByteWriter, state: RunState): void {
  writer.varint(state.ttls);
  for (let i = 0; i < state.ttls; i++) {
    writer.varint(state.sent[i] as number);
    writer.varint(state.places[i] as number);
  }
}

function writeAnswers(
  writer: ByteWriter,
  hops: readonly RecordedHop[],
  state: RunState,
  changed: boolean,
): void {
  if (changed) {
    const now = hops.flatMap((hop) => hop.answers.map(({ answered }) => answered));
    for (let from = 0; from < now.length; from += 7) {
      let mask = 0;
      for (let i = 0; i < 7 && from + i < now.length; i++) {
        if (now[from + i] !== state.answered[from + i]) mask |= 1 << i;
      }
      writer.byte(mask);
      for (let i = 0; i < 7; i++) if ((mask >> i) & 1) writer.varint(now[from + i] as number);
    }
    state.answered = now;
  }
  let place = 0;
  for (const hop of hops) {
    for (const { answered, rttMs } of hop.answers) {
      if (answered > 0) {
        const units = rttUnits(rttMs ?? 0);
        writer.signed(units - (state.rtts[place] as number));
        state.rtts[place] = units;
      }
      place++;
    }
  }
}

function decodeRun(reader: ByteReader, state: RunState): void {
  const flags = reader.byte();
  const intervalMs = state.intervalMs + reader.signed();
  const first = state.atMs === 0;
  state.atMs += intervalMs;
  state.intervalMs = first ? 0 : intervalMs;
  state.durationUnits += reader.signed();
  state.reached = (flags & FLAG.reached) !== 0;
  if ((flags & FLAG.sameHead) === 0) {
    state.hopCount = reader.varint();
    state.paths = reader.varint();
    state.path = reader.byte() === 0 ? -1 : reader.uint48();
    state.failure = reader.text();
  }
  state.lossUnits = (flags & FLAG.loss) === 0 ? 0 : reader.varint();
  if ((flags & FLAG.rtt) === 0) state.rttUnits = -1;
  else {
    state.rttBase += reader.signed();
    state.rttUnits = state.rttBase;
  }
  if ((flags & FLAG.newShape) !== 0) readShape(reader, state);
  if ((flags & (FLAG.newShape | FLAG.changedAnswers)) !== 0) readAnswered(reader, state);
  const places = state.answered.length;
  for (let place = 0; place < places; place++) {
    if ((state.answered[place] as number) > 0)
      state.rtts[place] = (state.rtts[place] as number) + reader.signed();
  }
}

/** More hops than a TTL can count, or places than addresses are kept, is no pack of ours. */
const MAX_TTLS = 255;
const MAX_PLACES = 64;

function readShape(reader: ByteReader, state: RunState): void {
  const ttls = reader.varint();
  if (ttls > MAX_TTLS) throw new RangeError('A run in the bytes has too many hops');
  state.ttls = ttls;
  state.sent = [];
  state.places = [];
  for (let i = 0; i < ttls; i++) {
    state.sent.push(reader.varint());
    const places = reader.varint();
    if (places > MAX_PLACES) throw new RangeError('A hop in the bytes has too many addresses');
    state.places.push(places);
  }
  resetPlaces(state);
}

function readAnswered(reader: ByteReader, state: RunState): void {
  const places = state.answered.length;
  for (let from = 0; from < places; from += 7) {
    const mask = reader.byte();
    for (let i = 0; i < 7 && from + i < places; i++) {
      if ((mask >> i) & 1) state.answered[from + i] = reader.varint();
    }
  }
}
