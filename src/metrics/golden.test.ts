// Whole expositions against files: a diff of a golden file shows what a change does to users' series.
// Where a change is meant, HOPSCOPE_UPDATE_GOLDEN=1 writes the files anew.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  sampleConfig,
  samplePath,
  sampleRound,
  sampleTarget,
  unreachedRound,
  unresolvedRound,
} from '../../test/sample-rounds.ts';
import type { AddressFacts } from '../path/address-facts.ts';
import { type ExpositionFormat, exposeText, type MetricSource } from './exposition.ts';
import { probeMetrics } from './probe-metrics.ts';
import { createSelfMetrics } from './self-metrics.ts';
import { createTargetMetrics } from './target-metrics.ts';

function assertGolden(name: string, text: string): void {
  const file = new URL(`../../test/fixtures/${name}`, import.meta.url);
  const { HOPSCOPE_UPDATE_GOLDEN } = process.env;
  if (HOPSCOPE_UPDATE_GOLDEN === '1') writeFileSync(file, text);
  assert.equal(text, readFileSync(file, 'utf8'));
}

/** One router of which everything is known, one without a name, and nothing of the others. */
function factsOf(address: string): AddressFacts {
  const none = { asn: null, asName: null, country: null, city: null, name: null };
  if (address === '100.64.0.1') return { ...none, asn: 64500, asName: 'Example', name: 'r1.example.net' };
  return address === '100.64.1.1' ? { ...none, asn: 64511 } : none;
}

function targets(): MetricSource {
  const reached = sampleTarget('example.org', { site: 'paris', note: 'a "quoted" \\ back\nslash' });
  const silent = { ...sampleTarget('silent.example.org'), expectedHops: 7 };
  const unresolved = sampleTarget('nowhere.example.org');
  const store = createTargetMetrics(
    sampleConfig([reached, silent, unresolved], { metrics: { hops: true, seriesBudget: 100 } }),
    { factsOf },
  );
  store.observeRound(sampleRound(reached));
  const change = {
    kind: 'reroute',
    atMs: 1_795_424_460_000,
    firstHop: 3,
    flow: 0,
    before: [],
    after: [],
    confidence: 1,
  } as const;
  store.observeRound(
    sampleRound(reached, {
      startedAtMs: 1_795_424_460_000,
      path: samplePath({ asPathId: '000000000abc', asPath: [64500, 64511], changes: [change] }),
    }),
  );
  store.observeRound(unreachedRound(silent));
  store.observeRound(unresolvedRound(unresolved));
  return store;
}

function self(): MetricSource {
  const metrics = createSelfMetrics({
    version: '0.1.0',
    nodeVersion: 'v24.0.0',
    engine: () => ({
      probesSent: { icmp: 12, udp: 3, tcp: 0 },
      replies: { matched: 11, duplicate: 1, late: 0, unrelated: 7, malformed: 2, forged: 0 },
      sendFailures: { 'no-route': 4 },
      receiveDrops: 0,
      activeTraces: 2,
    }),
    rounds: () => ({ due: 1240, running: 2, late: 1, ended: { traced: 1203, failed: 30, cancelled: 4 } }),
    targets: () => 3,
    seriesDropped: () => 0,
    history: () => ({ healthy: true, recordedRuns: 1200, droppedRuns: 3, writeFailures: 1, bytes: 81_920 }),
    process: () => ({
      cpuSeconds: 1.5,
      residentBytes: 104_857_600,
      heapUsedBytes: 20_971_520,
      externalBytes: 4_194_304,
      startTimeSeconds: 1_795_424_300.25,
      openFds: 21,
      maxFds: 1024,
      loopLag: { p50: 0.0001, p99: 0.002, max: 0.0125 },
    }),
  });
  metrics.reloadSucceeded(1_795_424_301_000);
  metrics.countProbeRequest('success');
  return metrics;
}

const timing = { durationMs: 24, timeoutMs: 9500 };
const target = sampleTarget('example.org');

const cases: readonly [string, () => MetricSource][] = [
  ['targets', targets],
  ['self', self],
  ['probe-reached', () => probeMetrics(sampleRound(target), timing)],
  ['probe-unreached', () => probeMetrics(unreachedRound(target), timing)],
  ['probe-unresolved', () => probeMetrics(unresolvedRound(target), timing)],
];

for (const [name, source] of cases) {
  for (const format of ['text', 'openmetrics'] satisfies ExpositionFormat[]) {
    const file = `${name}.${format === 'text' ? 'prom' : 'openmetrics'}`;
    test(`exposeText() writes ${file} as it stands`, () =>
      assertGolden(file, exposeText([source()], format)));
  }
}
