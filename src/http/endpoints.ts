// The endpoints that have no room of their own, and the table of all.
// Invariant: `/metrics` and `/` read what is known; only `/probe` makes a packet leave.

import { negotiateFormat } from '../metrics/content-negotiation.ts';
import { CONTENT_TYPES, expose } from '../metrics/exposition.ts';
import { apiRoutes } from './api/api-routes.ts';
import { pageFileHandler } from './built-page.ts';
import { RequestRefusal } from './http-error.ts';
import type { HttpServices } from './http-services.ts';
import { index } from './index-page.ts';
import { LANDING_STYLE_FILE, LANDING_STYLE_PATH } from './landing-style.ts';
import { probeHandler } from './probe-endpoint.ts';
import { type Answer, headerText, JSON_TYPE, text } from './response.ts';
import { RouteTable } from './route-table.ts';
import type { Handler, HttpRequest, Route } from './router.ts';
import { serviceDiscovery } from './service-discovery.ts';

export function routesOf(services: HttpServices): RouteTable {
  const get = (handle: Handler): Route => ({ methods: ['GET'], handle });
  return new RouteTable([
    ['/', get((request) => index(request, services))],
    ['/metrics', get((request) => metrics(request, services))],
    ['/probe', get(probeHandler(services))],
    ['/sd', get(() => discovery(services))],
    ['/config', get(() => configuration(services))],
    ['/-/healthy', get(() => text(200, 'hopscope is healthy.'))],
    ['/-/ready', get(() => ready(services))],
    ['/-/reload', { methods: ['POST', 'PUT'], handle: (request) => reload(request, services) }],
    ...pageFiles(services),
    ...apiRoutes(services),
  ]);
}

function pageFiles({ page }: HttpServices): [string, Route][] {
  if (page === null) return [];
  const files = new Map(page.files).set(LANDING_STYLE_PATH, LANDING_STYLE_FILE);
  return [...files].map(([path, file]) => [
    `/${path}`,
    { methods: ['GET'], handle: pageFileHandler(file), unlisted: true },
  ]);
}

function metrics(request: HttpRequest, services: HttpServices): Answer {
  const format = negotiateFormat(headerText(request.headers.accept));
  return { status: 200, type: CONTENT_TYPES[format], body: () => expose(services.metrics, format) };
}

function discovery(services: HttpServices): Answer {
  const config = services.config();
  // Prometheus keeps its last list on an error, and would drop every target on an empty one.
  if (config === null) throw notReady();
  return { status: 200, type: JSON_TYPE, body: serviceDiscovery(config.targets) };
}

function configuration(services: HttpServices): Answer {
  const config = services.config();
  if (config === null) throw notReady();
  return text(200, config.text);
}

function ready(services: HttpServices): Answer {
  if (services.config() === null) throw notReady();
  return text(200, 'hopscope is ready.');
}

async function reload(request: HttpRequest, services: HttpServices): Promise<Answer> {
  const site = headerText(request.headers['sec-fetch-site']);
  if (site !== undefined && site !== 'same-origin' && site !== 'none') {
    throw new RequestRefusal(403, 'A page of another site may not reload the configuration.');
  }
  try {
    await services.reload();
  } catch (error) {
    // Whoever reloads has logged it: signals ask for it too.
    const reason = error instanceof Error ? error.message : String(error);
    throw new RequestRefusal(500, `The configuration was not reloaded and the old one stays: ${reason}`);
  }
  return text(200, 'Configuration reloaded.');
}

function notReady(): RequestRefusal {
  return new RequestRefusal(503, 'Not ready: no configuration has been applied yet.');
}
