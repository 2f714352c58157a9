// Which changes of several targets belong together: the port. Implemented by path/change-grouping.ts.

import type { ChangeGroup } from '../path/change-group.ts';
import type { PathChange } from '../path/observation.ts';

/** Takes in one change after the other; returns the group that each is in, as it stands then. */
export interface ChangeGrouper {
  add(target: string, change: PathChange): ChangeGroup;
}
