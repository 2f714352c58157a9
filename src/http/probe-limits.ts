// Holds those who ask for measurements to the limits of the configuration: so many a second and at a time, each client and
// all together. How many run is the monitor's own limit. Invariant: every way to ask for a measurement comes through here.

import type { ProbeAccess } from '../config/config.ts';
import { RecentMap } from '../monitor/recent-map.ts';
import type { ProbeOptions, ProbeOutcome, ProbeService } from './http-services.ts';
import { TokenBucket } from './web/token-bucket.ts';

/** Buckets hold so many seconds of requests: scrapes come in bursts. */
const BURST_SECONDS = 5;
/** Clients whose rate is remembered. */
const MOST_CLIENTS = 10_000;

export type ProbeLimitSettings = Pick<ProbeAccess, 'maxConcurrentPerClient' | 'maxRate' | 'maxRatePerClient'>;

export class ProbeLimits implements ProbeService {
  readonly #probes: ProbeService;
  readonly #settings: () => ProbeLimitSettings;
  readonly #now: () => number;
  #applied: ProbeLimitSettings | null = null;
  #all: TokenBucket | null = null;
  #clients = new RecentMap<string, TokenBucket>(MOST_CLIENTS);
  readonly #open = new Map<string, number>();

  /** @param now milliseconds on a clock that never goes back */
  constructor(probes: ProbeService, settings: () => ProbeLimitSettings, now: () => number) {
    this.#probes = probes;
    this.#settings = settings;
    this.#now = now;
  }

  async probe(host: string, moduleName: string, options: ProbeOptions): Promise<ProbeOutcome> {
    const client = options.client ?? '';
    const refusal = this.#refusal(client);
    if (refusal !== undefined) return refusal;
    this.#open.set(client, (this.#open.get(client) ?? 0) + 1);
    try {
      return await this.#probes.probe(host, moduleName, options);
    } finally {
      const left = (this.#open.get(client) ?? 1) - 1;
      if (left === 0) this.#open.delete(client);
      else this.#open.set(client, left);
    }
  }

  #refusal(client: string): ProbeOutcome | undefined {
    const { maxConcurrentPerClient, maxRate, maxRatePerClient } = this.#current();
    const now = this.#now();
    if ((this.#open.get(client) ?? 0) >= maxConcurrentPerClient) {
      return busy(
        `Too many probes: this client has ${maxConcurrentPerClient} open; try again later, or raise probe.maxConcurrentPerClient`,
        1000,
      );
    }
    if (maxRatePerClient > 0) {
      const bucket =
        this.#clients.get(client) ?? new TokenBucket(maxRatePerClient, maxRatePerClient * BURST_SECONDS, now);
      this.#clients.set(client, bucket);
      const waitMs = bucket.take(now);
      if (waitMs > 0)
        return busy(
          `Too many requests: this client may ask ${maxRatePerClient} times a second; try again later, or raise probe.maxRatePerClient`,
          waitMs,
        );
    }
    const waitMs = this.#all?.take(now) ?? 0;
    if (waitMs === 0) return undefined;
    return busy(
      `Too many requests: ${maxRate} a second are taken in all; try again later, or raise probe.maxRate`,
      waitMs,
    );
  }

  /** The settings in force; when a reload changed them, everybody starts anew. */
  #current(): ProbeLimitSettings {
    const settings = this.#settings();
    if (settings === this.#applied) return settings;
    this.#applied = settings;
    const { maxRate } = settings;
    this.#all = maxRate === 0 ? null : new TokenBucket(maxRate, maxRate * BURST_SECONDS, this.#now());
    this.#clients = new RecentMap(MOST_CLIENTS);
    return settings;
  }
}

function busy(message: string, waitMs: number): ProbeOutcome {
  return { kind: 'busy', message, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) };
}
