// Runs the tracer over the simulated internet in virtual time: asked for, done, in as long as the arithmetic takes.

import type { Trace, TraceRequest } from '../src/trace/trace.ts';
import { TraceRefusal } from '../src/trace/trace.ts';
import { createTracer, type Tracer } from '../src/trace/tracer.ts';
import { VirtualNetwork, type VirtualNetworkOptions } from './virtual-network.ts';

/** 2023-11-14T22:13:20Z: where virtual time begins. */
export const VIRTUAL_EPOCH_MS = 1_700_000_000_000;

export interface VirtualRun {
  readonly request: TraceRequest;
  /** When it starts, in milliseconds of the scenario; default 0. */
  readonly atMs?: number;
}

/** One host in a simulated internet, its clock at 0. */
export class VirtualHost {
  readonly network: VirtualNetwork;
  readonly tracer: Tracer;
  readonly #done = new Map<number, (trace: Trace) => void>();
  #nowNs = 0;

  constructor(options: VirtualNetworkOptions) {
    this.network = new VirtualNetwork(options);
    this.tracer = createTracer({
      network: this.network,
      secret: options.secret ?? new Uint8Array(16).fill(0x5a),
      onDone: (id, trace) => {
        const done = this.#done.get(id);
        this.#done.delete(id);
        if (done === undefined) this.#early.set(id, trace);
        else done(trace);
      },
    });
    this.network.attach(this.tracer);
  }

  /** Traces that ended within start(). */
  readonly #early = new Map<number, Trace>();

  get nowMs(): number {
    return this.#nowNs / 1e6;
  }

  /** Starts a trace now. @throws TraceRefusal */
  start(request: TraceRequest, done: (trace: Trace) => void): void {
    this.network.nowNs = this.#nowNs;
    const id = this.tracer.start(request, this.#nowNs, VIRTUAL_EPOCH_MS + this.nowMs);
    if (typeof id !== 'number')
      throw new TraceRefusal(id.privilege ? 'privilege' : 'bad-request', id.refused);
    const early = this.#early.get(id);
    this.#early.delete(id);
    if (early === undefined) this.#done.set(id, done);
    else done(early);
  }

  /** Lets time pass up to `untilMs`, and everything happen that is due by then. */
  advanceTo(untilMs: number): void {
    const untilNs = untilMs * 1e6;
    while (this.nextNs() <= untilNs) this.step();
    this.#nowNs = Math.max(this.#nowNs, untilNs);
  }

  /** Runs one trace to its end. @throws TraceRefusal */
  trace(request: TraceRequest): Trace {
    let result: Trace | undefined;
    this.start(request, (trace) => {
      result = trace;
    });
    while (result === undefined) this.step();
    return result;
  }

  /** When something happens next, or Infinity. */
  nextNs(): number {
    return Math.min(this.network.nextNs(), this.tracer.nextWakeNs());
  }

  /** Goes on to what happens next. */
  step(): void {
    const nextNs = this.nextNs();
    if (nextNs === Number.POSITIVE_INFINITY) throw new Error('A trace waits for nothing');
    this.#nowNs = Math.max(this.#nowNs, nextNs);
    this.network.deliver(this.#nowNs);
    this.tracer.advance(this.#nowNs);
  }
}

/** Runs traces, each from its time on and all side by side, and returns what they found in the order asked. */
export function runVirtual(options: VirtualNetworkOptions, runs: readonly VirtualRun[]): Trace[] {
  const host = new VirtualHost(options);
  const results = new Array<Trace | undefined>(runs.length).fill(undefined);
  const order = runs
    .map((run, index) => ({ run, index }))
    .sort((a, b) => (a.run.atMs ?? 0) - (b.run.atMs ?? 0));
  let left = runs.length;
  for (const { run, index } of order) {
    host.advanceTo(Math.max(host.nowMs, run.atMs ?? 0));
    host.start(run.request, (trace) => {
      results[index] = trace;
      left--;
    });
  }
  while (left > 0) host.step();
  return results.map((trace) => trace as Trace);
}
