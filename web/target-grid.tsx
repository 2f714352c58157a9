// The rows of the target list. Invariant: only rows in view are in the document, one of them is the list's tab stop, and
// a run redraws the row that it belongs to.

import type { JSX } from 'preact';
import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ApiTarget } from '../src/http/api-shapes.ts';
import { Ago } from './age.tsx';
import { formatMs, formatRatio } from './figure-text.ts';
import { expectedGap } from './gap.ts';
import { StandingMark } from './icons.tsx';
import { address, follow, go, viewUrl } from './navigation.ts';
import type { SortKey } from './page-address.ts';
import { pathColours } from './path-palette.ts';
import { latestLoss } from './recent-window.ts';
import { rove } from './roving.ts';
import { PathStrip, Sparkline } from './sparkline.tsx';
import { standingOf } from './target-order.ts';
import { targetSignal } from './target-store.ts';
import { scrollToRow, visibleSlice } from './virtual-list.ts';

const ROW_HEIGHT = 46;
const NARROW_ROW_HEIGHT = 118;
const NARROW = matchMedia('(max-width: 860px)');

const COLUMNS: readonly { readonly name: string; readonly sort: SortKey | null; readonly kind: string }[] = [
  { name: 'State', sort: 'state', kind: 'state' },
  { name: 'Target', sort: 'target', kind: 'host' },
  { name: 'Hops', sort: 'hops', kind: 'number hops' },
  { name: 'RTT', sort: 'rtt', kind: 'number rtt' },
  { name: 'Loss', sort: 'loss', kind: 'number loss' },
  { name: 'Latest hour: RTT, loss, path', sort: null, kind: 'hour' },
  { name: 'Last change', sort: 'change', kind: 'change' },
];

export function TargetGrid({ targets }: { readonly targets: readonly ApiTarget[] }): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null);
  const [narrow, setNarrow] = useState(NARROW.matches);
  const [view, setView] = useState({ top: 0, height: 900 });
  const [active, setActive] = useState(0);
  const focusNext = useRef(false);
  const rowHeight = narrow ? NARROW_ROW_HEIGHT : ROW_HEIGHT;
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const measure = (): void => setView({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    const turn = (): void => setNarrow(NARROW.matches);
    NARROW.addEventListener('change', turn);
    return () => {
      observer.disconnect();
      NARROW.removeEventListener('change', turn);
    };
  }, []);
  const { from, to } = visibleSlice(targets.length, rowHeight, view.top, view.height);
  // What is scrolled out of the document cannot be the tab stop.
  const stop = active >= from && active < to ? active : Math.min(to - 1, Math.ceil(view.top / rowHeight));
  useLayoutEffect(() => {
    if (!focusNext.current) return;
    focusNext.current = false;
    scroller.current?.querySelector<HTMLElement>(`[data-row="${active}"] a`)?.focus({ preventScroll: true });
  });
  const onKeyDown = (event: KeyboardEvent): void => {
    const element = scroller.current;
    if (element === null || !(event.target instanceof HTMLAnchorElement)) return;
    const next = rove(event.key, stop, targets.length, Math.floor(view.height / rowHeight) - 1);
    if (next === null || event.key === 'ArrowLeft' || event.key === 'ArrowRight') return;
    event.preventDefault();
    focusNext.current = true;
    element.scrollTop = scrollToRow(next, rowHeight, element.scrollTop, element.clientHeight);
    setView({ top: element.scrollTop, height: element.clientHeight });
    setActive(next);
  };
  return (
    <div
      class="grid"
      role="grid"
      aria-label="Targets"
      aria-rowcount={targets.length + 1}
      aria-colcount={COLUMNS.length}
    >
      <HeaderRow />
      <div
        class="scroller"
        role="rowgroup"
        ref={scroller}
        onScroll={(event) =>
          setView({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })
        }
        onKeyDown={onKeyDown}
      >
        <div class="filler" role="presentation" style={{ height: `${from * rowHeight}px` }} />
        {targets.slice(from, to).map((target, i) => (
          <Row
            key={target.key}
            target={target}
            index={from + i}
            stop={from + i === stop}
            onFocus={() => setActive(from + i)}
          />
        ))}
        <div
          class="filler"
          role="presentation"
          style={{ height: `${(targets.length - to) * rowHeight}px` }}
        />
      </div>
    </div>
  );
}

function HeaderRow(): JSX.Element {
  const { sort, descending } = address.value;
  return (
    <div class="row head" role="row" aria-rowindex={1}>
      {COLUMNS.map((column) => (
        <div
          key={column.name}
          class={column.kind}
          role="columnheader"
          aria-sort={column.sort === sort ? (descending ? 'descending' : 'ascending') : undefined}
        >
          {column.sort === null ? (
            column.name
          ) : (
            <button
              type="button"
              class="plain"
              onClick={() =>
                go({ sort: column.sort ?? sort, descending: column.sort === sort && !descending })
              }
            >
              {column.name}
              <span aria-hidden="true">{column.sort === sort ? (descending ? ' ▾' : ' ▴') : ''}</span>
            </button>
          )}
        </div>
      ))}
    </div>
  );
}

interface RowProps {
  readonly target: ApiTarget;
  readonly index: number;
  readonly stop: boolean;
  readonly onFocus: () => void;
}

function Row({ target: listed, index, stop, onFocus }: RowProps): JSX.Element {
  const target = targetSignal(listed.key)?.value ?? listed;
  // The list is put in order anew all the time; a row that looks as before is not made again.
  return useMemo(
    () => <Cells target={target} index={index} stop={stop} onFocus={onFocus} />,
    [target, index, stop],
  );
}

function Cells({ target, index, stop, onFocus }: RowProps): JSX.Element {
  const standing = standingOf(target);
  const loss = latestLoss(target.recent);
  const labels = Object.entries(target.labels);
  const detail =
    target.state !== 'ok' && target.reason !== null
      ? target.reason
      : labels.map(([name, value]) => `${name}=${value}`).join('  ') || (target.address ?? '');
  const view = { view: 'target', target: target.key } as const;
  return (
    <div class={`row is-${standing}`} role="row" aria-rowindex={index + 2} data-row={index}>
      <div class="state" role="gridcell">
        <StandingMark standing={standing} />
      </div>
      <div class="host" role="gridcell">
        <a
          href={viewUrl(view)}
          tabIndex={stop ? 0 : -1}
          onClick={(event) => follow(event, view)}
          onFocus={onFocus}
        >
          {target.host}
        </a>
        {target.protocol === 'icmp' ? null : (
          <span class="tag">
            {target.protocol}
            {target.port === null ? '' : ` ${target.port}`}
          </span>
        )}
        <span class="detail" title={detail}>
          {detail}
        </span>
      </div>
      <div class="number hops" role="gridcell">
        {target.hops ?? '–'}
        {target.expectedHops !== null && target.hops !== null && target.hops !== target.expectedHops ? (
          <span class="unexpected" title={`Expected ${target.expectedHops}`}>
            {' '}
            ≠ {target.expectedHops}
          </span>
        ) : null}
      </div>
      <div class="number rtt" role="gridcell">
        {formatMs(target.rttMs)}
      </div>
      <div class={`number loss${(loss ?? 0) > 0 ? ' some' : ''}`} role="gridcell">
        {formatRatio(loss)}
      </div>
      <div class="hour" role="gridcell">
        <Sparkline recent={target.recent} intervalMs={target.intervalMs} />
        <PathStrip
          target={target.key}
          shortGap={expectedGap(target.intervalMs, target.recent.stepMs)}
          path={target.recent.path}
          paths={target.recent.paths}
          colours={pathColours}
          label="Path, latest hour"
        />
      </div>
      <div class="change" role="gridcell">
        {target.lastChange === null ? (
          <span class="soft">no change seen</span>
        ) : (
          <>
            <span class="change-text">{target.lastChange.text}</span>
            <span class="soft">
              <Ago atMs={target.lastChange.atMs} />
            </span>
          </>
        )}
      </div>
    </div>
  );
}
