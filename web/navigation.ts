// The view in force: the browser's URL as a signal, and the way to change it.
// Invariant: the URL is the only place where the view is kept; back, forward, reload and a shared link give it again.

import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { DEFAULT_ADDRESS, formatAddress, type PageAddress, parseAddress } from './page-address.ts';

const current = signal(parseAddress(location.search));

export const address: ReadonlySignal<PageAddress> = computed(() => current.value);

addEventListener('popstate', () => {
  current.value = parseAddress(location.search);
});

/** Changes part of the view. `replace`: no step of its own in the browser's history, as while typing or dragging. */
export function go(change: Partial<PageAddress>, replace: boolean = false): void {
  const next = { ...current.peek(), ...change };
  const url = formatAddress(next);
  if (url === formatAddress(current.peek())) return;
  if (replace) history.replaceState(null, '', url);
  else history.pushState(null, '', url);
  // Read back, so that what is shown is what the URL says.
  current.value = parseAddress(location.search);
}

/** A view by itself, with nothing of the one before. */
export function viewUrl(change: Partial<PageAddress>): string {
  return formatAddress({ ...DEFAULT_ADDRESS, ...change });
}

/** For links: moves within the page unless the reader wants a new tab. */
export function follow(event: MouseEvent, change: Partial<PageAddress>): void {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go({ ...DEFAULT_ADDRESS, ...change });
  scrollTo(0, 0);
}
