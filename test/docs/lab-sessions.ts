// Terminal sessions in the documentation, `console lab=SCENARIO`: a command, and what it prints on that scenario of the
// simulated internet. Invariant: what stands in a page is what the program prints, to the last character.

import { CliHarness } from '../cli-harness.ts';
import type { Fence } from './markdown.ts';

const NAMES = { 'example.org': ['198.18.0.1'], 'example.net': ['2001:db8:1::1'] };

/** The whole text that the block should have; with `show=graph`, of the output the drawing of the route alone. */
export async function labSession({ text, settings }: Fence): Promise<string> {
  const [prompt = ''] = text.split('\n');
  const argv = /^\$ hopscope (.+)$/.exec(prompt)?.[1]?.split(' ');
  if (argv === undefined) throw new Error(`A session begins with "$ hopscope ...": ${prompt}`);
  const scenario = settings.get('lab');
  if (scenario === undefined) throw new Error('The block names no scenario');
  const harness = new CliHarness({ scenario, names: NAMES, env: { LANG: 'C.UTF-8' } });
  await harness.run(...argv);
  const lines = `${harness.io.out}${harness.io.err}`.split('\n').map((line) => line.trimEnd());
  if (settings.get('show') !== 'graph') return [prompt, ...lines].join('\n');
  const first = lines.indexOf('route graph') + 1;
  return [prompt, ...lines.slice(first, lines.indexOf('', first)), ''].join('\n');
}
