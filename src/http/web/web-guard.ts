// The web configuration in force: who may ask, over which TLS, with which headers in the answer. Its files are looked at
// from time to time and at a reload. Invariant: what is broken in them changes nothing of what is in force; every path is
// guarded, health checks too.

import { stat } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import type { ConfigFileSystem } from '../../config/file-system.ts';
import { nodeFileSystem } from '../../config/file-system.ts';
import { ConfigError, formatProblem } from '../../config/problem.ts';
import { WEB_METRICS, WEB_REFUSAL_REASONS, type WebRefusalReason } from '../../metrics/catalogue.ts';
import { type ExpositionWriter, type MetricSource, renderLabels } from '../../metrics/exposition.ts';
import { type Answer, text } from '../response.ts';
import { clientCertificateProblem } from './client-certificate.ts';
import { LoginBrake } from './login-brake.ts';
import { type Comparer, PasswordCheck } from './password-check.ts';
import { TokenBucket } from './token-bucket.ts';
import { type LoadedWebConfig, loadWebConfig, type WebConfig } from './web-config.ts';

const LOOK_EVERY_MS = 5000;
const CHALLENGE = 'Basic realm="hopscope", charset="UTF-8"';

/** The part of a pino logger that is used here. */
export interface WebLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface WebGuardOptions {
  readonly log: WebLog;
  /** In place of bcrypt in a thread, for tests. */
  readonly comparer?: Comparer;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
  /** Time between looks at the files; default 5 s. */
  readonly lookEveryMs?: number;
}

/** Reads the file and begins to follow it. @throws ConfigError */
export async function openWebGuard(path: string, options: WebGuardOptions): Promise<WebGuard> {
  const fileSystem = nodeFileSystem();
  // The stamp first: a change while the files are read is then noticed at the next look.
  const loaded = await loadWebConfig(path, fileSystem, Date.now());
  return new WebGuard(path, fileSystem, loaded, await stampOf(loaded.sources), options);
}

export class WebGuard implements Disposable, MetricSource {
  readonly #path: string;
  readonly #fileSystem: ConfigFileSystem;
  readonly #options: WebGuardOptions;
  readonly #passwords: PasswordCheck;
  readonly #brake = new LoginBrake();
  readonly #timer: NodeJS.Timeout;
  #loaded: LoadedWebConfig;
  #stamp: string;
  #bucket: TokenBucket | null = null;
  #refreshing: Promise<void> | null = null;
  /** Of the files that were complained of last. */
  #complainedOf = '';
  readonly #refused = new Map<WebRefusalReason, number>(WEB_REFUSAL_REASONS.map((reason) => [reason, 0]));
  /** Told when TLS settings changed. */
  onTlsChange: () => void = () => {};

  constructor(
    path: string,
    fileSystem: ConfigFileSystem,
    loaded: LoadedWebConfig,
    stamp: string,
    options: WebGuardOptions,
  ) {
    this.#path = path;
    this.#fileSystem = fileSystem;
    this.#options = options;
    this.#passwords = new PasswordCheck(options.comparer);
    this.#loaded = loaded;
    this.#stamp = stamp;
    this.#enforce(loaded);
    this.#timer = setInterval(() => {
      this.refresh().catch(() => {});
    }, options.lookEveryMs ?? LOOK_EVERY_MS);
    this.#timer.unref();
  }

  /** What a TLS server is set up with, or null for plain HTTP. */
  get tls(): SecureContextOptions | null {
    return this.#config.tls?.context ?? null;
  }

  /** Whether the handshake asks for a certificate. */
  get asksForCertificate(): boolean {
    return (this.#config.tls?.clientAuth ?? 'NoClientCert') !== 'NoClientCert';
  }

  /** Headers of every answer, over those it has. */
  get headers(): Readonly<Record<string, string>> {
    return this.#config.headers;
  }

  /** Why a client is turned away after the handshake, or undefined. */
  clientProblem(socket: TLSSocket): string | undefined {
    const { tls } = this.#config;
    return tls === null ? undefined : clientCertificateProblem(socket, tls);
  }

  *write(writer: ExpositionWriter): Generator<void> {
    const { reloadOk, certificateExpiry, refused } = WEB_METRICS;
    writer.family(reloadOk);
    writer.sample(reloadOk.name, '', this.#complainedOf === '' ? 1 : 0);
    const { tls } = this.#config;
    if (tls !== null) {
      writer.family(certificateExpiry);
      writer.sample(certificateExpiry.name, '', tls.expiresAtMs / 1000);
    }
    writer.family(refused);
    for (const [reason, count] of this.#refused) writer.sample(refused.name, renderLabels({ reason }), count);
    yield;
  }

  /** An answer that refuses the request, or undefined when it may go on. `client` names who asks. */
  async refusal(headers: IncomingHttpHeaders, client: string): Promise<Answer | undefined> {
    const refused = await this.#judge(headers, client);
    if (refused === undefined) return undefined;
    const [reason, answer] = refused;
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
    return answer;
  }

  async #judge(
    headers: IncomingHttpHeaders,
    client: string,
  ): Promise<readonly [WebRefusalReason, Answer] | undefined> {
    const now = this.#now();
    const waitMs = this.#bucket?.take(now) ?? 0;
    if (waitMs > 0)
      return limited(
        'rate_limit',
        'Too many requests: the rate limit of the web configuration is reached.',
        waitMs,
      );
    const { users } = this.#config;
    if (users.size === 0) return undefined;
    const given = parseBasic(headers.authorization);
    if (given === undefined) return ['unauthorized', unauthorized()];
    const [user, password] = given;
    const hash = users.get(user);
    const known = this.#passwords.known(user, password, hash);
    if (known === true) return undefined;
    const blockedMs = this.#brake.waitMs(client, now);
    if (blockedMs > 0)
      return limited(
        'held_up',
        'Too many wrong passwords from this address; wait before the next.',
        blockedMs,
      );
    const right = known ?? (await this.#passwords.check(user, password, hash, costliest(users)));
    if (right === 'busy') return limited('held_up', 'Too many logins at the same time; try again.', 1000);
    if (right) {
      this.#brake.succeeded(client);
      return undefined;
    }
    this.#brake.failed(client, this.#now());
    return ['unauthorized', unauthorized()];
  }

  /** Looks at the files; rejects with a ConfigError when they cannot be put in force, which then stay out of it. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#passwords[Symbol.dispose]();
  }

  get #config(): WebConfig {
    return this.#loaded.config;
  }

  #now(): number {
    return this.#options.now?.() ?? performance.now();
  }

  async #refresh(): Promise<void> {
    const { log } = this.#options;
    const stamp = await stampOf([this.#path, ...this.#loaded.sources]);
    if (stamp === this.#stamp) {
      // As it is in force; after a broken one that was taken back.
      this.#complainedOf = '';
      return;
    }
    try {
      const loaded = await loadWebConfig(this.#path, this.#fileSystem, Date.now());
      if ((loaded.config.tls === null) !== (this.#config.tls === null)) {
        const message =
          'TLS can be switched on or off by a restart only; restart hopscope, or undo the change';
        throw new ConfigError([{ file: this.#path, line: 0, column: 0, path: 'tls_server_config', message }]);
      }
      this.#loaded = loaded;
      this.#complainedOf = '';
      this.#stamp = await stampOf([this.#path, ...loaded.sources]);
      this.#enforce(loaded);
      this.onTlsChange();
      log.info({ file: this.#path }, 'Web configuration read again');
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      // Said once for what is there now; a reload that is asked for says it again.
      if (stamp !== this.#complainedOf) {
        for (const problem of error.problems)
          log.error({}, `The web configuration stays as it was: ${formatProblem(problem)}`);
      }
      this.#complainedOf = stamp;
      throw error;
    }
  }

  #enforce({ config, warnings }: LoadedWebConfig): void {
    const { rateLimit } = config;
    this.#bucket =
      rateLimit === null ? null : new TokenBucket(1000 / rateLimit.intervalMs, rateLimit.burst, this.#now());
    for (const warning of warnings) this.#options.log.warn({}, formatProblem(warning));
  }
}

function unauthorized(): Answer {
  return text(401, 'A user name and a password are needed.', { 'WWW-Authenticate': CHALLENGE });
}

function limited(
  reason: WebRefusalReason,
  message: string,
  waitMs: number,
): readonly [WebRefusalReason, Answer] {
  return [reason, text(429, message, { 'Retry-After': String(Math.max(1, Math.ceil(waitMs / 1000))) })];
}

/** User and password of RFC 7617, or undefined for whatever else there is. */
export function parseBasic(header: string | undefined): [user: string, password: string] | undefined {
  const encoded = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  return colon === -1 ? undefined : [decoded.slice(0, colon), decoded.slice(colon + 1)];
}

/** The hash with the highest cost: who asks for an unknown user waits no less. */
function costliest(users: ReadonlyMap<string, string>): string {
  let most = '';
  for (const hash of users.values()) if (hash.slice(4, 6) > most.slice(4, 6)) most = hash;
  return most;
}

/** Differs when one of the files does. */
async function stampOf(files: readonly string[]): Promise<string> {
  const stamps = [...new Set(files)].map(async (file) => {
    const found = await stat(file, { bigint: true }).catch(() => null);
    return found === null ? `${file} missing` : `${file} ${found.ino}:${found.mtimeNs}:${found.size}`;
  });
  return (await Promise.all(stamps)).join('\n');
}
