// What may be asked: each parameter of a query with its limits, in one place for the parser and for the document.
// Invariant: what is not understood is refused with 400 and one sentence; nothing unknown is passed over in silence.

import { RequestRefusal } from '../http-error.ts';

export interface Parameter<T> {
  readonly name: string;
  readonly description: string;
  /** JSON Schema of the value. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** @throws RequestRefusal */
  parse(text: string | undefined): T;
}

/** Times beyond this are no dates (ECMA-262, 21.4.1.1). */
export const MAX_TIME_MS = 8_640_000_000_000_000;
const MAX_SHOWN_LENGTH = 60;

export function integerParameter(
  name: string,
  limits: { readonly min: number; readonly max: number; readonly fallback: number },
  description: string,
): Parameter<number> {
  const { min, max, fallback } = limits;
  return {
    name,
    description,
    schema: { type: 'integer', minimum: min, maximum: max, default: fallback },
    parse: (text) => {
      if (text === undefined) return fallback;
      const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= min && value <= max) return value;
      throw bad(name, text, `a whole number from ${min} to ${max}`);
    },
  };
}

/** Epoch milliseconds, or a date as RFC 3339 has it; null where it is not given. */
export function timeParameter(name: string, description: string): Parameter<number | null> {
  return {
    name,
    description: `${description} Epoch milliseconds, or a date such as 2026-11-23T09:00:00Z.`,
    schema: {
      oneOf: [
        { type: 'integer', minimum: 0, maximum: MAX_TIME_MS },
        { type: 'string', format: 'date-time' },
      ],
    },
    parse: (text) => (text === undefined ? null : parseTime(name, text)),
  };
}

export function requiredTimeParameter(name: string, description: string): Parameter<number> {
  const optional = timeParameter(name, description);
  return {
    ...optional,
    schema: { ...optional.schema, 'x-required': true },
    parse: (text) => {
      if (text === undefined) throw new RequestRefusal(400, `The parameter "${name}" is missing.`);
      return parseTime(name, text);
    },
  };
}

function parseTime(name: string, text: string): number {
  const wanted = 'epoch milliseconds or a date such as 2026-11-23T09:00:00Z';
  if (/^\d{1,16}(\.\d{1,9})?$/.test(text)) {
    const value = Math.floor(Number(text));
    if (value <= MAX_TIME_MS) return value;
    throw bad(name, text, wanted);
  }
  const date = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (date >= 0) return date;
  throw bad(name, text, wanted);
}

export function choiceParameter<T extends string, Fallback extends T | null>(
  name: string,
  values: readonly T[],
  fallback: Fallback,
  description: string,
): Parameter<T | Fallback> {
  return {
    name,
    description,
    schema: { type: 'string', enum: values, ...(fallback === null ? {} : { default: fallback }) },
    parse: (text) => {
      if (text === undefined) return fallback;
      const found = values.find((value) => value === text);
      if (found !== undefined) return found;
      throw bad(name, text, `one of ${values.join(', ')}`);
    },
  };
}

/** Text of a bounded length; null where it is not given or empty. */
export function textParameter(
  name: string,
  maxLength: number,
  description: string,
): Parameter<string | null> {
  return {
    name,
    description,
    schema: { type: 'string', maxLength },
    parse: (text) => {
      if (text === undefined || text === '') return null;
      if (text.length <= maxLength) return text;
      throw bad(name, text, `at most ${maxLength} characters`);
    },
  };
}

/** The `next` of the page before; null for the first page. */
export function cursorParameter(max: number): Parameter<number | null> {
  return {
    name: 'cursor',
    description: 'The `next` of the page before.',
    schema: { type: 'string', pattern: '^[0-9]{1,16}$' },
    parse: (text) => {
      if (text === undefined) return null;
      if (/^\d{1,16}$/.test(text) && Number(text) <= max) return Number(text);
      throw bad('cursor', text, 'the "next" of the page before');
    },
  };
}

/** The values of `query` by parameter; refuses names that are not among them and names given twice. */
export class QueryValues {
  readonly #query: URLSearchParams;
  readonly #known: readonly Parameter<unknown>[];

  constructor(query: URLSearchParams, known: readonly Parameter<unknown>[]) {
    this.#query = query;
    this.#known = known;
    for (const name of new Set(query.keys())) {
      if (!known.some((parameter) => parameter.name === name)) throw unknown(name, known);
      if (query.getAll(name).length > 1) {
        throw new RequestRefusal(400, `The parameter "${name}" is given more than once: give it once.`);
      }
    }
  }

  get<T>(parameter: Parameter<T>): T {
    if (!this.#known.includes(parameter)) throw new Error(`The endpoint does not declare ${parameter.name}`);
    return parameter.parse(this.#query.get(parameter.name) ?? undefined);
  }
}

function unknown(name: string, known: readonly Parameter<unknown>[]): RequestRefusal {
  const names = known.map((parameter) => parameter.name);
  const there = names.length === 0 ? 'it takes none' : `the parameters are ${names.join(', ')}`;
  return new RequestRefusal(400, `Unknown parameter ${shown(name)}: ${there}.`);
}

function bad(name: string, text: string, wanted: string): RequestRefusal {
  return new RequestRefusal(400, `Bad parameter "${name}": ${shown(text)} is not ${wanted}.`);
}

export function shown(text: string): string {
  return JSON.stringify(text.length > MAX_SHOWN_LENGTH ? `${text.slice(0, MAX_SHOWN_LENGTH)}...` : text);
}
