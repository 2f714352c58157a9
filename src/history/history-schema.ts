// The tables of the history and the migrations that make them. Invariant: a migration that was released is never changed;
// column types are those that SQLite and PostgreSQL both have.

import { type Kysely, type Migration, type MigrationProvider, sql } from 'kysely';

export interface HistoryTables {
  target: { id: number; key: string };
  /** Paths by the number that their name spells. */
  path: { id: number; content: string; seen_at: number };
  /** Closed packs of runs, for each target in order of time and without overlap. */
  run_block: {
    id: number | null;
    target_id: number;
    from_at: number;
    to_at: number;
    runs: number;
    data: Uint8Array;
  };
  /** The pack that still grows, one for each target. */
  run_tail: { target_id: number; data: Uint8Array };
  /** `span` is an index into ROLL_UP_SPANS_MS. */
  roll_up: { target_id: number; span: number; at: number; data: Uint8Array };
  change: {
    id: number;
    target_id: number;
    host: string;
    at: number;
    kind: string;
    first_hop: number;
    flow: number;
    confidence: number;
    before_hops: string;
    after_hops: string;
    before_path: string | null;
    after_path: string | null;
    group_id: string;
  };
  change_group: {
    id: string;
    cause: string | null;
    first_at: number;
    last_at: number;
    kinds: string;
    targets: number;
  };
  /** What path trackers go on from. */
  snapshot: { target_id: number; at: number; data: string };
}

export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-runs-paths-changes': { up: createFirstTables },
};

export const migrationProvider: MigrationProvider = {
  getMigrations: async () => ({ ...MIGRATIONS }),
};

async function createFirstTables(database: Kysely<unknown>): Promise<void> {
  const { schema } = database;
  await schema
    .createTable('target')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('key', 'text', (column) => column.notNull().unique())
    .execute();
  await schema
    .createTable('path')
    .addColumn('id', 'bigint', (column) => column.primaryKey())
    .addColumn('content', 'text', (column) => column.notNull())
    .addColumn('seen_at', 'bigint', (column) => column.notNull())
    .execute();
  await schema
    .createTable('run_block')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('target_id', 'integer', (column) => column.notNull())
    .addColumn('from_at', 'bigint', (column) => column.notNull())
    .addColumn('to_at', 'bigint', (column) => column.notNull())
    .addColumn('runs', 'integer', (column) => column.notNull())
    .addColumn('data', 'blob', (column) => column.notNull())
    .execute();
  // All that is asked of blocks before their runs are read is in the index.
  await schema
    .createIndex('run_block_time')
    .on('run_block')
    .columns(['target_id', 'from_at', 'to_at', 'runs'])
    .execute();
  await schema
    .createTable('run_tail')
    .addColumn('target_id', 'integer', (column) => column.primaryKey())
    .addColumn('data', 'blob', (column) => column.notNull())
    .execute();
  await schema
    .createTable('roll_up')
    .addColumn('target_id', 'integer', (column) => column.notNull())
    .addColumn('span', 'integer', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('data', 'blob', (column) => column.notNull())
    .addPrimaryKeyConstraint('roll_up_key', ['target_id', 'span', 'at'])
    .modifyEnd(sql`without rowid`)
    .execute();
  await createChangeTables(database);
}

async function createChangeTables({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('change')
    .addColumn('id', 'bigint', (column) => column.primaryKey())
    .addColumn('target_id', 'integer', (column) => column.notNull())
    .addColumn('host', 'text', (column) => column.notNull())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('first_hop', 'integer', (column) => column.notNull())
    .addColumn('flow', 'integer', (column) => column.notNull())
    .addColumn('confidence', 'real', (column) => column.notNull())
    .addColumn('before_hops', 'text', (column) => column.notNull())
    .addColumn('after_hops', 'text', (column) => column.notNull())
    .addColumn('before_path', 'text')
    .addColumn('after_path', 'text')
    .addColumn('group_id', 'text', (column) => column.notNull())
    .execute();
  await schema.createIndex('change_target').on('change').columns(['target_id', 'id']).execute();
  await schema.createIndex('change_in_group').on('change').columns(['group_id', 'id']).execute();
  await schema
    .createTable('change_group')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('cause', 'text')
    .addColumn('first_at', 'bigint', (column) => column.notNull())
    .addColumn('last_at', 'bigint', (column) => column.notNull())
    .addColumn('kinds', 'text', (column) => column.notNull())
    .addColumn('targets', 'integer', (column) => column.notNull())
    .execute();
  await schema.createIndex('change_group_time').on('change_group').columns(['first_at', 'id']).execute();
  await schema
    .createTable('snapshot')
    .addColumn('target_id', 'integer', (column) => column.primaryKey())
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('data', 'text', (column) => column.notNull())
    .execute();
}
