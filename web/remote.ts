// Something read from the API that a view shows: what is there, whether newer is on its way, and why it failed.
// Invariant: an answer to a question that is no longer asked is dropped.

import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiFailure, type Query, readApi } from './api-client.ts';

export interface Remote<T> {
  readonly value: T | null;
  readonly failure: ApiFailure | null;
  readonly loading: boolean;
}

/**
 * Reads `path` (null for nothing) and again whenever it, the query or `revision` changes. What was read of the same
 * `path` stays until the new is there.
 */
export function useRemote<T>(path: string | null, query: Query, revision: number = 0): Remote<T> {
  const [state, setState] = useState<Remote<T> & { readonly path: string | null }>({
    path,
    value: null,
    failure: null,
    loading: path !== null,
  });
  const running = useRef<AbortController | null>(null);
  const question = JSON.stringify(query);
  useEffect(() => {
    running.current?.abort();
    if (path === null) {
      setState({ path, value: null, failure: null, loading: false });
      return;
    }
    const abort = new AbortController();
    running.current = abort;
    setState((old) => ({ path, value: old.path === path ? old.value : null, failure: null, loading: true }));
    readApi<T>(path, JSON.parse(question) as Query, abort.signal).then(
      (value) => setState({ path, value, failure: null, loading: false }),
      (error: unknown) => {
        if (abort.signal.aborted) return;
        const failure = error instanceof ApiFailure ? error : new ApiFailure(0, String(error));
        setState((old) => ({ path, value: old.path === path ? old.value : null, failure, loading: false }));
      },
    );
    return () => abort.abort();
  }, [path, question, revision]);
  return state.path === path ? state : { value: null, failure: null, loading: path !== null };
}
