// Reads a request to `/probe`: which target, how, and by when.
// Invariant: what cannot be understood is refused with 400 and one sentence, before anything is resolved or sent.

import type { IncomingHttpHeaders } from 'node:http';
import type { Config, Module } from '../config/config.ts';
import { parseHost } from '../config/host.ts';
import { RequestRefusal } from './http-error.ts';
import { headerText } from './response.ts';

/** Left of the scrape timeout for the answer to travel and be read. */
const SCRAPE_OFFSET_MS = 500;
const MAX_HOSTNAME_LENGTH = 253;
const MAX_SHOWN_LENGTH = 80;
const MAX_MODULES_SHOWN = 20;

export interface ProbeQuery {
  /** As given, without surrounding space. */
  readonly target: string;
  readonly module: Module;
  readonly hostname: string | null;
  readonly debug: boolean;
  /** Milliseconds that the probe may take. */
  readonly timeoutMs: number;
}

/** @throws RequestRefusal with status 400. */
export function parseProbeQuery(
  query: URLSearchParams,
  headers: IncomingHttpHeaders,
  config: Pick<Config, 'modules' | 'defaultModule'>,
): ProbeQuery {
  const target = parseTarget(query);
  const module = parseModule(query, config);
  return {
    target,
    module,
    hostname: parseHostname(query),
    debug: parseDebug(query),
    timeoutMs: deadline(headers, module.timeoutMs),
  };
}

function parseTarget(query: URLSearchParams): string {
  const given = single(query, 'target');
  if (given === undefined) {
    throw bad('The parameter "target" is missing: ask for /probe?target=example.org&module=icmp.');
  }
  const host = parseHost(given);
  if ('refused' in host) throw bad(`Bad target: ${host.refused}.`);
  return given.trim();
}

function parseModule(query: URLSearchParams, config: Pick<Config, 'modules' | 'defaultModule'>): Module {
  const name = single(query, 'module') || config.defaultModule;
  const module = config.modules.get(name);
  if (module !== undefined) return module;
  const names = [...config.modules.keys()];
  const known =
    names.slice(0, MAX_MODULES_SHOWN).join(', ') + (names.length > MAX_MODULES_SHOWN ? ', ...' : '');
  throw bad(`Unknown module ${shown(name)}: the modules are ${known}.`);
}

function parseHostname(query: URLSearchParams): string | null {
  const given = single(query, 'hostname')?.trim() ?? '';
  if (given === '') return null;
  const host = given.length > MAX_HOSTNAME_LENGTH ? { refused: 'it is too long' } : parseHost(given);
  if ('refused' in host) throw bad(`Bad hostname: ${host.refused}.`);
  return given;
}

function parseDebug(query: URLSearchParams): boolean {
  const given = single(query, 'debug') ?? '';
  if (['true', '1', 'on'].includes(given)) return true;
  if (['', 'false', '0', 'off'].includes(given)) return false;
  throw bad(`Bad debug ${shown(given)}: write true or false.`);
}

/** The one value of a parameter: of two, which was meant is anybody's guess. */
function single(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name);
  if (values.length > 1) throw bad(`The parameter "${name}" is given ${values.length} times: give it once.`);
  return values[0];
}

/**
 * The scrape timeout less the offset, which is at most half of it; a module can lower it and never raise it.
 * Without the header it is the module's timeout.
 */
function deadline(headers: IncomingHttpHeaders, moduleTimeoutMs: number): number {
  const given = headerText(headers['x-prometheus-scrape-timeout-seconds'])?.trim();
  if (given === undefined || given === '') return moduleTimeoutMs;
  const seconds = /^\d{1,9}(\.\d{0,18})?$/.test(given) ? Number(given) : 0;
  if (seconds <= 0) {
    throw bad(
      `Bad header X-Prometheus-Scrape-Timeout-Seconds ${shown(given)}: it is a number of seconds above 0.`,
    );
  }
  const scrapeMs = seconds * 1000;
  return Math.min(scrapeMs - Math.min(SCRAPE_OFFSET_MS, scrapeMs / 2), moduleTimeoutMs);
}

function shown(value: string): string {
  return JSON.stringify(value.length > MAX_SHOWN_LENGTH ? `${value.slice(0, MAX_SHOWN_LENGTH)}...` : value);
}

function bad(message: string): RequestRefusal {
  return new RequestRefusal(400, message);
}
