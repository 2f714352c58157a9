// The feed over all targets: changes at the same time that share a hop are one entry, which opens into its targets.

import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ApiAddress, ApiChange, ApiChangeGroup, ApiPage } from '../src/http/api-shapes.ts';
import { Ago, At } from './age.tsx';
import { ApiFailure, readApi } from './api-client.ts';
import { KIND_SIGNS, KIND_WORDS, KINDS } from './change-kind.ts';
import { ChangeList } from './change-list.tsx';
import { nowMs } from './clock.ts';
import { formatAsn, formatCount } from './figure-text.ts';
import { onLiveEvent } from './live-state.ts';
import { address, go } from './navigation.ts';
import { Notice } from './notice.tsx';
import { SPANS_MS, spanName } from './page-address.ts';
import { useRemote } from './remote.ts';

const PAGE = 50;
const MAX_GROUPS = 1000;
const REFRESH_MS = 2000;

export function ChangesView(): JSX.Element {
  const { spanMs, kind } = address.value;
  const feed = useGroups(spanMs);
  const shown = feed.groups.filter(({ kinds }) => kind === '' || kind in kinds);
  return (
    <div class="feed">
      <h1>Changes</h1>
      <div class="controls">
        <div class="buttons" role="group" aria-label="How far back">
          {SPANS_MS.map((span) => (
            <button
              key={span}
              type="button"
              aria-pressed={span === spanMs}
              onClick={() => go({ spanMs: span })}
            >
              {spanName(span)}
            </button>
          ))}
        </div>
        <label>
          <span class="hidden">Kind of change</span>
          <select value={kind} onChange={(event) => go({ kind: event.currentTarget.value })}>
            <option value="">All kinds</option>
            {KINDS.map((one) => (
              <option key={one} value={one}>
                {KIND_WORDS[one]}
              </option>
            ))}
          </select>
        </label>
        <p class="shown" role="status">
          {feed.ready ? formatCount(shown.length, 'entry', 'entries') : ''}
          {feed.next === null ? '' : ', more before'}
        </p>
      </div>
      {feed.failure === '' ? null : (
        <Notice kind="failure" title="The changes cannot be read.">
          {feed.failure}
        </Notice>
      )}
      {!feed.ready && feed.failure === '' ? <Notice kind="loading" title="Reading the changes" /> : null}
      {feed.ready && shown.length === 0 ? (
        <Notice kind="empty" title={`No ${kind === '' ? 'change' : 'such change'} in ${spanName(spanMs)}.`}>
          Paths were as they are. Look further back for older changes.
        </Notice>
      ) : null}
      <ul class="groups">
        {shown.map((group) => (
          <Group key={group.id} group={group} />
        ))}
      </ul>
      {feed.next === null ? null : (
        <button type="button" onClick={feed.more}>
          Show older
        </button>
      )}
    </div>
  );
}

interface Feed {
  readonly groups: readonly ApiChangeGroup[];
  readonly next: string | null;
  readonly ready: boolean;
  readonly failure: string;
  readonly more: () => void;
}

const NOTHING = {
  groups: [] as readonly ApiChangeGroup[],
  next: null as string | null,
  ready: false,
  failure: '',
};

function useGroups(spanMs: number): Feed {
  const [state, setState] = useState(NOTHING);
  const running = useRef<AbortController | null>(null);
  const read = (cursor: string | null, before: readonly ApiChangeGroup[]): void => {
    running.current?.abort();
    const abort = new AbortController();
    running.current = abort;
    const query = { from: nowMs.peek() - spanMs, to: nowMs.peek() + 60_000, limit: PAGE, cursor };
    readApi<ApiPage<ApiChangeGroup>>('change-groups', query, abort.signal).then(
      ({ items, next }) =>
        setState({ groups: [...before, ...items].slice(0, MAX_GROUPS), next, ready: true, failure: '' }),
      (error: unknown) => {
        if (abort.signal.aborted) return;
        const failure = error instanceof ApiFailure ? error.message : String(error);
        setState((old) => ({ ...old, failure }));
      },
    );
  };
  useEffect(() => {
    setState(NOTHING);
    read(null, []);
    let timer = 0;
    const stop = onLiveEvent((event) => {
      if ((event.type !== 'change' && event.type !== 'resync') || timer !== 0) return;
      timer = window.setTimeout(() => {
        timer = 0;
        read(null, []);
      }, REFRESH_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
      running.current?.abort();
    };
  }, [spanMs]);
  return { ...state, more: () => read(state.next, state.groups) };
}

function Group({ group }: { readonly group: ApiChangeGroup }): JSX.Element {
  const [open, setOpen] = useState(false);
  const kinds = KINDS.filter((kind) => (group.kinds[kind] ?? 0) > 0);
  return (
    <li class="group">
      <button type="button" class="group-head" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span class="fold" aria-hidden="true">
          {open ? '▾' : '▸'}
        </span>
        <span class="when">
          <At atMs={group.lastAtMs} />
          <span class="soft">
            {' '}
            <Ago atMs={group.lastAtMs} />
          </span>
        </span>
        <span class="what">
          <b>{group.text}</b>
          <Cause cause={group.cause} />
        </span>
        <span class="kinds">
          {kinds.map((kind) => (
            <span key={kind} class={`kind is-${kind}`}>
              <span class="sign" aria-hidden="true">
                {KIND_SIGNS[kind]}
              </span>
              {group.kinds[kind]} × {KIND_WORDS[kind]}
            </span>
          ))}
        </span>
      </button>
      {open ? <Members group={group} /> : null}
    </li>
  );
}

function Cause({ cause }: { readonly cause: ApiAddress | null }): JSX.Element | null {
  if (cause === null) return null;
  const text = [cause.name ?? '', formatAsn(cause.asn, cause.asName)].filter(Boolean).join(', ');
  return text === '' ? null : <span class="soft"> {text}</span>;
}

function Members({ group }: { readonly group: ApiChangeGroup }): JSX.Element {
  const changes = useRemote<ApiPage<ApiChange>>('changes', {
    from: group.firstAtMs,
    to: group.lastAtMs,
    group: group.id,
    limit: 200,
  });
  if (changes.value === null) {
    return changes.failure === null ? (
      <Notice kind="loading" title="Reading its changes" />
    ) : (
      <Notice kind="failure" title="Its changes cannot be read.">
        {changes.failure.message}
      </Notice>
    );
  }
  const own = changes.value.items.filter((change) => change.group === group.id);
  return (
    <div class="members">
      <ChangeList changes={own} chosen={null} withTarget={true} />
      {group.targetCount > own.length ? (
        <p class="soft">
          {formatCount(group.targetCount, 'target')} in all, {own.length} listed.
        </p>
      ) : null}
    </div>
  );
}
