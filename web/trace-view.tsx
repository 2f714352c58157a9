// Trace now: one trace of anything, drawn while its replies come in, with a link that shows the same to others.

import type { JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { ApiTraceNow } from '../src/http/api-shapes.ts';
import { ApiFailure, apiUrl, postApi, readApi } from './api-client.ts';
import { openFeed } from './browser-feed.ts';
import { formatCount, formatMs } from './figure-text.ts';
import { HopTable } from './hop-table.tsx';
import { address, go } from './navigation.ts';
import { Notice } from './notice.tsx';
import { RouteCard } from './route-card.tsx';
import { status } from './target-store.ts';
import { routeOfTrace } from './trace-route.ts';

const MAX_HOST = 253;

export function TraceView(): JSX.Element {
  const { trace: id } = address.value;
  return (
    <div class="trace">
      <h1>Trace now</h1>
      <TraceForm />
      {id === '' ? (
        <Notice kind="empty" title="One trace, from this exporter, as replies arrive.">
          Name a host or an address. The result has a link of its own to pass on.
        </Notice>
      ) : (
        <TraceResult key={id} id={id} />
      )}
    </div>
  );
}

function TraceForm(): JSX.Element {
  const { host, protocol, port } = address.value;
  const [failure, setFailure] = useState('');
  const [busy, setBusy] = useState(false);
  const modules = status.value?.modules ?? [];
  const own = modules.filter(({ name }) => !['icmp', 'udp', 'tcp'].includes(name));
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setFailure('');
    const module = own.find(({ name }) => `module:${name}` === protocol)?.name;
    const choice = module === undefined ? { protocol: protocol || 'icmp' } : { module };
    const numbered = port !== '' && takesPort(protocol) ? { port: Number(port) } : {};
    try {
      const body = { host: host.trim(), ...choice, ...numbered };
      const { id } = await postApi<ApiTraceNow>('traces', body, AbortSignal.timeout(15_000));
      go({ trace: id });
    } catch (error) {
      setFailure(error instanceof ApiFailure ? error.message : 'hopscope did not answer in time.');
    }
    setBusy(false);
  };
  return (
    <form class="card trace-form" onSubmit={(event) => void submit(event)}>
      <label class="grow">
        Host or address
        <input
          name="host"
          required
          maxLength={MAX_HOST}
          placeholder="example.org or 192.0.2.1"
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          value={host}
          onInput={(event) => go({ host: event.currentTarget.value }, true)}
        />
      </label>
      <label>
        Protocol
        <select value={protocol} onChange={(event) => go({ protocol: event.currentTarget.value }, true)}>
          <option value="">ICMP</option>
          <option value="udp">UDP</option>
          <option value="tcp">TCP</option>
          {own.map(({ name }) => (
            <option key={name} value={`module:${name}`}>
              module {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Port
        <input
          class="port"
          type="number"
          min="1"
          max="65535"
          placeholder={takesPort(protocol) ? 'default' : 'none'}
          disabled={!takesPort(protocol)}
          value={port}
          onInput={(event) => go({ port: event.currentTarget.value }, true)}
        />
      </label>
      <button type="submit" class="main" disabled={busy}>
        {busy ? 'Asking' : 'Trace'}
      </button>
      {failure === '' ? null : (
        <p class="form-failure" role="alert">
          {failure}
        </p>
      )}
    </form>
  );
}

function takesPort(protocol: string): boolean {
  return protocol === 'udp' || protocol === 'tcp';
}

function TraceResult({ id }: { readonly id: string }): JSX.Element {
  const { trace: now, failure } = useTrace(id);
  const { hop, collapsed } = address.value;
  const route = useMemo(
    () => (now?.trace == null ? null : routeOfTrace(now.trace, now.addresses, now.pathId)),
    [now],
  );
  if (failure !== '') {
    return (
      <Notice kind="failure" title="This trace cannot be shown.">
        {failure}
      </Notice>
    );
  }
  if (now === null) return <Notice kind="loading" title="Reading the trace" />;
  const onHop = (ttl: number): void => go({ hop: hop === ttl ? null : ttl }, true);
  return (
    <>
      <section class="card trace-head" aria-live="polite">
        <p class="verdict">{traceWords(now)}</p>
        <ShareLink />
      </section>
      {route === null || route.nodes.length === 0 ? null : (
        <>
          <RouteCard
            route={now.state === 'running' ? { ...route, reachedRuns: 1 } : route}
            picture={id}
            collapsed={collapsed}
            onCollapse={(next) => go({ collapsed: next }, true)}
            hop={hop}
            onHop={onHop}
          />
          <section class="card" aria-labelledby="hops-title">
            <h2 id="hops-title">Hops</h2>
            <HopTable nodes={route.nodes} hop={hop} onHop={onHop} caption="Hops of the trace" />
          </section>
        </>
      )}
    </>
  );
}

function traceWords({ state, host, message, trace }: ApiTraceNow): string {
  if (state === 'failed') return `${host}: ${message ?? 'the trace failed'}`;
  if (trace === null) return `Tracing ${host}`;
  const name = host === trace.address ? host : `${host} (${trace.address})`;
  const heard = trace.hops.filter(({ replies }) => replies.length > 0).length;
  if (state === 'running') return `Tracing ${name}: ${formatCount(heard, 'hop')} heard so far`;
  if (!trace.reached) return `${name} does not answer; ${formatCount(heard, 'hop')} on the way did.`;
  const rtts = trace.hops.flatMap(({ replies }) =>
    replies.filter((reply) => reply.address === trace.address).map(({ rttMs }) => rttMs),
  );
  const rtt = rtts.length === 0 ? '' : `, ${formatMs(Math.min(...rtts))}`;
  return `${name} reached in ${formatCount(trace.hopCount, 'hop')}${rtt}, traced in ${formatMs(trace.durationMs)}.`;
}

function ShareLink(): JSX.Element {
  const [done, setDone] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(location.href);
      setDone(true);
    } catch {
      // Without a secure context there is no clipboard: the address bar has the link.
      setDone(false);
    }
  };
  return (
    <p class="share">
      <a href={location.search}>Link to this trace</a>
      {window.isSecureContext ? (
        <button type="button" onClick={() => void copy()}>
          {done ? 'Copied' : 'Copy link'}
        </button>
      ) : null}
    </p>
  );
}

function useTrace(id: string): { readonly trace: ApiTraceNow | null; readonly failure: string } {
  const [state, setState] = useState<{ trace: ApiTraceNow | null; failure: string }>({
    trace: null,
    failure: '',
  });
  useEffect(() => {
    const abort = new AbortController();
    const path = `traces/${encodeURIComponent(id)}`;
    let close = (): void => {};
    const follow = (): void => {
      const feed = openFeed(apiUrl(`${path}/events`), {
        onState: () => {},
        onEvent: (event) => {
          if (event.type !== 'trace') return;
          setState({ trace: event.trace, failure: '' });
          if (event.trace.state !== 'running') close();
        },
      });
      close = () => feed.close();
    };
    readApi<ApiTraceNow>(path, {}, abort.signal).then(
      (trace) => {
        setState({ trace, failure: '' });
        if (trace.state === 'running' && !abort.signal.aborted) follow();
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        const gone = error instanceof ApiFailure && error.status === 404;
        const reason = error instanceof ApiFailure ? error.message : String(error);
        setState({ trace: null, failure: gone ? 'It is no longer kept: trace the host again.' : reason });
      },
    );
    return () => {
      abort.abort();
      close();
    };
  }, [id]);
  return state;
}
