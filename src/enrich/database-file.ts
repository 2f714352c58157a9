// A database on disk, followed while it changes. Invariant: what is in force was read whole and checked; a file that is
// missing, unfinished or damaged takes nothing away, and is spoken of once.

import { dirname } from 'node:path';
import { type Database, DatabaseError, MAX_DATABASE_BYTES, openDatabase } from './mmdb.ts';

/** The disk as this room uses it. Reads reject with an error whose `code` is the system's. */
export interface DatabaseDisk {
  /** Text that is another one after the file was changed or replaced. */
  stamp(path: string): Promise<string>;
  /** At most `limit` + 1 bytes. */
  read(path: string, limit: number): Promise<Uint8Array>;
  /** Calls back when something in the directory changes; undefined where the system cannot tell. */
  watch(directory: string, onChange: (name: string | null) => void): Disposable | undefined;
}

/** The part of a clock that is needed here. */
export interface EnrichClock {
  now(): number;
  after(delayMs: number, callback: () => void): () => void;
}

export interface DatabaseFileOptions {
  readonly disk: DatabaseDisk;
  readonly clock: EnrichClock;
  /** Another content is in force. */
  readonly onLoaded: (path: string, database: Database) => void;
  /** One sentence: why the file, as it is now, is not used. */
  readonly onProblem: (message: string) => void;
}

/** A writer gets so long after the system tells of a change... */
const SETTLE_MS = 500;
/** ...and where the system does not tell, the file is looked at this often. */
const LOOK_EVERY_MS = 30_000;
/** A file that changes while it is read is read again, so often. */
const MAX_READS = 3;

export class DatabaseFile implements Disposable {
  readonly path: string;
  readonly #options: DatabaseFileOptions;
  #database: Database | null = null;
  /** Of the content that was judged last, good or bad. */
  #judged = '';
  #reported = '';
  #looking: Promise<void> | null = null;
  #lookAgain = false;
  #following = false;
  #watcher: Disposable | undefined;
  #cancelTimer: () => void = () => {};
  #closed = false;

  constructor(path: string, options: DatabaseFileOptions) {
    this.path = path;
    this.#options = options;
  }

  /** Null until a sound content was read. */
  get database(): Database | null {
    return this.#database;
  }

  /** Looks now, and reads what is new; settles when that is done, and never rejects. */
  refresh(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    if (this.#looking === null) this.#looking = this.#look();
    else this.#lookAgain = true;
    return this.#looking;
  }

  /** Looks again whenever the file may have changed. */
  follow(): void {
    this.#following = true;
    this.#watch();
    this.#wait(LOOK_EVERY_MS);
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#cancelTimer();
    this.#watcher?.[Symbol.dispose]();
    this.#database = null;
  }

  async #look(): Promise<void> {
    do {
      this.#lookAgain = false;
      try {
        await this.#load();
      } catch (error) {
        if (!this.#closed) this.#report(reasonOf(error));
      }
    } while (this.#lookAgain && !this.#closed);
    this.#looking = null;
    if (!this.#following) return;
    this.#watch();
    this.#wait(LOOK_EVERY_MS);
  }

  async #load(): Promise<void> {
    const { disk, onLoaded } = this.#options;
    let stamp = await disk.stamp(this.path);
    if (stamp === this.#judged) return;
    for (let reads = 1; ; reads++) {
      const bytes = await disk.read(this.path, MAX_DATABASE_BYTES);
      const after = await disk.stamp(this.path);
      if (after !== stamp) {
        if (reads === MAX_READS) throw new DatabaseError('it is being written');
        stamp = after;
        continue;
      }
      this.#judged = stamp;
      if (bytes.length > MAX_DATABASE_BYTES) {
        throw new DatabaseError(`it is larger than ${MAX_DATABASE_BYTES >> 20} MiB`);
      }
      const database = await openDatabase(bytes);
      if (this.#closed) return;
      this.#database = database;
      this.#reported = '';
      onLoaded(this.path, database);
      return;
    }
  }

  #report(reason: string): void {
    const rest =
      this.#database === null
        ? 'tracing goes on without it, and it is read as soon as it can be'
        : 'what was read before stays in use';
    const message = `Cannot use the database ${JSON.stringify(this.path)}: ${reason}; ${rest}`;
    if (message === this.#reported) return;
    this.#reported = message;
    this.#options.onProblem(message);
  }

  #watch(): void {
    if (this.#closed) return;
    // Made anew each time: a directory that was replaced is another one under the same name.
    this.#watcher?.[Symbol.dispose]();
    this.#watcher = this.#options.disk.watch(dirname(this.path), () => this.#onEvent());
  }

  #onEvent(): void {
    if (this.#looking === null) this.#wait(SETTLE_MS);
    else this.#lookAgain = true;
  }

  #wait(delayMs: number): void {
    this.#cancelTimer();
    if (!this.#closed) this.#cancelTimer = this.#options.clock.after(delayMs, () => void this.refresh());
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof DatabaseError) return error.message;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'it does not exist; check the path';
  if (code === 'EACCES' || code === 'EPERM') return `${code}, permission denied; let hopscope's user read it`;
  if (code === 'EISDIR') return 'it is a directory; give the path of an .mmdb file';
  return error instanceof Error ? error.message : String(error);
}
