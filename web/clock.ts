// What time it is on the exporter's clock, as a signal that moves once a second: ages in words come from it.
// Invariant: a reader's wrong clock does not make a fresh measurement look old.

import { type ReadonlySignal, signal } from '@preact/signals';

/** Exporter's clock less the reader's. */
let offsetMs = 0;
const current = signal(Date.now());

export const nowMs: ReadonlySignal<number> = current;

export function setServerTime(serverNowMs: number): void {
  const offset = serverNowMs - Date.now();
  // The way of the message is in it too: only a real difference counts.
  if (Math.abs(offset - offsetMs) > 2000) offsetMs = Math.abs(offset) > 2000 ? offset : 0;
  current.value = Date.now() + offsetMs;
}

export function startClock(): void {
  setInterval(() => {
    if (!document.hidden) current.value = Date.now() + offsetMs;
  }, 1000);
  document.addEventListener('visibilitychange', () => {
    current.value = Date.now() + offsetMs;
  });
}
