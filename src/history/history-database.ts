// The open file: locked for this process, in WAL mode, migrated. Invariant: a file that is not ours, or newer than this
// version, is left as it was.

import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely, Migrator } from 'kysely';
import { foreignDatabase, historyError, inUse, newerDatabase, noDirectory } from './history-error.ts';
import { type HistoryTables, MIGRATIONS, migrationProvider } from './history-schema.ts';
import { NodeSqliteDialect } from './node-sqlite-dialect.ts';

/** `hops` in ASCII: in the file's header, it tells whose it is. */
const APPLICATION_ID = 0x68_6f_70_73;
/** The log is written back after so many pages, and does not keep more room than this. */
const CHECKPOINT_PAGES = 2000;
const MAX_LOG_BYTES = 16 * 1024 * 1024;
const CACHE_KIB = 16 * 1024;

export interface HistoryDatabase extends Disposable {
  readonly path: string;
  readonly sqlite: DatabaseSync;
  readonly kysely: Kysely<HistoryTables>;
}

/** @throws HistoryError */
export async function openHistoryDatabase(path: string): Promise<HistoryDatabase> {
  const directory = dirname(resolve(path));
  if (!existsSync(directory)) throw noDirectory(path, directory);
  let lock: DatabaseSync | null = null;
  let sqlite: DatabaseSync | null = null;
  try {
    accessSync(existsSync(path) ? path : directory, constants.W_OK);
    accessSync(directory, constants.W_OK);
    lock = lockFile(path);
    sqlite = new DatabaseSync(path);
    refuseForeign(path, sqlite);
    sqlite.exec(`
      pragma busy_timeout = 2000;
      pragma auto_vacuum = incremental;
      pragma journal_mode = wal;
      pragma synchronous = normal;
      pragma wal_autocheckpoint = ${CHECKPOINT_PAGES};
      pragma journal_size_limit = ${MAX_LOG_BYTES};
      pragma cache_size = -${CACHE_KIB};
      pragma application_id = ${APPLICATION_ID};
    `);
    const kysely = new Kysely<HistoryTables>({ dialect: new NodeSqliteDialect(sqlite) });
    await migrate(path, sqlite, kysely);
    const opened = { sqlite, lock };
    return { path, sqlite, kysely, [Symbol.dispose]: () => close(opened.sqlite, opened.lock) };
  } catch (error) {
    close(sqlite, lock);
    throw historyError(path, error);
  }
}

/**
 * A file beside the history holds the lock, so that others may still read the history itself. It is one of SQLite's, which
 * ends with the process however that ends.
 */
function lockFile(path: string): DatabaseSync {
  const lock = new DatabaseSync(`${path}-lock`);
  try {
    lock.exec('pragma busy_timeout = 0; begin exclusive');
    return lock;
  } catch (error) {
    lock.close();
    throw ((error as { errcode?: number }).errcode ?? 0) === 5 ? inUse(path, error) : error;
  }
}

function refuseForeign(path: string, sqlite: DatabaseSync): void {
  const id = sqlite.prepare('pragma application_id').get()?.['application_id'];
  const tables = sqlite.prepare("select count(*) n from sqlite_master where type = 'table'").get()?.['n'];
  if (id !== APPLICATION_ID && tables !== 0) throw foreignDatabase(path);
  if (tables === 0) return;
  const known = sqlite.prepare("select 1 from sqlite_master where name = 'kysely_migration'").get();
  if (known === undefined) throw foreignDatabase(path);
  for (const { name } of sqlite.prepare('select name from kysely_migration').all()) {
    if (typeof name === 'string' && !(name in MIGRATIONS)) throw newerDatabase(path, name);
  }
}

async function migrate(path: string, sqlite: DatabaseSync, kysely: Kysely<HistoryTables>): Promise<void> {
  const migrator = new Migrator({ db: kysely, provider: migrationProvider });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw historyError(path, error);
  // A file that may be read and not written says so only when it is written to.
  sqlite.exec('begin immediate; pragma user_version = 1; commit');
}

function close(...databases: (DatabaseSync | null)[]): void {
  for (const database of databases) {
    try {
      database?.close();
    } catch {
      // It was closed already, or the disk refuses the last write; there is nothing left to save.
    }
  }
}
