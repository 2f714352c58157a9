// The OpenAPI 3.1 document, made of the endpoints and the schemas and of nothing else.

import { z } from 'zod';
import type { ApiEndpoint } from './endpoint.ts';
import { ALL_SCHEMAS } from './report-schemas.ts';

const JSON_MEDIA = 'application/json';
const ERROR_WORDS: Readonly<Record<number, string>> = {
  400: 'The question is not understood.',
  403: 'Not permitted.',
  404: 'There is no such thing.',
  413: 'Too much: the body is too long, or the period has more runs than are given out at once.',
  415: 'The body is not JSON.',
  429: 'Too many at once.',
  503: 'Not now: the history is out of order, or there are too many feeds.',
};

export function openApiDocument(endpoints: readonly ApiEndpoint[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const endpoint of endpoints) {
    const path = paths[endpoint.path] ?? {};
    paths[endpoint.path] = path;
    path[endpoint.method.toLowerCase()] = operation(endpoint);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'hopscope',
      version,
      description:
        'Network paths, what changed in them, and when. Times are epoch milliseconds, durations milliseconds, ratios 0 to 1. Fields may be added; none is renamed or retyped within v1.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: { schemas: schemas() },
  };
}

function operation(endpoint: ApiEndpoint): object {
  const { summary, parameters, body, shape, status = 200, refusals = [] } = endpoint;
  const names = [...endpoint.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
  const errors = new Set([400, ...(names.length > 0 ? [404] : []), ...refusals]);
  if (shape !== 'events' && endpoint.method === 'GET') errors.add(503);
  return {
    operationId: operationId(endpoint),
    summary,
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...parameters.map(({ name, description, schema: { 'x-required': required, ...schema } }) => {
        return { name, in: 'query', description, required: required === true, schema };
      }),
    ],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { [JSON_MEDIA]: { schema: reference(body) } } } }),
    responses: {
      [status]: {
        description: summary,
        content:
          shape === 'events'
            ? { 'text/event-stream': { schema: { type: 'string', description: EVENTS } } }
            : { [JSON_MEDIA]: { schema: reference(shape) } },
      },
      ...Object.fromEntries([...errors].sort().map((code) => [code, errorResponse(code)])),
    },
  };
}

const EVENTS =
  'Server-sent events: the name of each is the `type` of a LiveEvent, its data the JSON of the rest of it.';

function errorResponse(code: number): object {
  return {
    description: ERROR_WORDS[code] ?? 'Error.',
    content: { [JSON_MEDIA]: { schema: reference('Error') } },
  };
}

function reference(name: string): object {
  return { $ref: `#/components/schemas/${name}` };
}

function operationId({ method, path }: ApiEndpoint): string {
  const words = path.replace(/^\/api\/v1\//, '').match(/\w+/g) ?? [];
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

/** Open to fields that a later version adds, as the promise says. */
function schemas(): Record<string, object> {
  const made: Record<string, object> = {};
  for (const [name, schema] of Object.entries(ALL_SCHEMAS)) {
    const { $schema: _, ...json } = z.toJSONSchema(schema, {
      target: 'draft-2020-12',
      override: ({ jsonSchema }) => {
        if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      },
    });
    made[name] = json;
  }
  return made;
}
