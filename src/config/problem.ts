// What is wrong with a configuration, and where. A problem always names the file (or the command line) and, for
// files, line and column from 1, so that an editor can jump to it.

/** One thing wrong, or worth a warning. `line` and `column` count from 1; 0 where there is no text to point at. */
export interface ConfigProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Key path, as in `targets[0].interval`; empty where the whole file is meant. */
  readonly path: string;
  readonly message: string;
}

/** The configuration cannot be used. `message` lists every problem, one a line. */
export class ConfigError extends Error {
  readonly code = 'config';
  readonly problems: readonly ConfigProblem[];
  constructor(problems: readonly ConfigProblem[], cause?: unknown) {
    super(problems.map(formatProblem).join('\n'), cause === undefined ? undefined : { cause });
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** `hopscope.yml:3:15: targets[0].interval: not a duration: "30" (write 30s, 5m, 1h)` */
export function formatProblem(problem: ConfigProblem): string {
  const where = problem.line > 0 ? `${problem.file}:${problem.line}:${problem.column}` : problem.file;
  return `${where}: ${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`;
}

/** File by file in the order given, then by position. */
export function sortProblems(problems: readonly ConfigProblem[], files: readonly string[]): ConfigProblem[] {
  const rank = new Map(files.map((file, index) => [file, index]));
  const of = (problem: ConfigProblem): number => rank.get(problem.file) ?? files.length;
  return problems.toSorted((a, b) => of(a) - of(b) || a.line - b.line || a.column - b.column);
}

/** Key path as a reader writes it: `modules.https.port`, `targets[0].labels["a b"]`. */
export function formatPath(path: readonly (string | number)[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z_][\w-]*$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${quote(part)}]`;
  }
  return text;
}

/** Text as shown in a message: quoted, control characters escaped, at most `limit` characters of it. */
export function quote(text: string, limit = 60): string {
  return JSON.stringify(text.length > limit ? `${text.slice(0, limit)}...` : text).replace(
    /[\u007f-\u009f\u2028-\u202e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
