// Reads the many alike lines of a long target list, `- { host: a, interval: 30s }`, without the YAML parser, which takes
// four times as long and a hundred bytes of memory a byte for them.
// Invariant: only lines that YAML reads in one way are taken; for any doubt the whole text goes to the parser.

/** With fewer such lines there is nothing to gain. */
export const LEAST_FLOW_LINES = 64;
/** A private-use character; a text that has it is left to the parser. */
const MARK = '\uf8ff';

const LINE = /^( *- )(\{[^\r\n]*\}) *$/gm;
/** Plain scalars without indicators that are text, and whole numbers, in YAML 1.2's core schema. */
const TEXT = /(?:[A-Za-z][A-Za-z0-9._-]*|\d+(?:ms|s|m|h|d|w)|\d{1,3}(?:\.\d{1,3}){3})(?=[ ,}])/y;
const NUMBER = /(?:0|[1-9]\d{0,8})(?=[ ,}])/y;
const QUOTED = /"([\x20\x21\x23-\x5b\x5d-\x7e]*)"(?=[ ,}])/y;
const KEY = / *([A-Za-z][A-Za-z0-9_]*): +/y;
const OPEN = /\{/y;
const CLOSE = / *\}/y;
const COMMA = / *,/y;
const NOT_TEXT = /^(?:null|true|false)$/i;

export interface FlowLines {
  /** The text with each line's mapping replaced by a mark. */
  readonly text: string;
  /** How many were replaced. */
  readonly count: number;
  /** Puts the mappings back into the parsed value; false where a mark did not come back as a list's item. */
  restore(value: unknown): boolean;
}

/** Takes the simple lines out of a text; undefined where that is not worth it, or not safe. */
export function takeFlowLines(text: string): FlowLines | undefined {
  if (text.includes(MARK)) return undefined;
  const values: Record<string, unknown>[] = [];
  const left = text.replaceAll(LINE, (line: string, lead: string, mapping: string) => {
    const value = parseFlowMapping(mapping);
    return value === undefined ? line : `${lead}${MARK}${values.push(value) - 1}`;
  });
  if (values.length < LEAST_FLOW_LINES) return undefined;
  return {
    text: left,
    count: values.length,
    restore: (value) => restoreInto(value, values) === values.length,
  };
}

/** One mapping of simple scalars, or of mappings of those one level down; undefined for anything else. */
export function parseFlowMapping(text: string): Record<string, unknown> | undefined {
  const end = { at: 0 };
  const value = mappingAt(text, end, 0);
  return value !== undefined && end.at === text.length ? value : undefined;
}

function mappingAt(text: string, end: { at: number }, depth: number): Record<string, unknown> | undefined {
  const value: Record<string, unknown> = {};
  if (step(OPEN, text, end) === null) return undefined;
  for (;;) {
    const key = step(KEY, text, end)?.[1];
    if (key === undefined || Object.hasOwn(value, key) || key in Object.prototype) return undefined;
    const inner = scalarAt(text, end) ?? (depth === 0 ? mappingAt(text, end, 1) : undefined);
    if (inner === undefined) return undefined;
    value[key] = inner;
    if (step(CLOSE, text, end) !== null) return value;
    if (step(COMMA, text, end) === null) return undefined;
  }
}

function scalarAt(text: string, end: { at: number }): string | number | undefined {
  const plain = step(TEXT, text, end)?.[0];
  if (plain !== undefined) return NOT_TEXT.test(plain) ? undefined : plain;
  const number = step(NUMBER, text, end)?.[0];
  return number === undefined ? step(QUOTED, text, end)?.[1] : Number(number);
}

function step(pattern: RegExp, text: string, end: { at: number }): RegExpExecArray | null {
  pattern.lastIndex = end.at;
  const match = pattern.exec(text);
  if (match !== null) end.at = pattern.lastIndex;
  return match;
}

/** Replaces the marks among the items of all lists; returns how many there were. */
function restoreInto(root: unknown, values: readonly unknown[]): number {
  const seen = new Set<object>();
  const pending: unknown[] = [root];
  let restored = 0;
  while (pending.length > 0) {
    const value = pending.pop();
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    if (!Array.isArray(value)) {
      pending.push(...Object.values(value));
      continue;
    }
    for (const [index, item] of value.entries()) {
      if (typeof item === 'string' && item.startsWith(MARK) && /^\d+$/.test(item.slice(1))) {
        value[index] = values[Number(item.slice(1))];
        restored++;
      } else if (typeof item === 'object') pending.push(item);
    }
  }
  return restored;
}
