// What is asked of one target over a period: the parameters, and what they name.

import type { TargetEntry } from '../../history/target-board.ts';
import { RequestRefusal } from '../http-error.ts';
import type { HttpServices } from '../http-services.ts';
import type { ApiServices } from './api-services.ts';
import type { ApiCall } from './endpoint.ts';
import { type Parameter, shown, timeParameter } from './parameters.ts';

const HOUR_MS = 3_600_000;

export const FROM: Parameter<number | null> = timeParameter(
  'from',
  'Begin of the period, by default an hour before its end.',
);
export const TO: Parameter<number | null> = timeParameter('to', 'End of the period, by default now.');

/** The target of `{key}`. @throws RequestRefusal with status 404. */
export function entryOf({ request }: ApiCall, api: ApiServices): TargetEntry {
  return findEntry(request.parameters['key'] ?? '', api);
}

/** By its key, or by its host where only one target has that. @throws RequestRefusal with status 404. */
export function findEntry(name: string, api: ApiServices): TargetEntry {
  const entry = api.board.entry(name);
  if (entry !== undefined) return entry;
  const [only, another] = api.board.entries.filter(({ target }) => target.host === name);
  if (only !== undefined && another === undefined) return only;
  const why =
    only === undefined
      ? `There is no target with the key ${shown(name)}`
      : `More than one target is ${shown(name)}: give the key`;
  throw new RequestRefusal(404, `${why}; see /api/v1/targets.`);
}

export function periodOf(
  { get }: ApiCall,
  { now }: Pick<HttpServices, 'now'>,
): { readonly fromMs: number; readonly toMs: number } {
  const toMs = get(TO) ?? now();
  const fromMs = get(FROM) ?? Math.max(0, toMs - HOUR_MS);
  if (fromMs <= toMs) return { fromMs, toMs };
  throw new RequestRefusal(400, 'The period ends before it begins: "from" is later than "to".');
}
