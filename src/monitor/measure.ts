// One round of one target: resolve, trace, say what it means, look again where that is wanted.
// Invariant: it ends by its deadline (a little later if the engine fails to), and ends in a Round, not in an exception.

import type { Module, TargetConfig } from '../config/config.ts';
import type { ParsedHost } from '../config/host.ts';
import type { PathObservation } from '../path/observation.ts';
import { type Trace, type TraceEngine, TraceRefusal, type TraceRequest } from '../trace/trace.ts';
import type { Family } from '../wire/address.ts';
import type { Clock } from './clock.ts';
import { chooseAddress, type NameAnswer, type NameResolver } from './name-resolver.ts';
import type { Confirmation, PathMemory } from './path-memory.ts';
import type { RecentMap } from './recent-map.ts';
import type { Round, RoundFailure } from './round.ts';

/** A name lookup gets half of a round's time, and no more than this. */
export const MAX_LOOKUP_MS = 5000;
/** After its deadline the engine is waited for this long before it counts as broken. */
export const ENGINE_GRACE_MS = 2000;
/** Confirming costs at most so many measurements, whatever the memory asks for. */
export const MAX_CONFIRMATIONS = 12;
/** Why a part's signal is aborted once it is over; without a reason each abort would make an exception with its stack. */
const OVER = 'over';
/** With less than this left of a round nothing can be confirmed. */
const LEAST_CONFIRMATION_MS = 20;
/** Parallel paths are searched for again so often where nothing changed: a search costs hundreds of probes. */
const DISCOVERY_INTERVAL_MS = 3_600_000;
/** Share of a round's time that a search may take; the rest is for confirming a change. */
const DISCOVERY_SHARE = 0.8;

/** What is remembered of a target from round to round. */
export interface TargetMemory {
  readonly path: PathMemory;
  lastAddress: string | null;
  /** When parallel paths were last searched for; absent when that is due, at first and after a change. */
  discoveredAtMs?: number;
}

export interface Measurement {
  readonly target: TargetConfig;
  readonly host: ParsedHost;
  readonly memory: TargetMemory;
  /** For all of it, name lookup included. */
  readonly budgetMs: number;
  readonly signal: AbortSignal;
  /** Asked before anything is sent to an address; text refuses it. */
  readonly permit?: (address: string) => string | undefined;
  readonly onAddress?: (address: string, family: Family, dnsLookupMs: number) => void;
  readonly onProgress?: (partial: Trace) => void;
}

export interface MeasuringTools {
  readonly engine: TraceEngine;
  readonly resolver: NameResolver;
  readonly clock: Clock;
  /** Hop counts by `distanceKey`. */
  readonly distances: RecentMap<string, number>;
}

/** How a measurement came out: a Round; an address that may not be probed; or nothing, because nobody wants it any more. */
export type MeasurementOutcome =
  | { readonly kind: 'round'; readonly round: Round }
  | { readonly kind: 'forbidden'; readonly message: string }
  | { readonly kind: 'cancelled' };

export async function measure(asked: Measurement, tools: MeasuringTools): Promise<MeasurementOutcome> {
  const { clock } = tools;
  const startedAtMs = clock.epoch();
  const beganAt = clock.now();
  const answer = await lookUp(asked, tools);
  if (asked.signal.aborted) return { kind: 'cancelled' };
  const dnsLookupMs = asked.host.address === null ? clock.now() - beganAt : 0;
  const base = { target: asked.target, startedAtMs, dnsLookupMs, trace: null, path: null };
  const failed = (
    reason: RoundFailure,
    message: string,
    address: string | null,
    family: Family | null,
  ): Round => {
    return { ...base, durationMs: clock.now() - beganAt, address, family, failure: { reason, message } };
  };
  if (answer.kind === 'failed') return round(failed('dns', answer.message, null, null));
  const chosen = choose(answer.addresses, asked, tools.engine);
  if (typeof chosen === 'string') {
    const numeric = asked.host.address !== null;
    const why = numeric
      ? `module ${asked.target.module.name} is for IPv${asked.target.module.family} only`
      : chosen;
    const message = `Cannot trace ${JSON.stringify(asked.target.host)}: ${why}`;
    return round(failed(numeric ? 'refused' : 'dns', message, asked.host.address, asked.host.family));
  }
  const { address, family } = chosen;
  const forbidden = asked.permit?.(address);
  if (forbidden !== undefined) return { kind: 'forbidden', message: forbidden };
  asked.memory.lastAddress = address;
  asked.onAddress?.(address, family, dnsLookupMs);
  const deadline = beganAt + asked.budgetMs;
  try {
    const request = requestFor(asked.target, address, deadline - clock.now(), tools.distances);
    const trace = await runTrace(withDiscovery(request, asked, beganAt), asked, tools);
    if (asked.signal.aborted || trace.end === 'cancelled') return { kind: 'cancelled' };
    if (trace.reached) tools.distances.set(distanceKey(address, asked.target.module), trace.hopCount);
    if (trace.multipath !== undefined) asked.memory.discoveredAtMs = beganAt;
    const path = await interpret(trace, request, deadline, asked, tools);
    if (path.changes.some(({ kind }) => kind !== 'unreachable')) delete asked.memory.discoveredAtMs;
    if (asked.signal.aborted) return { kind: 'cancelled' };
    return round({ ...base, durationMs: clock.now() - beganAt, address, family, trace, path, failure: null });
  } catch (error) {
    if (asked.signal.aborted) return { kind: 'cancelled' };
    const reason: RoundFailure = error instanceof TraceRefusal ? 'refused' : 'engine';
    return round(failed(reason, error instanceof Error ? error.message : String(error), address, family));
  }
}

/** Where a distance is remembered: balancers and filters treat protocols and ports differently. */
export function distanceKey(address: string, module: Pick<Module, 'protocol' | 'port'>): string {
  return `${module.protocol} ${module.port ?? ''} ${address}`;
}

function round(value: Round): MeasurementOutcome {
  return { kind: 'round', round: value };
}

async function lookUp(asked: Measurement, tools: MeasuringTools): Promise<NameAnswer> {
  const { name, address } = asked.host;
  if (address !== null) return { kind: 'addresses', addresses: [address] };
  const limitMs = Math.min(MAX_LOOKUP_MS, asked.budgetMs / 2);
  const stop = new AbortController();
  const late: NameAnswer = {
    kind: 'failed',
    message: `Cannot resolve ${JSON.stringify(name)}: no answer within ${Math.round(limitMs)} ms; check the servers in /etc/resolv.conf`,
  };
  const signal = AbortSignal.any([asked.signal, stop.signal]);
  const answer = tools.resolver.resolve(name, asked.target.module.family, signal).catch(
    (error: unknown): NameAnswer => ({
      kind: 'failed',
      message: `Cannot resolve ${JSON.stringify(name)}: ${error instanceof Error ? error.message : String(error)}`,
    }),
  );
  try {
    return await within(answer, limitMs, late, signal, tools.clock);
  } finally {
    stop.abort(OVER);
  }
}

function choose(
  addresses: readonly string[],
  asked: Measurement,
  engine: TraceEngine,
): ReturnType<typeof chooseAddress> {
  const { protocol, family, preferFamily } = asked.target.module;
  const usable = new Set<Family>();
  for (const channel of engine.channels()) {
    if (channel.protocol === protocol && channel.modes.length > 0) usable.add(channel.family);
  }
  return chooseAddress(addresses, { family, preferFamily, usable, previous: asked.memory.lastAddress });
}

function requestFor(
  target: TargetConfig,
  address: string,
  timeoutMs: number,
  distances: RecentMap<string, number>,
): TraceRequest {
  const { module } = target;
  return {
    target: target.host,
    address,
    protocol: module.protocol,
    port: module.port,
    mode: module.mode,
    firstTtl: module.firstTtl,
    maxTtl: module.maxTtl,
    queries: module.queries,
    flows: module.flows,
    firstFlow: 0,
    silentHopLimit: module.silentHopLimit,
    timeoutMs: Math.max(1, timeoutMs),
    waitMs: module.waitMs,
    distanceHint: distances.get(distanceKey(address, module)) ?? null,
    packetLength: module.packetLength,
    trafficClass: module.trafficClass,
    dontFragment: module.dontFragment,
    discoverMtu: module.mtu,
  };
}

/** The request with a search for parallel paths, where the module wants one and it is due. */
function withDiscovery(request: TraceRequest, { memory, target }: Measurement, nowMs: number): TraceRequest {
  const { multipath } = target.module;
  const last = memory.discoveredAtMs ?? Number.NEGATIVE_INFINITY;
  if (multipath === null || nowMs - last < DISCOVERY_INTERVAL_MS) return request;
  return { ...request, multipath, timeoutMs: Math.max(1, request.timeoutMs * DISCOVERY_SHARE) };
}

async function runTrace(request: TraceRequest, asked: Measurement, tools: MeasuringTools): Promise<Trace> {
  const { signal, onProgress } = asked;
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const options = onProgress === undefined ? { signal: both } : { signal: both, onProgress };
  const trace = tools.engine.trace(request, options);
  try {
    const result = await within(trace, request.timeoutMs + ENGINE_GRACE_MS, null, signal, tools.clock);
    if (result === null)
      throw new Error('The measurement did not end by its deadline; the engine may be overloaded');
    return result;
  } finally {
    stop.abort(OVER);
  }
}

/** What the trace means; where the memory doubts a change, the doubtful part is probed again at once. */
async function interpret(
  trace: Trace,
  request: TraceRequest,
  deadline: number,
  asked: Measurement,
  tools: MeasuringTools,
): Promise<PathObservation> {
  const { clock } = tools;
  const memory = asked.memory.path;
  let path = memory.observe(trace, clock.epoch());
  const { returnShifts } = path;
  const changes = [...path.changes];
  for (let i = 0; i < MAX_CONFIRMATIONS; i++) {
    const wanted = memory.confirmation();
    const leftMs = deadline - clock.now();
    if (wanted === null || leftMs < LEAST_CONFIRMATION_MS) break;
    const again = await confirm(wanted, { ...request, timeoutMs: leftMs }, asked, tools);
    if (again === null || again.end === 'cancelled' || asked.signal.aborted) break;
    path = memory.confirm(again, clock.epoch());
    changes.push(...path.changes);
  }
  return { ...path, changes, ...(returnShifts === undefined ? {} : { returnShifts }) };
}

/** Probes a part of some flows again; null where the engine refuses: what the whole trace said stands. */
async function confirm(
  wanted: Confirmation,
  request: TraceRequest,
  asked: Measurement,
  tools: MeasuringTools,
): Promise<Trace | null> {
  const { flow, flows, firstTtl, maxTtl } = wanted;
  const part = {
    firstFlow: flow,
    flows,
    queries: 1,
    firstTtl,
    maxTtl,
    distanceHint: maxTtl,
    discoverMtu: false,
  };
  try {
    return await runTrace({ ...request, ...part }, { ...asked, onProgress: () => {} }, tools);
  } catch {
    return null;
  }
}

/** The promise's value; `late` after `limitMs`, or as soon as `signal` is aborted. */
function within<T, Late>(
  promise: Promise<T>,
  limitMs: number,
  late: Late,
  signal: AbortSignal,
  clock: Clock,
): Promise<T | Late> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      done();
      resolve(late);
    };
    const cancel = clock.after(limitMs, giveUp);
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', giveUp);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    promise.then(
      (value) => {
        done();
        resolve(value);
      },
      (error: unknown) => {
        done();
        reject(error);
      },
    );
  });
}
