// What the command tells the shell that ran it, and which failure means which of the four.

import { TraceRefusal } from '../trace/trace.ts';

export const EXIT = {
  /** The destination answered; the command did what it was asked. */
  reached: 0,
  unreached: 1,
  /** Wrong usage, a host that does not exist, a configuration with problems. */
  usage: 2,
  /** Not permitted, or the system refused. */
  refused: 3,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** The command was used wrongly. `message` says what to write instead. */
export class UsageError extends Error {
  readonly code = 'usage';
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

/** Codes of errors that the user's own words caused, over all edges. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'usage',
  'config',
  'bad-request',
  'bad-address',
  'bad-prefix',
  'bad-external-url',
  'bad-web-config',
]);

/** The status for an operational error; undefined for what can only be a mistake in the program. */
export function exitStatusOf(error: unknown): ExitStatus | undefined {
  if (error instanceof TraceRefusal) return error.code === 'bad-request' ? EXIT.usage : EXIT.refused;
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined;
  // Node's own argument errors are mistakes in the program, whatever they carry.
  if (error.code.startsWith('ERR_')) return undefined;
  return USAGE_CODES.has(error.code) ? EXIT.usage : EXIT.refused;
}

/** Of several results the worst: what the system refused weighs more than a destination that is silent. */
export function worstStatus(statuses: readonly ExitStatus[]): ExitStatus {
  return statuses.toSorted((a, b) => a - b).at(-1) ?? EXIT.reached;
}
