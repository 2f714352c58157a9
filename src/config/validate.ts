// Judges one part of a document by its schema and says what is wrong in the user's terms, all of it at once.

import type { KeyPath, SourceDocument } from './document.ts';
import type { Section } from './field.ts';
import { nearestName } from './nearest.ts';
import { type ConfigProblem, quote } from './problem.ts';

/**
 * The value as its schema yields it; its problems are added to `problems`. A value with problems yields what is left
 * without the keys that have them, so that the rest can be judged too, or undefined where nothing is.
 */
export function validate<T>(
  section: Section<T>,
  value: unknown,
  path: KeyPath,
  document: SourceDocument,
  problems: ConfigProblem[],
): T | undefined {
  const result = section.schema.safeParse(value);
  if (result.success) return result.data;
  const bad = new Set<PropertyKey>();
  for (const issue of result.error.issues) {
    if (issue.path[0] !== undefined) bad.add(issue.path[0]);
    const at = [...path, ...issue.path.map(keyPart)];
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        bad.add(key);
        problems.push(document.problemAt([...at, key], unknownKey(key, section), 'key'));
      }
      continue;
    }
    const part = issue.code === 'custom' && isAboutKey(issue.params) ? 'key' : 'value';
    problems.push(document.problemAt(at, issue.message, part));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const left = Object.fromEntries(Object.entries(value).filter(([key]) => !bad.has(key)));
  const again = section.schema.safeParse(left);
  return again.success ? again.data : undefined;
}

function isAboutKey(params: object | undefined): boolean {
  return params !== undefined && 'part' in params && params.part === 'key';
}

function unknownKey(key: string, section: Section<unknown>): string {
  if (section.unavailable.includes(key)) return `key ${quote(key)} is not available in this version`;
  const near = nearestName(key, section.names);
  if (near !== undefined) return `unknown key ${quote(key)}, did you mean ${quote(near)}?`;
  return `unknown key ${quote(key)} (known here: ${section.names.join(', ')})`;
}

function keyPart(part: PropertyKey): string | number {
  return typeof part === 'symbol' ? String(part) : part;
}
