// Traces on demand, for /probe: bounded, coalesced, ended when nobody waits for them any more.
// Invariant: requests for different targets do not wait for one another; there is no queue, only a cap.

import { createAccessRule } from '../config/access.ts';
import type { Config, Module } from '../config/config.ts';
import { type ParsedHost, parseHost } from '../config/host.ts';
import { type MeasurementOutcome, type MeasuringTools, measure, type TargetMemory } from './measure.ts';
import type { PathMemoryFactory } from './path-memory.ts';
import { RecentMap } from './recent-map.ts';
import type { Round } from './round.ts';

/** Targets whose paths are remembered between probes. */
const MOST_REMEMBERED = 20_000;
/** Requests that share one trace with others. */
const MOST_SHARERS = 1000;

export interface OnDemandOptions {
  readonly tools: MeasuringTools;
  readonly createPathMemory: PathMemoryFactory;
}

export interface OnDemandRequest {
  /** Milliseconds from now by which the answer must be there. */
  readonly deadlineMs: number;
  /** Name that the caller knows the target by, where `host` is an address. */
  readonly hostname?: string;
  readonly signal: AbortSignal;
}

export type OnDemandOutcome =
  | { readonly kind: 'round'; readonly round: Round }
  | { readonly kind: 'forbidden' | 'busy'; readonly message: string }
  | { readonly kind: 'cancelled' };

interface Shared {
  readonly endsAtMs: number;
  readonly outcome: Promise<MeasurementOutcome>;
  readonly stop: AbortController;
  waiting: number;
}

export class OnDemandProbes {
  readonly #options: OnDemandOptions;
  readonly #memories = new RecentMap<string, TargetMemory>(MOST_REMEMBERED);
  readonly #underWay = new Map<string, Shared>();
  #config: Config | null = null;
  #running = 0;
  #stopped = false;

  constructor(options: OnDemandOptions) {
    this.#options = options;
  }

  apply(config: Config): void {
    this.#config = config;
  }

  /** Traces `host` with a module of the configuration. `host` and module have been found good by the caller. */
  async probe(host: string, moduleName: string, request: OnDemandRequest): Promise<OnDemandOutcome> {
    const config = this.#config;
    const module = config?.modules.get(moduleName);
    const parsed = parseHost(host);
    if (config === null || module === undefined || 'refused' in parsed) {
      throw new Error(
        `probe of ${JSON.stringify(host)} with module ${JSON.stringify(moduleName)} was not judged`,
      );
    }
    const rule = createAccessRule(config.probe);
    const name = parsed.address === null ? parsed.name : null;
    const refusal = rule.refusal(name, parsed.address);
    if (refusal !== undefined) return { kind: 'forbidden', message: refusal };
    const label = request.hostname ?? parsed.label;
    const key = JSON.stringify([moduleName, parsed.name, parsed.port, label]);
    const now = this.#options.tools.clock.now();
    const shared = this.#underWay.get(key);
    if (
      shared !== undefined &&
      shared.endsAtMs <= now + request.deadlineMs &&
      shared.waiting < MOST_SHARERS
    ) {
      return this.#wait(shared, request.signal);
    }
    if (this.#stopped || this.#running >= config.probe.maxConcurrent) {
      const most = config.probe.maxConcurrent;
      return {
        kind: 'busy',
        message: `${most} probes are in progress, as many as probe.maxConcurrent allows; try again`,
      };
    }
    const permit = (address: string): string | undefined => rule.refusal(name, address);
    return this.#wait(this.#start(key, label, parsed, module, request.deadlineMs, permit), request.signal);
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const all = [...this.#underWay.values()];
    for (const shared of all) shared.stop.abort();
    await Promise.all(all.map(({ outcome }) => outcome));
  }

  #start(
    key: string,
    label: string,
    host: ParsedHost,
    module: Module,
    budgetMs: number,
    permit: (address: string) => string | undefined,
  ): Shared {
    const port = module.protocol === 'icmp' ? null : (host.port ?? module.port);
    const memory = this.#memories.get(key) ?? { path: this.#options.createPathMemory(), lastAddress: null };
    this.#memories.set(key, memory);
    const target = {
      host: label,
      key,
      module: { ...module, port },
      intervalMs: 0,
      labels: {},
      expectedHops: null,
    };
    const stop = new AbortController();
    this.#running++;
    const outcome = measure(
      { target, host, memory, budgetMs, signal: stop.signal, permit },
      this.#options.tools,
    ).finally(() => {
      this.#running--;
      if (this.#underWay.get(key) === shared) this.#underWay.delete(key);
    });
    const endsAtMs = this.#options.tools.clock.now() + budgetMs;
    const shared: Shared = { endsAtMs, outcome, stop, waiting: 0 };
    this.#underWay.set(key, shared);
    return shared;
  }

  /** Waits along with others; the last to leave ends the trace. */
  async #wait(shared: Shared, signal: AbortSignal): Promise<OnDemandOutcome> {
    shared.waiting++;
    const left = new Promise<OnDemandOutcome>((resolve) => {
      signal.addEventListener('abort', () => resolve({ kind: 'cancelled' }), { once: true });
      if (signal.aborted) resolve({ kind: 'cancelled' });
    });
    const outcome = await Promise.race([shared.outcome, left]);
    shared.waiting--;
    if (shared.waiting === 0) shared.stop.abort();
    return outcome;
  }
}
