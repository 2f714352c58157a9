// The top of every view: where one is, where one can go, and whether what is shown is live.

import type { JSX } from 'preact';
import { zoneName } from './age.tsx';
import { nowMs } from './clock.ts';
import { formatDuration } from './figure-text.ts';
import { Logo } from './icons.tsx';
import { feedState, heardAtMs, retryAtMs, retryLive } from './live-state.ts';
import { address, follow, viewUrl } from './navigation.ts';
import type { View } from './page-address.ts';
import { loadFailure, loadState, loadTargets, status, totalTargets } from './target-store.ts';

const PLACES: readonly { readonly view: View; readonly name: string }[] = [
  { view: 'targets', name: 'Targets' },
  { view: 'changes', name: 'Changes' },
  { view: 'trace', name: 'Trace now' },
];

export function PageHeader(): JSX.Element {
  const { view } = address.value;
  const here = view === 'target' ? 'targets' : view;
  return (
    <header class="top">
      <a class="brand" href={viewUrl({})} onClick={(event) => follow(event, {})}>
        <Logo />
        <span>hopscope</span>
      </a>
      <nav aria-label="Views">
        {PLACES.map((place) => (
          <a
            key={place.view}
            href={viewUrl({ view: place.view })}
            aria-current={place.view === here ? 'page' : undefined}
            onClick={(event) => follow(event, { view: place.view })}
          >
            {place.name}
            {place.view === 'targets' && totalTargets.value > 0 ? (
              <span class="count">{totalTargets.value.toLocaleString('en')}</span>
            ) : null}
          </a>
        ))}
      </nav>
      <LiveMark />
    </header>
  );
}

function LiveMark(): JSX.Element {
  const state = feedState.value;
  const since = heardAtMs.value;
  // Reading the clock redraws the countdown.
  const ticks = nowMs.value > 0 ? Date.now() : 0;
  if (state === 'live') {
    return (
      <p class="live is-live" role="status" title={`Times in ${zoneName()}`}>
        <svg viewBox="0 0 12 12" aria-hidden="true">
          <circle cx="6" cy="6" r="4" fill="currentColor" />
        </svg>
        Live
      </p>
    );
  }
  const stale = since === 0 ? 'Not connected' : `Stale for ${formatDuration(ticks - since)}`;
  const wait = Math.max(0, Math.ceil((retryAtMs.value - ticks) / 1000));
  return (
    <p class={`live is-${state === 'connecting' && since === 0 ? 'connecting' : 'stale'}`}>
      <svg viewBox="0 0 12 12" aria-hidden="true">
        <circle
          cx="6"
          cy="6"
          r="4"
          fill="none"
          stroke="currentColor"
          stroke-width="2"
          stroke-dasharray="3 2"
        />
      </svg>
      {state === 'connecting'
        ? since === 0
          ? 'Connecting'
          : `${stale}, connecting`
        : `${stale}, again in ${wait} s`}
      {state === 'waiting' ? (
        <button type="button" class="plain" onClick={retryLive}>
          Try now
        </button>
      ) : null}
    </p>
  );
}

/** Above the view, while what it shows is not what is. */
export function StaleBar(): JSX.Element | null {
  const state = feedState.value;
  const history = status.value?.history;
  if (state === 'waiting' && heardAtMs.value > 0) {
    return (
      <p class="bar" role="alert">
        The connection to hopscope is lost: everything below is as it was then, and comes up to date by itself
        once it is back.
      </p>
    );
  }
  if (loadFailure.value !== '' && loadState.value !== 'failed') {
    return (
      <p class="bar" role="alert">
        The targets cannot be read anew: {loadFailure.value}{' '}
        <button type="button" onClick={() => void loadTargets()}>
          Try again
        </button>
      </p>
    );
  }
  if (history?.enabled === true && !history.healthy) {
    return <p class="bar is-mild">{history.message ?? 'The history is not being written.'}</p>;
  }
  return null;
}
