// A terminal and a process for tests: what was written, what a screen would show, and signals and keys on demand.

import type { CliIo, StopSignal, Unsubscribe } from './cli-io.ts';

export interface FakeIoOptions {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Whether standard input is a terminal too; default as `isTTY`. */
  readonly keys?: boolean;
}

export class FakeIo implements CliIo {
  readonly isTTY: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  columns: number;
  rows: number;
  out = '';
  err = '';
  /** Subscriptions in force: none may be left when a command is over. */
  subscriptions = 0;
  readonly stdout = {
    write: (text: string): void => {
      this.out += text;
    },
  };
  readonly stderr = {
    write: (text: string): void => {
      this.err += text;
    },
  };
  readonly #takesKeys: boolean;
  readonly #listeners = new Map<string, Set<(value: string) => void>>();

  constructor({ isTTY = false, columns = 80, rows = 24, env = {}, keys = isTTY }: FakeIoOptions = {}) {
    this.isTTY = isTTY;
    this.columns = columns;
    this.rows = rows;
    this.env = { TERM: 'xterm-256color', ...env };
    this.#takesKeys = keys;
  }

  onSignal(signal: StopSignal, listener: () => void): Unsubscribe {
    return this.#on(signal, listener);
  }

  onResize(listener: () => void): Unsubscribe {
    return this.#on('resize', listener);
  }

  onKey(listener: (key: string) => void): Unsubscribe | undefined {
    return this.#takesKeys ? this.#on('key', listener) : undefined;
  }

  onBrokenPipe(listener: () => void): Unsubscribe {
    return this.#on('pipe', listener);
  }

  onExit(restore: () => void): Unsubscribe {
    return this.#on('exit', restore);
  }

  /** A signal, a `key`, `resize`, `pipe` or `exit`. Returns whether anybody heard it. */
  emit(event: string, value = ''): boolean {
    const listeners = [...(this.#listeners.get(event) ?? [])];
    for (const listener of listeners) listener(value);
    return listeners.length > 0;
  }

  resize(columns: number, rows: number): void {
    this.columns = columns;
    this.rows = rows;
    this.emit('resize');
  }

  #on(event: string, listener: (value: string) => void): Unsubscribe {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener);
    this.subscriptions++;
    return () => {
      if (listeners.delete(listener)) this.subscriptions--;
    };
  }
}

const ESCAPE = '\x1b';
/** A control sequence, a lone escape, a line's end, or text. */
const OUTPUT_PARTS = new RegExp(`${ESCAPE}\\[([?0-9;]*)([A-Za-z])|${ESCAPE}|\r|\n|[^${ESCAPE}\r\n]+`, 'g');

interface ScreenPage {
  lines: string[];
  row: number;
  column: number;
}

/**
 * What a terminal of that size shows after `output`: enough of ECMA-48 for what this room writes, and an error for
 * anything else. `scrollback` holds lines that left the first screen at its top.
 */
export class FakeScreen {
  readonly scrollback: string[] = [];
  cursorVisible = true;
  readonly #columns: number;
  readonly #rows: number;
  #page: ScreenPage;
  #hidden: ScreenPage | null = null;

  constructor(output: string, columns: number, rows: number) {
    this.#columns = columns;
    this.#rows = rows;
    this.#page = this.#blank();
    for (const [text, parameters, final] of output.matchAll(OUTPUT_PARTS)) {
      if (final !== undefined) this.#control(parameters ?? '', final);
      else if (text === '\n') this.#lineFeed();
      else if (text === '\r') this.#page.column = 0;
      else if (text === ESCAPE) throw new Error('An escape sequence that is not known here');
      else for (const character of text) this.#put(character);
    }
  }

  get alternate(): boolean {
    return this.#hidden !== null;
  }

  /** Rows without trailing blanks, trailing blank rows left out. */
  get lines(): string[] {
    const lines = this.#page.lines.map((line) => line.trimEnd());
    while (lines.length > 0 && lines.at(-1) === '') lines.pop();
    return lines;
  }

  get text(): string {
    return [...this.scrollback, ...this.lines].map((line) => `${line.trimEnd()}\n`).join('');
  }

  #blank(): ScreenPage {
    return { lines: Array<string>(this.#rows).fill(''), row: 0, column: 0 };
  }

  #put(character: string): void {
    if (this.#page.column >= this.#columns) {
      this.#page.column = 0;
      this.#lineFeed();
    }
    const { lines, row, column } = this.#page;
    const line = (lines[row] ?? '').padEnd(column);
    lines[row] = line.slice(0, column) + character + line.slice(column + 1);
    this.#page.column++;
  }

  /** A terminal in its usual mode: a line feed begins a new line. */
  #lineFeed(): void {
    const page = this.#page;
    page.column = 0;
    if (++page.row < this.#rows) return;
    page.row = this.#rows - 1;
    const gone = page.lines.shift() ?? '';
    page.lines.push('');
    if (this.#hidden === null) this.scrollback.push(gone);
  }

  #control(parameters: string, final: string): void {
    const page = this.#page;
    const [first = 0, second = 0] = parameters.replace('?', '').split(';').map(Number);
    switch (final) {
      case 'm':
        return;
      case 'A':
        page.row = Math.max(0, page.row - Math.max(1, first));
        return;
      case 'H':
        page.row = Math.min(this.#rows, Math.max(1, first)) - 1;
        page.column = Math.max(1, second) - 1;
        return;
      case 'K':
        page.lines[page.row] = first === 2 ? '' : (page.lines[page.row] ?? '').slice(0, page.column);
        return;
      case 'J':
        if (first === 0) page.lines[page.row] = (page.lines[page.row] ?? '').slice(0, page.column);
        page.lines.fill('', first === 2 ? 0 : page.row + 1);
        return;
      case 'h':
      case 'l':
        this.#mode(first, final === 'h');
        return;
      default:
        throw new Error(`A control sequence that is not known here: ${parameters}${final}`);
    }
  }

  #mode(mode: number, on: boolean): void {
    if (mode === 25) this.cursorVisible = on;
    else if (mode === 1049 && on && this.#hidden === null) {
      this.#hidden = this.#page;
      this.#page = this.#blank();
    } else if (mode === 1049 && !on && this.#hidden !== null) {
      this.#page = this.#hidden;
      this.#hidden = null;
    }
  }
}
