// Every key that a configuration may have, with its limits, default and description: the one place for all three.
// Values leave here with durations in milliseconds; what needs other keys or files to judge is left to the assembly.

import { z } from 'zod';
import { DEFAULT_DENY, parseAccessPattern } from './access.ts';
import {
  choice,
  duration,
  type Fields,
  field,
  flag,
  integer,
  list,
  type Meta,
  named,
  type Optional,
  type Section,
  shown,
  text,
} from './field.ts';
import { labelNameProblem, labelValueProblem, MAX_LABELS } from './labels.ts';
import { PUSH_REFERENCE } from './push.ts';

/** Static targets in one configuration, all files together. */
export const MAX_TARGETS = 100_000;

const TEN_YEARS_MS = 3650 * 86_400_000;

/** What a module may set, and what `defaults` may set for all modules. */
export type ModuleSettings = Optional<{
  family: 4 | 6;
  preferFamily: 4 | 6;
  mode: 'auto' | 'raw' | 'unprivileged';
  firstTtl: number;
  maxTtl: number;
  queries: number;
  flows: number;
  silentHopLimit: number;
  timeout: number;
  wait: number;
  packetLength: number;
  trafficClass: number;
  dontFragment: boolean;
  multipath: 95 | 99;
  mtu: boolean;
}>;

export type ModuleEntry = ModuleSettings & Optional<{ protocol: 'icmp' | 'udp' | 'tcp'; port: number }>;

export type TargetSettings = Optional<{
  interval: number;
  module: string;
  labels: Readonly<Record<string, string>>;
  expectedHops: number;
}>;

export type DefaultsEntry = ModuleSettings & Omit<TargetSettings, 'expectedHops'>;
/** In the main file: one host, or the targets of other files. */
export type MainTargetEntry = TargetSettings & Optional<{ host: string; file: string }>;
/** In a target file: one host, or several as Prometheus' file_sd groups them. */
export type FileTargetEntry = TargetSettings & Optional<{ host: string; targets: readonly string[] }>;
export type ProbeEntry = Optional<{
  allow: readonly string[];
  deny: readonly string[];
  maxConcurrent: number;
  maxConcurrentPerClient: number;
  maxRate: number;
  maxRatePerClient: number;
  trustedProxies: readonly string[];
}>;
export type EnrichEntry = Optional<{ asn: string; city: string; reverseDns: boolean }>;
export type MetricsEntry = Optional<{ hops: boolean; seriesBudget: number }>;

export type HistoryEntry = Optional<{ path: string; retention: number; rollUpRetention: number }>;

/** The main file's sections, each judged on its own so that all problems are found in one go. */
export interface MainEntry {
  readonly defaults?: unknown;
  readonly modules?: Readonly<Record<string, unknown>> | null | undefined;
  readonly targets?: readonly unknown[] | null | undefined;
  readonly probe?: unknown;
  readonly metrics?: unknown;
  readonly history?: unknown;
  readonly push?: unknown;
  readonly enrich?: unknown;
}

/** What a reference page says of one key. */
export interface FieldReference {
  readonly section: string;
  readonly name: string;
  readonly description: string;
  /** What may be written, limits included. */
  readonly syntax: string;
  readonly fallback: string;
}

function databasePath(description: string): z.ZodType<string> {
  const path = text(
    'path of an .mmdb file, relative to this one',
    'none',
    `${description} Read again when it changes; one that cannot be used is left out with a warning.`,
  );
  return path.check((context) => {
    if (context.value !== '') return;
    context.issues.push({ code: 'custom', message: 'the path is empty', input: context.value });
  });
}

const accessPattern = text('', '', '').check((context) => {
  const pattern = parseAccessPattern(context.value);
  if (typeof pattern !== 'string') return;
  context.issues.push({ code: 'custom', message: pattern, input: context.value });
});

const network = text('', '', '').check((context) => {
  const pattern = parseAccessPattern(context.value);
  if (typeof pattern !== 'string' && pattern.kind === 'network') return;
  const message = `${shown(context.value)} is not a network or address; write it as in 10.0.0.0/8`;
  context.issues.push({ code: 'custom', message, input: context.value });
});

const labels: z.ZodType<Record<string, string>> = field(
  z
    .record(z.string(), z.unknown(), {
      error: (issue) => `expected label: "value" pairs, found ${shown(issue.input)}`,
    })
    .transform((given, context) => {
      const names = Object.keys(given);
      if (names.length > MAX_LABELS) context.addIssue(`a target has at most ${MAX_LABELS} labels`);
      for (const name of names) {
        const nameProblem = labelNameProblem(name);
        const problem = nameProblem ?? labelValueProblem(given[name]);
        if (problem === undefined) continue;
        const part = nameProblem === undefined ? 'value' : 'key';
        context.addIssue({ code: 'custom', message: problem, path: [name], params: { part } });
      }
      return given as Record<string, string>;
    }),
  'mapping of label names to text',
  'none',
  'Labels added to every series of the target.',
);

const moduleSettings = {
  family: choice(
    [4, 6] as const,
    'whichever the name has',
    'Address family to use; a name without one fails.',
  ),
  preferFamily: choice([4, 6] as const, '4', 'Address family to use where a name has both.'),
  mode: choice(
    ['auto', 'raw', 'unprivileged'] as const,
    'auto',
    'How probes leave: raw needs CAP_NET_RAW; auto takes the best that this process may use.',
  ),
  firstTtl: integer(1, 255, '1', 'TTL of the nearest hop that is probed.'),
  maxTtl: integer(1, 255, '30', 'TTL past which no hop is probed.'),
  queries: integer(1, 10, '1', 'Probes for each hop and flow.'),
  flows: integer(1, 64, '4', 'Flows traced; balancers spread flows over parallel links.'),
  silentHopLimit: integer(1, 255, '5', 'Silent hops past the last responder after which a flow is given up.'),
  timeout: duration(
    100,
    300_000,
    '10s',
    'The whole measurement, name lookup included; never longer than the interval of a static target.',
  ),
  wait: duration(
    10,
    60_000,
    '2s',
    'The longest one probe waits for its reply while no round-trip time is known.',
  ),
  packetLength: integer(
    0,
    65_535,
    '0',
    'Length of the whole IP packet in bytes; 0 is the smallest possible.',
  ),
  trafficClass: integer(0, 255, '0', 'IPv4 type of service, IPv6 traffic class: DSCP in the upper six bits.'),
  dontFragment: flag('false', 'Forbid routers to fragment the probes.'),
  mtu: flag(
    'false',
    'Search for the path MTU and the hop that narrows it, in every measurement: 3 packets more as a rule, about 50 where a router drops long ones without a word.',
  ),
  multipath: choice(
    [95, 99] as const,
    'none',
    'Confidence in percent with which every parallel path is searched for: at first, after a change, and hourly.',
  ),
};

const targetSettings = {
  interval: duration(1000, 86_400_000, '60s', 'Time from one measurement of the target to the next.'),
  module: text('name of a module', 'icmp', 'How the target is probed.'),
  labels,
  expectedHops: integer(
    1,
    255,
    'none',
    'Number of hops that you expect; it is exported beside the measured one.',
  ),
};

const host = text(
  'host name, IP address, host:port or URL',
  'required',
  'What to trace. A port is used by TCP and UDP modules; ICMP has no ports, it traces the host.',
);

const fields = {
  defaults: {
    interval: targetSettings.interval,
    module: targetSettings.module,
    labels: targetSettings.labels,
    ...moduleSettings,
  },
  module: {
    protocol: choice(
      ['icmp', 'udp', 'tcp'] as const,
      "the module's name, else required",
      'What the probes are.',
    ),
    port: integer(1, 65_535, '33434 for udp, 443 for tcp', 'Destination port; icmp has none.'),
    ...moduleSettings,
  },
  target: {
    host,
    file: text(
      'path, with * and ? in its last part',
      'none',
      "Instead of host: files with targets, relative to this one, read again when they change; also Prometheus' file_sd.",
    ),
    ...targetSettings,
  },
  targetFile: {
    host,
    targets: list(
      text('', '', ''),
      MAX_TARGETS,
      'list of hosts',
      "Instead of host: several, as in Prometheus' file_sd.",
    ),
    ...targetSettings,
  },
  probe: {
    allow: list(
      accessPattern,
      10_000,
      'list of networks (198.18.0.0/15) and names (example.org, *.example.org)',
      'What /probe may trace; everything when empty.',
    ),
    deny: list(
      accessPattern,
      10_000,
      'list as in allow',
      `What /probe may not trace, even where allow has it; ${DEFAULT_DENY.join(', ')} unless given.`,
    ),
    maxConcurrent: integer(
      1,
      4096,
      '64',
      'Measurements on demand that run at the same time; as many more may wait.',
    ),
    maxConcurrentPerClient: integer(
      1,
      100_000,
      '1024',
      'Requests for measurements on demand that one client may have open.',
    ),
    maxRate: integer(
      0,
      1_000_000,
      '2000',
      'Requests for measurements a second from all clients together, five seconds of them at once; 0 for any number.',
    ),
    maxRatePerClient: integer(0, 1_000_000, '1000', 'The same for each client.'),
    trustedProxies: list(
      network,
      1000,
      'list of networks',
      'Proxies whose X-Forwarded-For says who the client is; nobody else is believed.',
    ),
  },
  metrics: {
    hops: flag('false', 'Export series for each hop of the static targets.'),
    seriesBudget: integer(
      0,
      10_000_000,
      '50000',
      'Series that per-hop metrics may add; what is past it is dropped.',
    ),
  },
  enrich: {
    asn: databasePath('AS numbers, as in GeoLite2-ASN; gives AS paths and changes of kind as_path.'),
    city: databasePath('Countries, and cities where it has them, as in GeoLite2-City.'),
    reverseDns: flag('true', 'Look up the names of hops where they are shown.'),
  },
  history: {
    path: text(
      'path of a file, made where there is none; relative to the working directory',
      'none: some hours are kept in memory',
      'Where runs, paths and changes are kept. --history.path overrides it.',
    ),
    retention: duration(3_600_000, TEN_YEARS_MS, '90d', 'How long runs are kept.'),
    rollUpRetention: duration(
      3_600_000,
      TEN_YEARS_MS,
      '730d',
      'How long hours, days, paths and changes are kept; never shorter than retention.',
    ),
  },
} as const;

export const defaultsSection: Section<DefaultsEntry> = named(fields.defaults);
export const moduleSection: Section<ModuleEntry> = named(fields.module);
export const mainTargetSection: Section<MainTargetEntry> = named(fields.target);
export const fileTargetSection: Section<FileTargetEntry> = named(fields.targetFile);
export const probeSection: Section<ProbeEntry> = named(fields.probe);
export const metricsSection: Section<MetricsEntry> = named(fields.metrics);
export const enrichSection: Section<EnrichEntry> = named(fields.enrich);
export const historySection: Section<HistoryEntry> = named(fields.history);

const mapping = z.record(z.string(), z.unknown(), {
  error: (issue) => `expected a mapping of module names, found ${shown(issue.input)}`,
});
const sequence = z.array(z.unknown(), {
  error: (issue) => `expected a list of targets, found ${shown(issue.input)}`,
});

export const mainSection: Section<MainEntry> = named(
  {
    defaults: z.unknown(),
    modules: mapping.nullable(),
    targets: sequence.nullable(),
    probe: z.unknown(),
    metrics: z.unknown(),
    enrich: z.unknown(),
    history: z.unknown(),
    push: z.unknown(),
  },
  ['web'],
);

const SECTION_TITLES: Readonly<Record<keyof typeof fields, string>> = {
  defaults: 'defaults',
  module: 'modules.<name>',
  target: 'targets[]',
  targetFile: 'target file: []',
  probe: 'probe',
  metrics: 'metrics',
  enrich: 'enrich',
  history: 'history',
};

/** Every key with its description, in the order of a reference page. */
export function configReference(): readonly FieldReference[] {
  const rows: FieldReference[] = [];
  const add = (section: string, shape: Fields): void => {
    for (const [name, schema] of Object.entries(shape)) {
      const meta = schema.meta() as Meta | undefined;
      if (meta === undefined) throw new Error(`${section}: ${name} has no description`);
      rows.push({ section, name, ...meta });
    }
  };
  for (const key of Object.keys(fields) as (keyof typeof fields)[]) add(SECTION_TITLES[key], fields[key]);
  for (const [section, shape] of Object.entries(PUSH_REFERENCE)) add(section, shape);
  return rows;
}
