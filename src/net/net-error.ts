// What can go wrong at the kernel's door: one error class that says which system call, what it answered and, where
// somebody can do something about it, what.

import { constants } from 'node:os';

const NAMES = new Map<number, string>(
  Object.entries(constants.errno).map(([name, number]) => [number, name]),
);

/** Error numbers of this platform by name. */
export const ERRNO: typeof constants.errno = constants.errno;

/** `EACCES` for 13; `errno 999` where the number has no name. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** An operation on the network that the system refused. `code` is the symbolic error number. */
export class NetError extends Error {
  readonly code: string;

  constructor(message: string, code: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'NetError';
    this.code = code;
  }
}
