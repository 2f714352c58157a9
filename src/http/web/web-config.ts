// exporter-toolkit's web configuration: TLS, users, headers, rate limit; the same keys and defaults, so that operators
// need not learn another file. Invariant: a WebConfig can be served as it is; what could not is told with line and column.

import { dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { readDocument, type SourceDocument } from '../../config/document.ts';
import { parseDuration } from '../../config/duration.ts';
import {
  choice,
  flag,
  integer,
  list,
  named,
  type Optional,
  type Section,
  shown,
  text,
} from '../../config/field.ts';
import { type ConfigFileSystem, explainReadError } from '../../config/file-system.ts';
import { nearestName } from '../../config/nearest.ts';
import { ConfigError, type ConfigProblem, quote, sortProblems } from '../../config/problem.ts';
import { validate } from '../../config/validate.ts';
import { CIPHER_SUITES, CLIENT_AUTH_TYPES, CURVES, TLS_VERSION_NAMES } from './tls-names.ts';
import { readTls, type TlsEntry, type TlsSettings } from './tls-settings.ts';

/** More than this is no web configuration, key or bundle of authorities. */
export const MAX_WEB_FILE_LENGTH: number = 1024 * 1024;
/** A login would take minutes, and hold up all others. */
const MOST_COST = 16;
const MOST_USERS = 10_000;

export interface WebConfig {
  readonly tls: TlsSettings | null;
  /** bcrypt hashes by user; nobody has to log in where there are none. */
  readonly users: ReadonlyMap<string, string>;
  readonly headers: Readonly<Record<string, string>>;
  readonly rateLimit: { readonly intervalMs: number; readonly burst: number } | null;
}

export interface LoadedWebConfig {
  readonly config: WebConfig;
  readonly warnings: readonly ConfigProblem[];
  /** Files that it was made of, the web configuration itself first. */
  readonly sources: readonly string[];
}

type MainEntry = Optional<{
  tls_server_config: unknown;
  http_server_config: unknown;
  basic_auth_users: unknown;
  rate_limit: unknown;
}>;
type HttpEntry = Optional<{ http2: boolean; headers: unknown }>;
type RateEntry = Optional<{ interval: string; burst: number }>;

const oneOf = (names: readonly string[]): ReturnType<typeof text> =>
  text('', '', '').check((context) => {
    if (names.includes(context.value)) return;
    const near = nearestName(context.value, names);
    const hint = near === undefined ? `known are ${names.join(', ')}` : `did you mean ${quote(near)}?`;
    context.issues.push({
      code: 'custom',
      message: `${quote(context.value)} is not known, ${hint}`,
      input: context.value,
    });
  });

const mainSection: Section<MainEntry> = named({
  tls_server_config: z.unknown(),
  http_server_config: z.unknown(),
  basic_auth_users: z.unknown(),
  rate_limit: z.unknown(),
});
const tlsSection: Section<TlsEntry> = named({
  cert: text('', '', ''),
  key: text('', '', ''),
  client_ca: text('', '', ''),
  cert_file: text('', '', ''),
  key_file: text('', '', ''),
  client_ca_file: text('', '', ''),
  client_auth_type: choice(CLIENT_AUTH_TYPES, '', ''),
  client_allowed_sans: list(text('', '', ''), 10_000, '', ''),
  min_version: choice(TLS_VERSION_NAMES, '', ''),
  max_version: choice(TLS_VERSION_NAMES, '', ''),
  cipher_suites: list(oneOf(Object.keys(CIPHER_SUITES)), 100, '', ''),
  curve_preferences: list(oneOf(Object.keys(CURVES)), 100, '', ''),
  prefer_server_cipher_suites: flag('', ''),
});
const httpSection: Section<HttpEntry> = named({ http2: flag('', ''), headers: z.unknown() });
const rateSection: Section<RateEntry> = named({
  interval: text('', '', ''),
  burst: integer(0, 1_000_000_000, '', ''),
});

/** Reads and judges the file and all that it names. @throws ConfigError with every problem. */
export async function loadWebConfig(
  path: string,
  fileSystem: Pick<ConfigFileSystem, 'read'>,
  nowMs: number,
): Promise<LoadedWebConfig> {
  const reading = await readMain(path, fileSystem);
  const problems = [...reading.problems];
  const warnings: ConfigProblem[] = [];
  const { document } = reading;
  if (document === null) throw new ConfigError(problems);
  const main = validate(mainSection, document.value ?? {}, [], document, problems) ?? {};
  const section = <T>(schema: Section<T>, name: keyof MainEntry): T | undefined =>
    main[name] === undefined || main[name] === null
      ? undefined
      : validate(schema, main[name], [name], document, problems);
  const entry = section(tlsSection, 'tls_server_config');
  const sources = [path];
  const tls =
    entry === undefined || Object.keys(entry).length === 0
      ? null
      : await readTls(entry, {
          read: async (name) => {
            const file = isAbsolute(name) ? name : join(dirname(path), name);
            sources.push(file);
            return { file, bytes: await fileSystem.read(file, MAX_WEB_FILE_LENGTH) };
          },
          problem: (key, message) => problems.push(document.problemAt(['tls_server_config', key], message)),
          warning: (key, message) => warnings.push(document.problemAt(['tls_server_config', key], message)),
          nowMs,
        });
  const http = section(httpSection, 'http_server_config') ?? {};
  if (http.http2 === true && tls !== null) {
    const message = 'hopscope speaks HTTP/1.1 alone; HTTP/2 is not offered';
    warnings.push(document.problemAt(['http_server_config', 'http2'], message));
  }
  const config: WebConfig = {
    tls,
    users: readUsers(main.basic_auth_users, document, problems),
    headers: readHeaders(http.headers, document, problems),
    rateLimit: readRate(section(rateSection, 'rate_limit'), document, problems),
  };
  if (problems.length > 0) throw new ConfigError(sortProblems(problems, [path]));
  return { config, warnings, sources };
}

async function readMain(
  path: string,
  fileSystem: Pick<ConfigFileSystem, 'read'>,
): Promise<ReturnType<typeof readDocument>> {
  try {
    return readDocument(path, await fileSystem.read(path, MAX_WEB_FILE_LENGTH));
  } catch (error) {
    const problem = { file: path, line: 0, column: 0, path: '', message: explainReadError(error) };
    return { document: null, problems: [problem] };
  }
}

function readUsers(given: unknown, document: SourceDocument, problems: ConfigProblem[]): Map<string, string> {
  const users = new Map<string, string>();
  for (const [user, hash] of entriesOf(given, 'basic_auth_users', document, problems)) {
    const problem = user.includes(':') ? 'a user name has no ":" in it' : hashProblem(hash);
    // The hash itself stays out of the message: logs travel.
    if (problem !== undefined) problems.push(document.problemAt(['basic_auth_users', user], problem));
    else users.set(user, String(hash));
  }
  if (users.size > MOST_USERS)
    problems.push(document.problemAt(['basic_auth_users'], `more than ${MOST_USERS} users`));
  return users;
}

function hashProblem(hash: unknown): string | undefined {
  const cost = typeof hash === 'string' ? /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/.exec(hash)?.[1] : undefined;
  if (cost === undefined) {
    return 'not a bcrypt hash ($2y$10$ and 53 characters more); make one with: htpasswd -nBC 10 "" | tr -d \':\\n\'';
  }
  if (Number(cost) < 4) return `the cost ${cost} of the hash is none that bcrypt has; make one of cost 10`;
  if (Number(cost) <= MOST_COST) return undefined;
  return `the cost ${cost} of the hash would make a login take minutes; make one of cost 10 to ${MOST_COST}`;
}

/** Headers that may be set, with the values that they may have where those are few; as exporter-toolkit has it. */
const HEADERS: Readonly<Record<string, readonly string[] | null>> = {
  'Strict-Transport-Security': null,
  'X-Content-Type-Options': ['nosniff'],
  'X-Frame-Options': ['deny', 'sameorigin'],
  'X-XSS-Protection': null,
  'Content-Security-Policy': null,
};

function readHeaders(
  given: unknown,
  document: SourceDocument,
  problems: ConfigProblem[],
): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of entriesOf(given, 'headers', document, problems)) {
    const at = ['http_server_config', 'headers', name];
    const values = HEADERS[name];
    if (values === undefined) {
      const known = Object.keys(HEADERS).join(', ');
      problems.push(
        document.problemAt(at, `header ${quote(name)} cannot be set (those that can: ${known})`, 'key'),
      );
    } else if (typeof value !== 'string' || !/^[\t\x20-\x7e]*$/.test(value)) {
      problems.push(document.problemAt(at, "a header's value is one line of plain text"));
    } else if (values !== null && value !== '' && !values.includes(value)) {
      problems.push(document.problemAt(at, `${quote(value)} is none of ${values.join(', ')}`));
    } else if (value !== '') headers[name] = value;
  }
  return headers;
}

function readRate(
  entry: RateEntry | undefined,
  document: SourceDocument,
  problems: ConfigProblem[],
): WebConfig['rateLimit'] {
  const { interval = '0', burst = 0 } = entry ?? {};
  const intervalMs = interval === '0' ? 0 : parseDuration(interval);
  if (intervalMs === undefined) {
    const message = `not a duration: ${quote(interval)} (write 1s, 100ms)`;
    problems.push(document.problemAt(['rate_limit', 'interval'], message));
    return null;
  }
  if (intervalMs === 0) return null;
  if (burst > 0) return { intervalMs, burst };
  problems.push(
    document.problemAt(['rate_limit'], 'with a burst of 0 every request would be refused; set burst'),
  );
  return null;
}

function entriesOf(
  given: unknown,
  name: string,
  document: SourceDocument,
  problems: ConfigProblem[],
): [string, unknown][] {
  if (given === undefined || given === null) return [];
  if (typeof given === 'object' && !Array.isArray(given)) return Object.entries(given);
  const path = name === 'headers' ? ['http_server_config', name] : [name];
  problems.push(document.problemAt(path, `expected name: "value" pairs, found ${shown(given)}`));
  return [];
}
