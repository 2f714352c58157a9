// The target list: what is in trouble comes first, and thousands scroll like a screenful.

import { useSignal, useSignalEffect } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { ApiChangeGroup, ApiPage, ApiTarget } from '../src/http/api-shapes.ts';
import { Ago } from './age.tsx';
import { formatCount } from './figure-text.ts';
import { STANDING_WORDS, StandingMark } from './icons.tsx';
import { address, follow, go, viewUrl } from './navigation.ts';
import { Notice } from './notice.tsx';
import { SORT_KEYS, type SortKey } from './page-address.ts';
import { useRemote } from './remote.ts';
import { TargetGrid } from './target-grid.tsx';
import { type Standing, selectTargets, standingOf } from './target-order.ts';
import {
  allTargets,
  changesSeen,
  loadFailure,
  loadState,
  loadTargets,
  membership,
  revision,
} from './target-store.ts';

/** Figures move all the time; rows change places no oftener than this. */
const REORDER_MS = 1500;

export function TargetsView(): JSX.Element {
  const { shown, counts } = useSelection();
  if (loadState.value === 'failed') {
    return (
      <>
        <h1 class="hidden">Targets</h1>
        <Notice kind="failure" title="The targets cannot be read.">
          <p>{loadFailure.value}</p>
          <button type="button" onClick={() => void loadTargets()}>
            Try again
          </button>
        </Notice>
      </>
    );
  }
  return (
    <div class="targets">
      <h1 class="hidden">Targets</h1>
      <Summary counts={counts} />
      <Controls shown={shown.length} />
      <Body shown={shown} />
    </div>
  );
}

function Body({ shown }: { readonly shown: readonly ApiTarget[] }): JSX.Element {
  const { filter, state } = address.value;
  if (loadState.value === 'loading') return <Notice kind="loading" title="Reading the targets" />;
  if (allTargets().length === 0) {
    return (
      <Notice kind="empty" title="No targets are configured.">
        <p>
          Name some in <code>hopscope.yml</code> or as arguments: <code>hopscope serve example.org</code>. One
          trace of anything:{' '}
          <a href={viewUrl({ view: 'trace' })} onClick={(event) => follow(event, { view: 'trace' })}>
            Trace now
          </a>
          .
        </p>
      </Notice>
    );
  }
  if (shown.length === 0) {
    return (
      <Notice kind="empty" title="No target matches.">
        <p>
          {filter === '' ? '' : `Filter "${filter}". `}
          {state === '' ? '' : `State ${state}. `}
          <button type="button" onClick={() => go({ filter: '', state: '' })}>
            Show all
          </button>
        </p>
      </Notice>
    );
  }
  return <TargetGrid targets={shown} />;
}

interface Selected {
  readonly shown: readonly ApiTarget[];
  readonly counts: Readonly<Record<Standing, number>>;
}

/** What the URL selects: at once when the question or the set of targets changes, now and then as figures move. */
function useSelection(): Selected {
  const select = (): Selected => ({
    shown: selectTargets(allTargets(), address.peek()),
    counts: countStandings(),
  });
  const selected = useSignal(select());
  const timer = useRef(0);
  useSignalEffect(() => {
    void address.value;
    void membership.value;
    selected.value = select();
  });
  useSignalEffect(() => {
    void revision.value;
    if (timer.current !== 0) return;
    timer.current = window.setTimeout(() => {
      timer.current = 0;
      selected.value = select();
    }, REORDER_MS);
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  return selected.value;
}

function countStandings(): Readonly<Record<Standing, number>> {
  const counts = { unreachable: 0, failed: 0, lossy: 0, stale: 0, pending: 0, ok: 0 };
  for (const target of allTargets()) counts[standingOf(target)]++;
  return counts;
}

/** The answer to the first question: is it the network? */
function Summary({ counts }: { readonly counts: Readonly<Record<Standing, number>> }): JSX.Element {
  const { state } = address.value;
  const shown = (Object.keys(counts) as Standing[]).filter((standing) => counts[standing] > 0);
  return (
    <div class="summary">
      <ul class="chips" aria-label="Targets by state">
        {shown.map((standing) => (
          <li key={standing}>
            <button
              type="button"
              class="chip"
              aria-pressed={state === standing}
              onClick={() => go({ state: state === standing ? '' : standing })}
            >
              <b>{counts[standing].toLocaleString('en')}</b>
              <StandingMark standing={standing} />
            </button>
          </li>
        ))}
      </ul>
      <LatestGroup />
    </div>
  );
}

function LatestGroup(): JSX.Element | null {
  const changes = useRemote<ApiPage<ApiChangeGroup>>('change-groups', { limit: 1 }, changesSeen.value);
  const group = changes.value?.items[0];
  if (group === undefined) return null;
  return (
    <p class="latest">
      Latest change:{' '}
      <a href={viewUrl({ view: 'changes' })} onClick={(event) => follow(event, { view: 'changes' })}>
        {group.text}
      </a>
      , <Ago atMs={group.lastAtMs} />
    </p>
  );
}

const SORT_NAMES: Readonly<Record<SortKey, string>> = {
  state: 'Trouble first',
  target: 'Name',
  hops: 'Hops',
  rtt: 'RTT',
  loss: 'Loss',
  change: 'Latest change',
};

function Controls({ shown }: { readonly shown: number }): JSX.Element {
  const { filter, sort, descending, state } = address.value;
  return (
    <form class="controls" role="search" onSubmit={(event) => event.preventDefault()}>
      <label class="grow">
        <span class="hidden">Filter targets</span>
        <input
          type="search"
          placeholder="Filter: name, address, AS64500, label=value, path id"
          value={filter}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => go({ filter: event.currentTarget.value }, true)}
        />
      </label>
      <label>
        <span class="hidden">Sort by</span>
        <select
          value={sort}
          onChange={(event) => go({ sort: event.currentTarget.value as SortKey, descending: false })}
        >
          {SORT_KEYS.map((key) => (
            <option key={key} value={key}>
              {SORT_NAMES[key]}
            </option>
          ))}
        </select>
      </label>
      <button type="button" aria-pressed={descending} onClick={() => go({ descending: !descending })}>
        {descending ? 'Descending' : 'Ascending'}
      </button>
      <p class="shown" role="status">
        {formatCount(shown, 'target')}
        {filter !== '' || state !== '' ? ` of ${allTargets().length.toLocaleString('en')}` : ''}
        {state === '' ? '' : `, ${STANDING_WORDS[state as Standing] ?? state}`}
      </p>
    </form>
  );
}
