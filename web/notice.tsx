// What stands where something else would: nothing there, not yet, or not to be had. One sentence, and what can be done.

import type { ComponentChildren, JSX } from 'preact';

export interface NoticeProps {
  readonly kind: 'loading' | 'empty' | 'failure';
  readonly title: string;
  readonly children?: ComponentChildren;
}

export function Notice({ kind, title, children }: NoticeProps): JSX.Element {
  return (
    <div class={`notice is-${kind}`} role={kind === 'failure' ? 'alert' : 'status'}>
      <p class="notice-title">{title}</p>
      {children === undefined ? null : <div class="notice-text">{children}</div>}
    </div>
  );
}
