// The course of a period as one picture: round-trip time, loss below it, the path in force as a strip, changes as numbered
// lines. SVG without script and without style attributes, for the report's policy allows neither.

import { utcSecond } from './figure-text.ts';
import { html, type Markup } from './markup.ts';
import type { SupportBundle } from './support-bundle.ts';

const WIDTH = 960;
const LEFT = 62;
const RIGHT = 12;
const RTT = { top: 26, height: 150 } as const;
const LOSS = { top: 196, height: 56 } as const;
const STRIP = { top: 268, height: 22 } as const;
const HEIGHT = 322;
const INK = '#16201a';
const SOFT = '#4f5a53';
const GRID = '#dfe3de';
const LINE = '#0b5cad';
const BAND = '#a9c8e8';
const LOST = '#b3261e';
/** Told apart by letter first, by colour second. */
const PATH_COLOURS = ['#a9c8e8', '#f3c77d', '#b9dba6', '#d8b8e2', '#f0b3ac', '#c9cfc8'] as const;
const LETTER_WIDTH = 14;

type Course = Pick<SupportBundle, 'fromMs' | 'toMs' | 'timeline' | 'paths' | 'changes'>;

interface Scale {
  readonly x: (atMs: number) => number;
  readonly rttY: (ms: number) => number;
  readonly topMs: number;
}

export function reportChart(course: Course): Markup {
  const { buckets } = course.timeline;
  const span = Math.max(1, course.toMs - course.fromMs);
  const topMs = niceTop(
    Math.max(...buckets.map(({ rttP95Ms, rttMedianMs }) => rttP95Ms ?? rttMedianMs ?? 0), 0.1),
  );
  const scale: Scale = {
    x: (atMs) =>
      LEFT +
      ((Math.min(course.toMs, Math.max(course.fromMs, atMs)) - course.fromMs) / span) *
        (WIDTH - LEFT - RIGHT),
    rttY: (ms) => RTT.top + RTT.height * (1 - ms / topMs),
    topMs,
  };
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Round-trip time, loss and path over the period" font-family="sans-serif" font-size="11" fill="${SOFT}">${[
    ...grid(course, scale),
    ...rtt(course, scale),
    ...loss(course, scale),
    ...strip(course, scale),
    ...markers(course, scale),
  ]}</svg>`;
}

function grid({ fromMs, toMs }: Course, { x, rttY, topMs }: Scale): Markup[] {
  const rules = [0, 0.5, 1].map((share) => {
    const y = fixed(rttY(topMs * share));
    return html`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}" stroke="${GRID}"/><text x="${LEFT - 6}" y="${fixed(Number(y) + 4)}" text-anchor="end">${figure(topMs * share)} ms</text>`;
  });
  const lossRules = [0, 1].map((share) => {
    const y = fixed(LOSS.top + LOSS.height * (1 - share));
    return html`<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}" stroke="${GRID}"/><text x="${LEFT - 6}" y="${fixed(Number(y) + 4)}" text-anchor="end">${share * 100} %</text>`;
  });
  const ticks = Array.from({ length: 5 }, (_, i) => fromMs + ((toMs - fromMs) * i) / 4).map((atMs, i) => {
    const anchor = i === 0 ? 'start' : i === 4 ? 'end' : 'middle';
    return html`<text x="${fixed(x(atMs))}" y="${HEIGHT - 12}" text-anchor="${anchor}">${utcSecond(atMs).slice(5, 16)}</text>`;
  });
  return [
    html`<text x="${LEFT}" y="14" fill="${INK}">Round-trip time: median, and 95th percentile as a band</text>`,
    html`<text x="${LEFT}" y="${LOSS.top - 5}" fill="${INK}">Loss</text>`,
    html`<text x="${LEFT - 6}" y="${STRIP.top + 15}" text-anchor="end">Path</text>`,
    ...rules,
    ...lossRules,
    ...ticks,
  ];
}

/** Lines end where nothing was measured. */
function rtt({ timeline: { buckets, stepMs } }: Course, { x, rttY }: Scale): Markup[] {
  const shapes: Markup[] = [];
  for (const run of stretches(buckets, stepMs)) {
    const middle = (atMs: number): string => fixed(x(atMs + stepMs / 2));
    const upper = run.map(
      ({ atMs, rttP95Ms, rttMedianMs }) => `${middle(atMs)},${fixed(rttY(rttP95Ms ?? rttMedianMs ?? 0))}`,
    );
    const line = run.map(({ atMs, rttMedianMs }) => `${middle(atMs)},${fixed(rttY(rttMedianMs ?? 0))}`);
    const [only] = run;
    if (run.length === 1 && only !== undefined) {
      shapes.push(
        html`<circle cx="${middle(only.atMs)}" cy="${fixed(rttY(only.rttMedianMs ?? 0))}" r="1.6" fill="${LINE}"/>`,
      );
      continue;
    }
    shapes.push(html`<polygon points="${[...upper, ...line.toReversed()].join(' ')}" fill="${BAND}"/>`);
    shapes.push(html`<polyline points="${line.join(' ')}" fill="none" stroke="${LINE}" stroke-width="1.5"/>`);
  }
  return shapes;
}

type Bucket = Course['timeline']['buckets'][number];

function stretches(buckets: readonly Bucket[], stepMs: number): Bucket[][] {
  const found: Bucket[][] = [];
  let latestMs = Number.NEGATIVE_INFINITY;
  for (const bucket of buckets) {
    if (bucket.rttMedianMs === null) continue;
    // Buckets without a run are no gap where runs are further apart than a bucket is wide.
    if (bucket.atMs - latestMs > stepMs * 4) found.push([]);
    found.at(-1)?.push(bucket);
    latestMs = bucket.atMs;
  }
  return found;
}

function loss({ timeline: { buckets, stepMs } }: Course, { x }: Scale): Markup[] {
  return buckets.flatMap(({ atMs, lossRatio }) => {
    if (lossRatio === null || lossRatio === 0) return [];
    const height = Math.max(1.5, LOSS.height * lossRatio);
    const width = Math.max(1, x(atMs + stepMs) - x(atMs) - 0.3);
    return [
      html`<rect x="${fixed(x(atMs))}" y="${fixed(LOSS.top + LOSS.height - height)}" width="${fixed(width)}" height="${fixed(height)}" fill="${LOST}"/>`,
    ];
  });
}

function strip({ timeline: { buckets, stepMs }, paths, toMs }: Course, { x }: Scale): Markup[] {
  const pieces: { pathId: string; fromMs: number; toMs: number }[] = [];
  for (const { atMs, pathId } of buckets) {
    if (pathId === null) continue;
    const last = pieces.at(-1);
    if (last?.pathId === pathId) last.toMs = atMs + stepMs;
    else {
      if (last !== undefined) last.toMs = Math.min(last.toMs, atMs);
      pieces.push({ pathId, fromMs: atMs, toMs: atMs + stepMs });
    }
  }
  return pieces.flatMap((piece) => {
    const index = paths.findIndex(({ pathId }) => pathId === piece.pathId);
    const colour = PATH_COLOURS[index === -1 ? PATH_COLOURS.length - 1 : index % PATH_COLOURS.length] ?? GRID;
    const [from, to] = [x(piece.fromMs), x(Math.min(piece.toMs, toMs))];
    const box = html`<rect x="${fixed(from)}" y="${STRIP.top}" width="${fixed(Math.max(0.5, to - from))}" height="${STRIP.height}" fill="${colour}" stroke="#fff" stroke-width="0.7"/>`;
    if (to - from < LETTER_WIDTH) return [box];
    const letter = paths[index]?.letter ?? '?';
    return [
      box,
      html`<text x="${fixed((from + to) / 2)}" y="${STRIP.top + 15}" text-anchor="middle" fill="${INK}">${letter}</text>`,
    ];
  });
}

function markers({ changes }: Course, { x }: Scale): Markup[] {
  return changes.map(({ atMs, number }) => {
    const at = fixed(x(atMs));
    return html`<line x1="${at}" x2="${at}" y1="${RTT.top - 4}" y2="${STRIP.top + STRIP.height}" stroke="${INK}" stroke-dasharray="3 2"/><circle cx="${at}" cy="${RTT.top - 4}" r="8" fill="${INK}"/><text x="${at}" y="${RTT.top}" text-anchor="middle" fill="#fff">${number}</text>`;
  });
}

/** The next of 1, 2, 5, 10 and so on. */
function niceTop(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((factor) => factor * power >= value) ?? 10) * power;
}

function figure(ms: number): string {
  return String(Math.round(ms * 100) / 100);
}

function fixed(value: number): string {
  return value.toFixed(1);
}
