// Pushing as the exporter sees it: takes configurations and rounds, and runs the ways that are configured.
// Invariant: a way whose configuration did not change goes on undisturbed over a reload; one that did ends in order first.

import type { Config } from '../config/config.ts';
import type { GatewayConfig, PushEndpoint, RemoteWriteConfig } from '../config/push.ts';
import type { MetricSource } from '../metrics/exposition.ts';
import type { TargetMetrics } from '../metrics/target-metrics.ts';
import type { Clock } from '../monitor/clock.ts';
import { GatewayPusher } from './gateway-pusher.ts';
import { createHttpSender, type HttpSender } from './http-sender.ts';
import { type PushFigures, pushMetrics } from './push-counters.ts';
import type { PushLog } from './push-log.ts';
import { RemoteWriter } from './remote-writer.ts';

export interface PusherServices {
  readonly version: string;
  readonly metrics: Pick<TargetMetrics, 'sourceOf' | 'summary'>;
  /** The exporter's own series, for those who cannot scrape them. */
  readonly own: () => readonly MetricSource[];
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: PushLog;
  /** In place of HTTP, for tests. */
  readonly sender?: (endpoint: PushEndpoint) => HttpSender;
}

export interface Pusher {
  /** What is known of pushing; nothing where nothing is pushed. */
  readonly metrics: MetricSource;
  apply(config: Pick<Config, 'targets' | 'push'>): void;
  /** A target was measured. */
  measured(key: string): void;
  /** Says goodbye where something was pushed; bounded in time. */
  stop(): Promise<void>;
}

interface Running<C, W> {
  readonly config: C;
  readonly way: W;
}

export function createPusher(services: PusherServices): Pusher {
  return new ConfiguredPusher(services);
}

class ConfiguredPusher implements Pusher {
  readonly metrics: MetricSource;
  readonly #services: PusherServices;
  readonly #ending = new Set<Promise<void>>();
  #gateway: Running<GatewayConfig, GatewayPusher> | null = null;
  #remote: Running<RemoteWriteConfig, RemoteWriter> | null = null;
  #stopped = false;

  constructor(services: PusherServices) {
    this.#services = services;
    this.metrics = pushMetrics(() => this.#ways());
  }

  apply(config: Pick<Config, 'targets' | 'push'>): void {
    if (this.#stopped) return;
    const { gateway, remoteWrite } = config.push;
    this.#gateway = this.#renewed(
      this.#gateway,
      gateway,
      (own) => new GatewayPusher(own, this.#servicesFor(own.endpoint)),
    );
    this.#remote = this.#renewed(
      this.#remote,
      remoteWrite,
      (own) => new RemoteWriter(own, this.#servicesFor(own.endpoint)),
    );
    this.#gateway?.way.apply(config);
    this.#remote?.way.apply(config);
  }

  measured(key: string): void {
    this.#gateway?.way.measured(key);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#gateway !== null) this.#end(this.#gateway.way, false);
    if (this.#remote !== null) this.#end(this.#remote.way, false);
    await Promise.all(this.#ending);
  }

  #ways(): PushFigures[] {
    return [this.#gateway, this.#remote].flatMap((running) => (running === null ? [] : [running.way]));
  }

  /** What runs already where its configuration is the same, else what is made of the new one. */
  #renewed<C extends GatewayConfig, W extends GatewayPusher | RemoteWriter>(
    before: Running<C, W> | null,
    config: C | null,
    make: (config: C) => W,
  ): Running<C, W> | null {
    if (config !== null && JSON.stringify(config) === JSON.stringify(before?.config)) return before;
    if (before !== null) {
      const { endpoint, job } = before.config;
      this.#end(before.way, config?.endpoint.url === endpoint.url && config.job === job);
    }
    return config === null ? null : { config, way: make(config) };
  }

  #end(way: GatewayPusher | RemoteWriter, handover: boolean): void {
    const ended = way.stop(handover).finally(() => this.#ending.delete(ended));
    this.#ending.add(ended);
  }

  #servicesFor(endpoint: PushEndpoint): Omit<PusherServices, 'sender'> & { readonly sender: HttpSender } {
    const { version, clock, sender, log } = this.#services;
    if (sendsSecretsInClear(endpoint)) {
      const { host } = new URL(endpoint.url);
      log.warn(
        {},
        `Passwords and tokens for ${host} travel in clear text, to be read on the way; write https`,
      );
    }
    const userAgent = `hopscope/${version}`;
    return {
      ...this.#services,
      sender: sender?.(endpoint) ?? createHttpSender({ endpoint, userAgent, now: () => clock.epoch() }),
    };
  }
}

function sendsSecretsInClear({ url, username, bearerTokenFile, headers }: PushEndpoint): boolean {
  const { protocol, hostname } = new URL(url);
  const local = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
  const secrets = username !== null || bearerTokenFile !== null || Object.keys(headers).length > 0;
  return protocol === 'http:' && !local && secrets;
}
