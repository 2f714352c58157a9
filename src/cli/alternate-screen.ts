// The terminal's second screen, for a view that fills it: what was on the first comes back when the view is left.
// Invariant: however the process ends, the first screen and the cursor are given back.

import type { CliIo, Unsubscribe } from './cli-io.ts';
import { clip, type Line, render } from './styled-text.ts';

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[2J';
const LEAVE = '\x1b[?25h\x1b[?1049l';

export class AlternateScreen implements Disposable {
  readonly #io: CliIo;
  readonly #colour: boolean;
  readonly #restore: Unsubscribe;
  #shown: string[] = [];
  #columns: number;
  #rows: number;
  #open = true;

  constructor(io: CliIo, colour: boolean) {
    this.#io = io;
    this.#colour = colour;
    this.#columns = io.columns;
    this.#rows = io.rows;
    this.#restore = io.onExit(() => io.stdout.write(LEAVE));
    io.stdout.write(ENTER);
  }

  /** Shows the first lines that fit; `footer` keeps the last row. */
  draw(lines: readonly Line[], footer: Line): void {
    if (!this.#open) return;
    const { columns, rows } = this.#io;
    const next = lines.slice(0, Math.max(0, rows - 1));
    const texts = [...next, ...Array<Line>(Math.max(0, rows - 1 - next.length)).fill([]), footer].map(
      (line) => render(clip(line, columns), this.#colour),
    );
    const resized = columns !== this.#columns || rows !== this.#rows;
    let update = resized ? '\x1b[2J' : '';
    for (const [i, text] of texts.entries()) {
      if (resized || text !== (this.#shown[i] ?? '')) update += `\x1b[${i + 1};1H\x1b[2K${text}`;
    }
    this.#shown = texts;
    this.#columns = columns;
    this.#rows = rows;
    if (update !== '') this.#io.stdout.write(update);
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#restore();
    this.#io.stdout.write(LEAVE);
  }
}
