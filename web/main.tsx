// The page's entry: one view at a time, by the URL.

import { type JSX, render } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { zoneName } from './age.tsx';
import { ChangesView } from './changes-view.tsx';
import { startClock } from './clock.ts';
import { startLive } from './live-state.ts';
import { address } from './navigation.ts';
import { PageHeader, StaleBar } from './page-header.tsx';
import { loadTargets, status } from './target-store.ts';
import { TargetView, useTitle } from './target-view.tsx';
import { TargetsView } from './targets-view.tsx';
import { TraceView } from './trace-view.tsx';
import './style.css';

function Page(): JSX.Element {
  useTitle();
  const { view, target } = address.value;
  const main = useRef<HTMLElement>(null);
  const shown = useRef(view + target);
  useEffect(() => {
    if (shown.current === view + target) return;
    shown.current = view + target;
    // A new view is read from its beginning, by those who hear it too.
    main.current?.focus({ preventScroll: true });
  }, [view, target]);
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        Skip to content
      </a>
      <PageHeader />
      <main id="main" class={`view is-${view}`} tabIndex={-1} ref={main}>
        <StaleBar />
        {view === 'targets' ? (
          <TargetsView />
        ) : view === 'target' ? (
          <TargetView />
        ) : view === 'changes' ? (
          <ChangesView />
        ) : (
          <TraceView />
        )}
      </main>
      <footer>
        <p>hopscope {status.value?.version ?? ''}</p>
        <p>Times in {zoneName()}</p>
        {status.value?.history.enabled === false ? <p>No history file: a restart forgets</p> : null}
        <nav aria-label="Endpoints">
          <a href="metrics">metrics</a>
          <a href="config">configuration</a>
          <a href="sd">service discovery</a>
        </nav>
      </footer>
    </>
  );
}

const place = document.getElementById('page');
if (place !== null) {
  startClock();
  void loadTargets();
  startLive();
  render(<Page />, place);
}
