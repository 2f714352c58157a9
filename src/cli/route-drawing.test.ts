import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { sampleTrace } from '../../test/sample-rounds.ts';
import type { Link, Trace } from '../trace/trace.ts';
import { ASCII_GLYPHS, glyphsFor, UNICODE_GLYPHS } from './glyphs.ts';
import { multipathText, routeDrawing } from './route-drawing.ts';
import { bundlesOf, routeLayers } from './route-layers.ts';
import { lineWidth, render } from './styled-text.ts';

type Wiring = (from: number, above: number, below: number) => readonly number[];

const ALL: Wiring = (_, __, below) => Array.from({ length: below }, (_, i) => i);
/** Side by side: each above has its own share below. */
const APART: Wiring = (from, above, below) =>
  Array.from({ length: below }, (_, i) => i).filter((to) =>
    below >= above ? Math.floor((to * above) / below) === from : to === Math.floor((from * below) / above),
  );
/** Each is linked to the one below it and to the next. */
const STAGGERED: Wiring = (from, _, below) => [...new Set([from % below, (from + 1) % below])].sort();

function address(ttl: number, i: number, family: 4 | 6): string {
  return family === 4
    ? `198.51.${100 + ttl}.${(i * 37) % 256}`
    : `2001:db8:${ttl.toString(16)}:ffff:a:b:c:${(i * 4099).toString(16)}`;
}

/** Layers of these widths between a router and the destination. */
function traceOf(widths: readonly number[], wiring: Wiring, family: 4 | 6 = 4): Trace {
  const interfaces = [1, ...widths, 1].map((width, ttl) =>
    Array.from({ length: width }, (_, i) => address(ttl, i, family)),
  );
  const links: Link[] = [];
  for (const [i, layer] of interfaces.entries()) {
    const next = interfaces[i + 1] ?? [];
    for (const [from, name] of layer.entries()) {
      const single = layer.length === 1 || next.length === 1;
      for (const to of (single ? ALL : wiring)(from, layer.length, next.length)) {
        links.push({ ttl: i + 1, from: name, to: next[to] as string });
      }
    }
  }
  return {
    ...sampleTrace(),
    address: interfaces.at(-1)?.[0] ?? '',
    links,
    multipath: {
      confidence: 95,
      interfaces: interfaces.map((layer) => layer.toSorted()),
      perPacketTtls: [],
      probesSent: 100,
      complete: true,
    },
  };
}

function text(trace: Trace, columns: number, glyphs = UNICODE_GLYPHS): string {
  return routeDrawing(trace, { columns, glyphs })
    .map((line) => `${render(line, false)}\n`)
    .join('');
}

function assertGolden(name: string, drawn: string): void {
  const file = new URL(`../../test/fixtures/cli/${name}.txt`, import.meta.url);
  const { HOPSCOPE_UPDATE_GOLDEN } = process.env;
  if (HOPSCOPE_UPDATE_GOLDEN === '1') writeFileSync(file, drawn);
  assert.equal(drawn, readFileSync(file, 'utf8'));
}

for (const columns of [80, 120]) {
  test(`routeDrawing() draws widths 1 to 16 on ${columns} columns`, () => {
    const drawings = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16].flatMap((width) => [
      text(traceOf([width, width], APART), columns),
      text(traceOf([width, width], ALL), columns),
    ]);
    assertGolden(`drawing-widths.${columns}`, drawings.join('\n'));
  });

  test(`routeDrawing() draws partial meshes link by link, and splits and joins, on ${columns} columns`, () => {
    const drawings = [
      text(traceOf([2, 4, 8, 4, 2], APART), columns),
      text(traceOf([3, 3], STAGGERED), columns),
      text(traceOf([8, 8], STAGGERED), columns),
      text(traceOf([16, 16], STAGGERED), columns),
      text(traceOf([2, 2], ALL, 6), columns),
      text(traceOf([2, 3], STAGGERED, 6), columns),
    ];
    assertGolden(`drawing-meshes.${columns}`, drawings.join('\n'));
    const ascii = [
      text(traceOf([4, 4], ALL), columns, ASCII_GLYPHS),
      text(traceOf([4, 4], STAGGERED), columns, ASCII_GLYPHS),
    ];
    assertGolden(`drawing-ascii.${columns}`, ascii.join('\n'));
  });
}

test('routeDrawing() makes a list of what is too wide to draw', () => {
  const wide = text(traceOf([60], ALL), 80);
  assert.match(wide, /^ {2}1 {3}198\.51\.100\.0 → 198\.51\.101\.0/m);
  assert.equal(wide.match(/198\.51\.101\.\d+ → 198\.51\.102\.0/g)?.length, 60);
  assertGolden('drawing-list.40', text(traceOf([20], ALL), 40, ASCII_GLYPHS));
});

test('routeDrawing() shows a silent hop, and spread packets, and claims no link there', () => {
  const trace = traceOf([3, 3], ALL);
  const report = trace.multipath;
  assert.ok(report !== undefined);
  const silent = {
    ...trace,
    links: trace.links.filter(({ ttl }) => ttl > 2),
    multipath: { ...report, interfaces: report.interfaces.with(1, []) },
  };
  assertGolden('drawing-silent', text(silent, 80));
  const spread = {
    ...trace,
    links: trace.links.filter(({ ttl }) => ttl !== 2),
    multipath: { ...report, perPacketTtls: [2, 3] },
  };
  assertGolden('drawing-spread', text(spread, 80));
});

test('routeDrawing() keeps to the width it is given, and loses no interface', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 5 }),
      fc.constantFrom(ALL, APART, STAGGERED),
      fc.integer({ min: 40, max: 200 }),
      fc.constantFrom(4 as const, 6 as const),
      (widths, wiring, columns, family) => {
        const trace = traceOf(widths, wiring, family);
        const lines = routeDrawing(trace, { columns, glyphs: UNICODE_GLYPHS });
        const drawn = lines.map((line) => render(line, false)).join('\n');
        for (const line of lines) assert.ok(lineWidth(line) <= columns, render(line, false));
        for (const layer of trace.multipath?.interfaces ?? []) {
          for (const one of layer) assert.ok(drawn.includes(one), one);
        }
      },
    ),
    { numRuns: 200, seed: 7 },
  );
});

test('bundlesOf() tells apart what hangs together, and refuses what overlaps', () => {
  const [, , apart] = routeLayers(traceOf([2, 2, 4], APART));
  assert.deepEqual(apart === undefined ? null : bundlesOf(apart), [
    { from: [0], to: [0, 1] },
    { from: [1], to: [2, 3] },
  ]);
  const [, staggered] = routeLayers(traceOf([3, 3], STAGGERED));
  assert.equal(staggered === undefined ? 0 : bundlesOf(staggered), null);
});

test('glyphsFor() takes box drawing only where the locale is UTF-8', () => {
  assert.equal(glyphsFor({ LANG: 'en_GB.UTF-8' }), UNICODE_GLYPHS);
  assert.equal(glyphsFor({ LANG: 'en_GB.UTF-8', LC_ALL: 'C' }), ASCII_GLYPHS);
  assert.equal(glyphsFor({ LC_CTYPE: 'de_DE.utf8' }), UNICODE_GLYPHS);
  assert.equal(glyphsFor({}), ASCII_GLYPHS);
});

test('multipathText() says what was found and what was not', () => {
  const trace = traceOf([4, 4, 8], ALL);
  const report = trace.multipath;
  assert.ok(report !== undefined);
  assert.deepEqual(multipathText(trace), {
    found: 'multipath at 95 %: 18 interfaces and 60 links, at most 8 side by side; 100 probes more',
    limit: null,
  });
  const cut = {
    ...trace,
    multipath: { ...report, complete: false, perPacketTtls: [3], note: 'time ran out' },
  };
  assert.equal(multipathText(cut)?.limit, 'multipath is incomplete: time ran out');
  assert.match(multipathText(cut)?.found ?? '', /, packets spread at hop 3;/);
  assert.equal(multipathText(sampleTrace()), null);
});
