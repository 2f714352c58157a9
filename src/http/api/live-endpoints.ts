// The endpoints that go on: the live feed, traces now; and how the exporter stands.
// Invariant: a trace is started by this exporter's own page or by a program, never by a page of another site.

import { parseHost } from '../../config/host.ts';
import type { ApiStatus, ApiTraceNow } from '../api-shapes.ts';
import { RequestRefusal } from '../http-error.ts';
import type { HttpServices } from '../http-services.ts';
import { headerText } from '../response.ts';
import type { ApiServices } from './api-services.ts';
import { type ApiEndpoint, json } from './endpoint.ts';
import { shown, textParameter } from './parameters.ts';
import { type TraceOrderBody, traceOrderSchema } from './schemas.ts';
import type { TraceOrder } from './trace-desk.ts';

const API = '/api/v1';
const MAX_BODY_BYTES = 4096;
const TARGET = textParameter('target', 1000, 'Only of the target with this key.');

export function liveEndpoints(services: HttpServices, api: ApiServices): ApiEndpoint[] {
  const { traces } = api;
  return [
    {
      method: 'GET',
      path: `${API}/live`,
      summary: 'Runs and changes as they happen.',
      parameters: [TARGET],
      shape: 'events',
      refusals: [503],
      handle: ({ request, get }) => api.live.subscribe(get(TARGET), request.signal),
    },
    {
      method: 'POST',
      path: `${API}/traces`,
      summary: 'One trace now, under the rules of /probe.',
      parameters: [],
      body: 'TraceOrder',
      shape: 'TraceNow',
      status: 202,
      refusals: [403, 413, 415, 429],
      handle: async ({ request }) => {
        refuseForeign(headerText(request.headers['sec-fetch-site']));
        const type = headerText(request.headers['content-type']) ?? '';
        if (!/^application\/json\s*(;|$)/i.test(type)) {
          throw new RequestRefusal(415, 'Send JSON, with the header Content-Type: application/json.');
        }
        const order = { ...readOrder(await request.body(MAX_BODY_BYTES), services), client: request.client };
        const trace: ApiTraceNow = await traces.start(order);
        return { ...json(trace, 202), headers: { Location: `traces/${trace.id}` } };
      },
    },
    {
      method: 'GET',
      path: `${API}/traces/{id}`,
      summary: 'A trace that was started here.',
      parameters: [],
      shape: 'TraceNow',
      handle: ({ request }): ApiTraceNow => traces.get(request.parameters['id'] ?? ''),
    },
    {
      method: 'GET',
      path: `${API}/traces/{id}/events`,
      summary: 'A trace as its replies arrive; ends with it.',
      parameters: [],
      shape: 'events',
      refusals: [503],
      handle: ({ request }) => traces.watch(request.parameters['id'] ?? '', request.signal),
    },
    {
      method: 'GET',
      path: `${API}/status`,
      summary: 'Version, history, modules.',
      parameters: [],
      shape: 'Status',
      handle: (): ApiStatus => status(services, api),
    },
  ];
}

function status(services: HttpServices, api: ApiServices): ApiStatus {
  const { enabled, healthy, message } = api.history.state;
  const modules = [...(services.config()?.modules.values() ?? [])];
  return {
    version: services.about.version,
    nowMs: services.now(),
    startedAtMs: api.startedAtMs,
    targets: api.board.size,
    history: { enabled, healthy, message },
    modules: modules.map(({ name, protocol, port }) => ({ name, protocol, port })),
    asDatabase: api.asDatabase(),
  };
}

function refuseForeign(site: string | undefined): void {
  if (site === undefined || site === 'same-origin' || site === 'none') return;
  throw new RequestRefusal(403, 'A page of another site may not start traces.');
}

/** @throws RequestRefusal with status 400. */
function readOrder(text: string, services: HttpServices): Omit<TraceOrder, 'client'> {
  const config = services.config();
  if (config === null) throw new RequestRefusal(503, 'Not ready: no configuration has been applied yet.');
  const body = parseOrder(text);
  const host = parseHost(body.host);
  if ('refused' in host) throw new RequestRefusal(400, `Bad host: ${host.refused}.`);
  const name = body.module ?? body.protocol ?? config.defaultModule;
  const module = config.modules.get(name);
  if (module === undefined) throw new RequestRefusal(400, `Unknown module ${shown(name)}.`);
  if (body.protocol !== undefined && body.protocol !== module.protocol) {
    throw new RequestRefusal(400, `Module ${shown(name)} is for ${module.protocol}, not ${body.protocol}.`);
  }
  const port = body.port ?? null;
  if (port !== null && module.port === null)
    throw new RequestRefusal(400, 'ICMP has no ports: leave "port" out.');
  return {
    host: body.host.trim(),
    module: module.name,
    port,
    family: body.family ?? null,
    timeoutMs: module.timeoutMs,
  };
}

function parseOrder(text: string): TraceOrderBody {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new RequestRefusal(400, 'The body is not JSON.');
  }
  const result = traceOrderSchema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new RequestRefusal(
    400,
    `Bad body${where === '' ? '' : `, ${where}`}: ${issue?.message ?? 'invalid'}.`,
  );
}
