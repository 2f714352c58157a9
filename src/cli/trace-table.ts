// One trace as a table: title, a row for each responder, and what it comes to. The same lines are drawn on a terminal
// while replies come in, and written once where there is none.

import type { MultipathReport, Trace } from '../trace/trace.ts';
import type { Glyphs } from './glyphs.ts';
import type { FactsOf } from './hop-facts.ts';
import { type HopRow, hopRows } from './hop-rows.ts';
import type { Note } from './reply-notes.ts';
import { routeDrawing } from './route-drawing.ts';
import { clip, type Line, lineWidth, padEnd, padStart, piece, widthOf, wrap } from './styled-text.ts';
import { summaryLines } from './trace-summary.ts';

export interface TableContext {
  /** Cells a line may take; Infinity where lines must not be broken. */
  readonly columns: number;
  /** Probes for each hop when all have been sent: with one, a hop has a single RTT. */
  readonly probesPerHop: number;
  readonly maxTtl: number;
  readonly timeoutMs: number;
  /** What to say of the mode: which sockets, and why those. */
  readonly modeText: string;
  /** What is known of a hop's address, shown beside it; null where that is not wanted. */
  readonly factsOf: FactsOf | null;
  /** What a route graph is drawn with. */
  readonly glyphs: Glyphs;
}

const HOP_WIDTH = 3;
const NUMBER_WIDTH = 9;
const REPLIES_WIDTH = 7;
const GAP = '  ';
const LEAST_ADDRESS_WIDTH = 15;
const MOST_ADDRESS_WIDTH = 45;

/** @param pending the trace is under way: there is no verdict yet. */
export function traceTable(trace: Trace, context: TableContext, pending: boolean): Line[] {
  const rows = hopRows(trace, pending, context.factsOf);
  const addressWidth = rows.reduce(
    (width, row) => Math.max(width, widthOf(row.address ?? '')),
    LEAST_ADDRESS_WIDTH,
  );
  const width = Math.min(addressWidth, MOST_ADDRESS_WIDTH);
  const lines = [titleLine(trace, context.maxTtl), headingLine(width, context.probesPerHop)];
  for (const row of rows) lines.push(...rowLines(row, width, context));
  if (!pending) {
    const drawing = routeDrawing(trace, context);
    if (drawing.length > 0) lines.push([], ...drawing, []);
    lines.push(...summaryLines(trace, context));
  } else if (trace.multipath !== undefined) lines.push(progressLine(trace.multipath));
  return lines.map((line) => clip(line, context.columns));
}

export function titleLine(trace: Trace, maxTtl: number): Line {
  const name = trace.target === trace.address ? trace.address : `${trace.target} (${trace.address})`;
  const port = trace.port === null ? '' : ` port ${trace.port}`;
  return [
    piece('trace to '),
    piece(name, 'bold'),
    piece(` with ${trace.protocol.toUpperCase()}${port}, at most ${maxTtl} hops`),
  ];
}

function progressLine({ interfaces, probesSent }: MultipathReport): Line {
  const count = interfaces.reduce((sum, layer) => sum + layer.length, 0);
  return [piece(`looking for parallel paths: ${count} interfaces, ${probesSent} probes so far`, 'dim')];
}

function headingLine(addressWidth: number, probesPerHop: number): Line {
  const numbers =
    probesPerHop === 1
      ? padStart('rtt ms', NUMBER_WIDTH)
      : padStart('replies', REPLIES_WIDTH) +
        ['best ms', 'avg ms', 'worst ms'].map((name) => padStart(name, NUMBER_WIDTH)).join('');
  return [piece(padStart('hop', HOP_WIDTH) + GAP + padEnd('address', addressWidth) + GAP + numbers, 'dim')];
}

function rowLines(row: HopRow, addressWidth: number, context: TableContext): Line[] {
  const address = padEnd(row.address ?? (row.waiting ? '...' : '*'), addressWidth);
  const style = row.address === null ? 'dim' : row.destination ? 'bold' : 'plain';
  const line: Line = [
    piece(padStart(row.first ? String(row.ttl) : '', HOP_WIDTH) + GAP),
    piece(address, style),
    piece(GAP + numbersOf(row, context.probesPerHop)),
  ];
  return withNotes(line, row.notes, HOP_WIDTH + GAP.length, context.columns);
}

function numbersOf(row: HopRow, probesPerHop: number): string {
  const numbers = row.rtt === null ? [] : [row.rtt.best, row.rtt.avg, row.rtt.worst];
  if (row.waiting) return '';
  if (probesPerHop === 1) return padStart(numbers[0]?.toFixed(3) ?? '', NUMBER_WIDTH);
  const replies = padStart(`${row.count}/${row.sent}`, REPLIES_WIDTH);
  return replies + numbers.map((value) => padStart(value.toFixed(3), NUMBER_WIDTH)).join('');
}

/** Notes follow the numbers where they fit, and otherwise stand under the address. */
function withNotes(line: Line, notes: readonly Note[], indent: number, columns: number): Line[] {
  const lines: Line[] = [];
  const margin = piece(' '.repeat(indent));
  let current: Line = line;
  for (const { text, style } of notes) {
    if (lineWidth(current) + GAP.length + widthOf(text) <= columns) {
      current = [...current, piece(GAP), piece(text, style)];
      continue;
    }
    const parts = wrap(text, columns - indent).map((part): Line => [margin, piece(part, style)]);
    lines.push(current, ...parts.slice(0, -1));
    current = parts.at(-1) ?? [];
  }
  return [...lines, current];
}
