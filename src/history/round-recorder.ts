// From Rounds to history: gives runs their time and changes their id and group, and passes both on.
// Invariant: a target's runs have ascending times and changes have ascending ids, whatever the clock does.

import type { Round } from '../monitor/round.ts';
import type { PathChange } from '../path/observation.ts';
import type { ChangeGrouper } from './change-grouper.ts';
import type { PathHistory, RecordedChange } from './path-history.ts';
import { pathOf, type RecordedPath, recordOf } from './recorded-run.ts';
import type { TargetBoard } from './target-board.ts';

/** The links of a path are collected from its first rounds, then now and then. */
const PATH_ROUNDS = 16;
/** Changes within one millisecond that have ids of that millisecond. */
const IDS_PER_MS = 1000;

/** Hears what was recorded. */
export interface RecorderListener {
  onRun(round: Round, atMs: number): void;
  onChange(change: RecordedChange): void;
}

interface TargetThread {
  lastAtMs: number;
  pathId: string | null;
  roundsOnPath: number;
}

export class RoundRecorder {
  readonly #history: PathHistory;
  readonly #board: TargetBoard;
  readonly #grouper: ChangeGrouper;
  readonly #listener: RecorderListener;
  #threads = new Map<string, TargetThread>();
  #lastChangeId = 0;

  constructor(history: PathHistory, board: TargetBoard, grouper: ChangeGrouper, listener: RecorderListener) {
    this.#history = history;
    this.#board = board;
    this.#grouper = grouper;
    this.#listener = listener;
  }

  observe(round: Round): void {
    const { key } = round.target;
    const thread = this.#threads.get(key) ?? { lastAtMs: 0, pathId: null, roundsOnPath: 0 };
    this.#threads.set(key, thread);
    const atMs = Math.max(Math.round(round.startedAtMs), thread.lastAtMs + 1);
    thread.lastAtMs = atMs;
    const before = thread.pathId;
    const path = this.#pathOf(round, thread);
    const run = recordOf(round, atMs);
    this.#history.recordRun(run, path);
    this.#board.observe(round, atMs);
    for (const change of round.path?.changes ?? []) this.#change(round, change, before);
    this.#listener.onRun(round, atMs);
  }

  /** Whether a round of the target was recorded, or one from before a restart is known. */
  knows(key: string): boolean {
    return this.#threads.has(key);
  }

  /** What is known from before a restart. */
  resume(key: string, atMs: number, pathId: string | null): void {
    this.#threads.set(key, { lastAtMs: atMs, pathId, roundsOnPath: 0 });
  }

  /** Lets go of targets that are watched no more. */
  retain(targets: ReadonlySet<string>): void {
    for (const key of this.#threads.keys()) if (!targets.has(key)) this.#threads.delete(key);
  }

  #pathOf(round: Round, thread: TargetThread): RecordedPath | null {
    const id = round.path?.pathId ?? null;
    if (id === null) return null;
    if (id !== thread.pathId) {
      thread.pathId = id;
      thread.roundsOnPath = 0;
    }
    const rounds = thread.roundsOnPath++;
    return rounds < PATH_ROUNDS || rounds % PATH_ROUNDS === 0 ? pathOf(round) : null;
  }

  #change(round: Round, change: PathChange, beforePathId: string | null): void {
    const { target } = round;
    const group = this.#grouper.add(target.key, change);
    this.#lastChangeId = Math.max(this.#lastChangeId + 1, Math.floor(change.atMs) * IDS_PER_MS);
    const recorded: RecordedChange = {
      id: this.#lastChangeId,
      target: target.key,
      host: target.host,
      atMs: Math.floor(change.atMs),
      kind: change.kind,
      firstHop: change.firstHop,
      flow: change.flow,
      confidence: change.confidence,
      before: change.before,
      after: change.after,
      beforePathId,
      afterPathId: round.path?.pathId ?? null,
      group: group.id,
    };
    this.#history.recordChange(recorded, group);
    this.#board.noteChange(recorded);
    this.#listener.onChange(recorded);
  }
}
