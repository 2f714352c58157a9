// How one key of a YAML file is judged: builders of schemas that carry their own description, limits and default, and whose
// complaints are in the user's terms. Values leave with durations in milliseconds.

import { z } from 'zod';
import { formatDuration, parseDuration } from './duration.ts';
import { nearestName } from './nearest.ts';
import { quote } from './problem.ts';

export type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** Shows a value in a message as the user wrote it, as near as can be told. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return quote(String(value));
}

export type Meta = { description: string; syntax: string; fallback: string };

export function field<T extends z.ZodType>(
  schema: T,
  syntax: string,
  fallback: string,
  description: string,
): T {
  return schema.meta({ description, syntax, fallback } satisfies Meta);
}

export function integer(min: number, max: number, fallback: string, description: string): z.ZodType<number> {
  const range = `${min} to ${max}`;
  const error = (issue: { input?: unknown }): string =>
    typeof issue.input === 'number' && Number.isInteger(issue.input)
      ? `out of range: ${issue.input} (${range})`
      : `expected a whole number from ${range}, found ${shown(issue.input)}`;
  const schema = z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
  return field(schema, range, fallback, description);
}

export function duration(
  minMs: number,
  maxMs: number,
  fallback: string,
  description: string,
): z.ZodType<number> {
  const range = `${formatDuration(minMs)} to ${formatDuration(maxMs)}`;
  const notOne = (value: unknown): string => `not a duration: ${shown(value)} (write 30s, 5m, 1h)`;
  const schema = z.string({ error: (issue) => notOne(issue.input) }).transform((text, context) => {
    const ms = parseDuration(text);
    if (ms !== undefined && ms >= minMs && ms <= maxMs) return ms;
    context.addIssue(ms === undefined ? notOne(text) : `out of range: ${quote(text)} (${range})`);
    return z.NEVER;
  });
  return field(schema, `duration, ${range}`, fallback, description);
}

export function choice<T extends string | number>(
  values: readonly T[],
  fallback: string,
  description: string,
): z.ZodType<T> {
  const list = values.join(', ');
  const schema = z.literal(values, {
    error: (issue) => {
      const near = typeof issue.input === 'string' ? nearestName(issue.input, values.map(String)) : undefined;
      const hint = near === undefined ? '' : `, did you mean ${quote(near)}?`;
      return `${shown(issue.input)} is none of ${list}${hint}`;
    },
  });
  return field(schema as unknown as z.ZodType<T>, values.join(' | '), fallback, description);
}

export function flag(fallback: string, description: string): z.ZodType<boolean> {
  const error = (issue: { input?: unknown }): string => `expected true or false, found ${shown(issue.input)}`;
  return field(z.boolean({ error }), 'true | false', fallback, description);
}

export function text(syntax: string, fallback: string, description: string): z.ZodType<string> {
  const error = (issue: { input?: unknown }): string => `expected text, found ${shown(issue.input)}`;
  return field(z.string({ error }), syntax, fallback, description);
}

export function list<T>(
  item: z.ZodType<T>,
  max: number,
  syntax: string,
  description: string,
): z.ZodType<T[]> {
  const schema = z
    .array(item, { error: (issue) => `expected a list, found ${shown(issue.input)}` })
    .max(max, { error: `more than ${max} entries` });
  return field(schema, syntax, 'none', description);
}

export type Fields = Readonly<Record<string, z.ZodType>>;

function section<T>(shape: Fields): z.ZodType<T> {
  const optional = Object.fromEntries(
    Object.entries(shape).map(([name, schema]) => [name, schema.optional()]),
  );
  const schema = z.strictObject(optional, {
    error: (issue) => `expected a mapping, found ${shown(issue.input)}`,
  });
  return schema as unknown as z.ZodType<T>;
}

/** A schema with the names it knows and those it will know in a later version. */
export interface Section<T> {
  readonly schema: z.ZodType<T>;
  readonly names: readonly string[];
  readonly unavailable: readonly string[];
}

export function named<T>(shape: Fields, unavailable: readonly string[] = []): Section<T> {
  return { schema: section<T>(shape), names: Object.keys(shape), unavailable };
}
