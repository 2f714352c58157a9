// The JSON API as routes of the server.

import type { HttpServices } from '../http-services.ts';
import type { Route } from '../router.ts';
import { apiEndpoints } from './api-endpoints.ts';
import { json, routesOfEndpoints } from './endpoint.ts';
import { openApiDocument } from './openapi.ts';

export const OPENAPI_PATH = '/api/v1/openapi.json';

export function apiRoutes(services: HttpServices): [string, Route][] {
  const { api } = services;
  if (api === null) return [];
  const endpoints = apiEndpoints(services, api);
  let document: object | null = null;
  const serve: Route = {
    methods: ['GET'],
    handle: () => {
      document ??= openApiDocument(endpoints, services.about.version);
      return json(document);
    },
  };
  return [...routesOfEndpoints(endpoints), [OPENAPI_PATH, serve]];
}
