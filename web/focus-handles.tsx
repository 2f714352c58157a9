// The two ends of the period in focus as sliders below the timeline, for keyboard and finger.

import type { JSX } from 'preact';
import { useRef } from 'preact/hooks';
import { formatTime } from './figure-text.ts';
import { go } from './navigation.ts';
import type { Period } from './page-address.ts';
import { type TimeScale, timeAt, xOf } from './time-scale.ts';

export interface FocusHandlesProps {
  readonly scale: TimeScale;
  readonly stepMs: number;
  readonly focus: Period | null;
}

/** Steps of one page key. */
const PAGE = 10;

export function FocusHandles({ scale, stepMs, focus }: FocusHandlesProps): JSX.Element {
  const whole = { fromMs: scale.fromMs, toMs: scale.toMs };
  const period = focus ?? whole;
  const set = (next: Period, done: boolean): void => {
    const fromMs = Math.max(whole.fromMs, Math.min(next.fromMs, next.toMs - stepMs));
    const toMs = Math.min(whole.toMs, Math.max(next.toMs, fromMs + stepMs));
    const all = fromMs <= whole.fromMs && toMs >= whole.toMs;
    go({ focus: all ? null : { fromMs, toMs } }, !done);
  };
  return (
    <div class="handles" role="group" aria-label="Period in focus">
      <div
        class="handles-bar"
        style={{
          left: `${xOf(scale, period.fromMs)}px`,
          width: `${xOf(scale, period.toMs) - xOf(scale, period.fromMs)}px`,
        }}
      />
      <Handle
        name="Focus from"
        scale={scale}
        stepMs={stepMs}
        atMs={period.fromMs}
        onMove={(fromMs, done) => set({ ...period, fromMs: Math.min(fromMs, period.toMs - stepMs) }, done)}
      />
      <Handle
        name="Focus to"
        scale={scale}
        stepMs={stepMs}
        atMs={period.toMs}
        onMove={(toMs, done) => set({ ...period, toMs: Math.max(toMs, period.fromMs + stepMs) }, done)}
      />
    </div>
  );
}

interface HandleProps {
  readonly name: string;
  readonly scale: TimeScale;
  readonly stepMs: number;
  readonly atMs: number;
  readonly onMove: (atMs: number, done: boolean) => void;
}

function Handle({ name, scale, stepMs, atMs, onMove }: HandleProps): JSX.Element {
  const dragged = useRef(false);
  const at = (event: PointerEvent): number => {
    const frame = (event.currentTarget as HTMLElement).parentElement?.getBoundingClientRect();
    return timeAt(scale, event.clientX - (frame?.left ?? 0));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = keyed(event, atMs, stepMs, scale);
    if (to === null) return;
    event.preventDefault();
    onMove(to, false);
  };
  return (
    <div
      class="handle"
      role="slider"
      tabIndex={0}
      aria-label={name}
      aria-valuemin={scale.fromMs}
      aria-valuemax={scale.toMs}
      aria-valuenow={atMs}
      aria-valuetext={formatTime(atMs, scale.toMs)}
      style={{ left: `${Math.max(scale.left, Math.min(scale.width - scale.right, xOf(scale, atMs)))}px` }}
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        dragged.current = true;
      }}
      onPointerMove={(event) => {
        if (dragged.current) onMove(at(event), false);
      }}
      onPointerUp={(event) => {
        if (dragged.current) onMove(at(event), true);
        dragged.current = false;
      }}
    />
  );
}

function keyed(event: KeyboardEvent, atMs: number, stepMs: number, scale: TimeScale): number | null {
  const step = event.shiftKey ? stepMs * PAGE : stepMs;
  const moves: Readonly<Record<string, number>> = {
    ArrowRight: step,
    ArrowUp: step,
    ArrowLeft: -step,
    ArrowDown: -step,
    PageUp: stepMs * PAGE,
    PageDown: -stepMs * PAGE,
  };
  if (event.key === 'Home') return scale.fromMs;
  if (event.key === 'End') return scale.toMs;
  const move = moves[event.key];
  return move === undefined ? null : atMs + move;
}
