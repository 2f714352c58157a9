// RTT as a line in its band over bars of loss, on a canvas by uPlot. Loaded when a timeline is first shown.

import uPlot from 'uplot';
import type { ApiTimeline } from '../src/http/api-shapes.ts';
import { insideShortGap } from './gap.ts';
import type { Period } from './page-address.ts';

export const PLOT_LEFT = 54;
export const PLOT_RIGHT = 44;
export const PLOT_HEIGHT = 128;

export interface TimelinePlot {
  /** `shortGap`: empty buckets in a row that mean nothing. */
  update(timeline: ApiTimeline, shortGap: number, width: number): void;
  destroy(): void;
}

interface Inks {
  readonly rtt: string;
  readonly band: string;
  readonly loss: string;
  readonly text: string;
  readonly line: string;
}

/** Draws into `place`; `onHover` gets the bucket under the pointer, or null. */
export function createTimelinePlot(
  place: HTMLElement,
  onHover: (bucket: number | null) => void,
): TimelinePlot {
  let shown: Period = { fromMs: 0, toMs: 1 };
  const plot = new uPlot(
    options(place, () => shown, onHover),
    [[], [], [], [], []],
    place,
  );
  return {
    update(timeline, shortGap, width) {
      shown = timeline;
      if (width !== plot.width) plot.setSize({ width, height: PLOT_HEIGHT });
      plot.setData(columns(timeline, shortGap));
    },
    destroy: () => plot.destroy(),
  };
}

function columns(timeline: ApiTimeline, shortGap: number): uPlot.AlignedData {
  const bridged = insideShortGap(
    timeline.runs.map((runs) => runs > 0),
    shortGap,
  );
  // uPlot interrupts a line at null and draws on over undefined.
  const line = (values: readonly (number | null)[]): (number | null | undefined)[] =>
    values.map((value, i) => (value === null && bridged[i] ? undefined : value));
  return [
    timeline.atMs.map((ms) => ms / 1000),
    timeline.lossRatio.map((ratio) => (ratio === null || ratio === 0 ? null : ratio)),
    line(timeline.rttP95Ms),
    line(timeline.rttMinMs),
    line(timeline.rttMedianMs),
  ];
}

function options(
  place: HTMLElement,
  shown: () => Period,
  onHover: (bucket: number | null) => void,
): uPlot.Options {
  const inks = readInks(place);
  const axis = { stroke: inks.text, font: '11px system-ui, sans-serif', ticks: { show: false }, gap: 4 };
  const edge = { stroke: 'transparent', width: 0, points: { show: false } };
  return {
    width: Math.max(200, place.clientWidth),
    height: PLOT_HEIGHT,
    legend: { show: false },
    padding: [8, 0, 0, 0],
    cursor: { drag: { x: false, y: false, setScale: false }, y: false, points: { show: false } },
    scales: {
      x: { time: true, range: () => [shown().fromMs / 1000, shown().toMs / 1000] },
      ms: { range: (_, low, high) => rttRange(low, high) },
      loss: { range: [0, 1] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 22, values: (_, splits) => splits.map(clockText(splits)) },
      {
        ...axis,
        scale: 'ms',
        size: PLOT_LEFT,
        grid: { stroke: inks.line, width: 1 },
        values: (_, splits) => splits.map((ms) => `${Math.round(ms * 100) / 100} ms`),
      },
      {
        ...axis,
        scale: 'loss',
        side: 1,
        size: PLOT_RIGHT,
        grid: { show: false },
        splits: () => [0, 0.5, 1],
        values: (_, splits) => splits.map((ratio) => `${ratio * 100} %`),
      },
    ],
    bands: [{ series: [2, 3], fill: inks.band }],
    series: [
      {},
      {
        scale: 'loss',
        fill: inks.loss,
        stroke: inks.loss,
        width: 0,
        points: { show: false },
        ...barPaths(),
      },
      { ...edge, scale: 'ms' },
      { ...edge, scale: 'ms' },
      { scale: 'ms', stroke: inks.rtt, width: 1.6, points: { size: 3, fill: inks.rtt, width: 0 } },
    ],
    hooks: { setCursor: [(self) => onHover(self.cursor.idx ?? null)] },
  };
}

function barPaths(): { paths?: uPlot.Series.PathBuilder } {
  const paths = uPlot.paths.bars?.({ align: 1, size: [0.9, 60, 2] });
  return paths === undefined ? {} : { paths };
}

/** A path that hardly wavers is drawn as still, and one that does fills the picture. */
function rttRange(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 10];
  const spread = Math.max(high - low, high * 0.2, 0.5);
  const middle = (low + high) / 2;
  return [Math.max(0, middle - spread * 0.7), middle + spread * 0.7];
}

/** Hours and minutes, or days where the labels are days apart; seconds only where they differ by less than a minute. */
function clockText(splits: readonly number[]): (seconds: number) => string {
  const step = (splits[1] ?? 0) - (splits[0] ?? 0);
  return (seconds) => {
    const at = new Date(seconds * 1000);
    const two = (n: number): string => String(n).padStart(2, '0');
    const clock = `${two(at.getHours())}:${two(at.getMinutes())}`;
    if (step < 60) return `${clock}:${two(at.getSeconds())}`;
    const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
    if (step >= 86_400) return day.slice(5);
    return at.getHours() === 0 && at.getMinutes() === 0 ? day.slice(5) : clock;
  };
}

function readInks(place: HTMLElement): Inks {
  const style = getComputedStyle(place);
  const ink = (name: string): string => style.getPropertyValue(name).trim();
  return {
    rtt: ink('--rtt'),
    band: ink('--rtt-band'),
    loss: ink('--loss-bar'),
    text: ink('--soft'),
    line: ink('--line'),
  };
}
