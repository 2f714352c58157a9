// The configuration as the rest of the house sees it: parsed, defaulted, durations in milliseconds.
// config/ makes it from YAML and the command line; nobody else knows how it is spelt in a file.

import type { Mode, Protocol } from '../trace/network.ts';
import type { PushConfig } from './push.ts';

/** A named way of probing. `icmp`, `udp` and `tcp` always exist. */
export interface Module {
  readonly name: string;
  readonly protocol: Protocol;
  /** Destination port: null for ICMP; UDP defaults to 33434, TCP to 443. */
  readonly port: number | null;
  /** Address family wanted: 4, 6, or null for whichever the name has, IPv4 first unless `preferFamily` says 6. */
  readonly family: 4 | 6 | null;
  readonly preferFamily: 4 | 6;
  readonly mode: Mode | 'auto';
  readonly firstTtl: number;
  readonly maxTtl: number;
  readonly queries: number;
  readonly flows: number;
  readonly silentHopLimit: number;
  /** The whole measurement. */
  readonly timeoutMs: number;
  /** The longest one probe is waited for. */
  readonly waitMs: number;
  readonly packetLength: number;
  readonly trafficClass: number;
  readonly dontFragment: boolean;
  /** Whether every measurement searches for the path MTU. */
  readonly mtu: boolean;
  /** Confidence of multipath discovery in percent, or null for none. */
  readonly multipath: 95 | 99 | null;
}

/** One static target, after its defaults. */
export interface TargetConfig {
  /** What the user wrote: name or address. The label `target`. */
  readonly host: string;
  /** Identity: unique within a configuration, stable over reloads and restarts (host, module, and labels where those collide). */
  readonly key: string;
  readonly module: Module;
  readonly intervalMs: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Hop count expected by the user, if given. */
  readonly expectedHops: number | null;
}

export interface ProbeAccess {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  readonly maxConcurrent: number;
  readonly maxConcurrentPerClient: number;
  /** Requests a second from all clients together, and from each; 0 for no limit. */
  readonly maxRate: number;
  readonly maxRatePerClient: number;
  /** Networks of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
}

/** Where facts about addresses come from. */
export interface EnrichConfig {
  /** Paths of MMDB files, found from where hopscope runs; null for none. */
  readonly asn: string | null;
  readonly city: string | null;
  readonly reverseDns: boolean;
}

export interface HistoryConfig {
  /** File of the history, or null: what happened is remembered for some hours, in memory. */
  readonly path: string | null;
  /** How long runs are kept, and how long what is rolled up of them, and changes. */
  readonly retentionMs: number;
  readonly rollUpRetentionMs: number;
}

export interface Config {
  readonly modules: ReadonlyMap<string, Module>;
  /** Module used by `/probe` and by targets that name none. */
  readonly defaultModule: string;
  readonly targets: readonly TargetConfig[];
  readonly probe: ProbeAccess;
  readonly enrich: EnrichConfig;
  readonly metrics: {
    /** Per-hop series on or off. */
    readonly hops: boolean;
    readonly seriesBudget: number;
  };
  readonly history: HistoryConfig;
  readonly push: PushConfig;
  /** Files that the configuration was made of, to be watched: the main file first. */
  readonly sources: readonly string[];
  /** The text for `/config`: YAML in force, secrets masked. */
  readonly text: string;
}
