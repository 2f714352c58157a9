// Changes of several targets at about the same time that share a hop, under one cause.

import type { PathChangeKind } from './observation.ts';

export interface ChangeGroup {
  /** Stable name of the group: 12 hexadecimal digits. */
  readonly id: string;
  /** Address of the hop that all of them share: the last that stayed, or the first that came or went; null for none. */
  readonly cause: string | null;
  /** Epoch milliseconds of the first and of the latest change in it. */
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  /** Changes in it by kind; kinds without any are absent. */
  readonly kinds: Readonly<Partial<Record<PathChangeKind, number>>>;
  /** Keys of the targets, each once, in the order of their changes. */
  readonly targets: readonly string[];
}
