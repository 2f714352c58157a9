// Lets go of what is older than it is to be kept, a little at a time. Invariant: one step is short, whatever has piled up.

import type { DatabaseSync } from 'node:sqlite';

export interface Retention {
  readonly retentionMs: number;
  readonly rollUpRetentionMs: number;
}

const TARGETS_PER_STEP = 200;
const ROWS_PER_STEP = 500;
const PAGES_PER_STEP = 256;
/** A path is kept so much longer than what refers to it: its last sight is written once a day. */
const PATH_GRACE_MS = 2 * 86_400_000;
const IDS_PER_MS = 1000;

export class RetentionSweep {
  readonly #sqlite: DatabaseSync;
  /** The target whose rows were looked at last. */
  #target = 0;

  constructor(sqlite: DatabaseSync) {
    this.#sqlite = sqlite;
  }

  /** One step. Throws what SQLite throws. */
  step({ retentionMs, rollUpRetentionMs }: Retention, nowMs: number): void {
    const runsBefore = nowMs - retentionMs;
    const rollUpsBefore = nowMs - Math.max(retentionMs, rollUpRetentionMs);
    this.#sqlite.exec('begin immediate');
    try {
      this.#sweepTargets(runsBefore, rollUpsBefore);
      this.#delete('change', 'id < ?', rollUpsBefore * IDS_PER_MS);
      this.#delete('change_group', 'last_at < ?', rollUpsBefore);
      this.#delete('path', 'seen_at < ?', rollUpsBefore - PATH_GRACE_MS);
      this.#sqlite.exec('commit');
    } catch (error) {
      if (this.#sqlite.isTransaction) this.#sqlite.exec('rollback');
      throw error;
    }
    this.#sqlite.exec(`pragma incremental_vacuum(${PAGES_PER_STEP})`);
  }

  #sweepTargets(runsBefore: number, rollUpsBefore: number): void {
    const ids = this.#sqlite
      .prepare('select id from target where id > ? order by id limit ?')
      .all(this.#target, TARGETS_PER_STEP)
      .map(({ id }) => Number(id));
    this.#target = ids.length < TARGETS_PER_STEP ? 0 : (ids.at(-1) ?? 0);
    const blocks = this.#sqlite.prepare(
      'delete from run_block where id in (select id from run_block where target_id = ? and from_at < ? and to_at < ? order by from_at limit ?)',
    );
    const rollUps = this.#sqlite.prepare('delete from roll_up where target_id = ? and span = ? and at < ?');
    for (const id of ids) {
      blocks.run(id, runsBefore, runsBefore, ROWS_PER_STEP);
      // The finest are only of use beside runs.
      rollUps.run(id, 0, runsBefore);
      rollUps.run(id, 1, rollUpsBefore);
      rollUps.run(id, 2, rollUpsBefore);
    }
  }

  #delete(table: string, condition: string, value: number): void {
    this.#sqlite
      .prepare(
        `delete from ${table} where id in (select id from ${table} where ${condition} limit ${ROWS_PER_STEP})`,
      )
      .run(value);
  }
}
