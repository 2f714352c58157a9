// Shell blocks of the documentation taken apart into commands, as a reader types them one after the other.

import type { Fence } from './markdown.ts';

export interface ShellCommand {
  readonly text: string;
  /** Line of the block. */
  readonly line: number;
  /** Where it has to be run, as `cd` before it in its block says; relative to the checkout. */
  readonly directory: string;
}

const LANGUAGES = new Set(['sh', 'bash', 'shell', '']);

export function isShell({ language }: Fence): boolean {
  return LANGUAGES.has(language);
}

/** The commands of a block: a line each, continued lines joined, comments and empty lines left out. */
export function commandsOf(fence: Fence): ShellCommand[] {
  const commands: ShellCommand[] = [];
  let directory = '.';
  const lines = fence.text.replaceAll('\\\n', ' ').split('\n');
  for (const written of lines) {
    const text = written.replace(/\s+#\s.*$/, '').trim();
    if (text === '' || text.startsWith('#')) continue;
    const into = /^cd (\S+)$/.exec(text)?.[1];
    if (into === undefined) commands.push({ text, line: fence.line, directory });
    else directory = into;
  }
  return commands;
}

/** Whether it runs until it is told to end. */
export function isServer({ text }: ShellCommand): boolean {
  if (/^timeout\b|--config\.check|--help/.test(text)) return false;
  return /^npm start\b|^(bin\/)?hopscope (serve|demo)\b/.test(text);
}
