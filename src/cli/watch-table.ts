// The rows of --watch: a line for each hop with what its rounds add up to, and its other addresses under it.

import { clip, type Line, lineWidth, padEnd, padStart, piece, type Style, widthOf } from './styled-text.ts';
import type { WatchRow, WatchRtt } from './watch-statistics.ts';

const HOP_WIDTH = 3;
const GAP = '  ';
const LEAST_ADDRESS_WIDTH = 15;
const RATIO_WIDTH = 7;
const SENT_WIDTH = 6;
const RTT_WIDTH = 8;

/** In order of appearance; those that a narrow terminal gives up first have the highest number. */
const RTT_COLUMNS: readonly { readonly name: keyof WatchRtt; readonly expendable: number }[] = [
  { name: 'last', expendable: 0 },
  { name: 'avg', expendable: 1 },
  { name: 'best', expendable: 3 },
  { name: 'worst', expendable: 2 },
  { name: 'stdev', expendable: 4 },
];

/** @param known what is known of an address; it stands at the end of its line, where there is room. */
export function watchTable(
  rows: readonly WatchRow[],
  columns: number,
  known: (address: string) => string = () => '',
): Line[] {
  const addressWidth = Math.max(LEAST_ADDRESS_WIDTH, ...rows.flatMap((row) => row.addresses.map(widthOf)));
  const rttColumns = columnsThatFit(columns - fixedWidth(addressWidth));
  return [
    headingLine(addressWidth, rttColumns),
    ...rows.flatMap((row) => rowLines(row, addressWidth, rttColumns, { columns, known })),
  ];
}

function fixedWidth(addressWidth: number): number {
  return HOP_WIDTH + GAP.length + addressWidth + 2 * RATIO_WIDTH + SENT_WIDTH;
}

function columnsThatFit(width: number): (keyof WatchRtt)[] {
  const count = Math.max(1, Math.floor(width / RTT_WIDTH));
  return RTT_COLUMNS.filter(({ expendable }) => expendable < count).map(({ name }) => name);
}

function headingLine(addressWidth: number, rttColumns: readonly (keyof WatchRtt)[]): Line {
  const numbers = [
    padStart('loss%', RATIO_WIDTH),
    padStart('answ%', RATIO_WIDTH),
    padStart('sent', SENT_WIDTH),
    ...rttColumns.map((name) => padStart(name, RTT_WIDTH)),
  ].join('');
  return [piece(padStart('hop', HOP_WIDTH) + GAP + padEnd('address', addressWidth) + numbers, 'dim')];
}

interface Margin {
  readonly columns: number;
  readonly known: (address: string) => string;
}

function rowLines(
  row: WatchRow,
  addressWidth: number,
  rttColumns: readonly (keyof WatchRtt)[],
  margin: Margin,
): Line[] {
  const [address, ...others] = row.addresses;
  const { rtt, lossRatio, answerRatio } = row;
  const line: Line = [
    piece(padStart(String(row.ttl), HOP_WIDTH) + GAP),
    piece(padEnd(address ?? '*', addressWidth), address === undefined ? 'dim' : 'plain'),
    piece(padStart(percent(lossRatio), RATIO_WIDTH), lossStyle(lossRatio)),
    piece(padStart(percent(answerRatio), RATIO_WIDTH), 'dim'),
    piece(padStart(String(row.sent), SENT_WIDTH)),
    ...(rtt === null ? [] : rttColumns.map((name) => piece(padStart(rtt[name].toFixed(2), RTT_WIDTH)))),
  ];
  const indent = ' '.repeat(HOP_WIDTH + GAP.length);
  return [
    withKnown(line, address, margin),
    ...others.map((other) =>
      withKnown([piece(indent), piece(padEnd(other, addressWidth), 'dim')], other, margin),
    ),
    ...shiftLines(row, indent, margin.columns),
  ];
}

/** A sign that the way back from this hop has changed. */
function shiftLines({ returnShift }: WatchRow, indent: string, columns: number): Line[] {
  if (returnShift === null) return [];
  const { hopsBefore, hopsAfter } = returnShift;
  const text = `replies come back over ${hopsAfter} hops, before over ${hopsBefore}`;
  return [clip([piece(indent), piece(text, 'dim')], columns)];
}

/** Less room than this would show only the beginning of every name. */
const LEAST_KNOWN_WIDTH = 16;

function withKnown(line: Line, address: string | undefined, { columns, known }: Margin): Line {
  const text = address === undefined ? '' : known(address);
  const room = columns - lineWidth(line) - GAP.length;
  if (text === '' || room < Math.min(LEAST_KNOWN_WIDTH, widthOf(text))) return line;
  return clip([...line, piece(GAP), piece(text, 'dim')], columns);
}

function percent(ratio: number | null): string {
  return ratio === null ? '-' : (ratio * 100).toFixed(1);
}

function lossStyle(ratio: number | null): Style {
  if (ratio === null || ratio === 0) return 'plain';
  return ratio < 0.05 ? 'warning' : 'bad';
}
