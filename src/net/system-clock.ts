// The kernel's two clocks, read through the C library without allocating.

import { CLOCK } from './abi.ts';
import { type Libc, readClock, Timespec } from './libc.ts';
import type { ClockPair } from './stamp-clock.ts';

export function createSystemClock(libc: Libc): ClockPair {
  const monotonic = new Timespec(libc);
  const realtime = new Timespec(libc);
  readClock(libc, CLOCK.monotonic, monotonic);
  readClock(libc, CLOCK.realtime, realtime);
  const monotonicBase = monotonic.seconds;
  const realtimeBase = realtime.seconds;
  return {
    realtimeBase,
    monotonic() {
      readClock(libc, CLOCK.monotonic, monotonic);
      return (monotonic.seconds - monotonicBase) * 1e9 + monotonic.nanoseconds;
    },
    realtime() {
      readClock(libc, CLOCK.realtime, realtime);
      return (realtime.seconds - realtimeBase) * 1e9 + realtime.nanoseconds;
    },
  };
}
