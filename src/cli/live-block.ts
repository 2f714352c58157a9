// A block of lines at the bottom of an ordinary terminal, rewritten in place: only lines that changed are written.
// Invariant: what scrolled away is never touched, and what is left behind at the end is the whole text, once.

import type { CliIo, Unsubscribe } from './cli-io.ts';
import { type Line, lineWidth, render } from './styled-text.ts';

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

interface ShownLine {
  readonly text: string;
  readonly width: number;
}

export class LiveBlock {
  readonly #io: CliIo;
  readonly #colour: boolean;
  #shown: readonly ShownLine[] = [];
  #columns = 0;
  #restore: Unsubscribe | null = null;

  constructor(io: CliIo, colour: boolean) {
    this.#io = io;
    this.#colour = colour;
  }

  /** Shows `lines`; where they are more than the terminal has, the last of them. */
  draw(lines: readonly Line[]): void {
    const visible = lines.slice(-Math.max(1, this.#io.rows - 1));
    let text = '';
    if (this.#restore === null) {
      this.#restore = this.#io.onExit(() => this.#io.stdout.write(SHOW_CURSOR));
      text = HIDE_CURSOR;
    }
    this.#io.stdout.write(text + this.#update(visible));
  }

  /** Replaces the block by all of `lines`, which stay, and gives the cursor back. */
  finish(lines: readonly Line[]): void {
    const start = this.#update(lines);
    this.#io.stdout.write(start + (this.#restore === null ? '' : SHOW_CURSOR));
    this.#restore?.();
    this.#restore = null;
    this.#shown = [];
  }

  /** Line by line, and never the whole at once: some terminals keep what is erased from their top row on. */
  #update(lines: readonly Line[]): string {
    const same = this.#columns === this.#io.columns;
    let text = this.#toTop();
    const next = lines.map((line) => ({ text: render(line, this.#colour), width: lineWidth(line) }));
    for (const [i, line] of next.entries()) {
      text += same && line.text === this.#shown[i]?.text ? '\n' : `${line.text}\x1b[K\n`;
    }
    if (this.#shown.length > next.length || !same) text += '\x1b[J';
    this.#shown = next;
    this.#columns = this.#io.columns;
    return text;
  }

  /** A terminal made narrower has broken the lines: they take more rows than they did. */
  #toTop(): string {
    const columns = Math.max(1, this.#io.columns);
    const rows = this.#shown.reduce((sum, { width }) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    return rows === 0 ? '' : `\x1b[${rows}A\r`;
  }
}
