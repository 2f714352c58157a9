// Lines made of styled pieces: measured in terminal cells, clipped without cutting an escape sequence, and rendered
// with or without colour. Invariant: nothing that came from a network or a user can carry a control character out.

export type Style = 'plain' | 'dim' | 'bold' | 'good' | 'warning' | 'bad';

export interface Piece {
  readonly text: string;
  readonly style: Style;
}

export type Line = readonly Piece[];

const SGR: Readonly<Record<Style, string>> = {
  plain: '',
  dim: '\x1b[2m',
  bold: '\x1b[1m',
  good: '\x1b[32m',
  warning: '\x1b[33m',
  bad: '\x1b[31m',
};

export function piece(text: string, style: Style = 'plain'): Piece {
  return { text: printable(text), style };
}

/** Control, formatting and line-separating characters become `?`: they could move the cursor or reorder the text. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, '?');
}

/** Terminal cells that `text` takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += cellsOf(character);
  return width;
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0);
}

/** Fills up with spaces to `width` cells. */
export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - widthOf(text))) + text;
}

/** At most `width` cells of the line. What is cut ends in `>`. */
export function clip(line: Line, width: number): Line {
  if (lineWidth(line) <= width) return line;
  const kept: Piece[] = [];
  let left = Math.max(0, width - 1);
  for (const { text, style } of line) {
    let end = 0;
    for (const character of text) {
      if (cellsOf(character) > left) break;
      left -= cellsOf(character);
      end += character.length;
    }
    kept.push({ text: text.slice(0, end), style });
    if (end < text.length) break;
  }
  return [...kept, { text: width > 0 ? '>' : '', style: 'dim' }];
}

/** The line as text without trailing blanks, with SGR sequences where `colour` is set. */
export function render(line: Line, colour: boolean): string {
  const plain = line.map(({ text }) => text).join('');
  if (!colour) return plain.trimEnd();
  let left = plain.trimEnd().length;
  let rendered = '';
  for (const { text, style } of line) {
    const shown = text.slice(0, left);
    left -= shown.length;
    if (shown === '') continue;
    rendered += SGR[style] === '' ? shown : `${SGR[style]}${shown}\x1b[0m`;
  }
  return rendered;
}

/** Breaks words into lines of at most `width` cells; a longer word has a line of its own. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && widthOf(line) + 1 + widthOf(word) > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, line];
}

/** Two cells for East Asian wide characters (the blocks that host names are made of), none for combining marks. */
function cellsOf(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (/^\p{M}$/u.test(character)) return 0;
  const wide =
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff) ||
    (code >= 0x20000 && code <= 0x3fffd);
  return wide ? 2 : 1;
}
