// The colours of paths, one memory for the whole page: a path looks the same in the list, the timeline and the feed.

import { PathColours } from './path-colours.ts';

export const pathColours: PathColours = new PathColours();
