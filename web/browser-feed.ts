// A LiveFeed over the browser's EventSource and timers.

import { type FeedListener, LiveFeed } from './live-feed.ts';

export function openFeed(url: string, listener: FeedListener): LiveFeed {
  return new LiveFeed(
    {
      open: () => new EventSource(url),
      after: (ms, callback) => {
        const timer = setTimeout(callback, ms);
        return () => clearTimeout(timer);
      },
      random: () => Math.random(),
    },
    listener,
  );
}
