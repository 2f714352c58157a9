// Traces asked for by people: started, watched while replies arrive, and kept for a while so that a link can be shared.
// Invariant: bounded in number; which may run, and how many at once, is decided where /probe's are.

import { randomBytes } from 'node:crypto';
import type { AddressDirectory } from '../../path/address-facts.ts';
import { pathIdOf } from '../../path/identity.ts';
import type { Trace } from '../../trace/trace.ts';
import type { ApiTraceNow } from '../api-shapes.ts';
import { RequestRefusal } from '../http-error.ts';
import type { ProbeOutcome, ProbeService } from '../http-services.ts';
import type { Answer } from '../response.ts';
import { apiAddress } from './address-facts.ts';
import { LiveFeed, type LiveFeedOptions } from './live-feed.ts';

/** Traces kept, running ones included. */
export const MAX_TRACES = 200;
export const MAX_RUNNING_TRACES = 64;
/** How long one is kept once it has ended. */
const KEPT_MS = 3_600_000;
/** Clients that watch one trace. */
const MAX_WATCHERS = 64;
/** Watchers hear of progress no more often than this. */
const PROGRESS_MS = 100;

export interface TraceOrder {
  readonly host: string;
  readonly module: string;
  readonly port: number | null;
  readonly family: 4 | 6 | null;
  readonly timeoutMs: number;
  /** Who asks, as limits are kept by. */
  readonly client: string;
}

interface KeptTrace {
  readonly id: string;
  readonly host: string;
  readonly startedAtMs: number;
  state: ApiTraceNow['state'];
  message: string | null;
  trace: Trace | null;
  endedAtMs: number;
  readonly feed: LiveFeed;
  readonly stop: AbortController;
  toldAtMs: number;
}

export class TraceDesk {
  readonly #probes: ProbeService;
  readonly #directory: AddressDirectory | null;
  readonly #options: LiveFeedOptions;
  readonly #traces = new Map<string, KeptTrace>();

  constructor(probes: ProbeService, directory: AddressDirectory | null, options: LiveFeedOptions) {
    this.#probes = probes;
    this.#directory = directory;
    this.#options = options;
  }

  get size(): number {
    return this.#traces.size;
  }

  /** Starts a trace. @throws RequestRefusal 403 or 429 where that is known at once. */
  async start(order: TraceOrder): Promise<ApiTraceNow> {
    this.#makeRoom();
    const kept = this.#keep(order.host);
    const outcome = this.#run(kept, order);
    // What may not be traced is refused without waiting for anything.
    const early = await Promise.race([outcome, new Promise<null>((resolve) => setImmediate(resolve, null))]);
    if (early?.kind === 'forbidden' || early?.kind === 'busy') {
      this.#traces.delete(kept.id);
      if (early.kind === 'forbidden') throw new RequestRefusal(403, early.message);
      throw new RequestRefusal(429, early.message, { 'Retry-After': String(early.retryAfterSeconds ?? 1) });
    }
    return this.#shape(kept);
  }

  get(id: string): ApiTraceNow {
    return this.#shape(this.#find(id));
  }

  /** The trace as it goes on; ends with it. */
  watch(id: string, signal: AbortSignal): Answer {
    const kept = this.#find(id);
    const now = { type: 'trace', target: null, data: { trace: this.#shape(kept) } };
    const answer = kept.feed.subscribe(null, signal, [now]);
    if (kept.state === 'running') return answer;
    const { body } = answer;
    if (typeof body !== 'function') return answer;
    const ended = (): AsyncIterable<Buffer> => {
      const source = body();
      kept.feed.finish();
      return source;
    };
    return { ...answer, body: ended };
  }

  /** Gives up what is under way. */
  close(): void {
    for (const kept of this.#traces.values()) {
      kept.stop.abort();
      kept.feed.close();
    }
  }

  async #run(kept: KeptTrace, order: TraceOrder): Promise<ProbeOutcome> {
    try {
      const outcome = await this.#probes.probe(order.host, order.module, {
        deadlineMs: order.timeoutMs,
        client: order.client,
        signal: kept.stop.signal,
        ...(order.family === null ? {} : { family: order.family }),
        ...(order.port === null ? {} : { port: order.port }),
        onProgress: (partial) => this.#progress(kept, partial),
      });
      if (outcome.kind === 'round') {
        const { trace, failure } = outcome.round;
        this.#end(kept, trace, failure?.message ?? null);
      } else
        this.#end(kept, null, outcome.kind === 'cancelled' ? 'The trace was cancelled.' : outcome.message);
      return outcome;
    } catch (error) {
      this.#end(kept, null, error instanceof Error ? error.message : String(error));
      return { kind: 'cancelled' };
    }
  }

  #progress(kept: KeptTrace, partial: Trace): void {
    if (kept.state !== 'running') return;
    kept.trace = partial;
    const nowMs = this.#options.now();
    if (nowMs - kept.toldAtMs < PROGRESS_MS) return;
    kept.toldAtMs = nowMs;
    this.#tell(kept);
  }

  #end(kept: KeptTrace, trace: Trace | null, message: string | null): void {
    kept.trace = trace ?? kept.trace;
    kept.state = trace === null || message !== null ? 'failed' : 'done';
    kept.message = message ?? (trace === null ? 'Nothing was heard.' : null);
    kept.endedAtMs = this.#options.now();
    this.#tell(kept);
    kept.feed.finish();
  }

  #tell(kept: KeptTrace): void {
    if (kept.feed.clients === 0) return;
    kept.feed.publish({ type: 'trace', target: null, data: { trace: this.#shape(kept) } });
  }

  #keep(host: string): KeptTrace {
    const kept: KeptTrace = {
      id: randomBytes(12).toString('hex'),
      host,
      startedAtMs: this.#options.now(),
      state: 'running',
      message: null,
      trace: null,
      endedAtMs: 0,
      feed: new LiveFeed({ ...this.#options, maxClients: MAX_WATCHERS }),
      stop: new AbortController(),
      toldAtMs: 0,
    };
    this.#traces.set(kept.id, kept);
    return kept;
  }

  /** Forgets what is old, then the oldest that has ended. @throws RequestRefusal 429 */
  #makeRoom(): void {
    const oldestMs = this.#options.now() - KEPT_MS;
    let running = 0;
    for (const kept of this.#traces.values()) {
      if (kept.state === 'running') running++;
      else if (kept.endedAtMs < oldestMs || this.#traces.size >= MAX_TRACES) this.#traces.delete(kept.id);
    }
    if (running >= MAX_RUNNING_TRACES) {
      throw new RequestRefusal(429, `Too many traces: ${running} are running; try again later.`, {
        'Retry-After': '1',
      });
    }
  }

  #find(id: string): KeptTrace {
    const kept = this.#traces.get(id);
    if (kept !== undefined) return kept;
    throw new RequestRefusal(
      404,
      'There is no such trace: it was never started, or was forgotten meanwhile.',
    );
  }

  #shape(kept: KeptTrace): ApiTraceNow {
    const { id, host, state, startedAtMs, message, trace } = kept;
    const addresses = new Set<string>();
    if (trace !== null) {
      addresses.add(trace.address);
      for (const hop of trace.hops) for (const reply of hop.replies) addresses.add(reply.address);
    }
    const facts = [...addresses].map((address) => [address, apiAddress(address, this.#directory)] as const);
    return {
      id,
      host,
      state,
      startedAtMs,
      message,
      trace,
      pathId: trace === null ? null : pathIdOf(trace),
      addresses: Object.fromEntries(facts),
    };
  }
}
