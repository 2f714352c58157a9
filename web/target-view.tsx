// One target: what is the matter, then the same period as timeline, graph and table.

import { useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { ApiChange, ApiPage, ApiRoute, ApiTarget, ApiTimeline } from '../src/http/api-shapes.ts';
import { Ago, At } from './age.tsx';
import { apiUrl, targetPath } from './api-client.ts';
import { ChangeList } from './change-list.tsx';
import { nowMs } from './clock.ts';
import { ChangeDiff, PeriodDiff } from './diff-panel.tsx';
import { formatCount, formatMs, formatRatio } from './figure-text.ts';
import { HopTable } from './hop-table.tsx';
import { StandingMark } from './icons.tsx';
import { onLiveEvent } from './live-state.ts';
import { address, follow, go, viewUrl } from './navigation.ts';
import { Notice } from './notice.tsx';
import { type Period, SPANS_MS, spanName } from './page-address.ts';
import { pathColours } from './path-palette.ts';
import { firstMeasured, latestLoss } from './recent-window.ts';
import { type Remote, useRemote } from './remote.ts';
import { RouteCard } from './route-card.tsx';
import { standingOf } from './target-order.ts';
import { loadState, revision, targetSignal } from './target-store.ts';
import { TargetsView } from './targets-view.tsx';
import { Timeline } from './timeline.tsx';
import { verdictOf } from './verdict.ts';

const SHORTEST_SPAN_MS = SPANS_MS[0] ?? 0;
const NEW_MS = 60_000;
/** What is shown is read anew after a run, at most so often. */
const REFRESH_MS = 2000;
/** Points of a timeline; more are no more to be seen. */
const MOST_POINTS = 360;

export function TargetView(): JSX.Element {
  const { target: key } = address.value;
  void revision.value;
  const target = targetSignal(key)?.value;
  const period = usePeriod(key, target);
  const timeline = useRemote<ApiTimeline>(
    target === undefined ? null : targetPath(key, 'timeline'),
    { from: period.fromMs, to: period.toMs, points: pointsOf(period, target?.intervalMs ?? 0) },
    period.revision,
  );
  const { focus } = address.value;
  const shown = focus ?? period;
  const route = useRemote<ApiRoute>(
    targetPath(key, 'route'),
    { from: shown.fromMs, to: shown.toMs },
    period.revision,
  );
  if (target === undefined) return <Unknown />;
  return (
    <div class="target">
      <Head target={target} route={route.value} />
      <section class="card timeline-card" aria-labelledby="timeline-title">
        <PeriodBar period={period} />
        <TimelineBody target={target} timeline={timeline} />
      </section>
      <PeriodChanges timeline={timeline.value} />
      <Diff timeline={timeline.value} />
      <RouteBody target={target} route={route} shown={shown} />
    </div>
  );
}

/** No finer than the target is measured. */
function pointsOf({ fromMs, toMs }: Period, intervalMs: number): number {
  return Math.max(2, Math.min(MOST_POINTS, Math.floor((toMs - fromMs) / Math.max(1, intervalMs))));
}

function PeriodChanges({ timeline }: { readonly timeline: ApiTimeline | null }): JSX.Element {
  const { diff } = address.value;
  const changes = timeline?.changes ?? [];
  return (
    <section class="card period-changes" aria-labelledby="changes-title">
      <h2 id="changes-title">
        {changes.length === 0 ? 'No change in this period' : formatCount(changes.length, 'change')}
      </h2>
      {timeline === null ? null : <Exports fromMs={timeline.fromMs} toMs={timeline.toMs} />}
      {changes.length === 0 ? null : (
        <ChangeList
          changes={changes.toReversed()}
          chosen={typeof diff === 'number' ? diff : null}
          withTarget={false}
        />
      )}
    </section>
  );
}

/** What is taken away of the period, or of its part in focus. */
function Exports(period: Period): JSX.Element {
  const { target, focus } = address.value;
  const { fromMs, toMs } = focus ?? period;
  const url = (what: string, format: string | null): string =>
    apiUrl(targetPath(target, what), { format, from: Math.floor(fromMs), to: Math.ceil(toMs) });
  return (
    <p class="exports">
      <a href={url('bundle', 'html')} target="_blank" rel="noreferrer">
        Report for a provider
      </a>{' '}
      <a href={url('export/atlas', null)}>Atlas JSON</a>
    </p>
  );
}

function Unknown(): JSX.Element {
  if (loadState.value === 'failed') return <TargetsView />;
  return (
    <>
      <h1 class="hidden">Target</h1>
      {loadState.value === 'ready' ? (
        <Notice kind="empty" title="There is no such target.">
          <p>
            It may have been taken out of the configuration.{' '}
            <a href={viewUrl({})} onClick={(event) => follow(event, {})}>
              All targets
            </a>
          </p>
        </Notice>
      ) : (
        <Notice kind="loading" title="Reading the target" />
      )}
    </>
  );
}

function Head({
  target,
  route,
}: {
  readonly target: ApiTarget;
  readonly route: ApiRoute | null;
}): JSX.Element {
  const standing = standingOf(target);
  const { lastChange } = target;
  return (
    <div class={`target-head is-${standing}`}>
      <h1>
        {target.host} <StandingMark standing={standing} />
      </h1>
      <p class="verdict">{verdictOf(target, route)}</p>
      <p class="facts">
        {lastChange === null ? 'No change seen.' : `Last change: ${lastChange.text}, `}
        {lastChange === null ? null : <Ago atMs={lastChange.atMs} />}
      </p>
      <dl class="figures">
        <Figure name="Address" value={target.address ?? '–'} />
        <Figure
          name="Probes"
          value={`${target.protocol}${target.port === null ? '' : ` port ${target.port}`}, every ${target.intervalMs / 1000} s`}
        />
        <Figure
          name="Hops"
          value={`${target.hops ?? '–'}${target.expectedHops === null ? '' : ` (expected ${target.expectedHops})`}`}
        />
        <Figure name="RTT" value={formatMs(target.rttMs)} />
        <Figure name="Loss, 5 min" value={formatRatio(latestLoss(target.recent))} />
        <Figure name="Paths at once" value={`${target.paths ?? '–'}`} />
        {target.asPath.length === 0 ? null : (
          <Figure name="AS path" value={target.asPath.map((asn) => `AS${asn}`).join(' ')} />
        )}
        {target.pathId === null ? null : (
          <div>
            <dt>Path</dt>
            <dd>
              <span class={`swatch p${pathColours.colourOf(target.key, target.pathId)}`} aria-hidden="true" />
              <span class="mono">{target.pathId}</span>
            </dd>
          </div>
        )}
        {target.lastRunAtMs === null ? null : (
          <div>
            <dt>Measured</dt>
            <dd>
              <Ago atMs={target.lastRunAtMs} />
            </dd>
          </div>
        )}
        {Object.entries(target.labels).map(([name, value]) => (
          <Figure key={name} name={name} value={value} />
        ))}
      </dl>
    </div>
  );
}

function Figure({ name, value }: { readonly name: string; readonly value: string }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

interface ShownPeriod extends Period {
  /** Moves when what is shown may have changed though the period did not. */
  readonly revision: number;
}

/** The timeline's period: it follows the clock from run to run unless the URL says when it ends. */
function usePeriod(key: string, target: ApiTarget | undefined): ShownPeriod {
  const { spanMs, endMs } = address.value;
  const [latest, setLatest] = useState({ nowMs: nowMs.peek(), revision: 0 });
  const timer = useRef(0);
  useEffect(() => {
    const refresh = (): void => {
      timer.current = 0;
      setLatest((old) => ({ nowMs: nowMs.peek(), revision: old.revision + 1 }));
    };
    const stop = onLiveEvent((event) => {
      const concerns =
        (event.type === 'run' && event.target === key) ||
        (event.type === 'change' && event.change.target === key) ||
        event.type === 'resync';
      if (concerns && timer.current === 0) timer.current = window.setTimeout(refresh, REFRESH_MS);
    });
    return () => {
      stop();
      clearTimeout(timer.current);
      timer.current = 0;
    };
  }, [key]);
  const toMs = endMs ?? latest.nowMs;
  const fromMs = endMs === null ? beginOf(toMs, spanMs, target) : toMs - spanMs;
  return { fromMs, toMs, revision: endMs === null ? latest.revision : 0 };
}

/** A target that is new is not drawn at the end of an hour of nothing. */
function beginOf(toMs: number, spanMs: number, target: ApiTarget | undefined): number {
  const first = target === undefined ? null : firstMeasured(target.recent);
  const whole = toMs - spanMs;
  if (spanMs > SHORTEST_SPAN_MS || first === null || first - (target?.recent.fromMs ?? 0) <= NEW_MS)
    return whole;
  return Math.max(whole, Math.min(first, toMs - 2 * NEW_MS));
}

function PeriodBar({ period }: { readonly period: ShownPeriod }): JSX.Element {
  const { spanMs, endMs } = address.value;
  const move = (by: number): void => {
    const end = period.toMs + by * spanMs;
    go({ endMs: end >= nowMs.peek() ? null : end, focus: null });
  };
  return (
    <div class="card-head">
      <h2 id="timeline-title">Timeline</h2>
      <p class="range">
        <At atMs={period.fromMs} /> – {endMs === null ? 'now' : <At atMs={period.toMs} />}
      </p>
      <div class="buttons" role="group" aria-label="Length of the timeline">
        {SPANS_MS.map((span) => (
          <button
            key={span}
            type="button"
            aria-pressed={span === spanMs}
            onClick={() => go({ spanMs: span, focus: null })}
          >
            {spanName(span)}
          </button>
        ))}
      </div>
      <div class="buttons" role="group" aria-label="Move the timeline">
        <button type="button" aria-label="Earlier" onClick={() => move(-0.5)}>
          ‹
        </button>
        <button type="button" aria-label="Later" disabled={endMs === null} onClick={() => move(0.5)}>
          ›
        </button>
        <button type="button" aria-pressed={endMs === null} onClick={() => go({ endMs: null, focus: null })}>
          Now
        </button>
      </div>
    </div>
  );
}

function TimelineBody({
  target,
  timeline,
}: {
  readonly target: ApiTarget;
  readonly timeline: Remote<ApiTimeline>;
}): JSX.Element {
  const { focus, diff } = address.value;
  const { value, failure } = timeline;
  if (value === null) {
    return failure === null ? (
      <Notice kind="loading" title="Reading the timeline" />
    ) : (
      <Notice kind="failure" title="The timeline cannot be read.">
        {failure.message}
      </Notice>
    );
  }
  if (!value.runs.some((runs) => runs > 0)) {
    return (
      <Notice kind="empty" title="Nothing was measured in this period.">
        {target.lastRunAtMs === null
          ? 'The first measurement is still to come.'
          : 'Choose a longer one, or one nearer to now.'}
      </Notice>
    );
  }
  return (
    <Timeline
      target={target.key}
      intervalMs={target.intervalMs}
      timeline={value}
      focus={focus}
      change={typeof diff === 'number' ? diff : null}
      onChange={(change) => go({ diff: change.id })}
    />
  );
}

/** Which period graph and table speak of, and how to leave it. */
function FocusBar({
  route,
  shown,
}: {
  readonly route: Remote<ApiRoute>;
  readonly shown: Period;
}): JSX.Element {
  const { focus } = address.value;
  const runs = route.value === null ? '' : `, ${formatCount(route.value.runs, 'trace')}`;
  return (
    <div class={`focus-bar${focus === null ? '' : ' is-focused'}`}>
      <p role="status">
        {focus === null ? (
          <>Whole timeline{runs}</>
        ) : (
          <>
            <At atMs={shown.fromMs} /> to <At atMs={shown.toMs} />
            {runs}
          </>
        )}
      </p>
      {focus === null ? null : (
        <button
          type="button"
          onClick={() => go({ focus: null, ...(address.peek().diff === 'focus' ? { diff: null } : {}) })}
        >
          Clear focus
        </button>
      )}
      {focus === null ? null : (
        <button type="button" onClick={() => go({ diff: 'focus' })}>
          Compare start and end
        </button>
      )}
    </div>
  );
}

interface RouteBodyProps {
  readonly target: ApiTarget;
  readonly route: Remote<ApiRoute>;
  readonly shown: Period;
}

function RouteBody({ target, route, shown }: RouteBodyProps): JSX.Element {
  const { hop, collapsed } = address.value;
  const onHop = (ttl: number): void => go({ hop: hop === ttl ? null : ttl }, true);
  const { value, failure } = route;
  if (value === null) {
    return failure === null ? (
      <Notice kind="loading" title="Reading the route" />
    ) : (
      <Notice kind="failure" title="The route cannot be read.">
        {failure.message}
      </Notice>
    );
  }
  if (value.runs === 0) {
    return (
      <section class="card">
        <FocusBar route={route} shown={shown} />
        <Notice kind="empty" title="No trace in this period." />
      </section>
    );
  }
  return (
    <>
      <RouteCard
        route={value}
        picture={target.key}
        collapsed={collapsed}
        onCollapse={(next) => go({ collapsed: next })}
        hop={hop}
        onHop={onHop}
      >
        <FocusBar route={route} shown={shown} />
      </RouteCard>
      <section class="card" aria-labelledby="hops-title">
        <h2 id="hops-title">Hops</h2>
        <HopTable nodes={value.nodes} hop={hop} onHop={onHop} caption="Hops of the route" />
      </section>
    </>
  );
}

/** The comparison that the URL asks for. A change outside the timeline is looked up by itself. */
function Diff({ timeline }: { readonly timeline: ApiTimeline | null }): JSX.Element | null {
  const { diff, target, focus } = address.value;
  const close = (): void => go({ diff: null });
  const here = useMemo(
    () => (typeof diff === 'number' ? timeline?.changes.find(({ id }) => id === diff) : undefined),
    [timeline, diff],
  );
  const kept = useRef<ApiChange | undefined>(undefined);
  if (here !== undefined) kept.current = here;
  const change = here ?? (kept.current?.id === diff ? kept.current : undefined);
  const asked = typeof diff === 'number' && change === undefined && timeline !== null;
  const others = useRemote<ApiPage<ApiChange>>(asked ? 'changes' : null, {
    target,
    from: 0,
    // Ids ascend: the one before the next.
    cursor: typeof diff === 'number' ? diff + 1 : null,
    limit: 1,
  });
  if (diff === 'focus')
    return focus === null ? null : <PeriodDiff target={target} period={focus} onClose={close} />;
  if (diff === null) return null;
  const found = change ?? others.value?.items.find(({ id }) => id === diff);
  if (found !== undefined) return <ChangeDiff change={found} onClose={close} />;
  if (others.value === null && others.failure === null)
    return <Notice kind="loading" title="Reading the change" />;
  return (
    <Notice kind="empty" title="This change is no longer kept.">
      <button type="button" onClick={close}>
        Close
      </button>
    </Notice>
  );
}

/** For the document's title. */
export function useTitle(): void {
  useSignalEffect(() => {
    const { view, target } = address.value;
    const host = view === 'target' ? targetSignal(target)?.value.host : undefined;
    const place = { targets: 'Targets', target: host ?? 'Target', changes: 'Changes', trace: 'Trace now' }[
      view
    ];
    document.title = `${place} · hopscope`;
  });
}
