// What the main thread and the engine's worker say to one another. Everything here survives structured cloning.

import type { EngineChannel, EngineCounters, Trace, TraceRefusal, TraceRequest } from '../trace/trace.ts';
import type { StampSource } from './socket-options.ts';

export type EngineCommand =
  | {
      readonly type: 'start';
      readonly key: number;
      readonly request: TraceRequest;
      readonly progress: boolean;
    }
  | { readonly type: 'cancel'; readonly key: number };

export type EngineReport =
  | {
      readonly type: 'ready';
      readonly channels: readonly EngineChannel[];
      readonly stamps: StampSource;
      /** Another process holds every range of identifiers. */
      readonly identifiersShared: boolean;
      /** Write 8 bytes (a 1) to it to wake the worker. */
      readonly wakeFd: number;
    }
  | { readonly type: 'done' | 'progress'; readonly key: number; readonly trace: Trace }
  | {
      readonly type: 'refused';
      readonly key: number;
      readonly code: TraceRefusal['code'];
      readonly message: string;
    };

/** What a worker is started with. */
export interface EngineSetup {
  readonly port: import('node:worker_threads').MessagePort;
  readonly signals: SharedArrayBuffer;
  readonly counters: SharedArrayBuffer;
  readonly secret: Uint8Array;
}

/** Places in `signals`, as an Int32Array. */
export const SIGNAL = { woken: 0, closing: 1, turns: 2 } as const;
export const SIGNALS_LENGTH = 12;

const OUTCOMES = ['matched', 'duplicate', 'late', 'unrelated', 'malformed', 'forged'] as const;
const FAILURES = ['no-route', 'not-permitted', 'no-buffer', 'interface-down', 'too-long', 'other'] as const;
const PROTOCOLS = ['icmp', 'udp', 'tcp'] as const;

/** Bytes of `counters`, which both threads see as doubles. */
export const COUNTERS_LENGTH: number = 8 * (PROTOCOLS.length + OUTCOMES.length + FAILURES.length + 2);

export function writeCounters(from: EngineCounters, into: Float64Array): void {
  let at = 0;
  for (const protocol of PROTOCOLS) into[at++] = from.probesSent[protocol];
  for (const outcome of OUTCOMES) into[at++] = from.replies[outcome];
  for (const failure of FAILURES) into[at++] = from.sendFailures[failure] ?? 0;
  into[at++] = from.receiveDrops;
  into[at] = from.activeTraces;
}

export function readCounters(from: Float64Array): EngineCounters {
  let at = 0;
  const take = <K extends string>(names: readonly K[]): Record<K, number> => {
    const values = names.map((name) => [name, from[at++] ?? 0] as const);
    return Object.fromEntries(values) as Record<K, number>;
  };
  return {
    probesSent: take(PROTOCOLS),
    replies: take(OUTCOMES),
    sendFailures: take(FAILURES),
    receiveDrops: from[at++] ?? 0,
    activeTraces: from[at] ?? 0,
  };
}
