// The latest hour of a target as the list draws it, moved on by runs as they come in. Pure.

import type { ApiRunEvent, ApiSparkline } from '../src/http/api-shapes.ts';

const MAX_PATHS = 60;

/** `recent` with one more run in it, its window moved on to the run's time. The same object where the run is too old. */
export function addRun(recent: ApiSparkline, run: ApiRunEvent): ApiSparkline {
  const size = recent.rttMs.length;
  if (size === 0 || run.atMs < recent.fromMs) return recent;
  const bucket = Math.floor((run.atMs - recent.fromMs) / recent.stepMs);
  const shift = Math.max(0, bucket - size + 1);
  const rttMs = shifted(recent.rttMs, shift);
  const lossRatio = shifted(recent.lossRatio, shift);
  const path = shifted(recent.path, shift);
  const at = bucket - shift;
  if (run.rttMs !== null) rttMs[at] = Math.min(rttMs[at] ?? run.rttMs, run.rttMs);
  // The worst of a bucket: a mean needs the number of runs, which the list does not carry.
  if (run.lossRatio !== null) lossRatio[at] = Math.max(lossRatio[at] ?? 0, run.lossRatio);
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
