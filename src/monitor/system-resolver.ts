// Resolves names as the machine's C library would, without its blocking: /etc/hosts, then DNS with the search list, then,
// where the machine is set up for other sources, getaddrinfo.
//
// getaddrinfo alone would not do: it occupies one of libuv's few threads (two of four at most) for as long as a dead
// server takes, and cannot be cancelled, so that two bad names would hold up all others. DNS here goes through c-ares on
// sockets of the event loop; getaddrinfo is asked last, by few at a time.

import { lookup, Resolver } from 'node:dns';
import { readFile, stat } from 'node:fs/promises';
import type { Family } from '../wire/address.ts';
import type { NameAnswer, NameResolver } from './name-resolver.ts';
import {
  type HostsEntry,
  hasOtherSources,
  parseHostsFile,
  parseResolverConfig,
  type ResolverConfig,
  searchCandidates,
} from './system-files.ts';

/** Calls of getaddrinfo at a time, and callers that may wait for one. */
const MAX_SYSTEM_LOOKUPS = 2;
const MAX_WAITING_LOOKUPS = 64;
/** How much longer the second family may take than the first. */
const LAGGARD_MS = 500;
/** Files are looked at again after this long. */
const FILES_FRESH_MS = 2000;

export interface SystemResolverOptions {
  /** Where the files are; for tests and unusual roots. */
  readonly hostsFile?: string;
  readonly resolverFile?: string;
  readonly nsswitchFile?: string;
  /** `address:port` of the servers to ask instead of those in resolv.conf. */
  readonly servers?: readonly string[];
  /** Monotonic milliseconds; says when the files are old. */
  readonly now: () => number;
}

interface SystemFiles {
  readonly hosts: ReadonlyMap<string, readonly HostsEntry[]>;
  readonly config: ResolverConfig;
  readonly otherSources: boolean;
  readonly dns: Resolver;
  /** Times and sizes of the files, to notice that they changed. */
  readonly stamp: string;
}

/** One outcome of asking for one name: addresses, none (go on with the next), or a failure that ends the search. */
type Asked = { readonly addresses: readonly string[] } | { readonly failure: string };

/** Codes that say "there is none" rather than "I could not find out". */
const ABSENT = new Set(['ENOTFOUND', 'ENODATA', 'NOTFOUND', 'NODATA']);

const FAILURES: Readonly<Record<string, string>> = {
  ETIMEOUT: 'the DNS servers did not answer; check the servers in /etc/resolv.conf',
  ECONNREFUSED: 'the DNS servers refuse to answer; check the servers in /etc/resolv.conf',
  ESERVFAIL: "the DNS server failed (SERVFAIL); check the name's zone",
  EREFUSED: 'the DNS server refused the query (REFUSED); check that it serves this host',
};

export class SystemResolver implements NameResolver, Disposable {
  readonly #options: SystemResolverOptions;
  #files: Promise<SystemFiles> | null = null;
  #readAtMs = 0;
  #systemLookups = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(options: SystemResolverOptions) {
    this.#options = options;
  }

  async resolve(name: string, family: Family | null, signal: AbortSignal): Promise<NameAnswer> {
    const local = name === 'localhost' || name.endsWith('.localhost');
    const files = await this.#currentFiles();
    const listed = (files.hosts.get(name) ?? []).filter(
      (entry) => family === null || entry.family === family,
    );
    if (listed.length > 0) return found(listed.map(({ address }) => address));
    // RFC 6761 section 6.3: never asked of a server.
    if (local) return found(family === 4 ? ['127.0.0.1'] : family === 6 ? ['::1'] : ['127.0.0.1', '::1']);
    for (const candidate of searchCandidates(name, files.config)) {
      const asked = await unlessAborted(askServers(files.dns, candidate, family), signal);
      if ('failure' in asked) return failed(name, asked.failure);
      if (asked.addresses.length > 0) return found(asked.addresses);
    }
    const other = files.otherSources ? await this.#askSystem(name, family, signal) : [];
    return other.length > 0 ? found(other) : failed(name, noAddress(family));
  }

  /** Ends the queries under way; those who wait hear that they failed. */
  [Symbol.dispose](): void {
    void this.#files?.then(({ dns }) => dns.cancel());
  }

  #currentFiles(): Promise<SystemFiles> {
    const now = this.#options.now();
    if (this.#files === null || now - this.#readAtMs >= FILES_FRESH_MS) {
      this.#readAtMs = now;
      const before = this.#files;
      this.#files = (async () => readSystemFiles(this.#options, before === null ? null : await before))();
    }
    return this.#files;
  }

  /** Through getaddrinfo; nothing where too many wait already, or on any failure: DNS has had its say. */
  async #askSystem(name: string, family: Family | null, signal: AbortSignal): Promise<readonly string[]> {
    while (this.#systemLookups >= MAX_SYSTEM_LOOKUPS) {
      if (this.#waiting.length >= MAX_WAITING_LOOKUPS) return [];
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    if (signal.aborted) {
      this.#waiting.shift()?.();
      return [];
    }
    this.#systemLookups++;
    return new Promise((resolve) => {
      lookup(name, { all: true, family: family ?? 0 }, (error, addresses) => {
        this.#systemLookups--;
        this.#waiting.shift()?.();
        resolve(error === null ? addresses.map(({ address }) => address) : []);
      });
    });
  }
}

function found(addresses: readonly string[]): NameAnswer {
  return { kind: 'addresses', addresses };
}

function failed(name: string, reason: string): NameAnswer {
  return { kind: 'failed', message: `Cannot resolve ${JSON.stringify(name)}: ${reason}` };
}

function noAddress(family: Family | null): string {
  if (family === null) return 'there is no such name, or it has no address';
  return `there is no such name, or it has no IPv${family} address`;
}

/** c-ares ends a query by its own time; nobody has to wait for that who does not want the answer any more. */
function unlessAborted(asking: Promise<Asked>, signal: AbortSignal): Promise<Asked> {
  return new Promise((resolve) => {
    const giveUp = (): void => resolve({ failure: 'the answer is not wanted any more' });
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    void asking.then((asked) => {
      signal.removeEventListener('abort', giveUp);
      resolve(asked);
    });
  });
}

/**
 * Both families are asked at once. Once one has addresses the other is waited for only a little: some servers never
 * answer the question for IPv6. One failing does not matter where the other has an answer.
 */
async function askServers(dns: Resolver, name: string, family: Family | null): Promise<Asked> {
  if (family !== null) return ask(dns, name, family);
  const answers = await bothOrSoon(ask(dns, name, 4), ask(dns, name, 6));
  const addresses = answers.flatMap((answer) => ('addresses' in answer ? answer.addresses : []));
  if (addresses.length > 0) return { addresses };
  return answers.find((answer) => 'failure' in answer) ?? { addresses };
}

function bothOrSoon(a: Promise<Asked>, b: Promise<Asked>): Promise<readonly Asked[]> {
  return new Promise((resolve) => {
    const answers: Asked[] = [];
    let timer: NodeJS.Timeout | undefined;
    const take = (answer: Asked): void => {
      answers.push(answer);
      if (answers.length === 2) {
        clearTimeout(timer);
        resolve(answers);
      } else if ('addresses' in answer && answer.addresses.length > 0) {
        timer = setTimeout(() => resolve(answers), LAGGARD_MS);
      }
    };
    void a.then(take);
    void b.then(take);
  });
}

function ask(dns: Resolver, name: string, family: Family): Promise<Asked> {
  return new Promise((resolve) => {
    const done = (error: NodeJS.ErrnoException | null, addresses: readonly string[] | undefined): void => {
      const code = error?.code ?? '';
      if (error === null) resolve({ addresses: addresses ?? [] });
      else if (ABSENT.has(code)) resolve({ addresses: [] });
      else resolve({ failure: FAILURES[code] ?? `the DNS query failed (${code})` });
    };
    if (family === 4) dns.resolve4(name, done);
    else dns.resolve6(name, done);
  });
}

async function readSystemFiles(
  options: SystemResolverOptions,
  before: SystemFiles | null,
): Promise<SystemFiles> {
  const paths = [
    options.hostsFile ?? '/etc/hosts',
    options.resolverFile ?? '/etc/resolv.conf',
    options.nsswitchFile ?? '/etc/nsswitch.conf',
  ];
  const stamp = (await Promise.all(paths.map(stampOf))).join(' ');
  if (before !== null && before.stamp === stamp) return before;
  const [hosts = '', resolver = '', nsswitch = ''] = await Promise.all(paths.map(readOrNothing));
  // The servers of resolv.conf are read by c-ares when a Resolver is made, and never again by that one.
  const dns = new Resolver({ timeout: 1500, tries: 2 });
  if (options.servers !== undefined) dns.setServers(options.servers);
  return {
    hosts: parseHostsFile(hosts),
    config: parseResolverConfig(resolver),
    otherSources: hasOtherSources(nsswitch),
    dns,
    stamp,
  };
}

async function stampOf(path: string): Promise<string> {
  const found = await stat(path).catch(() => null);
  return found === null ? '-' : `${found.ino}:${found.mtimeMs}:${found.size}`;
}

function readOrNothing(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
