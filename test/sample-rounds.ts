// Configurations and rounds for tests: one good default, and what differs as an argument.

import type { Config, Module, TargetConfig } from '../src/config/config.ts';
import { NO_PUSH } from '../src/config/push.ts';
import type { Round } from '../src/monitor/round.ts';
import type { DelayReport } from '../src/path/delay.ts';
import type { LossReport } from '../src/path/loss.ts';
import type { PathObservation } from '../src/path/observation.ts';
import type { Hop, HopReply, Trace } from '../src/trace/trace.ts';

export const ICMP: Module = {
  name: 'icmp',
  protocol: 'icmp',
  port: null,
  family: null,
  preferFamily: 4,
  mode: 'auto',
  firstTtl: 1,
  maxTtl: 30,
  queries: 1,
  flows: 1,
  silentHopLimit: 5,
  timeoutMs: 9500,
  waitMs: 3000,
  packetLength: 0,
  trafficClass: 0,
  dontFragment: false,
  mtu: false,
  multipath: null,
};

export const TCP: Module = { ...ICMP, name: 'tcp', protocol: 'tcp', port: 443 };

export function sampleTarget(host: string, labels: Readonly<Record<string, string>> = {}): TargetConfig {
  return { host, key: `${host} icmp`, module: ICMP, intervalMs: 60_000, labels, expectedHops: null };
}

export function sampleConfig(targets: readonly TargetConfig[], more: Partial<Config> = {}): Config {
  return {
    modules: new Map([
      ['icmp', ICMP],
      ['tcp', TCP],
    ]),
    defaultModule: 'icmp',
    targets,
    probe: {
      allow: [],
      deny: [],
      maxConcurrent: 64,
      maxConcurrentPerClient: 1024,
      maxRate: 0,
      maxRatePerClient: 0,
      trustedProxies: [],
    },
    metrics: { hops: false, seriesBudget: 50_000 },
    history: { path: null, retentionMs: 90 * 86_400_000, rollUpRetentionMs: 730 * 86_400_000 },
    push: NO_PUSH,
    enrich: { asn: null, city: null, reverseDns: false },
    sources: [],
    text: 'targets: []\n',
    ...more,
  };
}

function reply(address: string, rttMs: number, kind: HopReply['kind'] = 'time-exceeded'): HopReply {
  return { flow: 0, address, rttMs, kind };
}

const HOPS: readonly Hop[] = [
  { ttl: 1, sent: 1, replies: [reply('100.64.0.1', 1.25)] },
  { ttl: 2, sent: 1, replies: [] },
  { ttl: 3, sent: 1, replies: [reply('100.64.1.1', 10.5)] },
  { ttl: 4, sent: 1, replies: [reply('198.18.0.1', 20.125, 'echo-reply')] },
];

export function sampleTrace(more: Partial<Trace> = {}): Trace {
  return {
    target: 'example.org',
    address: '198.18.0.1',
    family: 4,
    protocol: 'icmp',
    port: null,
    mode: 'unprivileged',
    startedAt: '2026-11-23T09:00:00.000Z',
    durationMs: 21.5,
    reached: true,
    hopCount: 4,
    probesSent: 4,
    hops: HOPS,
    links: [{ ttl: 3, from: '100.64.1.1', to: '198.18.0.1' }],
    end: 'reached',
    duplicates: 0,
    late: 0,
    flows: [0],
    ...more,
  };
}

/** 5 % lost from the third hop on. */
export const SAMPLE_LOSS: LossReport = {
  sent: 200,
  lost: 10,
  lossRatio: 0.05,
  interval: { low: 0.0274, high: 0.0896 },
  startHop: 3,
  cleanHop: 1,
  confidence: 0.99,
  lossProbability: 1,
  steps: [{ hop: 3, lossRatio: 0.05 }],
  flows: null,
};

/** 20 ms instead of 12.5 ms since ten minutes before the sample round, from the third hop on. */
export const SAMPLE_DELAY: DelayReport = {
  rttMinMs: 20,
  rttMedianMs: 20.125,
  interval: { low: 20.05, high: 20.25 },
  rttP95Ms: 21,
  rounds: 60,
  slowestHop: 3,
  slowestHopAddsMs: 9.25,
  shift: {
    atMs: 1_795_423_800_000,
    detectedAtMs: 1_795_424_280_000,
    beforeMs: 12.5,
    afterMs: 20,
    interval: { low: 7.25, high: 7.75 },
    fromHop: 3,
  },
};

export function samplePath(more: Partial<PathObservation> = {}): PathObservation {
  return {
    pathId: 'c0ffee123456',
    asPathId: null,
    route: [],
    asPath: [],
    reached: true,
    hopCount: 4,
    paths: 1,
    lastRespondingHop: 4,
    rttMs: 20.125,
    lossRatio: 0,
    changes: [],
    loss: SAMPLE_LOSS,
    delay: SAMPLE_DELAY,
    health: [],
    ...more,
  };
}

/** A round that reached the destination in four hops, at 2026-11-23T09:00:00Z. */
export function sampleRound(target: TargetConfig, more: Partial<Round> = {}): Round {
  return {
    target,
    startedAtMs: 1_795_424_400_000,
    durationMs: 23.5,
    address: '198.18.0.1',
    family: 4,
    dnsLookupMs: 2,
    trace: sampleTrace({ target: target.host }),
    path: samplePath(),
    failure: null,
    ...more,
  };
}

/** A round whose name did not resolve. */
export function unresolvedRound(target: TargetConfig): Round {
  return sampleRound(target, {
    durationMs: 5,
    address: null,
    family: null,
    dnsLookupMs: 5,
    trace: null,
    path: null,
    failure: { reason: 'dns', message: `Cannot resolve ${target.host}: no such name` },
  });
}

/** A round in which nothing past the third hop answered. */
export function unreachedRound(target: TargetConfig): Round {
  return sampleRound(target, {
    durationMs: 3000,
    trace: sampleTrace({
      target: target.host,
      reached: false,
      hopCount: 0,
      hops: HOPS.slice(0, 3),
      durationMs: 3000,
      end: 'silent',
    }),
    path: samplePath({
      reached: false,
      hopCount: 0,
      rttMs: null,
      lossRatio: 1,
      lastRespondingHop: 3,
      pathId: 'c0ffee000003',
    }),
  });
}
