// Where measurements are pushed to: the keys of `push`, what they must not contradict, and what they become.
// Invariant: a PushConfig can be used as it is; every file in it is named by a path that holds for this process.

import { isAbsolute } from 'node:path';
import { z } from 'zod';
import type { KeyPath, SourceDocument } from './document.ts';
import {
  duration,
  type Fields,
  field,
  flag,
  integer,
  named,
  type Optional,
  type Section,
  shown,
  text,
} from './field.ts';
import { labelNameProblem, labelValueProblem } from './labels.ts';
import { type ConfigProblem, quote } from './problem.ts';
import { validate } from './validate.ts';

export interface PushTls {
  readonly caFile: string | null;
  readonly certFile: string | null;
  readonly keyFile: string | null;
  readonly serverName: string | null;
  readonly insecureSkipVerify: boolean;
}

/** One HTTP server that takes what we measure, and how it knows us. */
export interface PushEndpoint {
  readonly url: string;
  readonly timeoutMs: number;
  readonly username: string | null;
  readonly password: string | null;
  readonly passwordFile: string | null;
  readonly bearerTokenFile: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: PushTls;
}

export interface GatewayConfig {
  readonly endpoint: PushEndpoint;
  readonly intervalMs: number;
  readonly job: string;
}

export interface RemoteWriteConfig extends GatewayConfig {
  /** The label `instance` of the exporter's own series. */
  readonly instance: string | null;
  /** Added to every series that has no label of that name. */
  readonly labels: Readonly<Record<string, string>>;
  readonly queueBytes: number;
  readonly maxAgeMs: number;
}

export interface PushConfig {
  readonly gateway: GatewayConfig | null;
  readonly remoteWrite: RemoteWriteConfig | null;
}

export const NO_PUSH: PushConfig = { gateway: null, remoteWrite: null };

export const DEFAULT_PUSH_JOB = 'traceroute';
const DEFAULT_INTERVAL_MS = 60_000;
const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_QUEUE_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_AGE_MS = 3_600_000;

const endpointFields = {
  timeout: duration(100, 300_000, '10s', 'The longest one push may take, connecting included.'),
  username: text('user name', 'none', 'User name of basic authentication.'),
  password: text('text', 'none', 'Password of basic authentication; passwordFile keeps it out of this file.'),
  passwordFile: text('path', 'none', 'File with the password, read again when it changes.'),
  bearerTokenFile: text('path', 'none', 'File with a bearer token, read again when it changes.'),
  headers: pairs(
    headerProblem,
    'mapping of header names to text',
    'Headers sent along, such as X-Scope-OrgID; shown masked.',
  ),
  tls: field(
    z.unknown(),
    'mapping, see push.tls',
    'none',
    'How https servers are verified, and who we are to them.',
  ),
};

const fields = {
  push: {
    url: text('URL', 'none', 'Base URL of a Pushgateway, such as http://localhost:9091.'),
    interval: duration(
      1000,
      86_400_000,
      '60s',
      'Time from one push to the next; what was not measured anew is not pushed.',
    ),
    job: text('text', DEFAULT_PUSH_JOB, 'The label job of what is pushed.'),
    ...endpointFields,
    remoteWrite: field(
      z.unknown(),
      'mapping, see push.remoteWrite',
      'none',
      'Where to send series by the remote-write protocol.',
    ),
  },
  remoteWrite: {
    url: text('URL', 'required', 'Where series are sent, such as http://localhost:9090/api/v1/write.'),
    interval: duration(
      1000,
      240_000,
      '60s',
      'Time from one sample of a series to the next; Prometheus takes a series for gone after 5 minutes.',
    ),
    job: text('text', DEFAULT_PUSH_JOB, 'The label job of the series.'),
    instance: text('text', "this host's name", "The label instance of the exporter's own series."),
    labels: pairs(
      labelProblem,
      'mapping of label names to text',
      'Labels added to every series that lacks them.',
    ),
    queueBytes: integer(
      65_536,
      4_294_967_296,
      String(DEFAULT_QUEUE_BYTES),
      'Memory for samples that wait to be sent, compressed; the oldest make room.',
    ),
    maxAge: duration(
      60_000,
      604_800_000,
      '1h',
      'Samples that waited longer than this are not sent any more.',
    ),
    ...endpointFields,
  },
  tls: {
    caFile: text(
      'path',
      "the system's authorities",
      'Certificate authorities that the server is verified with.',
    ),
    certFile: text('path', 'none', 'Certificate that we show.'),
    keyFile: text('path', 'none', 'Key of certFile.'),
    serverName: text('host name', 'that of the URL', "Name that the server's certificate must have."),
    insecureSkipVerify: flag(
      'false',
      'Take any certificate: whoever is between reads and changes what is pushed.',
    ),
  },
} as const;

/** Keys by the title under which a reference page lists them. */
export const PUSH_REFERENCE: Readonly<Record<string, Fields>> = {
  push: fields.push,
  'push.remoteWrite': fields.remoteWrite,
  'push.tls': fields.tls,
};

type EndpointEntry = Optional<{
  url: string;
  interval: number;
  job: string;
  timeout: number;
  username: string;
  password: string;
  passwordFile: string;
  bearerTokenFile: string;
  headers: Readonly<Record<string, string>>;
  tls: unknown;
}>;
type PushEntry = EndpointEntry & Optional<{ remoteWrite: unknown }>;
type RemoteWriteEntry = EndpointEntry &
  Optional<{
    instance: string;
    labels: Readonly<Record<string, string>>;
    queueBytes: number;
    maxAge: number;
  }>;
type TlsEntry = Optional<{
  caFile: string;
  certFile: string;
  keyFile: string;
  serverName: string;
  insecureSkipVerify: boolean;
}>;

const pushSection: Section<PushEntry> = named(fields.push);
const remoteWriteSection: Section<RemoteWriteEntry> = named(fields.remoteWrite);
const tlsSection: Section<TlsEntry> = named(fields.tls);

/** Turns a path written in the configuration into one that holds for this process. */
export type PathResolver = (path: string) => string;

/** Judges the value of `push`; its problems are added to `problems`. */
export function readPush(
  document: SourceDocument,
  value: unknown,
  resolvePath: PathResolver,
  problems: ConfigProblem[],
): PushConfig {
  const judge = new PushJudge(document, resolvePath, problems);
  const before = problems.length;
  const entry = validate(pushSection, value, ['push'], document, problems) ?? {};
  const remote =
    entry.remoteWrite === undefined || entry.remoteWrite === null
      ? null
      : (validate(remoteWriteSection, entry.remoteWrite, ['push', 'remoteWrite'], document, problems) ?? {});
  if (entry.url === undefined && remote === null && problems.length === before) {
    judge.say(['push'], 'nothing to push to: give url (a Pushgateway) or remoteWrite');
  }
  return {
    gateway: entry.url === undefined ? null : judge.gateway(entry, ['push'], gatewayUrlProblem),
    remoteWrite: remote === null ? null : judge.remoteWrite(remote),
  };
}

class PushJudge {
  readonly #document: SourceDocument;
  readonly #resolvePath: PathResolver;
  readonly #problems: ConfigProblem[];

  constructor(document: SourceDocument, resolvePath: PathResolver, problems: ConfigProblem[]) {
    this.#document = document;
    this.#resolvePath = resolvePath;
    this.#problems = problems;
  }

  say(path: KeyPath, message: string): void {
    this.#problems.push(this.#document.problemAt(path, message));
  }

  gateway(
    entry: EndpointEntry,
    path: KeyPath,
    urlProblem: (url: string) => string | undefined,
  ): GatewayConfig {
    const wrong = urlProblem(entry.url ?? '');
    if (wrong !== undefined) this.say([...path, 'url'], wrong);
    if (entry.job === '') this.say([...path, 'job'], 'the job is empty; write a name');
    return {
      endpoint: this.#endpoint(entry, path),
      intervalMs: entry.interval ?? DEFAULT_INTERVAL_MS,
      job: entry.job ?? DEFAULT_PUSH_JOB,
    };
  }

  remoteWrite(entry: RemoteWriteEntry): RemoteWriteConfig {
    return {
      ...this.gateway(entry, ['push', 'remoteWrite'], endpointUrlProblem),
      instance: entry.instance ?? null,
      labels: entry.labels ?? {},
      queueBytes: entry.queueBytes ?? DEFAULT_QUEUE_BYTES,
      maxAgeMs: entry.maxAge ?? DEFAULT_MAX_AGE_MS,
    };
  }

  #endpoint(entry: EndpointEntry, path: KeyPath): PushEndpoint {
    if (entry.password !== undefined && entry.passwordFile !== undefined)
      this.say([...path, 'passwordFile'], 'password is given too; leave out one of them');
    const secret = entry.password ?? entry.passwordFile;
    if (entry.username !== undefined && secret === undefined)
      this.say([...path, 'username'], 'a user name without a password; add passwordFile');
    if (entry.username === undefined && secret !== undefined)
      this.say(
        [...path, entry.password === undefined ? 'passwordFile' : 'password'],
        'a password without username; add it',
      );
    if (entry.username !== undefined && entry.bearerTokenFile !== undefined)
      this.say([...path, 'bearerTokenFile'], 'username is given too; leave out one of them');
    if (entry.username?.includes(':')) this.say([...path, 'username'], 'a user name has no ":" in it');
    return {
      url: entry.url ?? '',
      timeoutMs: entry.timeout ?? DEFAULT_TIMEOUT_MS,
      username: entry.username ?? null,
      password: entry.password ?? null,
      passwordFile: this.#file(entry.passwordFile),
      bearerTokenFile: this.#file(entry.bearerTokenFile),
      headers: entry.headers ?? {},
      tls: this.#tls(entry.tls, [...path, 'tls']),
    };
  }

  #tls(value: unknown, path: KeyPath): PushTls {
    const entry =
      value === undefined || value === null
        ? {}
        : (validate(tlsSection, value, path, this.#document, this.#problems) ?? {});
    if ((entry.certFile === undefined) !== (entry.keyFile === undefined)) {
      const given = entry.certFile === undefined ? 'keyFile' : 'certFile';
      this.say([...path, given], 'certFile and keyFile belong together; give both or neither');
    }
    return {
      caFile: this.#file(entry.caFile),
      certFile: this.#file(entry.certFile),
      keyFile: this.#file(entry.keyFile),
      serverName: entry.serverName ?? null,
      insecureSkipVerify: entry.insecureSkipVerify ?? false,
    };
  }

  #file(path: string | undefined): string | null {
    if (path === undefined) return null;
    return isAbsolute(path) ? path : this.#resolvePath(path);
  }
}

/** What is wrong with a URL to send to, or undefined. */
export function endpointUrlProblem(text: string): string | undefined {
  if (text === '')
    return 'the URL is missing; write where to send to, such as http://localhost:9090/api/v1/write';
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '')
    return `not a URL: ${quote(url === null ? text : `${url.protocol}//...`)} (write http://host:port or https://host:port)`;
  if (url.username !== '' || url.password !== '')
    return 'a URL with a user name or password in it; write username and passwordFile instead';
  return url.hash === '' ? undefined : `${quote(text)} has a "#" in it; leave out what follows it`;
}

/** What is wrong with the base URL of a Pushgateway, or undefined. */
export function gatewayUrlProblem(text: string): string | undefined {
  const problem = endpointUrlProblem(text);
  if (problem !== undefined)
    return problem.replace('http://localhost:9090/api/v1/write', 'http://localhost:9091');
  const url = new URL(text);
  if (url.search !== '') return `${quote(text)} has a "?" in it; write the base URL of the Pushgateway`;
  if (/\/metrics(\/|$)/.test(url.pathname))
    return `${quote(text)} has /metrics in it, which is added; write the base URL of the Pushgateway`;
  return undefined;
}

const RESERVED_HEADERS =
  /^(host|connection|authorization|content-|transfer-encoding|te|trailer|upgrade|expect|user-agent|x-prometheus-remote-write-version)/i;

function headerProblem(name: string, value: unknown): { message: string; part: 'key' | 'value' } | undefined {
  if (!/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(name))
    return { message: `not a header name: ${quote(name)}`, part: 'key' };
  if (RESERVED_HEADERS.test(name))
    return { message: `header ${quote(name)} is set by hopscope itself`, part: 'key' };
  if (typeof value !== 'string' || !/^[\t\x20-\x7e\x80-\xff]*$/.test(value))
    return { message: "a header's value is one line of text", part: 'value' };
  return undefined;
}

function labelProblem(name: string, value: unknown): { message: string; part: 'key' | 'value' } | undefined {
  const wrongName = labelNameProblem(name);
  if (wrongName !== undefined) return { message: wrongName, part: 'key' };
  const wrongValue = labelValueProblem(value);
  return wrongValue === undefined ? undefined : { message: wrongValue, part: 'value' };
}

function pairs(
  problemOf: (name: string, value: unknown) => { message: string; part: 'key' | 'value' } | undefined,
  syntax: string,
  description: string,
): z.ZodType<Record<string, string>> {
  const schema = z
    .record(z.string(), z.unknown(), {
      error: (issue) => `expected name: "value" pairs, found ${shown(issue.input)}`,
    })
    .transform((given, context) => {
      const names = Object.keys(given);
      if (names.length > 32) context.addIssue('more than 32 entries');
      for (const name of names) {
        const problem = problemOf(name, given[name]);
        if (problem === undefined) continue;
        const { message, part } = problem;
        context.addIssue({ code: 'custom', message, path: [name], params: { part } });
      }
      return given as Record<string, string>;
    });
  return field(schema, syntax, 'none', description);
}
