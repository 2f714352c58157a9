// The latest hour of a target as the list draws it, moved on by runs as they come in. Pure.

import type { ApiRunEvent, ApiSparkline } from '../src/http/api-shapes.ts';

const MAX_PATHS = 60;

/** `recent` with one more run in it, its window moved on to the run's time. The same object where the run is too old. */
export function addRun(recent: ApiSparkline, run: ApiRunEvent, intervalMs: number): ApiSparkline {
  const size = recent.rttMs.length;
  if (size === 0 || run.atMs < recent.fromMs) return recent;
  const bucket = Math.floor((run.atMs - recent.fromMs) / recent.stepMs);
  const shift = Math.max(0, bucket - size + 1);
  const rttMs = shifted(recent.rttMs, shift);
  const lossRatio = shifted(recent.lossRatio, shift);
  const path = shifted(recent.path, shift);
  const at = bucket - shift;
  if (run.rttMs !== null) rttMs[at] = Math.min(rttMs[at] ?? run.rttMs, run.rttMs);
  if (run.lossRatio !== null) {
    // The mean goes on: as many runs are in it as were due by now.
    const before = lossRatio[at] ?? null;
    const runs =
      before === null ? 0 : Math.max(1, Math.floor((run.atMs % recent.stepMs) / Math.max(1, intervalMs)));
    lossRatio[at] = ((before ?? 0) * runs + run.lossRatio) / (runs + 1);
  }
  let paths = recent.paths;
  if (run.pathId !== null) {
    if (!paths.includes(run.pathId)) paths = paths.length < MAX_PATHS ? [...paths, run.pathId] : paths;
    const index = paths.indexOf(run.pathId);
    path[at] = index === -1 ? null : index;
  }
  return {
    fromMs: recent.fromMs + shift * recent.stepMs,
    stepMs: recent.stepMs,
    rttMs,
    lossRatio,
    path,
    paths,
  };
}

function shifted(values: readonly (number | null)[], by: number): (number | null)[] {
  if (by === 0) return values.slice();
  if (by >= values.length) return values.map(() => null);
  return [...values.slice(by), ...Array.from({ length: by }, () => null)];
}

/** Buckets that the latest loss is a mean of. */
const LATEST = 5;

/** Mean loss of the latest minutes: one run alone has too few probes to say. Null where nothing was measured. */
export function latestLoss({ lossRatio }: ApiSparkline): number | null {
  const known = lossRatio.slice(-LATEST).filter((ratio) => ratio !== null);
  return known.length === 0 ? null : known.reduce((sum, ratio) => sum + ratio, 0) / known.length;
}

/** Begin of the first bucket in which anything was measured; null for none. */
export function firstMeasured({ fromMs, stepMs, lossRatio, rttMs }: ApiSparkline): number | null {
  const first = lossRatio.findIndex((ratio, i) => ratio !== null || (rttMs[i] ?? null) !== null);
  return first === -1 ? null : fromMs + first * stepMs;
}
