// One YAML (or JSON, which is YAML) text as a value whose every part can be found again by line and column.
// Invariant: whatever the text, reading it ends in bounded time and memory, with a value or with problems.

import { isUtf8 } from 'node:buffer';
import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type Document as YamlDocument,
} from 'yaml';
import { takeFlowLines } from './flow-lines.ts';
import { type ConfigProblem, formatPath, quote } from './problem.ts';

export type KeyPath = readonly (string | number)[];

/** The longest file read. The parser takes about 100 bytes of memory and 0.6 us a byte: 1.6 GB and 10 s here. */
export const MAX_FILE_LENGTH: number = 16 * 1024 * 1024;
/** References to anchors, each weighted with those inside it. Ten thousand targets may share one label set. */
const MAX_ALIASES = 100_000;
/** Problems listed for one file; what is past this is of no help to a reader. */
export const MAX_PROBLEMS_PER_FILE = 100;

export interface SourceDocument {
  readonly file: string;
  /** What the text holds, as plain objects, arrays and scalars; null for an empty text. */
  readonly value: unknown;
  /** A problem with the value (or with the key, for `key`) at `path`, or at its nearest part that the text has. */
  problemAt(path: KeyPath, message: string, part?: 'key' | 'value'): ConfigProblem;
}

export type DocumentReading =
  | { readonly document: SourceDocument; readonly problems: readonly ConfigProblem[] }
  | { readonly document: null; readonly problems: readonly ConfigProblem[] };

/** Reads one file's bytes; `document` is null where there is no value to go on with. */
export function readDocument(file: string, bytes: Uint8Array): DocumentReading {
  if (bytes.length > MAX_FILE_LENGTH) {
    const limit = MAX_FILE_LENGTH / 1024 / 1024;
    return unreadable(file, 0, 0, `the file is ${bytes.length} bytes long; at most ${limit} MiB are read`);
  }
  if (!isUtf8(bytes)) return invalidUtf8(file, bytes);
  const text = new TextDecoder('utf-8').decode(bytes);
  return readQuickly(file, text) ?? readWithParser(file, text);
}

/** The parser on what `takeFlowLines` leaves; undefined where anything is doubtful. Places are found by parsing it all. */
function readQuickly(file: string, text: string): DocumentReading | undefined {
  const lines = takeFlowLines(text);
  if (lines === undefined) return undefined;
  const source = parseSource(file, lines.text);
  if (source.problems.length > 0) return undefined;
  const value = source.toValue();
  if (value instanceof Error || !lines.restore(value)) return undefined;
  // Kept weakly: it is a hundred times the size of the text, and asked for only where something is wrong.
  let whole: WeakRef<Source> | undefined;
  const problemAt: SourceDocument['problemAt'] = (path, message, part = 'value') => {
    const source = whole?.deref() ?? parseSource(file, text);
    whole = new WeakRef(source);
    return source.problemAt(path, message, part);
  };
  return { document: { file, value, problemAt }, problems: [] };
}

function readWithParser(file: string, text: string): DocumentReading {
  const source = parseSource(file, text);
  if (source.unusable) return { document: null, problems: source.problems };
  const value = source.toValue();
  if (value instanceof Error) {
    return {
      document: null,
      problems: [...source.problems, source.problemAt([], sentence(value.message), 'value')],
    };
  }
  const problemAt: SourceDocument['problemAt'] = (path, message, part = 'value') =>
    source.problemAt(path, message, part);
  return { document: { file, value, problemAt }, problems: source.problems };
}

interface Source {
  readonly problems: readonly ConfigProblem[];
  /** The text is no YAML; there is no value. */
  readonly unusable: boolean;
  /** The value, or the error of aliases that expand without end or name no anchor. */
  toValue(): unknown;
  problemAt(path: KeyPath, message: string, part: 'key' | 'value'): ConfigProblem;
}

function parseSource(file: string, text: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    // The parser's own check compares every key with every other; `duplicateKeys` is linear.
    uniqueKeys: false,
    stringKeys: true,
    merge: true,
    resolveKnownTags: false,
    // With 'silent' a second document in the file would go unnoticed.
    logLevel: 'error',
  });
  const at = (offset: number, path: KeyPath, message: string): ConfigProblem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col), path: formatPath(path), message };
  };
  const bad = [...document.errors, ...document.warnings]
    .slice(0, MAX_PROBLEMS_PER_FILE)
    .map((error) => at(error.pos[0], [], sentence(error.message)));
  return {
    problems: bad.length > 0 ? bad : duplicateKeys(document, at),
    unusable: bad.length > 0,
    toValue: () => {
      try {
        return document.toJS({ maxAliasCount: MAX_ALIASES });
      } catch (error) {
        return error instanceof Error ? error : new Error(String(error));
      }
    },
    problemAt: (path, message, part) => at(offsetOf(document, path, part), path, message),
  };
}

function unreadable(file: string, line: number, column: number, message: string): DocumentReading {
  return { document: null, problems: [{ file, line, column, path: '', message }] };
}

function invalidUtf8(file: string, bytes: Uint8Array): DocumentReading {
  const utf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (utf16) return unreadable(file, 1, 1, 'the file is UTF-16 text; save it as UTF-8');
  let line = 1;
  let start = 0;
  for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, start)) {
    if (!isUtf8(bytes.subarray(start, end))) break;
    start = end + 1;
    line++;
  }
  return unreadable(file, line, 1, 'the line is not valid UTF-8; save the file as UTF-8');
}

function sentence(message: string): string {
  return message.replace(/\s+/g, ' ').trim();
}

/** Every key that its mapping has had before, found in one pass over the tree without recursion. */
function duplicateKeys(
  document: YamlDocument,
  at: (offset: number, path: KeyPath, message: string) => ConfigProblem,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const pending: { node: unknown; path: KeyPath }[] = [{ node: document.contents, path: [] }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { node, path } = next;
    if (isSeq(node)) {
      for (const [index, item] of node.items.entries()) {
        if (isCollection(item)) pending.push({ node: item, path: [...path, index] });
      }
    }
    if (!isMap(node)) continue;
    const seen = new Set<string>();
    for (const pair of node.items) {
      const key = keyText(pair);
      const inner = [...path, key];
      if (seen.has(key) && problems.length < MAX_PROBLEMS_PER_FILE) {
        problems.push(at(startOf(pair.key) ?? 0, inner, `key ${quote(key)} is given twice`));
      }
      seen.add(key);
      if (isCollection(pair.value)) pending.push({ node: pair.value, path: inner });
    }
  }
  return problems;
}

function keyText(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : String(pair.key);
}

/** Where the part at `path` begins; where the text does not have it (defaults, merged keys), its nearest ancestor. */
function offsetOf(document: YamlDocument, path: KeyPath, part: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const [depth, step] of path.entries()) {
    const inner = isAlias(node) ? node.resolve(document) : node;
    const last = depth === path.length - 1;
    if (isSeq(inner) && typeof step === 'number') {
      node = inner.items[step];
    } else if (isMap(inner)) {
      const pair = inner.items.findLast((item) => isPair(item) && keyText(item) === String(step));
      if (pair === undefined) break;
      node = last && part === 'key' ? pair.key : (pair.value ?? pair.key);
    } else break;
    offset = startOf(node) ?? offset;
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
