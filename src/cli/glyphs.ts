// The characters that drawings are made of: box drawing where the terminal's locale has it, ASCII elsewhere.

export interface Glyphs {
  readonly horizontal: string;
  readonly vertical: string;
  /** Lines that meet, by the sides they come from: 1 up, 2 down, 4 left, 8 right. */
  readonly joints: Readonly<Record<number, string>>;
  /** Two lines that cross and do not meet. */
  readonly crossing: string;
  /** Where a line across is connected to a line down. */
  readonly tap: string;
  readonly arrow: string;
}

export const UNICODE_GLYPHS: Glyphs = {
  horizontal: '─',
  vertical: '│',
  joints: {
    3: '│',
    5: '┘',
    6: '┐',
    7: '┤',
    9: '└',
    10: '┌',
    11: '├',
    12: '─',
    13: '┴',
    14: '┬',
    15: '┼',
  },
  crossing: '┼',
  tap: '●',
  arrow: '→',
};

export const ASCII_GLYPHS: Glyphs = {
  horizontal: '-',
  vertical: '|',
  joints: { 3: '|', 5: '+', 6: '+', 7: '+', 9: '+', 10: '+', 11: '+', 12: '-', 13: '+', 14: '+', 15: '+' },
  crossing: '|',
  tap: 'o',
  arrow: '->',
};

/** As the locale says, which is how terminals tell programs what they can show (POSIX: LC_ALL, LC_CTYPE, LANG). */
export function glyphsFor(env: Readonly<Record<string, string | undefined>>): Glyphs {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return /utf-?8/i.test(locale) ? UNICODE_GLYPHS : ASCII_GLYPHS;
}
