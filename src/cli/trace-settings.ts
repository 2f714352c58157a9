// What `hopscope trace` was asked for, judged: ranges, units, and options that contradict one another.
// Invariant: a TraceSettings can be traced as it is; everything that cannot has become a UsageError.

import { parseDuration } from '../config/duration.ts';
import { quote } from '../config/problem.ts';
import type { Mode, Protocol } from '../trace/network.ts';
import type { TraceRequest } from '../trace/trace.ts';
import type { Family } from '../wire/address.ts';
import { UsageError } from './exit-status.ts';

export type OutputFormat = 'table' | 'json' | 'atlas' | 'prometheus';

export const OUTPUT_FORMATS: readonly OutputFormat[] = ['table', 'json', 'atlas', 'prometheus'];

export interface TraceSettings {
  readonly protocol: Protocol;
  /** As given with --port. */
  readonly port: number | null;
  readonly family: Family | null;
  readonly mode: Mode | 'auto';
  readonly firstTtl: number;
  readonly maxTtl: number;
  readonly queries: number;
  readonly flows: number;
  readonly silentHopLimit: number;
  /** Confidence of multipath discovery in percent, or null for none. */
  readonly multipath: 95 | 99 | null;
  readonly timeoutMs: number;
  readonly waitMs: number;
  readonly packetLength: number;
  readonly trafficClass: number;
  readonly mtu: boolean;
  readonly output: OutputFormat;
  /** Path of a database with AS numbers, or null. */
  readonly asn: string | null;
  /** Whether names are looked up. */
  readonly names: boolean;
  readonly colour: boolean;
  /** Null without --watch. */
  readonly watch: { readonly intervalMs: number; readonly count: number | null } | null;
}

/** The options as commander leaves them: text, or true for a switch. */
export interface TraceOptionValues {
  readonly protocol: string;
  readonly port?: string;
  readonly '4'?: boolean;
  readonly '6'?: boolean;
  readonly mode: string;
  readonly firstTtl: string;
  readonly maxTtl: string;
  readonly queries: string;
  readonly flows: string;
  readonly timeout: string;
  readonly wait?: string;
  readonly packetLength: string;
  readonly multipath?: string;
  readonly tos?: string;
  readonly mtu?: boolean;
  readonly output: string;
  readonly asn?: string;
  readonly numeric?: boolean;
  readonly names?: boolean;
  readonly color: boolean;
  readonly watch?: boolean;
  readonly interval?: string;
  readonly count?: string;
}

/** One probe a hop answers "which way, how far"; --queries and --watch answer "how well". */
export const TRACE_DEFAULTS = {
  protocol: 'icmp',
  mode: 'auto',
  firstTtl: '1',
  maxTtl: '30',
  queries: '1',
  flows: '1',
  timeout: '10s',
  wait: '2s',
  packetLength: '0',
  output: 'table',
  interval: '1s',
} as const;

/** The same as the configuration's, whose schema would cost a short command a tenth of a second to load. */
export const DEFAULT_PORTS: Readonly<Record<Protocol, number | null>> = { icmp: null, udp: 33434, tcp: 443 };

const SILENT_HOP_LIMIT = 5;
/** The smallest length that every protocol and family can build. */
const SMALLEST_PACKET = 64;

/** @throws UsageError for the first thing that is wrong. */
export function readTraceSettings(values: TraceOptionValues): TraceSettings {
  const protocol = choice(values.protocol, ['icmp', 'udp', 'tcp'] as const, '--protocol');
  const firstTtl = integer(values.firstTtl, 1, 255, '--first-ttl');
  const maxTtl = integer(values.maxTtl, 1, 255, '--max-ttl');
  if (firstTtl > maxTtl) {
    throw new UsageError(`--first-ttl ${firstTtl} lies beyond --max-ttl ${maxTtl}; make it smaller`);
  }
  const timeoutMs = duration(values.timeout, 100, 300_000, '--timeout');
  const waitMs = duration(values.wait ?? TRACE_DEFAULTS.wait, 10, 60_000, '--wait');
  return {
    protocol,
    port: portOf(values.port, protocol),
    family: familyOf(values),
    mode: choice(values.mode, ['auto', 'raw', 'unprivileged'] as const, '--mode'),
    firstTtl,
    maxTtl,
    ...probesOf(values, maxTtl),
    silentHopLimit: SILENT_HOP_LIMIT,
    multipath: multipathOf(values),
    timeoutMs,
    waitMs: values.wait === undefined ? Math.min(waitMs, timeoutMs) : waitMs,
    packetLength: packetLength(values.packetLength),
    trafficClass: trafficClass(values.tos ?? '0'),
    mtu: mtuWanted(values),
    ...factsWanted(values),
    colour: values.color,
    watch: watchOf(values),
  };
}

/** The measurement of one destination. `hostPort` is the port that was written with the host, or null. */
export function requestOf(
  settings: TraceSettings,
  target: string,
  address: string,
  hostPort: number | null,
): TraceRequest {
  const { protocol, mode, firstTtl, maxTtl, queries, flows, silentHopLimit, timeoutMs, waitMs } = settings;
  return {
    target,
    address,
    protocol,
    port: protocol === 'icmp' ? null : (hostPort ?? settings.port ?? DEFAULT_PORTS[protocol]),
    mode,
    firstTtl,
    maxTtl,
    queries,
    flows,
    firstFlow: 0,
    silentHopLimit,
    timeoutMs,
    waitMs,
    distanceHint: null,
    packetLength: settings.packetLength,
    trafficClass: settings.trafficClass,
    dontFragment: false,
    multipath: settings.multipath,
    discoverMtu: settings.mtu,
  };
}

/** People get names, as traceroute(8) has them; programs get them when they ask, for a lookup may take its time. */
function factsWanted(values: TraceOptionValues): Pick<TraceSettings, 'output' | 'asn' | 'names'> {
  const output = choice(values.output, OUTPUT_FORMATS, '--output');
  if (values.names === true && values.numeric === true) {
    throw new UsageError('-n and --names exclude one another; give one of them');
  }
  const hasPlace = output === 'table' || output === 'json';
  const given = values.names === true ? '--names' : values.asn === undefined ? null : '--asn';
  if (!hasPlace && given !== null) {
    throw new UsageError(`--output ${output} has no place for what ${given} finds; use table or json`);
  }
  if (values.asn === '') throw new UsageError('--asn is the path of an .mmdb file, and it is empty');
  const names = values.names === true || (output === 'table' && values.numeric !== true);
  return { output, asn: values.asn ?? null, names };
}

/** Probes under way at once are bounded, as is what one flow can tell apart. */
const MOST_PROBES_PER_HOP = 640;
const MOST_PROBES_PER_FLOW = 8000;

function probesOf(values: TraceOptionValues, maxTtl: number): Pick<TraceSettings, 'queries' | 'flows'> {
  const queries = integer(values.queries, 1, 100, '--queries');
  const flows = integer(values.flows, 1, 64, '--flows');
  if (queries * flows > MOST_PROBES_PER_HOP || queries * maxTtl > MOST_PROBES_PER_FLOW) {
    throw new UsageError(
      `--queries ${queries} with --flows ${flows} and --max-ttl ${maxTtl} is too much at once; use fewer, or --watch`,
    );
  }
  return { queries, flows };
}

function portOf(text: string | undefined, protocol: Protocol): number | null {
  if (text === undefined) return null;
  const port = integer(text, 1, 65_535, '--port');
  if (protocol === 'icmp')
    throw new UsageError('ICMP has no ports; add --protocol tcp or udp, or leave out --port');
  return port;
}

function multipathOf({ multipath, watch }: TraceOptionValues): 95 | 99 | null {
  if (multipath === undefined) return null;
  const confidence = choice(multipath, ['95', '99'] as const, '--multipath');
  if (watch === true) {
    throw new UsageError('--multipath is asked once and --watch again and again; leave out one of them');
  }
  return confidence === '95' ? 95 : 99;
}

function familyOf(values: TraceOptionValues): Family | null {
  if (values['4'] === true && values['6'] === true) {
    throw new UsageError(
      '-4 and -6 exclude one another; give one of them, or none for whichever the host has',
    );
  }
  if (values['4'] === true) return 4;
  return values['6'] === true ? 6 : null;
}

function packetLength(text: string): number {
  const length = integer(text, 0, 65_535, '--packet-length');
  if (length === 0 || length >= SMALLEST_PACKET) return length;
  throw new UsageError(
    `--packet-length is 0 for the smallest, or ${SMALLEST_PACKET} to 65535; it is ${length}`,
  );
}

function mtuWanted({ mtu, watch }: TraceOptionValues): boolean {
  if (mtu === true && watch === true) {
    throw new UsageError('--mtu is asked once and --watch again and again; leave out one of them');
  }
  return mtu === true;
}

/** As `0x88` or `136`. */
function trafficClass(text: string): number {
  const value = /^(\d{1,3}|0x[0-9a-f]{1,2})$/i.test(text) ? Number(text) : Number.NaN;
  if (value <= 255) return value;
  throw new UsageError(`--tos is 0 to 255, or 0x0 to 0xff; ${quote(text)} is not`);
}

function watchOf(values: TraceOptionValues): TraceSettings['watch'] {
  if (values.watch !== true) {
    const given =
      values.interval !== undefined ? '--interval' : values.count !== undefined ? '--count' : null;
    if (given === null) return null;
    throw new UsageError(`${given} belongs to --watch; add --watch, or use --queries for more probes a hop`);
  }
  if (values.output === 'prometheus') {
    throw new UsageError(
      '--watch has no prometheus output; "hopscope serve" measures again and again for Prometheus',
    );
  }
  return {
    intervalMs: duration(values.interval ?? TRACE_DEFAULTS.interval, 100, 3_600_000, '--interval'),
    count: values.count === undefined ? null : integer(values.count, 1, 1_000_000_000, '--count'),
  };
}

function integer(text: string, min: number, max: number, option: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`${option} is a whole number from ${min} to ${max}; ${quote(text)} is not`);
}

function duration(text: string, minMs: number, maxMs: number, option: string): number {
  const value = parseDuration(text);
  if (value === undefined) {
    throw new UsageError(`${option} is a duration with a unit, as in 500ms, 2s or 1m; ${quote(text)} is not`);
  }
  if (value >= minMs && value <= maxMs) return value;
  throw new UsageError(`${option} is from ${minMs}ms to ${maxMs / 1000}s; ${quote(text)} is not`);
}

function choice<T extends string>(text: string, values: readonly T[], option: string): T {
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  throw new UsageError(
    `${option} is ${values.slice(0, -1).join(', ')} or ${values.at(-1)}; ${quote(text)} is not`,
  );
}
