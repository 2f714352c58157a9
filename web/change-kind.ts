// Kinds of change as words and signs. Pure.

import type { ApiChange } from '../src/http/api-shapes.ts';

type Kind = ApiChange['kind'];

export const KIND_WORDS: Readonly<Record<Kind, string>> = {
  reroute: 'Rerouted',
  as_path: 'AS path changed',
  length: 'Length changed',
  ecmp: 'Balancing changed',
  unreachable: 'Unreachable',
  recovered: 'Recovered',
};

export const KIND_SIGNS: Readonly<Record<Kind, string>> = {
  reroute: '⤳',
  as_path: 'AS',
  length: '±',
  ecmp: '⑂',
  unreachable: '×',
  recovered: '✓',
};

export const KINDS: readonly Kind[] = ['reroute', 'as_path', 'length', 'ecmp', 'unreachable', 'recovered'];
