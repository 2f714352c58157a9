// From a request to its handler: prefix, path, method. Invariant: a handler sees only methods and paths it asked for,
// and whatever it throws becomes an answer here and nowhere else.

import type { IncomingHttpHeaders } from 'node:http';
import { RequestRefusal } from './http-error.ts';
import type { HttpLog } from './http-services.ts';
import { type Answer, JSON_TYPE, text } from './response.ts';
import type { RouteTable } from './route-table.ts';

/** Below this, errors are JSON too. */
const API = '/api/';

export interface HttpRequest {
  readonly method: string;
  /** Below the prefix; begins with a slash. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Segments of the path that the route's pattern has in braces, decoded. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly headers: IncomingHttpHeaders;
  /** Who asks, as far as limits are concerned: an IPv4 address or an IPv6 /64. */
  readonly client: string;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** The body as text. @throws RequestRefusal 413 where it is longer than `limitBytes`. */
  readonly body: (limitBytes: number) => Promise<string>;
}

export type Handler = (request: HttpRequest) => Answer | Promise<Answer>;

export interface Route {
  readonly methods: readonly ('GET' | 'POST' | 'PUT')[];
  readonly handle: Handler;
  /** Left out where paths that exist are named. */
  readonly unlisted?: boolean;
}

export interface RawRequest {
  readonly method: string;
  /** The request target as it came in the first line. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** Who asks, as far as limits are concerned: an IPv4 address or an IPv6 /64. */
  readonly client: string;
  readonly signal: AbortSignal;
  readonly body: (limitBytes: number) => Promise<string>;
}

/** Answers one request. Never rejects. */
export async function route(
  raw: RawRequest,
  routes: RouteTable,
  prefix: string,
  log: HttpLog,
): Promise<Answer> {
  try {
    return await dispatch(raw, routes, prefix);
  } catch (error) {
    const say = pathOf(raw.target).startsWith(prefix + API) ? jsonError : text;
    if (error instanceof RequestRefusal) return say(error.status, error.message, error.headers);
    log.error({ err: error, path: pathOf(raw.target) }, 'Cannot answer a request');
    return say(500, 'Internal error: see the log of hopscope.');
  }
}

function jsonError(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, type: JSON_TYPE, body: JSON.stringify({ error: { status, message } }), headers };
}

function dispatch(raw: RawRequest, routes: RouteTable, prefix: string): Answer | Promise<Answer> {
  const path = pathOf(raw.target);
  const question = raw.target.indexOf('?');
  const query = new URLSearchParams(question === -1 ? '' : raw.target.slice(question + 1));
  if (prefix !== '' && (path === '/' || path === prefix)) return redirectBelow(path, prefix);
  const below = path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : undefined;
  const match = below === undefined ? undefined : routes.find(below);
  if (below === undefined || match === undefined) throw notFound(routes, prefix);
  const { route: found, parameters } = match;
  const allowed = allowedMethods(found);
  if (raw.method === 'OPTIONS') return text(200, '', { Allow: allowed });
  const method = raw.method === 'HEAD' ? 'GET' : raw.method;
  if (!(found.methods as readonly string[]).includes(method)) {
    throw new RequestRefusal(405, `${prefix}${below} takes ${allowed}, not ${quoteMethod(raw.method)}.`, {
      Allow: allowed,
    });
  }
  const { headers, client, signal, body } = raw;
  return found.handle({ method: raw.method, path: below, query, parameters, headers, client, signal, body });
}

/** The path of a request target: origin form, or absolute form as a proxy sends it. */
function pathOf(target: string): string {
  const origin = target.replace(/^https?:\/\/[^/?#]*/i, '');
  const path = origin.split(/[?#]/, 1)[0] ?? '';
  return path === '' ? '/' : path;
}

/** Relative, so that it holds behind a proxy that adds or strips a path of its own. */
function redirectBelow(path: string, prefix: string): Answer {
  const location = path === '/' ? `.${prefix}/` : `./${prefix.slice(prefix.lastIndexOf('/') + 1)}/`;
  return text(302, `See ${prefix}/`, { Location: location });
}

function notFound(routes: RouteTable, prefix: string): RequestRefusal {
  const known = routes.listed.map((path) => prefix + path).join(' ');
  return new RequestRefusal(404, `There is nothing here. Paths that exist: ${known}`);
}

function allowedMethods(found: Route): string {
  return found.methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');
}

function quoteMethod(method: string): string {
  return method.slice(0, 20);
}
