// The route graph of a trace ready to be drawn: interfaces by TTL in an order that keeps links short, and how the links
// between two TTLs hang together.

import type { Trace } from '../trace/trace.ts';

export interface RouteLayer {
  readonly ttl: number;
  /** `*` alone for a hop that never answers. */
  readonly addresses: readonly string[];
  /** Packets of one flow are spread here. */
  readonly spread: boolean;
  /** To the next layer: from index to index. */
  readonly links: readonly (readonly [from: number, to: number])[];
}

export const SILENT_HOP = '*';

/** Passes over the layers, down and up in turn, that put each interface near those it is linked to. */
const ORDERING_PASSES = 4;

export function routeLayers(trace: Trace): RouteLayer[] {
  const { multipath } = trace;
  if (multipath === undefined) return [];
  const first = trace.hops[0]?.ttl ?? 1;
  const orders = multipath.interfaces
    .slice(first - 1)
    .map((addresses) => (addresses.length === 0 ? [SILENT_HOP] : [...addresses]));
  const links = orders.map((_, i) => trace.links.filter(({ ttl }) => ttl === first + i));
  for (let pass = 0; pass < ORDERING_PASSES; pass++) {
    for (let i = 1; i < orders.length; i++) {
      sortBy(
        orders[i] as string[],
        orders[i - 1] as string[],
        (links[i - 1] ?? []).map(({ from, to }) => [to, from]),
      );
    }
    if (pass === ORDERING_PASSES - 1) break;
    for (let i = orders.length - 2; i >= 0; i--) {
      sortBy(
        orders[i] as string[],
        orders[i + 1] as string[],
        (links[i] ?? []).map(({ from, to }) => [from, to]),
      );
    }
  }
  return orders.map((addresses, i) => ({
    ttl: first + i,
    addresses,
    spread: multipath.perPacketTtls.includes(first + i),
    links: (links[i] ?? []).flatMap(({ from, to }): (readonly [number, number])[] => {
      const pair = [addresses.indexOf(from), orders[i + 1]?.indexOf(to) ?? -1] as const;
      return pair[0] < 0 || pair[1] < 0 ? [] : [pair];
    }),
  }));
}

/** Orders `layer` by the mean place of each one's partners in `other`, as shares of its width; what has none stays. */
function sortBy(
  layer: string[],
  other: readonly string[],
  pairs: readonly (readonly [string, string])[],
): void {
  const place = new Map<string, number>();
  for (const [i, own] of layer.entries()) {
    const partners = pairs.filter(([one]) => one === own).map(([, partner]) => other.indexOf(partner));
    const mean = partners.reduce((sum, at) => sum + (at + 0.5) / other.length, 0) / partners.length;
    place.set(own, partners.length === 0 ? (i + 0.5) / layer.length : mean);
  }
  layer.sort((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0) || (a < b ? -1 : 1));
}

/** Interfaces of two layers that are linked, all with all. */
export interface Bundle {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** The links of a layer as bundles side by side, or null where they cannot be told apart by bundles alone. */
export function bundlesOf({ links }: RouteLayer): Bundle[] | null {
  const bySet = new Map<string, { from: number[]; to: number[] }>();
  const successors = new Map<number, number[]>();
  for (const [from, to] of links) successors.set(from, [...(successors.get(from) ?? []), to]);
  for (const [from, to] of [...successors].sort(([a], [b]) => a - b)) {
    to.sort((a, b) => a - b);
    const key = to.join();
    const bundle = bySet.get(key);
    if (bundle === undefined) bySet.set(key, { from: [from], to });
    else bundle.from.push(from);
  }
  const taken = new Set<number>();
  for (const { to } of bySet.values()) {
    for (const one of to) {
      if (taken.has(one)) return null;
      taken.add(one);
    }
  }
  return [...bySet.values()];
}

/** Whether bundles can be drawn side by side in one row: no two of them overlap from left to right. */
export function bundlesFit(bundles: readonly Bundle[], from: number, to: number): boolean {
  const spans = bundles
    .map((bundle) => {
      const places = [
        ...bundle.from.map((index) => (index + 0.5) / from),
        ...bundle.to.map((index) => (index + 0.5) / to),
      ];
      return { left: Math.min(...places), right: Math.max(...places) };
    })
    .sort((a, b) => a.left - b.left);
  return spans.every(({ left }, i) => i === 0 || left > (spans[i - 1]?.right ?? 0));
}
