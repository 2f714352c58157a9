// The latest hour of a target in the space of a word: RTT as a line over bars of loss, and below it which path was taken.

import type { JSX } from 'preact';
import type { ApiSparkline } from '../src/http/api-shapes.ts';
import { formatMs, formatRatio } from './figure-text.ts';
import { expectedGap, insideShortGap } from './gap.ts';
import { type PathColours, pathStretches } from './path-colours.ts';

const WIDTH = 180;
const HEIGHT = 26;

export interface SparklineProps {
  readonly recent: ApiSparkline;
  readonly intervalMs: number;
}

export function Sparkline({ recent, intervalMs }: SparklineProps): JSX.Element {
  const { rttMs, lossRatio } = recent;
  const step = WIDTH / Math.max(1, rttMs.length);
  const known = rttMs.filter((value) => value !== null);
  const low = Math.min(...known);
  const high = Math.max(...known);
  // A path of 10 ms that wavers by 0.1 ms is still: noise is not drawn as mountains.
  const range = Math.max(high - low, high * 0.25, 0.5);
  const middle = (low + high) / 2;
  const y = (value: number): number => HEIGHT / 2 - ((value - middle) / range) * (HEIGHT - 5);
  const bridged = insideShortGap(
    lossRatio.map((ratio, i) => ratio !== null || (rttMs[i] ?? null) !== null),
    expectedGap(intervalMs, recent.stepMs),
  );
  let line = '';
  let pen = 'M';
  for (const [i, value] of rttMs.entries()) {
    if (value === null) {
      if (!bridged[i]) pen = 'M';
    } else {
      line += `${pen}${round((i + 0.5) * step)} ${round(y(value))}`;
      // A point alone is a line of no length, which round caps make visible.
      if (pen === 'M') line += 'h.01';
      pen = 'L';
    }
  }
  let bars = '';
  for (const [i, value] of lossRatio.entries()) {
    if (value !== null && value > 0) {
      const height = Math.max(2, value * HEIGHT);
      bars += `M${round(i * step)} ${HEIGHT}v${round(-height)}h${round(step)}v${round(height)}z`;
    }
  }
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={describe(recent)}
    >
      <path class="spark-loss" d={bars} />
      <path class="spark-rtt" d={line} vector-effect="non-scaling-stroke" />
    </svg>
  );
}

function describe({ rttMs, lossRatio }: ApiSparkline): string {
  const known = rttMs.filter((value) => value !== null);
  if (known.length === 0) return 'Latest hour: nothing measured';
  const worst = Math.max(0, ...lossRatio.map((value) => value ?? 0));
  return `Latest hour: RTT ${formatMs(Math.min(...known))} to ${formatMs(Math.max(...known))}, loss at most ${formatRatio(worst)}`;
}

export interface PathStripProps {
  readonly target: string;
  /** Empty buckets in a row that mean nothing. */
  readonly shortGap: number;
  readonly path: readonly (number | null)[];
  readonly paths: readonly string[];
  readonly colours: PathColours;
  readonly label: string;
}

/** Time from left to right, a colour for each path, a white seam where it changed. */
export function PathStrip({ target, shortGap, path, paths, colours, label }: PathStripProps): JSX.Element {
  const step = WIDTH / Math.max(1, path.length);
  const stretches = pathStretches(path, paths, shortGap);
  const shown = stretches.filter(({ pathId }) => pathId !== null);
  const seams = Math.max(0, shown.length - 1);
  const words =
    shown.length === 0 ? 'no path known' : seams === 0 ? 'one path' : `the path changed ${seams} times`;
  return (
    <svg
      class="strip"
      viewBox={`0 0 ${WIDTH} 10`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`${label}: ${words}`}
    >
      {stretches.map(({ from, to, pathId }) =>
        pathId === null ? null : (
          <rect
            key={from}
            class={`p${colours.colourOf(target, pathId)}`}
            x={round(from * step)}
            width={round((to - from) * step)}
            height="10"
          />
        ),
      )}
      {shown.slice(1).map(({ from }) => (
        <path key={from} class="seam" d={`M${round(from * step)} 0v10`} vector-effect="non-scaling-stroke" />
      ))}
    </svg>
  );
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
