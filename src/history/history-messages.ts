// What passes between the main thread and the history's own.

import type { ChangeGroup } from '../path/change-group.ts';
import type { HistoryErrorCode } from './history-error.ts';
import type { HistoryState, PathHistory, PathSnapshot, RecordedChange } from './path-history.ts';
import type { RecordedPath } from './recorded-run.ts';

export interface HistorySetup {
  readonly path: string;
  readonly retentionMs: number;
  readonly rollUpRetentionMs: number;
}

/** Runs as one pack, whosesoever they are, and whose they are. */
export interface HistoryBatch {
  readonly type: 'batch';
  readonly runs: Uint8Array;
  readonly targets: readonly string[];
  readonly paths: readonly RecordedPath[];
  readonly changes: readonly { readonly change: RecordedChange; readonly group: ChangeGroup }[];
  readonly snapshots: readonly PathSnapshot[];
}

/** The questions of the port, under their names there. */
export type HistoryQuestion =
  | 'runs'
  | 'timeline'
  | 'route'
  | 'routeAt'
  | 'prevalence'
  | 'changes'
  | 'groups'
  | 'resume';

export type HistoryCommand =
  | HistoryBatch
  | {
      readonly type: 'query';
      readonly id: number;
      readonly name: HistoryQuestion;
      readonly args: readonly unknown[];
    }
  /** Whatever was changed while the configuration was: ends of periods to keep. */
  | { readonly type: 'retain'; readonly retentionMs: number; readonly rollUpRetentionMs: number }
  | { readonly type: 'flush'; readonly id: number }
  | { readonly type: 'close' };

export type HistoryReport =
  | { readonly type: 'state'; readonly state: WriterState }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | {
      readonly type: 'refusal';
      readonly id: number;
      readonly code: 'out-of-order' | 'busy';
      readonly message: string;
    }
  | { readonly type: 'closed' };

export interface WriterState
  extends Pick<HistoryState, 'healthy' | 'message' | 'recordedRuns' | 'writeFailures' | 'bytes'> {
  /** What was lost in the thread. */
  readonly droppedRuns: number;
  readonly code: HistoryErrorCode | null;
  /** Runs taken from the main thread, recorded or dropped. */
  readonly takenRuns: number;
}

export type QuestionArgs<Name extends HistoryQuestion> = Parameters<PathHistory[Name]>;
