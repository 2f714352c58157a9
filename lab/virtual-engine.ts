// The trace engine over the simulated internet, in process. It runs on any clock: on a virtual one for tests of what
// stands on engines, on the machine's own for a demonstration that needs no privilege and sends no packet.

import type { Family, Mode, Protocol } from '../src/trace/network.ts';
import {
  type EngineChannel,
  type EngineCounters,
  type Trace,
  type TraceEngine,
  type TraceOptions,
  TraceRefusal,
  type TraceRequest,
} from '../src/trace/trace.ts';
import { createTracer, type Tracer } from '../src/trace/tracer.ts';
import type { Change } from './scenario.ts';
import type { EngineClock } from './virtual-clock.ts';
import { VirtualNetwork, type VirtualNetworkOptions } from './virtual-network.ts';

export interface VirtualEngineOptions extends Omit<VirtualNetworkOptions, 'startNs'> {
  readonly clock: EngineClock;
}

interface Pending {
  readonly resolve: (trace: Trace) => void;
  readonly reject: (error: Error) => void;
  readonly onProgress: ((partial: Trace) => void) | undefined;
  readonly forget: () => void;
}

const PROTOCOLS: readonly Protocol[] = ['icmp', 'udp', 'tcp'];
const FAMILIES: readonly Family[] = [4, 6];

/** The scenario's time 0 is now. */
export function createVirtualEngine(options: VirtualEngineOptions): VirtualEngine {
  return new VirtualEngine(options);
}

export class VirtualEngine implements TraceEngine {
  readonly network: VirtualNetwork;
  readonly #clock: EngineClock;
  readonly #modes: readonly Mode[];
  readonly #tracer: Tracer;
  readonly #pending = new Map<number, Pending>();
  /** Traces that ended within start(). */
  readonly #early = new Map<number, Trace>();
  #cancelWake: () => void = () => undefined;
  #wakeAtNs = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(options: VirtualEngineOptions) {
    const { clock, ...rest } = options;
    this.#clock = clock;
    this.#modes = options.modes ?? ['raw', 'unprivileged'];
    this.network = new VirtualNetwork({ ...rest, startNs: clock.now() * 1e6 });
    this.#tracer = createTracer({
      network: this.network,
      secret: options.secret ?? new Uint8Array(16).fill(0x5a),
      onDone: (id, trace) => this.#done(id, trace),
      onProgress: (id, partial) => this.#pending.get(id)?.onProgress?.(partial),
    });
    this.network.attach(this.#tracer);
  }

  trace(request: TraceRequest, options: TraceOptions = {}): Promise<Trace> {
    if (this.#closed) {
      return Promise.reject(
        new TraceRefusal('closed', `Cannot trace ${request.target}: the engine is closed`),
      );
    }
    this.#catchUp();
    const nowNs = this.#clock.now() * 1e6;
    const progress = options.onProgress !== undefined;
    const id = this.#tracer.start(request, nowNs, this.#clock.epoch(), { progress });
    if (typeof id !== 'number') {
      const code = id.privilege ? 'privilege' : 'bad-request';
      return Promise.reject(new TraceRefusal(code, id.refused));
    }
    this.#sleep();
    const early = this.#early.get(id);
    this.#early.delete(id);
    if (early !== undefined) return Promise.resolve(early);
    return new Promise((resolve, reject) => {
      const { signal, onProgress } = options;
      const abort = (): void => this.#tracer.cancel(id, this.#clock.now() * 1e6);
      signal?.addEventListener('abort', abort, { once: true });
      const forget = (): void => signal?.removeEventListener('abort', abort);
      this.#pending.set(id, { resolve, reject, onProgress, forget });
      if (signal?.aborted === true) abort();
    });
  }

  channels(): readonly EngineChannel[] {
    return PROTOCOLS.flatMap((protocol) =>
      FAMILIES.map((family) => ({ protocol, family, modes: this.#modes, notes: [] })),
    );
  }

  counters(): EngineCounters {
    const { probesSent, replies, sendFailures } = this.#tracer.counters;
    const { unrelated, malformed, forged } = this.network.refused;
    return {
      probesSent: { ...probesSent },
      replies: {
        ...replies,
        unrelated: replies.unrelated + unrelated,
        malformed: replies.malformed + malformed,
        forged: replies.forged + forged,
      },
      sendFailures: { ...sendFailures },
      receiveDrops: this.network.dropped,
      activeTraces: this.#tracer.active,
    };
  }

  /** Changes the simulated internet at once, or at the change's time where that is still to come. */
  change(change: Change): void {
    this.network.simulator.change(change, this.#clock.now() * 1e6);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#cancelWake();
    for (const [id, pending] of this.#pending) {
      this.#pending.delete(id);
      pending.forget();
      pending.reject(new TraceRefusal('closed', 'The engine was closed while the trace ran'));
    }
    return Promise.resolve();
  }

  #done(id: number, trace: Trace): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) {
      this.#early.set(id, trace);
      return;
    }
    this.#pending.delete(id);
    pending.forget();
    pending.resolve(trace);
  }

  /** Lets everything happen that is due by now, in its order. */
  #catchUp(): void {
    const nowNs = this.#clock.now() * 1e6;
    for (;;) {
      const nextNs = this.#nextNs();
      // A clock in milliseconds rounds: what is due within a nanosecond is due.
      if (nextNs > nowNs + 1) break;
      this.network.deliver(nextNs);
      this.#tracer.advance(nextNs);
    }
    this.network.nowNs = nowNs;
  }

  #nextNs(): number {
    return Math.min(this.network.nextNs(), this.#tracer.nextWakeNs());
  }

  #sleep(): void {
    const nextNs = this.#nextNs();
    if (nextNs >= this.#wakeAtNs) return;
    this.#cancelWake();
    this.#wakeAtNs = nextNs;
    const cancel = this.#clock.after(Math.max(0, nextNs / 1e6 - this.#clock.now()), () => {
      this.#wakeAtNs = Number.POSITIVE_INFINITY;
      if (this.#closed) return;
      this.#catchUp();
      this.#sleep();
    });
    this.#cancelWake = cancel;
  }
}
