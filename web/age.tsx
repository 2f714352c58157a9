// Times in words that keep themselves true.

import type { JSX } from 'preact';
import { nowMs } from './clock.ts';
import { formatAgo, formatTime } from './figure-text.ts';

export function Ago({ atMs }: { readonly atMs: number }): JSX.Element {
  return (
    <time dateTime={new Date(atMs).toISOString()} title={formatTime(atMs, 0)}>
      {formatAgo(atMs, nowMs.value)}
    </time>
  );
}

export function At({ atMs }: { readonly atMs: number }): JSX.Element {
  return <time dateTime={new Date(atMs).toISOString()}>{formatTime(atMs, nowMs.value)}</time>;
}

/** "UTC+01:00", of the reader: every time on the page is in it. */
export function zoneName(): string {
  const minutes = -new Date().getTimezoneOffset();
  if (minutes === 0) return 'UTC';
  const text = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60].map((n) =>
    String(n).padStart(2, '0'),
  );
  return `UTC${minutes < 0 ? '−' : '+'}${text.join(':')}`;
}
