// From the hosts on a command line to numeric destinations: what is no host is refused before anything is asked of
// the network; what does not resolve is a failure of that host alone.

import { type ParsedHost, parseHost } from '../config/host.ts';
import type { Clock } from '../monitor/clock.ts';
import { chooseAddress, type NameAnswer, type NameResolver } from '../monitor/name-resolver.ts';
import type { Family } from '../wire/address.ts';
import { EXIT, type ExitStatus, UsageError } from './exit-status.ts';
import type { TraceSettings } from './trace-settings.ts';

/** More hosts than this are a job for `hopscope serve`. */
export const MAX_HOSTS = 256;

export interface Destination {
  readonly host: ParsedHost;
  readonly address: string;
  readonly family: Family;
  /** Milliseconds the name lookup took; null for a numeric host. */
  readonly lookupMs: number | null;
  /** One sentence where the name left a choice, or null. */
  readonly note: string | null;
}

export interface FailedLookup {
  readonly host: ParsedHost;
  readonly failure: string;
  readonly status: ExitStatus;
}

/** Longest wait for a name server. */
export const LOOKUP_TIMEOUT_MS = 5000;

/** @throws UsageError for the first host that is none, or whose port the options contradict. */
export function parseHosts(given: readonly string[], settings: TraceSettings): ParsedHost[] {
  if (given.length > MAX_HOSTS) {
    throw new UsageError(
      `${given.length} hosts are more than the ${MAX_HOSTS} that one command traces; give them to "hopscope serve"`,
    );
  }
  return given.map((text) => {
    const host = parseHost(text);
    if ('refused' in host) throw new UsageError(host.refused);
    if (host.port !== null && settings.port !== null && host.port !== settings.port) {
      throw new UsageError(
        `${host.label} comes with port ${host.port} and --port says ${settings.port}; leave out one of them`,
      );
    }
    if (host.family !== null && settings.family !== null && host.family !== settings.family) {
      throw new UsageError(`${host.label} is an IPv${host.family} address; leave out -${settings.family}`);
    }
    return host;
  });
}

export interface LookupTools {
  readonly resolver: NameResolver;
  /** Families that this host can probe in. */
  readonly usable: ReadonlySet<Family>;
  readonly clock: Clock;
}

/** Resolves one host. Never rejects. */
export async function findDestination(
  host: ParsedHost,
  wanted: Family | null,
  signal: AbortSignal,
  tools: LookupTools,
): Promise<Destination | FailedLookup> {
  if (host.address !== null && host.family !== null) {
    return { host, address: host.address, family: host.family, lookupMs: null, note: null };
  }
  const { clock, resolver, usable } = tools;
  const beganAt = clock.now();
  const overdue = new AbortController();
  const cancelTimer = clock.after(LOOKUP_TIMEOUT_MS, () => overdue.abort());
  const given = AbortSignal.any([signal, overdue.signal]);
  const answer = await Promise.race([resolver.resolve(host.name, wanted, given), whenAborted(given)]);
  cancelTimer();
  if (overdue.signal.aborted) return { host, failure: overdueLookup(host), status: EXIT.refused };
  if (answer.kind === 'failed') return { host, failure: answer.message, status: EXIT.usage };
  const wish = { family: wanted, preferFamily: 4, usable, previous: null } as const;
  const chosen = chooseAddress(answer.addresses, wish);
  if (typeof chosen === 'string') {
    const remedy = wanted === null ? 'check the name' : `leave out -${wanted}`;
    return { host, failure: `Cannot trace ${host.label}: ${chosen}; ${remedy}`, status: EXIT.usage };
  }
  const others = [...new Set(answer.addresses)].filter((address) => address !== chosen.address);
  return { host, ...chosen, lookupMs: clock.now() - beganAt, note: choiceNote(host, chosen.address, others) };
}

/** A resolver may take its time to notice that it is not wanted any more. */
function whenAborted(signal: AbortSignal): Promise<NameAnswer> {
  const answer = { kind: 'failed', message: 'Cannot resolve the name: interrupted' } as const;
  if (signal.aborted) return Promise.resolve(answer);
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(answer), { once: true });
  });
}

function overdueLookup(host: ParsedHost): string {
  const waited = `${LOOKUP_TIMEOUT_MS / 1000} s`;
  return `Cannot resolve ${host.label}: no name server answered within ${waited}; see /etc/resolv.conf, or give an address`;
}

/** Other addresses named in full before the rest becomes a number. */
const OTHERS_SHOWN = 3;

function choiceNote(host: ParsedHost, address: string, others: readonly string[]): string | null {
  if (others.length === 0) return null;
  const shown = others.slice(0, OTHERS_SHOWN).join(', ');
  const rest = others.length > OTHERS_SHOWN ? ` and ${others.length - OTHERS_SHOWN} more` : '';
  return `${host.label} has ${others.length + 1} addresses; tracing ${address}, not ${shown}${rest}`;
}
