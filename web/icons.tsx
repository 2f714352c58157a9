// Small drawings: the logo, states, kinds of change. Each state has its own shape, so that none is told by colour alone.

import type { JSX } from 'preact';
import type { Standing } from './target-order.ts';

export function Logo(): JSX.Element {
  return (
    <svg class="logo" viewBox="0 0 68 34" fill="none" aria-hidden="true">
      <path
        d="M6 27Q17 3 28 27Q36 9 44 27Q52 13 60 27"
        stroke="currentColor"
        stroke-width="2.6"
        stroke-linecap="round"
      />
      <g fill="currentColor">
        <circle cx="6" cy="27" r="4" />
        <circle cx="28" cy="27" r="4" />
        <circle cx="44" cy="27" r="4" />
        <circle cx="60" cy="27" r="5.5" />
      </g>
    </svg>
  );
}

export const STANDING_WORDS: Readonly<Record<Standing, string>> = {
  ok: 'Reached',
  lossy: 'Losing',
  unreachable: 'Unreachable',
  failed: 'Failed',
  stale: 'Stale',
  pending: 'Waiting',
};

const SHAPES: Readonly<Record<Standing, JSX.Element>> = {
  ok: <circle cx="6" cy="6" r="4.5" fill="currentColor" />,
  lossy: <path d="M6 .8l5.4 10H.6z" fill="currentColor" />,
  unreachable: (
    <path d="M2 2l8 8M10 2l-8 8" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" />
  ),
  failed: <path d="M6 1v6.2M6 10v.6" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" />,
  stale: (
    <path d="M6 1.4a4.6 4.6 0 1 1-.01 0M6 3.4v3l2 1.4" stroke="currentColor" stroke-width="1.5" fill="none" />
  ),
  pending: (
    <circle
      cx="6"
      cy="6"
      r="4.4"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-dasharray="2.4 2"
    />
  ),
};

export function StandingMark({ standing }: { readonly standing: Standing }): JSX.Element {
  return (
    <span class={`standing is-${standing}`}>
      <svg viewBox="0 0 12 12" aria-hidden="true">
        {SHAPES[standing]}
      </svg>
      {STANDING_WORDS[standing]}
    </span>
  );
}
