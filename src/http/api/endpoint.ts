// One endpoint of the JSON API: what it is, what may be asked, and who answers. The routes and the OpenAPI document are
// made of the same list of these.

import { HistoryUnavailable } from '../../history/path-history.ts';
import { RequestRefusal } from '../http-error.ts';
import { type Answer, JSON_TYPE } from '../response.ts';
import type { Handler, HttpRequest, Route } from '../router.ts';
import { type Parameter, QueryValues } from './parameters.ts';

export interface ApiCall {
  readonly request: HttpRequest;
  /** @throws RequestRefusal */
  readonly get: QueryValues['get'];
}

export interface ApiEndpoint {
  readonly method: 'GET' | 'POST';
  /** Below the prefix; `{key}` and `{id}` are parameters. */
  readonly path: string;
  readonly summary: string;
  readonly parameters: readonly Parameter<unknown>[];
  /** Name of the shape that it answers in, or `events` for server-sent events. */
  readonly shape: string;
  /** Name of the shape of its body. */
  readonly body?: string;
  /** Of success; default 200. */
  readonly status?: number;
  /** Statuses beside success, 400 and 404 where there are parameters. */
  readonly refusals?: readonly number[];
  /** The answer's JSON, or a whole Answer. */
  readonly handle: (call: ApiCall) => unknown;
}

export function routesOfEndpoints(endpoints: readonly ApiEndpoint[]): [string, Route][] {
  const byPath = new Map<string, ApiEndpoint[]>();
  for (const endpoint of endpoints) {
    byPath.set(endpoint.path, [...(byPath.get(endpoint.path) ?? []), endpoint]);
  }
  return [...byPath].map(([path, group]) => [
    path,
    { methods: group.map(({ method }) => method), handle: handlerOf(group), unlisted: true },
  ]);
}

function handlerOf(group: readonly ApiEndpoint[]): Handler {
  return async (request) => {
    const asked = request.method === 'HEAD' ? 'GET' : request.method;
    const endpoint = group.find(({ method }) => method === asked);
    if (endpoint === undefined) throw new Error(`No endpoint for ${request.method} ${request.path}`);
    const values = new QueryValues(request.query, endpoint.parameters);
    try {
      const answer = await endpoint.handle({ request, get: (parameter) => values.get(parameter) });
      return isAnswer(answer) ? answer : json(answer, endpoint.status ?? 200);
    } catch (error) {
      if (error instanceof HistoryUnavailable)
        throw new RequestRefusal(503, error.message, { 'Retry-After': '5' });
      throw error;
    }
  };
}

export function json(value: unknown, status = 200): Answer {
  return { status, type: JSON_TYPE, body: JSON.stringify(value) };
}

function isAnswer(value: unknown): value is Answer {
  return typeof value === 'object' && value !== null && 'body' in value && 'type' in value;
}
