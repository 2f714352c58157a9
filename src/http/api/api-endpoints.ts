// Every endpoint of /api/v1. Invariant: each answer is bounded, and whoever asks for too much is told how much there is.

import { PATH_CHANGE_KINDS } from '../../path/observation.ts';
import type {
  ApiChange,
  ApiChangeGroup,
  ApiDiff,
  ApiPage,
  ApiPrevalence,
  ApiRoute,
  ApiRun,
  ApiTarget,
  ApiTargets,
  ApiTimeline,
} from '../api-shapes.ts';
import type { HttpServices } from '../http-services.ts';
import { apiAddress } from './address-facts.ts';
import { apiChange, apiChangeGroup, apiDiff, apiRun, apiTarget } from './answers.ts';
import type { ApiServices } from './api-services.ts';
import type { ApiCall, ApiEndpoint } from './endpoint.ts';
import { exportEndpoints } from './export-endpoints.ts';
import { graphEndpoints } from './graph-endpoints.ts';
import { liveEndpoints } from './live-endpoints.ts';
import {
  choiceParameter,
  cursorParameter,
  integerParameter,
  MAX_TIME_MS,
  requiredTimeParameter,
  textParameter,
} from './parameters.ts';
import { selectTargets, TARGET_SORTS, TARGET_STATES } from './target-list.ts';
import { entryOf, FROM, periodOf, TO } from './target-period.ts';
import { timelineStep } from './timeline-step.ts';

const API = '/api/v1';
/** Markers in one timeline; the feed of changes has the rest. */
const MAX_TIMELINE_CHANGES = 500;

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
    ...graphEndpoints(services, api),
    ...exportEndpoints(services, api),
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
        const hostOf = (key: string): string | undefined => api.board.entry(key)?.target.host;
        return {
          items: items.map((group) => apiChangeGroup(group, api.directory, hostOf)),
          next: next === null ? null : String(next),
        };
      },
    },
  ];
}
