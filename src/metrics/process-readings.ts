// Reads the running process: CPU, memory, descriptors, delay of the event loop.
// Invariant: reading costs microseconds and never fails; what the system does not tell is null.

import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { ProcessReadings } from './self-metrics.ts';

const LOOP_SAMPLING_MS = 20;

export interface ProcessReader extends Disposable {
  /** The delay of the event loop covers the time since the call before. */
  read(): ProcessReadings;
}

export function createProcessReader(): ProcessReader {
  const delay = monitorEventLoopDelay({ resolution: LOOP_SAMPLING_MS });
  delay.enable();
  const maxFds = maxOpenFiles();
  return {
    read(): ProcessReadings {
      const cpu = process.cpuUsage();
      const memory = process.memoryUsage();
      const loopLag = readLag(delay);
      delay.reset();
      return {
        cpuSeconds: (cpu.user + cpu.system) / 1e6,
        residentBytes: memory.rss,
        heapUsedBytes: memory.heapUsed,
        externalBytes: memory.external,
        startTimeSeconds: performance.timeOrigin / 1000,
        openFds: openFiles(),
        maxFds,
        loopLag,
      };
    },
    [Symbol.dispose](): void {
      delay.disable();
    },
  };
}

/** Seconds beyond the sampling interval, which the histogram counts in; 0 where nothing was sampled yet. */
function readLag(delay: ReturnType<typeof monitorEventLoopDelay>): ProcessReadings['loopLag'] {
  const lag = (ns: number): number =>
    delay.count === 0 ? 0 : Math.max(0, Math.round(ns / 1e3) / 1e6 - LOOP_SAMPLING_MS / 1e3);
  return { p50: lag(delay.percentile(50)), p99: lag(delay.percentile(99)), max: lag(delay.max) };
}

function openFiles(): number | null {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return null;
  }
}

function maxOpenFiles(): number | null {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}
