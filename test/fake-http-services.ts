// What the HTTP edge asks for, as a fake that tests fill in.

import type { Config } from '../src/config/config.ts';
import type { HttpServices, ProbeOptions, ProbeOutcome } from '../src/http/http-services.ts';
import type { ProbeRequestResult } from '../src/metrics/catalogue.ts';
import { createTargetMetrics } from '../src/metrics/target-metrics.ts';
import { sampleConfig, sampleRound, sampleTarget } from './sample-rounds.ts';

export interface ProbeCall {
  readonly host: string;
  readonly moduleName: string;
  readonly options: ProbeOptions;
}

export interface FakeServices extends HttpServices {
  readonly calls: ProbeCall[];
  readonly results: ProbeRequestResult[];
  readonly errors: string[];
  reloads: number;
}

export interface FakeSettings {
  readonly api?: HttpServices['api'];
  readonly config?: Config | null;
  readonly probe?: (call: ProbeCall) => Promise<ProbeOutcome>;
  readonly reload?: () => Promise<void>;
  readonly arguments?: ReadonlyMap<string, string>;
  readonly metrics?: HttpServices['metrics'];
  readonly page?: HttpServices['page'];
}

/** Targets `a` (reached) and `b` (no round yet), a clock that stands at 2026-11-23T09:01:00Z. */
export function fakeServices(settings: FakeSettings = {}): FakeServices {
  const a = sampleTarget('a.example.org', { site: 'paris' });
  const b = sampleTarget('b.example.org');
  const config = settings.config === undefined ? sampleConfig([a, b]) : settings.config;
  const store = createTargetMetrics(config ?? sampleConfig([]));
  store.observeRound(sampleRound(a));
  const probe =
    settings.probe ??
    (async (call) => ({ kind: 'round', round: sampleRound(sampleTarget(call.host)) }) as const);
  const fake: FakeServices = {
    calls: [],
    results: [],
    errors: [],
    reloads: 0,
    about: { version: '0.1.0', arguments: settings.arguments ?? new Map([['config.file', 'hopscope.yml']]) },
    log: {
      info: () => undefined,
      error: (fields, message) => {
        fake.errors.push(`${message}: ${String((fields as { err?: unknown }).err)}`);
      },
    },
    config: () => config,
    reload: async () => {
      fake.reloads++;
      await settings.reload?.();
    },
    probes: {
      probe: (host, moduleName, options) => {
        const call = { host, moduleName, options };
        fake.calls.push(call);
        return probe(call);
      },
    },
    targets: store,
    metrics: settings.metrics ?? [store],
    countProbeRequest: (result) => {
      fake.results.push(result);
    },
    api: settings.api ?? null,
    page: settings.page ?? null,
    now: () => 1_795_424_460_000,
  };
  return fake;
}
