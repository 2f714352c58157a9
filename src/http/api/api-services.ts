// What the JSON API reads and feeds.

import type { PathHistory } from '../../history/path-history.ts';
import type { TargetBoard } from '../../history/target-board.ts';
import type { AddressDirectory } from '../../path/address-facts.ts';
import type { LiveFeed } from './live-feed.ts';
import type { TraceDesk } from './trace-desk.ts';

export interface ApiServices {
  readonly board: TargetBoard;
  readonly history: PathHistory;
  /** Names and AS numbers of addresses; null where nobody knows any. */
  readonly directory: AddressDirectory | null;
  /** Whether AS numbers come from a database. */
  asDatabase(): boolean;
  /** What reports call the place that is measured from. */
  readonly vantagePoint: string;
  readonly live: LiveFeed;
  readonly traces: TraceDesk;
  /** Epoch milliseconds. */
  readonly startedAtMs: number;
}
