// Every endpoint of /api/v1. Invariant: each answer is bounded, and whoever asks for too much is told how much there is.

import { parseHost } from '../../config/host.ts';
import type { TargetEntry } from '../../history/target-board.ts';
import { PATH_CHANGE_KINDS } from '../../path/observation.ts';
import type {
  ApiChange,
  ApiChangeGroup,
  ApiDiff,
  ApiPage,
  ApiPrevalence,
  ApiRoute,
  ApiRun,
  ApiStatus,
  ApiTarget,
  ApiTargets,
  ApiTimeline,
  ApiTraceNow,
} from '../api-shapes.ts';
import { RequestRefusal } from '../http-error.ts';
import type { HttpServices } from '../http-services.ts';
import { headerText } from '../response.ts';
import { apiAddress } from './address-facts.ts';
import { apiChange, apiChangeGroup, apiDiff, apiRun, apiTarget } from './answers.ts';
import type { ApiServices } from './api-services.ts';
import { type ApiCall, type ApiEndpoint, json } from './endpoint.ts';
import {
  choiceParameter,
  cursorParameter,
  integerParameter,
  MAX_TIME_MS,
  requiredTimeParameter,
  shown,
  textParameter,
  timeParameter,
} from './parameters.ts';
import { type TraceOrderBody, traceOrderSchema } from './schemas.ts';
import { selectTargets, TARGET_SORTS, TARGET_STATES } from './target-list.ts';
import { timelineStep } from './timeline-step.ts';
import type { TraceOrder } from './trace-desk.ts';

const API = '/api/v1';
const HOUR_MS = 3_600_000;
const MAX_BODY_BYTES = 4096;
/** Markers in one timeline; the feed of changes has the rest. */
const MAX_TIMELINE_CHANGES = 500;

const FROM = timeParameter('from', 'Begin of the period, by default an hour before its end.');
const TO = timeParameter('to', 'End of the period, by default now.');
const A = requiredTimeParameter('a', 'The first instant.');
const B = requiredTimeParameter('b', 'The second instant.');
const TIME_CURSOR = cursorParameter(MAX_TIME_MS);
const ID_CURSOR = cursorParameter(Number.MAX_SAFE_INTEGER);
const OFFSET_CURSOR = cursorParameter(1_000_000);
const TARGET_LIMIT = integerParameter('limit', { min: 1, max: 1000, fallback: 100 }, 'Targets in a page.');
const RUN_LIMIT = integerParameter('limit', { min: 1, max: 1000, fallback: 100 }, 'Runs in a page.');
const CHANGE_LIMIT = integerParameter('limit', { min: 1, max: 500, fallback: 100 }, 'Changes in a page.');
const GROUP_LIMIT = integerParameter('limit', { min: 1, max: 200, fallback: 50 }, 'Groups in a page.');
const POINTS = integerParameter(
  'points',
  { min: 1, max: 2000, fallback: 300 },
  'Buckets at most; their width is the next round number.',
);
const FILTER = textParameter(
  'filter',
  200,
  'Words that all occur in the host, module, address, path id or a label (name=value); case does not matter.',
);
const STATE = choiceParameter('state', TARGET_STATES, null, 'Only targets in this state.');
const SORT = choiceParameter('sort', TARGET_SORTS, 'config', 'What to sort by; unknown values come last.');
const ORDER = choiceParameter('order', ['asc', 'desc'], 'asc', 'Direction of the sort.');
const KIND = choiceParameter('kind', PATH_CHANGE_KINDS, null, 'Only changes of this kind.');
const TARGET = textParameter('target', 1000, 'Only of the target with this key.');
const GROUP = textParameter('group', 40, 'Only changes in this group.');

export function apiEndpoints(services: HttpServices, api: ApiServices): readonly ApiEndpoint[] {
  return [
    ...targetEndpoints(services, api),
    ...periodEndpoints(services, api),
    ...changeEndpoints(services, api),
    ...liveEndpoints(services, api),
  ];
}

type Now = Pick<HttpServices, 'now'>;

function targetEndpoints(services: Now, api: ApiServices): ApiEndpoint[] {
  return [
    {
      method: 'GET',
      path: `${API}/targets`,
      summary: 'Targets with their state, latest figures and latest hour.',
      parameters: [FILTER, STATE, SORT, ORDER, TARGET_LIMIT, OFFSET_CURSOR],
      shape: 'Targets',
      handle: ({ get }): ApiTargets => {
        const nowMs = services.now();
        const { entries, states } = selectTargets(
          api.board.entries,
          { filter: get(FILTER), state: get(STATE), sort: get(SORT), descending: get(ORDER) === 'desc' },
          nowMs,
        );
        const start = get(OFFSET_CURSOR) ?? 0;
        const end = start + get(TARGET_LIMIT);
        return {
          items: entries.slice(start, end).map((entry) => apiTarget(entry, api, nowMs)),
          next: end < entries.length ? String(end) : null,
          total: entries.length,
          states,
        };
      },
    },
    {
      method: 'GET',
      path: `${API}/targets/{key}`,
      summary: 'One target.',
      parameters: [],
      shape: 'Target',
      handle: (call): ApiTarget => apiTarget(entryOf(call, api), api, services.now()),
    },
  ];
}

function periodEndpoints(services: Now, api: ApiServices): ApiEndpoint[] {
  return [
    {
      method: 'GET',
      path: `${API}/targets/{key}/route`,
      summary: 'The routes of a period laid over one another.',
      parameters: [FROM, TO],
      shape: 'Route',
      handle: async (call): Promise<ApiRoute> => {
        const { target } = entryOf(call, api);
        const period = periodOf(call, services);
        const { nodes, ...picture } = await api.history.route(target.key, period);
        return {
          ...period,
          ...picture,
          nodes: nodes.map((node) => ({ ...node, ...apiAddress(node.address, api.directory) })),
        };
      },
    },
    {
      method: 'GET',
      path: `${API}/targets/{key}/runs`,
      summary: 'Runs of a period, newest first.',
      parameters: [FROM, TO, RUN_LIMIT, TIME_CURSOR],
      shape: 'Runs',
      handle: async (call): Promise<ApiPage<ApiRun>> => {
        const { target } = entryOf(call, api);
        const { items, next } = await api.history.runs({
          ...periodOf(call, services),
          target: target.key,
          limit: call.get(RUN_LIMIT),
          beforeMs: call.get(TIME_CURSOR),
        });
        return { items: items.map(apiRun), next: next === null ? null : String(next) };
      },
    },
    {
      method: 'GET',
      path: `${API}/targets/{key}/timeline`,
      summary: 'Roll-ups of a period, oldest first, and the changes in it.',
      parameters: [FROM, TO, POINTS],
      shape: 'Timeline',
      handle: (call) => timeline(call, services, api),
    },
    {
      method: 'GET',
      path: `${API}/targets/{key}/diff`,
      summary: 'The routes in force at two instants, hop by hop.',
      parameters: [A, B],
      shape: 'Diff',
      handle: async (call): Promise<ApiDiff> => {
        const { target } = entryOf(call, api);
        const [a, b] = [call.get(A), call.get(B)];
        const [left, right] = await Promise.all([
          api.history.routeAt(target.key, a),
          api.history.routeAt(target.key, b),
        ]);
        return apiDiff({ atMs: a, route: left }, { atMs: b, route: right }, api.directory);
      },
    },
    {
      method: 'GET',
      path: `${API}/targets/{key}/prevalence`,
      summary: 'The paths of a period, most seen first.',
      parameters: [FROM, TO],
      shape: 'Prevalence',
      handle: async (call): Promise<ApiPrevalence> => {
        const { target } = entryOf(call, api);
        const period = periodOf(call, services);
        const { runs, paths } = await api.history.prevalence(target.key, period);
        const facts = (hops: readonly (readonly string[])[]) =>
          hops.map((addresses) => addresses.map((address) => apiAddress(address, api.directory)));
        return { ...period, runs, paths: paths.map((path) => ({ ...path, hops: facts(path.hops) })) };
      },
    },
  ];
}

async function timeline(call: ApiCall, services: Now, api: ApiServices): Promise<ApiTimeline> {
  const { target } = entryOf(call, api);
  const period = periodOf(call, services);
  const stepMs = timelineStep(period.fromMs, period.toMs, call.get(POINTS));
  const [{ buckets, stepMs: takenMs }, changes] = await Promise.all([
    api.history.timeline({ ...period, target: target.key, stepMs }),
    api.history.changes({
      ...period,
      target: target.key,
      kind: null,
      group: null,
      limit: MAX_TIMELINE_CHANGES,
      beforeId: null,
    }),
  ]);
  const byStart = new Map(buckets.map((bucket) => [bucket.atMs, bucket]));
  const atMs: number[] = [];
  for (let at = Math.floor(period.fromMs / takenMs) * takenMs; at <= period.toMs; at += takenMs)
    atMs.push(at);
  const column = <T>(value: (bucket: (typeof buckets)[number]) => T): (T | null)[] =>
    atMs.map((at) => {
      const bucket = byStart.get(at);
      return bucket === undefined ? null : value(bucket);
    });
  const paths = [...new Set(buckets.map(({ pathId }) => pathId).filter((id) => id !== null))];
  return {
    ...period,
    stepMs: takenMs,
    atMs,
    runs: atMs.map((at) => byStart.get(at)?.runs ?? 0),
    rttMinMs: column((bucket) => bucket.rttMinMs),
    rttMedianMs: column((bucket) => bucket.rttMedianMs),
    rttP95Ms: column((bucket) => bucket.rttP95Ms),
    lossRatio: column((bucket) => bucket.lossRatio),
    hops: column((bucket) => bucket.hops),
    path: column((bucket) => (bucket.pathId === null ? null : paths.indexOf(bucket.pathId))),
    paths,
    changes: changes.items.map((change) => apiChange(change, api.directory)).reverse(),
  };
}

function changeEndpoints(services: Now, api: ApiServices): ApiEndpoint[] {
  return [
    {
      method: 'GET',
      path: `${API}/changes`,
      summary: 'Path changes of all targets, newest first.',
      parameters: [FROM, TO, KIND, TARGET, GROUP, CHANGE_LIMIT, ID_CURSOR],
      shape: 'Changes',
      handle: async (call): Promise<ApiPage<ApiChange>> => {
        const { get } = call;
        const { items, next } = await api.history.changes({
          ...periodOf(call, services),
          target: get(TARGET),
          kind: get(KIND),
          group: get(GROUP),
          limit: get(CHANGE_LIMIT),
          beforeId: get(ID_CURSOR),
        });
        return {
          items: items.map((change) => apiChange(change, api.directory)),
          next: next === null ? null : String(next),
        };
      },
    },
    {
      method: 'GET',
      path: `${API}/change-groups`,
      summary: 'Changes that share a hop and a time, as one; newest first.',
      parameters: [FROM, TO, GROUP_LIMIT, OFFSET_CURSOR],
      shape: 'ChangeGroups',
      handle: async (call): Promise<ApiPage<ApiChangeGroup>> => {
        const { items, next } = await api.history.groups({
          ...periodOf(call, services),
          limit: call.get(GROUP_LIMIT),
          offset: call.get(OFFSET_CURSOR) ?? 0,
        });
        return {
          items: items.map((group) => apiChangeGroup(group, api.directory)),
          next: next === null ? null : String(next),
        };
      },
    },
  ];
}

function liveEndpoints(services: HttpServices, api: ApiServices): ApiEndpoint[] {
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

function entryOf({ request }: ApiCall, api: ApiServices): TargetEntry {
  const key = request.parameters['key'] ?? '';
  const entry = api.board.entry(key);
  if (entry !== undefined) return entry;
  throw new RequestRefusal(404, `There is no target with the key ${shown(key)}; see ${API}/targets.`);
}

function periodOf({ get }: ApiCall, { now }: Now): { readonly fromMs: number; readonly toMs: number } {
  const toMs = get(TO) ?? now();
  const fromMs = get(FROM) ?? Math.max(0, toMs - HOUR_MS);
  if (fromMs <= toMs) return { fromMs, toMs };
  throw new RequestRefusal(400, 'The period ends before it begins: "from" is later than "to".');
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
