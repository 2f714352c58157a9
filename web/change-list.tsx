// Changes as a list, the latest first, each with its way to the comparison of its two paths.

import type { JSX } from 'preact';
import type { ApiChange } from '../src/http/api-shapes.ts';
import { Ago, At } from './age.tsx';
import { KIND_SIGNS, KIND_WORDS } from './change-kind.ts';
import { follow, go, viewUrl } from './navigation.ts';
import { DEFAULT_ADDRESS, type PageAddress } from './page-address.ts';

export interface ChangeListProps {
  readonly changes: readonly ApiChange[];
  readonly chosen: number | null;
  /** Whether each says which target it is of. */
  readonly withTarget: boolean;
}

export function ChangeList({ changes, chosen, withTarget }: ChangeListProps): JSX.Element {
  return (
    <ul class="changes">
      {changes.map((change) => (
        <li key={change.id} class={change.id === chosen ? 'marked' : ''}>
          <span class={`kind is-${change.kind}`}>
            <span class="sign" aria-hidden="true">
              {KIND_SIGNS[change.kind]}
            </span>
            <span class="kind-words">{KIND_WORDS[change.kind]}</span>
          </span>
          <span class="when">
            <At atMs={change.atMs} />{' '}
            <span class="soft">
              <Ago atMs={change.atMs} />
            </span>
          </span>
          <ChangeLink change={change} withTarget={withTarget} />
        </li>
      ))}
    </ul>
  );
}

function ChangeLink({
  change,
  withTarget,
}: {
  readonly change: ApiChange;
  readonly withTarget: boolean;
}): JSX.Element {
  const view: Partial<PageAddress> = {
    view: 'target',
    target: change.target,
    diff: change.id,
    // An hour in which the change is in the middle, unless the latest hour holds it.
    ...(Date.now() - change.atMs > DEFAULT_ADDRESS.spanMs * 0.9
      ? { endMs: change.atMs + DEFAULT_ADDRESS.spanMs / 2 }
      : {}),
  };
  if (!withTarget) {
    return (
      <button type="button" class="plain what" onClick={() => go({ diff: change.id })}>
        {change.text}
      </button>
    );
  }
  return (
    <a class="what" href={viewUrl(view)} onClick={(event) => follow(event, view)}>
      <b>{change.host}</b> {change.text}
    </a>
  );
}
