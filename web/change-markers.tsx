// The changes of a timeline as buttons in a row, at their time; those too near to one another share a button.

import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { ApiChange } from '../src/http/api-shapes.ts';
import { KIND_SIGNS, KIND_WORDS } from './change-kind.ts';
import { formatTime } from './figure-text.ts';
import { rove } from './roving.ts';
import { clusters, type TimeScale, xOf } from './time-scale.ts';

export interface ChangeMarkersProps {
  readonly changes: readonly ApiChange[];
  readonly scale: TimeScale;
  readonly chosen: number | null;
  readonly onChange: (change: ApiChange) => void;
}

const APART_PX = 24;

export function ChangeMarkers({ changes, scale, chosen, onChange }: ChangeMarkersProps): JSX.Element {
  const row = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const inView = changes.filter(({ atMs }) => atMs >= scale.fromMs && atMs <= scale.toMs);
  const groups = clusters(inView, scale, APART_PX);
  const stop = Math.min(active, groups.length - 1);
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = rove(event.key, stop, groups.length);
    if (next === null) return;
    event.preventDefault();
    setActive(next);
    row.current?.querySelectorAll('button')[next]?.focus();
  };
  return (
    <div class="markers" role="group" aria-label="Changes" ref={row} onKeyDown={onKeyDown}>
      {groups.map((group, i) => {
        const latest = group.at(-1);
        if (latest === undefined) return null;
        const pressed = group.some(({ id }) => id === chosen);
        return (
          <button
            key={group[0]?.id}
            type="button"
            class={`marker is-${latest.kind}`}
            style={{ left: `${xOf(scale, latest.atMs)}px` }}
            tabIndex={i === stop ? 0 : -1}
            aria-pressed={pressed}
            aria-label={describe(group, latest, scale.toMs)}
            title={describe(group, latest, scale.toMs)}
            onFocus={() => setActive(i)}
            onClick={() => onChange(latest)}
          >
            {group.length === 1 ? KIND_SIGNS[latest.kind] : group.length}
          </button>
        );
      })}
    </div>
  );
}

function describe(group: readonly ApiChange[], latest: ApiChange, nowMs: number): string {
  const what = `${formatTime(latest.atMs, nowMs)}, ${KIND_WORDS[latest.kind]}: ${latest.text}`;
  return group.length === 1 ? what : `${group.length} changes, the latest ${what}`;
}
