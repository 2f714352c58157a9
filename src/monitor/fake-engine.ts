// Stand-ins for the engine and the resolver, on a virtual clock: what tests of this room and of its users measure with.

import type {
  EngineChannel,
  EngineCounters,
  HopReply,
  MultipathReport,
  Trace,
  TraceEngine,
  TraceOptions,
  TraceRequest,
} from '../trace/trace.ts';
import { familyOf, parseAddress } from '../wire/address.ts';
import type { Clock } from './clock.ts';
import type { NameAnswer, NameResolver } from './name-resolver.ts';

/** How the fake answers one request. */
export interface FakeAnswer {
  /** Time until the result. Infinity: it never ends by itself, and reports its progress only. */
  readonly durationMs: number;
  /** Responders by TTL; the last one is the destination where `reached`. */
  readonly path: readonly (string | null)[];
  readonly reached: boolean;
  /** Reported where the request asks for a search for parallel paths. */
  readonly multipath?: MultipathReport;
  /** Thrown instead of a result. */
  readonly error?: Error;
  /** Ignores the deadline and the abort signal. */
  readonly stuck?: boolean;
}

export class FakeEngine implements TraceEngine {
  readonly requests: TraceRequest[] = [];
  running = 0;
  mostRunning = 0;
  cancelled = 0;
  families: readonly (4 | 6)[] = [4, 6];
  answer: (request: TraceRequest) => FakeAnswer;
  readonly #clock: Clock;

  constructor(clock: Clock, answer?: (request: TraceRequest) => FakeAnswer) {
    this.#clock = clock;
    this.answer =
      answer ?? ((request) => ({ durationMs: 20, path: ['100.64.0.1', request.address], reached: true }));
  }

  trace(request: TraceRequest, options: TraceOptions = {}): Promise<Trace> {
    this.requests.push(request);
    this.running++;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    const answer = this.answer(request);
    const startedAt = new Date(this.#clock.epoch()).toISOString();
    return new Promise<Trace>((resolve, reject) => {
      const end = (trace: Trace | Error): void => {
        cancel();
        cancelProgress();
        options.signal?.removeEventListener('abort', abort);
        this.running--;
        if (trace instanceof Error) reject(trace);
        else resolve(trace);
      };
      const abort = (): void => {
        this.cancelled++;
        end(fakeTrace(request, { ...answer, reached: false, path: [] }, startedAt, 'cancelled'));
      };
      const timely = answer.durationMs <= request.timeoutMs;
      const durationMs = timely || answer.stuck === true ? answer.durationMs : request.timeoutMs;
      const result = (): Trace =>
        timely
          ? fakeTrace(request, answer, startedAt, answer.reached ? 'reached' : 'silent')
          : fakeTrace(request, { ...answer, reached: false }, startedAt, 'deadline');
      const cancel = Number.isFinite(durationMs)
        ? this.#clock.after(durationMs, () => end(answer.error ?? result()))
        : () => {};
      const partial = fakeTrace(
        request,
        { ...answer, reached: false, path: answer.path.slice(0, 1) },
        startedAt,
        'deadline',
      );
      const cancelProgress = this.#clock.after(50, () => options.onProgress?.(partial));
      if (answer.stuck !== true) options.signal?.addEventListener('abort', abort, { once: true });
    });
  }

  channels(): readonly EngineChannel[] {
    return (['icmp', 'udp', 'tcp'] as const).flatMap((protocol) =>
      this.families.map((family) => ({ protocol, family, modes: ['raw' as const], notes: [] })),
    );
  }

  counters(): EngineCounters {
    return {
      probesSent: { icmp: 0, udp: 0, tcp: 0 },
      replies: { matched: 0, duplicate: 0, late: 0, unrelated: 0, malformed: 0, forged: 0 },
      sendFailures: {},
      receiveDrops: 0,
      activeTraces: this.running,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function fakeTrace(request: TraceRequest, answer: FakeAnswer, startedAt: string, end: Trace['end']): Trace {
  const bytes = parseAddress(request.address);
  const hops = answer.path.map((address, index) => {
    const last = answer.reached && index === answer.path.length - 1;
    const kind: HopReply['kind'] = last ? 'echo-reply' : 'time-exceeded';
    const replies: HopReply[] =
      address === null ? [] : [{ flow: request.firstFlow, address, rttMs: 1 + index, kind }];
    return { ttl: request.firstTtl + index, sent: 1, replies };
  });
  return {
    target: request.target,
    address: request.address,
    family: bytes === undefined ? 4 : familyOf(bytes),
    protocol: request.protocol,
    port: request.port,
    mode: 'raw',
    ...((request.multipath ?? null) === null || answer.multipath === undefined
      ? {}
      : { multipath: answer.multipath }),
    startedAt,
    durationMs: answer.durationMs,
    reached: answer.reached,
    hopCount: answer.reached ? hops.length : 0,
    probesSent: hops.length,
    hops,
    links: [],
    end,
    duplicates: 0,
    late: 0,
    flows: Array.from({ length: request.flows }, (_, i) => request.firstFlow + i),
  };
}

/** Answers from a table; a name that is not in it does not exist, one that is null is never answered. */
export class FakeResolver implements NameResolver {
  readonly table: Map<string, readonly string[] | null>;
  readonly asked: string[] = [];
  /** Lookups that were told that nobody wants them any more. */
  aborted = 0;

  constructor(table: Readonly<Record<string, readonly string[] | null>> = {}) {
    this.table = new Map(Object.entries(table));
  }

  resolve(name: string, _family: 4 | 6 | null, signal: AbortSignal): Promise<NameAnswer> {
    this.asked.push(name);
    const addresses = this.table.get(name);
    if (addresses === null) {
      return new Promise(() => {
        signal.addEventListener('abort', () => {
          this.aborted++;
        });
      });
    }
    if (addresses === undefined)
      return Promise.resolve({ kind: 'failed', message: `Cannot resolve "${name}": gone` });
    return Promise.resolve({ kind: 'addresses', addresses });
  }
}
