// What can go wrong with the history's file, in words: what failed, why, and what to do.
// Invariant: one sentence; the cause is kept; nobody has to know SQLite's numbers.

export type HistoryErrorCode =
  | 'full'
  | 'read-only'
  | 'in-use'
  | 'not-a-database'
  | 'foreign'
  | 'newer'
  | 'damaged'
  | 'missing'
  | 'disk';

export class HistoryError extends Error {
  readonly code: HistoryErrorCode;
  constructor(code: HistoryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HistoryError';
    this.code = code;
  }
}

/** SQLite's primary result codes (sqlite3.h). */
const SQLITE = {
  permission: 3,
  busy: 5,
  locked: 6,
  readOnly: 8,
  io: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  tooBig: 18,
  notADatabase: 26,
} as const;

/** Extended codes of a write that the system refused for want of room or over a limit. */
const IO_WRITE = 10 | (3 << 8);
const IO_SHM_SIZE = 10 | (19 << 8);

/** What `error`, met at the history in `path`, means. */
export function historyError(path: string, error: unknown): HistoryError {
  if (error instanceof HistoryError) return error;
  const { code, reason, remedy } = classify(error);
  return new HistoryError(code, `Cannot use the history ${path}: ${reason}; ${remedy}`, { cause: error });
}

interface Classification {
  readonly code: HistoryErrorCode;
  readonly reason: string;
  readonly remedy: string;
}

function classify(error: unknown): Classification {
  const { errcode, code, message } = error as { errcode?: number; code?: string; message?: string };
  const full: Classification = {
    code: 'full',
    reason: 'the disk is full, or a limit on file sizes is reached',
    remedy: 'make room, and it goes on by itself',
  };
  if (errcode === IO_WRITE || errcode === IO_SHM_SIZE) return full;
  if (code !== undefined && ['EACCES', 'EPERM', 'EROFS'].includes(code)) return READ_ONLY;
  switch (errcode === undefined ? undefined : errcode & 0xff) {
    case SQLITE.full:
      return full;
    case SQLITE.readOnly:
    case SQLITE.permission:
      return READ_ONLY;
    case SQLITE.busy:
    case SQLITE.locked:
      return IN_USE;
    case SQLITE.notADatabase:
      return {
        code: 'not-a-database',
        reason: 'it is not an SQLite database',
        remedy: 'choose another file with --history.path, or move this one away',
      };
    case SQLITE.corrupt:
      return {
        code: 'damaged',
        reason: 'the database is damaged',
        remedy: 'restore it from a backup, or move it away and a new one is begun',
      };
    case SQLITE.cannotOpen:
      return {
        code: 'missing',
        reason: 'it cannot be opened',
        remedy:
          'make sure that its directory exists and may be written, or choose another with --history.path',
      };
    default:
      return {
        code: 'disk',
        reason: `the system says "${message ?? String(error)}"`,
        remedy: 'check the disk, or choose another file with --history.path',
      };
  }
}

const READ_ONLY: Classification = {
  code: 'read-only',
  reason: 'the file or its directory may not be written',
  remedy: 'give hopscope write permission, or choose another file with --history.path',
};

const IN_USE: Classification = {
  code: 'in-use',
  reason: 'another hopscope has it open',
  remedy: 'stop that one, or choose another file with --history.path',
};

export function inUse(path: string, cause: unknown): HistoryError {
  return new HistoryError('in-use', `Cannot use the history ${path}: ${IN_USE.reason}; ${IN_USE.remedy}`, {
    cause,
  });
}

export function noDirectory(path: string, directory: string): HistoryError {
  return new HistoryError(
    'missing',
    `Cannot use the history ${path}: there is no directory ${directory}; make it, or choose another with --history.path`,
  );
}

export function foreignDatabase(path: string): HistoryError {
  return new HistoryError(
    'foreign',
    `Cannot use the history ${path}: it is the database of another program; choose another file with --history.path`,
  );
}

export function newerDatabase(path: string, name: string): HistoryError {
  return new HistoryError(
    'newer',
    `Cannot use the history ${path}: a newer version of hopscope has written it (it has "${name}"); update hopscope, or choose another file with --history.path`,
  );
}
