// Labels that users put on their targets: valid for Prometheus, and none that our own series already carry.

import { quote } from './problem.ts';

export const MAX_LABELS = 32;
export const MAX_LABEL_VALUE_LENGTH = 1024;

/** Labels that Prometheus or our own series set; a user's label of that name would collide with them. */
export const RESERVED_LABELS: readonly string[] = [
  'address',
  'as_path',
  'asn',
  'destination',
  'hop',
  'instance',
  'job',
  'kind',
  'le',
  'name',
  'path_id',
  'quantile',
  'target',
];

/** What is wrong with a label's name, or undefined. */
export function labelNameProblem(name: string): string | undefined {
  if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name)) {
    return `not a label name: ${quote(name)} (letters, digits and "_", not starting with a digit)`;
  }
  if (name.startsWith('__'))
    return `label ${quote(name)} is reserved: names that begin with "__" are Prometheus' own`;
  if (RESERVED_LABELS.includes(name))
    return `label ${quote(name)} is reserved: it is set on the series already`;
  return undefined;
}

/** What is wrong with a label's value, or undefined. */
export function labelValueProblem(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') {
    return `a label's value is text: write "${value}" with quotes`;
  }
  if (typeof value !== 'string') return "a label's value is text";
  if (value.length > MAX_LABEL_VALUE_LENGTH) {
    return `a label's value has at most ${MAX_LABEL_VALUE_LENGTH} characters, this one has ${value.length}`;
  }
  return value.isWellFormed() ? undefined : "a label's value is not valid Unicode";
}

/** Labels as one comparable text: sorted by name, `{a="1",b="2"}`. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  const names = Object.keys(labels).sort();
  return `{${names.map((name) => `${name}=${JSON.stringify(labels[name])}`).join(',')}}`;
}
