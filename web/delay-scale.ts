// Delay that a link adds, in steps that can be told apart by colour and are also written. Pure.

/** Upper bounds of the steps in milliseconds; what is above the last is the last step. */
const STEPS_MS: readonly number[] = [2, 10, 40, 100];

export const DELAY_STEPS: readonly string[] = ['< 2 ms', '2–10 ms', '10–40 ms', '40–100 ms', '> 100 ms'];

/** From this on the delay is written on the link. */
export const WRITTEN_FROM_MS = 10;

/** 0 to 4, or null where the delay is not known. Answers come back on other ways: less than nothing is nothing. */
export function delayStep(addedMs: number | null): number | null {
  if (addedMs === null) return null;
  const step = STEPS_MS.findIndex((bound) => addedMs < bound);
  return step === -1 ? STEPS_MS.length : step;
}
