// The route graph on a terminal: a row for each TTL with its interfaces side by side, and between two rows the links.
// Invariant: every interface and every link is there, in the drawing or, where it does not fit, in a list.

import type { Trace } from '../trace/trace.ts';
import type { Glyphs } from './glyphs.ts';
import {
  type Bundle,
  bundlesFit,
  bundlesOf,
  type RouteLayer,
  routeLayers,
  SILENT_HOP,
} from './route-layers.ts';
import { type Line, type Piece, padStart, piece, widthOf, wrap } from './styled-text.ts';

export interface DrawingContext {
  /** Cells a line may take; Infinity where nobody says. */
  readonly columns: number;
  readonly glyphs: Glyphs;
}

const HOP_WIDTH = 3;
/** Beside the hop's number: `~` where packets of one flow are spread. */
const MARGIN: number = HOP_WIDTH + 3;
/** Where no terminal says how wide it is. */
const DEFAULT_COLUMNS = 100;
const MOST_COLUMNS = 160;
/** Between labels side by side. */
const GAP = 2;
const LETTER_CELL = 4;
const LEAST_LETTER_CELL = 2;
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

export function routeDrawing(trace: Trace, context: DrawingContext): Line[] {
  const layers = routeLayers(trace);
  if (layers.length === 0) return [];
  const columns = context.columns === Number.POSITIVE_INFINITY ? DEFAULT_COLUMNS : context.columns;
  const title: Line = [piece('route graph', 'bold')];
  const drawing = Drawing.of(layers, trace, Math.min(columns, MOST_COLUMNS) - MARGIN, context.glyphs);
  if (drawing === null) return [title, ...listOf(layers, context.glyphs, columns)];
  return [title, ...drawing.lines(columns)];
}

/** How a layer's interfaces are written. */
type Labels = 'addresses' | 'letters and addresses' | 'letters';

class Drawing {
  readonly #layers: readonly RouteLayer[];
  readonly #trace: Trace;
  readonly #glyphs: Glyphs;
  /** Of what stands right of the margin. */
  readonly #width: number;
  readonly #labels: readonly Labels[];
  /** Bundles after each layer, or null where links are drawn one by one. */
  readonly #bundles: readonly (readonly Bundle[] | null)[];

  private constructor(
    layers: readonly RouteLayer[],
    trace: Trace,
    glyphs: Glyphs,
    width: number,
    labels: readonly Labels[],
    bundles: readonly (readonly Bundle[] | null)[],
  ) {
    this.#layers = layers;
    this.#trace = trace;
    this.#glyphs = glyphs;
    this.#width = width;
    this.#labels = labels;
    this.#bundles = bundles;
  }

  /** As wide as the widest layer needs; null where even letters do not fit into `available` cells. */
  static of(layers: readonly RouteLayer[], trace: Trace, available: number, glyphs: Glyphs): Drawing | null {
    const bundles = layers.map((layer, i) => {
      const found = bundlesOf(layer);
      const next = layers[i + 1]?.addresses.length ?? 1;
      return found !== null && bundlesFit(found, layer.addresses.length, next) ? found : null;
    });
    const labels: Labels[] = [];
    let width = 0;
    for (const [i, layer] of layers.entries()) {
      const count = layer.addresses.length;
      const widest = Math.max(...layer.addresses.map(widthOf));
      const letters = bundles[i] === null ? 2 : 0;
      if (count * (widest + letters + GAP) <= available) {
        labels.push(letters > 0 ? 'letters and addresses' : 'addresses');
        width = Math.max(width, count * (widest + letters + GAP));
        continue;
      }
      if (count * LEAST_LETTER_CELL > available || count > LETTERS.length) return null;
      labels.push('letters');
      width = Math.max(width, Math.min(available, count * LETTER_CELL));
    }
    return new Drawing(layers, trace, glyphs, width, labels, bundles);
  }

  lines(columns: number): Line[] {
    const lines: Line[] = [];
    for (const [i, layer] of this.#layers.entries()) {
      lines.push(this.#row(layer, i));
      const next = this.#layers[i + 1];
      if (next !== undefined) lines.push(...this.#links(layer, next, i));
    }
    return [...lines, ...this.#legend(columns)];
  }

  #row(layer: RouteLayer, i: number): Line {
    const pieces: Piece[] = [piece(`${padStart(String(layer.ttl), HOP_WIDTH)}${layer.spread ? '~' : ' '}  `)];
    let at = 0;
    for (const [index, address] of layer.addresses.entries()) {
      const label = this.#label(address, index, this.#labels[i] as Labels);
      const column = this.#column(index, layer.addresses.length);
      const start = Math.max(at, column - Math.floor((widthOf(label) - 1) / 2));
      const style = address === this.#trace.address ? 'bold' : address === SILENT_HOP ? 'dim' : 'plain';
      pieces.push(piece(' '.repeat(start - at)), piece(label, style));
      at = start + widthOf(label);
    }
    return pieces;
  }

  #label(address: string, index: number, labels: Labels): string {
    if (labels === 'addresses') return address;
    const letter = LETTERS[index] as string;
    return labels === 'letters' ? letter : `${letter} ${address}`;
  }

  /** The middle of the interface's share of the width. */
  #column(index: number, count: number): number {
    return Math.floor(((index + 0.5) * this.#width) / count);
  }

  #links(layer: RouteLayer, next: RouteLayer, i: number): Line[] {
    const single = layer.addresses.length === 1 && next.addresses.length === 1;
    if (layer.links.length === 0) return single ? [] : [[]];
    // Two routers one below the other need no line.
    if (single) return [];
    const bundles = this.#bundles[i];
    return bundles === null || bundles === undefined
      ? this.#crossbar(layer, next)
      : [this.#bundleRow(bundles, layer.addresses.length, next.addresses.length)];
  }

  #bundleRow(bundles: readonly Bundle[], above: number, below: number): Line {
    const cells = new Array<string>(this.#width).fill(' ');
    for (const bundle of bundles) {
      const up = new Set(bundle.from.map((index) => this.#column(index, above)));
      const down = new Set(bundle.to.map((index) => this.#column(index, below)));
      const left = Math.min(...up, ...down);
      const right = Math.max(...up, ...down);
      for (let x = left; x <= right; x++) {
        const sides = (up.has(x) ? 1 : 0) | (down.has(x) ? 2 : 0) | (x > left ? 4 : 0) | (x < right ? 8 : 0);
        cells[x] = this.#glyphs.joints[sides] ?? this.#glyphs.vertical;
      }
    }
    return [piece(' '.repeat(MARGIN)), piece(cells.join(''), 'dim')];
  }

  /** A line across for each interface above, one down for each below, and a mark where the two are linked. */
  #crossbar(layer: RouteLayer, next: RouteLayer): Line[] {
    const { horizontal, vertical, crossing, tap } = this.#glyphs;
    const columns = next.addresses.map((_, i) => this.#column(i, next.addresses.length));
    const lines: Line[] = [];
    for (const from of layer.addresses.keys()) {
      const linked = new Set(
        layer.links.filter(([one]) => one === from).map(([, to]) => columns[to] as number),
      );
      const right = Math.max(-1, ...linked);
      const cells = Array.from({ length: this.#width }, (_, x) => (x < right ? horizontal : ' '));
      for (const x of columns) cells[x] = linked.has(x) ? tap : x < right ? crossing : vertical;
      const letter = padStart(LETTERS[from] as string, MARGIN - 1);
      lines.push([piece(`${letter} `), piece(cells.join(''), 'dim')]);
    }
    return lines;
  }

  /** The addresses that letters stand for, and what a `~` means. */
  #legend(columns: number): Line[] {
    const lines: Line[] = [];
    for (const [i, { ttl, addresses }] of this.#layers.entries()) {
      if (this.#labels[i] !== 'letters') continue;
      const text = addresses.map((address, index) => `${LETTERS[index]}\u00a0${address}`).join(' ');
      for (const [n, part] of wrap(text, columns - MARGIN - addresses.length).entries()) {
        const margin = n === 0 ? `${padStart(String(ttl), HOP_WIDTH)}   ` : ' '.repeat(MARGIN);
        lines.push([piece(margin + part.replaceAll(' ', '  ').replaceAll('\u00a0', ' '))]);
      }
    }
    if (lines.length > 0) lines.unshift([]);
    if (this.#layers.some(({ spread }) => spread)) {
      lines.push([piece('  ~   packets of one flow are spread over these interfaces', 'dim')]);
    }
    return lines;
  }
}

/** Too wide to draw: each interface with what follows it. */
function listOf(layers: readonly RouteLayer[], { arrow }: Glyphs, columns: number): Line[] {
  const lines: Line[] = [];
  for (const [i, layer] of layers.entries()) {
    for (const [index, address] of layer.addresses.entries()) {
      const to = layer.links
        .filter(([from]) => from === index)
        .map(([, at]) => layers[i + 1]?.addresses[at] ?? '');
      const hop =
        index === 0 ? `${padStart(String(layer.ttl), HOP_WIDTH)}${layer.spread ? '~' : ' '}` : '    ';
      const text = to.length === 0 ? address : `${address} ${arrow} ${to.join(' ')}`;
      for (const [n, part] of wrap(text, columns - MARGIN - 4).entries()) {
        lines.push([piece(n === 0 ? `${hop}  ${part}` : `${' '.repeat(MARGIN + 4)}${part}`)]);
      }
    }
  }
  return lines;
}

/** What discovery found, and what it did not, in a sentence each. */
export function multipathText(
  trace: Trace,
): { readonly found: string; readonly limit: string | null } | null {
  const { multipath } = trace;
  if (multipath === undefined) return null;
  const { confidence, interfaces, perPacketTtls, probesSent, complete, note } = multipath;
  const count = interfaces.reduce((sum, layer) => sum + layer.length, 0);
  const widest = Math.max(0, ...interfaces.map((layer) => layer.length));
  const links = trace.links.length;
  const spread = perPacketTtls.length === 0 ? '' : `, packets spread at hop ${perPacketTtls.join(', ')}`;
  const found = `multipath at ${confidence} %: ${plural(count, 'interface')} and ${plural(links, 'link')}, at most ${widest} side by side${spread}; ${plural(probesSent, 'probe')} more`;
  return { found, limit: complete ? null : `multipath is incomplete: ${note ?? 'it was interrupted'}` };
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
