// What happened to a target over time: RTT and loss, which path was taken, where it changed, and the period in focus.
// Invariant: what the pointer can do here, the keyboard can: handles are sliders, markers are buttons.

import type { HTMLAttributes, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ApiChange, ApiTimeline } from '../src/http/api-shapes.ts';
import { ChangeMarkers } from './change-markers.tsx';
import { formatMs, formatRatio, formatTime } from './figure-text.ts';
import { FocusHandles } from './focus-handles.tsx';
import { expectedGap } from './gap.ts';
import { go } from './navigation.ts';
import type { Period } from './page-address.ts';
import { pathStretches } from './path-colours.ts';
import { pathName } from './path-name.ts';
import { pathColours } from './path-palette.ts';
import { useWidth } from './size.ts';
import { type TimeScale, timeAt, xOf } from './time-scale.ts';
import type { TimelinePlot } from './timeline-plot.ts';

export interface TimelineProps {
  readonly target: string;
  readonly intervalMs: number;
  readonly timeline: ApiTimeline;
  readonly focus: Period | null;
  readonly change: number | null;
  readonly onChange: (change: ApiChange) => void;
}

/** As in timeline-plot.ts, which is not loaded yet when the strip is drawn. */
const LEFT = 54;
const RIGHT = 44;
const DARK = matchMedia('(prefers-color-scheme: dark)');
const DRAG_FROM_PX = 5;

export function Timeline({
  target,
  intervalMs,
  timeline,
  focus,
  change,
  onChange,
}: TimelineProps): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const width = useWidth(frame);
  const [hovered, setHovered] = useState<number | null>(null);
  const scale: TimeScale = { fromMs: timeline.fromMs, toMs: timeline.toMs, left: LEFT, right: RIGHT, width };
  const drag = useFocusDrag(scale);
  const shown = drag.period ?? focus;
  const shortGap = expectedGap(intervalMs, timeline.stepMs);
  return (
    <div class="timeline" ref={frame}>
      <Readout timeline={timeline} bucket={hovered} />
      <div class="drawing" {...drag.listeners}>
        <Plot timeline={timeline} shortGap={shortGap} width={width} onHover={setHovered} />
        {shown === null || width === 0 ? null : <FocusShade period={shown} scale={scale} />}
        {width === 0 ? null : <Strip target={target} timeline={timeline} shortGap={shortGap} scale={scale} />}
        {width === 0 ? null : (
          <ChangeMarkers changes={timeline.changes} scale={scale} chosen={change} onChange={onChange} />
        )}
      </div>
      {width === 0 ? null : <FocusHandles scale={scale} stepMs={timeline.stepMs} focus={focus} />}
    </div>
  );
}

interface PlotProps {
  readonly timeline: ApiTimeline;
  readonly shortGap: number;
  readonly width: number;
  readonly onHover: (bucket: number | null) => void;
}

function Plot({ timeline, shortGap, width, onHover }: PlotProps): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<TimelinePlot | null>(null);
  const [ready, setReady] = useState(0);
  useEffect(() => {
    let gone = false;
    const build = async (): Promise<void> => {
      const { createTimelinePlot } = await import('./timeline-plot.ts');
      if (gone || place.current === null) return;
      plot.current?.destroy();
      plot.current = createTimelinePlot(place.current, onHover);
      setReady((count) => count + 1);
    };
    const rebuild = (): void => void build();
    rebuild();
    DARK.addEventListener('change', rebuild);
    return () => {
      gone = true;
      DARK.removeEventListener('change', rebuild);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [onHover]);
  useEffect(() => {
    if (ready > 0 && width > 0) plot.current?.update(timeline, shortGap, width);
  }, [ready, timeline, shortGap, width]);
  return <div class="plot" ref={place} role="img" aria-label={describe(timeline)} />;
}

function describe(timeline: ApiTimeline): string {
  const rtts = timeline.rttMedianMs.filter((value) => value !== null);
  const losses = timeline.lossRatio.map((value) => value ?? 0);
  if (rtts.length === 0) return 'RTT and loss over time: nothing measured in this period';
  return `RTT and loss over time: median RTT ${formatMs(Math.min(...rtts))} to ${formatMs(Math.max(...rtts))}, loss at most ${formatRatio(Math.max(0, ...losses))}`;
}

/** The figures under the pointer, else how to read the picture. */
function Readout({
  timeline,
  bucket,
}: {
  readonly timeline: ApiTimeline;
  readonly bucket: number | null;
}): JSX.Element {
  const at = bucket === null ? undefined : timeline.atMs[bucket];
  if (bucket === null || at === undefined) {
    return (
      <p class="readout">
        <span class="key is-rtt">RTT, min to p95</span>
        <span class="key is-loss">loss</span>
        <span class="key is-path">path</span>
        <span class="hint">Drag to focus graph and table on a period</span>
      </p>
    );
  }
  const pathId = timeline.paths[timeline.path[bucket] ?? -1];
  return (
    <p class="readout">
      <b>{formatTime(at, timeline.toMs)}</b>
      <span>
        RTT {formatMs(timeline.rttMedianMs[bucket] ?? null)} ({formatMs(timeline.rttMinMs[bucket] ?? null)} to{' '}
        {formatMs(timeline.rttP95Ms[bucket] ?? null)})
      </span>
      <span>loss {formatRatio(timeline.lossRatio[bucket] ?? null)}</span>
      <span>
        {pathId === undefined ? 'no path known' : `path ${pathName(timeline.paths, pathId)} ${pathId}`}
      </span>
    </p>
  );
}

interface StripProps {
  readonly target: string;
  readonly timeline: ApiTimeline;
  readonly shortGap: number;
  readonly scale: TimeScale;
}

function Strip({ target, timeline, shortGap, scale }: StripProps): JSX.Element {
  const stretches = pathStretches(timeline.path, timeline.paths, shortGap);
  const edge = (i: number): number =>
    xOf(scale, Math.min(timeline.toMs, (timeline.atMs[i - 1] ?? timeline.fromMs) + timeline.stepMs));
  const known = stretches.filter(({ pathId }) => pathId !== null);
  return (
    <svg
      class="path-strip"
      width={scale.width}
      height="22"
      role="img"
      aria-label={`Path over time: ${
        known
          .map(({ pathId }) => pathName(timeline.paths, pathId ?? ''))
          .slice(0, 40)
          .join(', ') || 'none known'
      }`}
    >
      {stretches.map(({ from, to, pathId }) => {
        if (pathId === null) return null;
        const [x1, x2] = [xOf(scale, Math.max(timeline.fromMs, timeline.atMs[from] ?? 0)), edge(to)];
        return (
          <g key={from}>
            <rect
              class={`p${pathColours.colourOf(target, pathId)}`}
              x={x1}
              width={Math.max(1, x2 - x1)}
              height="22"
            >
              <title>{`Path ${pathName(timeline.paths, pathId)} ${pathId}`}</title>
            </rect>
            {x2 - x1 > 16 ? (
              <text x={(x1 + x2) / 2} y="15">
                {pathName(timeline.paths, pathId)}
              </text>
            ) : null}
          </g>
        );
      })}
      {known.slice(1).map(({ from }) => (
        <path key={from} class="seam" d={`M${xOf(scale, timeline.atMs[from] ?? 0)} 0v22`} />
      ))}
    </svg>
  );
}

function FocusShade({ period, scale }: { readonly period: Period; readonly scale: TimeScale }): JSX.Element {
  const left = Math.max(scale.left, xOf(scale, period.fromMs));
  const right = Math.min(scale.width - scale.right, xOf(scale, period.toMs));
  return <div class="focus-shade" style={{ left: `${left}px`, width: `${Math.max(2, right - left)}px` }} />;
}

interface FocusDrag {
  /** While dragging. */
  readonly period: Period | null;
  readonly listeners: HTMLAttributes<HTMLDivElement>;
}

/** Dragging over the drawing sets the focus; a press without a drag is left to what lies under it. */
function useFocusDrag(scale: TimeScale): FocusDrag {
  const start = useRef<number | null>(null);
  const [period, setPeriod] = useState<Period | null>(null);
  const x = (event: PointerEvent): number =>
    event.clientX - (event.currentTarget as HTMLElement).getBoundingClientRect().left;
  const spanned = (event: PointerEvent): Period => {
    const [a, b] = [timeAt(scale, start.current ?? 0), timeAt(scale, x(event))];
    return { fromMs: Math.min(a, b), toMs: Math.max(a, b) };
  };
  return {
    period,
    listeners: {
      onPointerDown: (event) => {
        if (event.button === 0 && !(event.target as Element).closest('button')) start.current = x(event);
      },
      onPointerMove: (event) => {
        if (start.current === null) return;
        if (period === null && Math.abs(x(event) - start.current) < DRAG_FROM_PX) return;
        event.currentTarget.setPointerCapture(event.pointerId);
        setPeriod(spanned(event));
      },
      onPointerUp: (event) => {
        if (start.current !== null && period !== null) {
          const focus = spanned(event);
          if (focus.toMs > focus.fromMs) go({ focus });
        }
        start.current = null;
        setPeriod(null);
      },
      onPointerCancel: () => {
        start.current = null;
        setPeriod(null);
      },
    },
  };
}
