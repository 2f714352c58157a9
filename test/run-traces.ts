// Runs traces on the real engine and prints them: a program for tests that put it into a network namespace or take its
// privileges away. Argument: a JSON array of partial trace requests, run one after the other; an array of strings
// among them is a command to run in between. Output: one JSON object with the engine's channels and, for each request,
// the trace or the refusal.

import { execFileSync } from 'node:child_process';
import { startEngine } from '../src/net/engine.ts';
import { type Trace, TraceRefusal, type TraceRequest } from '../src/trace/trace.ts';

export interface RunOutput {
  readonly channels: unknown;
  readonly stamps: string;
  readonly counters: unknown;
  readonly results: readonly (Trace | { readonly refused: string; readonly code: string })[];
}

const DEFAULTS: TraceRequest = {
  target: 'test',
  address: '127.0.0.1',
  protocol: 'icmp',
  port: null,
  mode: 'auto',
  firstTtl: 1,
  maxTtl: 30,
  queries: 1,
  flows: 1,
  firstFlow: 0,
  silentHopLimit: 3,
  timeoutMs: 10_000,
  waitMs: 500,
  distanceHint: null,
  packetLength: 0,
  trafficClass: 0,
  dontFragment: false,
};

const requests = JSON.parse(process.argv[2] ?? '[]') as (Partial<TraceRequest> | string[])[];
const results: RunOutput['results'][number][] = [];
await using engine = await startEngine();
for (const request of requests) {
  if (Array.isArray(request)) {
    execFileSync(request[0] as string, request.slice(1));
    continue;
  }
  try {
    results.push(await engine.trace({ ...DEFAULTS, ...request }));
  } catch (error) {
    if (!(error instanceof TraceRefusal)) throw error;
    results.push({ refused: error.message, code: error.code });
  }
}
const output: RunOutput = {
  channels: engine.channels(),
  stamps: engine.stamps,
  counters: engine.counters(),
  results,
};
process.stdout.write(`${JSON.stringify(output)}\n`);
