// Many runs of one target laid over one another: nodes by TTL and address, links between them, and where packets are lost.
// Invariant: a silent hop is a node without address, so the picture is connected from the vantage point to the end.

import { locateLoss } from '../path/loss-attribution.ts';
import { wilsonInterval } from '../path/statistics.ts';
import type { RouteLink, RouteNode, RoutePicture } from './path-history.ts';
import type { RecordedPath } from './recorded-run.ts';
import { RttSketch, toMicrosecond } from './rtt-sketch.ts';
import type { RunState } from './run-pack.ts';
import { formatPathId } from './run-pack.ts';

/** More is no picture; a route that meets so many is per-packet balanced over a mesh. */
const MAX_NODES = 2000;
const MAX_LINKS = 4000;
/** Probability of a router's own loss from which on it is named. */
const OWN_LOSS = 0.5;

interface NodeTally {
  readonly ttl: number;
  readonly address: string;
  runs: number;
  destination: boolean;
  answered: number;
  /** Unanswered probes are shared out by how much each address of a hop answers. */
  sent: number;
  readonly rtts: RttSketch;
  mpls: readonly string[];
}

interface HopTally {
  sent: number;
  answered: number;
}

/** Where the places of a path's runs are counted, by TTL. */
interface PathLayout {
  readonly nodes: readonly NodeTally[];
  readonly places: readonly (readonly NodeTally[])[];
  readonly links: readonly { runs: number }[];
}

export class RouteBuilder {
  readonly #pathOf: (path: number) => RecordedPath | undefined;
  readonly #nodes = new Map<string, NodeTally>();
  readonly #links = new Map<string, { ttl: number; from: string; to: string; runs: number }>();
  readonly #layouts = new Map<number, PathLayout | null>();
  /** Routers by TTL less one; the destination, at whatever TTL a run met it, has a tally of its own. */
  readonly #hops: HopTally[] = [];
  readonly #end: HopTally & { ttl: number } = { ttl: 0, sent: 0, answered: 0 };
  #runs = 0;
  #routed = 0;
  #reached = 0;
  #measured = 0;
  #lossUnits = 0;
  #lastPath = -1;
  #lastHopCount: number | null = null;

  /** `pathOf` finds the path of a number, undefined where it is not known any more. */
  constructor(pathOf: (path: number) => RecordedPath | undefined) {
    this.#pathOf = pathOf;
  }

  /** Runs come in order of time. */
  add(run: RunState): void {
    this.#runs++;
    if (run.failure === '') {
      this.#measured++;
      this.#lossUnits += run.lossRatio;
    }
    if (run.reached) {
      this.#reached++;
      this.#lastHopCount = run.hopCount;
    }
    if (run.path < 0) return;
    this.#lastPath = run.path;
    const layout = this.#layoutOf(run.path);
    if (layout === null) return;
    this.#routed++;
    for (const node of layout.nodes) node.runs++;
    for (const link of layout.links) link.runs++;
    this.#tally(run, layout);
  }

  /** `total` and `reached` stand for all runs of the period where only some were added. */
  picture(total: number = this.#runs, reached: number = this.#reached): RoutePicture {
    const nodes = [...this.#nodes.values()].sort((a, b) => a.ttl - b.ttl || (a.address < b.address ? -1 : 1));
    const losses = this.#forwardLosses();
    const located = this.#located();
    return {
      runs: total,
      reachedRuns: reached,
      pathId: this.#lastPath < 0 ? null : formatPathId(this.#lastPath),
      hopCount: this.#lastHopCount,
      lossRatio: this.#measured === 0 ? null : this.#lossUnits / this.#measured,
      lossStartHop: located.startHop,
      nodes: nodes.map((node) => this.#node(node, losses, located.own)),
      links: [...this.#links.values()]
        .map((link) => this.#link(link))
        .sort((a, b) => a.ttl - b.ttl || (a.from + a.to < b.from + b.to ? -1 : 1)),
    };
  }

  #tally(run: RunState, layout: PathLayout): void {
    let place = 0;
    // Beyond the destination nothing says anything of the path.
    for (let i = 0; i < Math.min(run.ttls, layout.places.length); i++) {
      const nodes = layout.places[i] ?? [];
      const places = run.places[i] as number;
      const sent = run.sent[i] as number;
      let answered = 0;
      for (let k = 0; k < places; k++) answered += run.answered[place + k] as number;
      const hop = this.#hopAt(i, nodes);
      hop.sent += sent;
      hop.answered += answered;
      for (let k = 0; k < Math.min(places, nodes.length); k++) {
        const node = nodes[k] as NodeTally;
        const count = run.answered[place + k] as number;
        node.answered += count;
        node.sent += answered === 0 ? sent / nodes.length : (sent * count) / answered;
        if (count > 0) node.rtts.add((run.rtts[place + k] as number) / 1000);
      }
      place += places;
    }
  }

  #hopAt(i: number, nodes: readonly NodeTally[]): HopTally {
    if (nodes.length === 1 && nodes[0]?.destination === true) {
      this.#end.ttl = i + 1;
      return this.#end;
    }
    this.#hops[i] ??= { sent: 0, answered: 0 };
    return this.#hops[i] as HopTally;
  }

  #layoutOf(path: number): PathLayout | null {
    const known = this.#layouts.get(path);
    if (known !== undefined) return known;
    const recorded = this.#pathOf(path);
    const layout = recorded === undefined ? null : this.#layOut(recorded);
    this.#layouts.set(path, layout);
    return layout;
  }

  #layOut(path: RecordedPath): PathLayout {
    const vantage = this.#nodeAt(0, '');
    const nodes: (NodeTally | null)[] = [vantage];
    const places: NodeTally[][] = [];
    const links: { runs: number }[] = [];
    let before: readonly string[] = [''];
    for (const [i, addresses] of path.hops.entries()) {
      const ttl = i + 1;
      const here = addresses.length === 0 ? [''] : addresses;
      const tallies = here.map((address) => this.#nodeAt(ttl, address));
      nodes.push(...tallies);
      places.push(addresses.length === 0 ? [] : tallies.filter((node) => node !== null));
      for (const node of tallies) {
        if (node === null) continue;
        node.mpls = path.mpls[`${ttl} ${node.address}`] ?? node.mpls;
        if (ttl === path.hops.length && node.address === path.destination) node.destination = true;
      }
      for (const [from, to] of linksBetween(path, i, before, here)) {
        const link = this.#linkAt(i, from, to);
        if (link !== null) links.push(link);
      }
      before = here;
    }
    return { nodes: nodes.filter((node) => node !== null), places, links };
  }

  #nodeAt(ttl: number, address: string): NodeTally | null {
    const key = `${ttl} ${address}`;
    let node = this.#nodes.get(key);
    if (node === undefined) {
      if (this.#nodes.size >= MAX_NODES) return null;
      const rtts = new RttSketch();
      node = { ttl, address, runs: 0, destination: false, answered: 0, sent: 0, rtts, mpls: [] };
      this.#nodes.set(key, node);
    }
    return node;
  }

  #linkAt(ttl: number, from: string, to: string): { runs: number } | null {
    const key = `${ttl} ${from} ${to}`;
    let link = this.#links.get(key);
    if (link === undefined) {
      if (this.#links.size >= MAX_LINKS) return null;
      link = { ttl, from, to, runs: 0 };
      this.#links.set(key, link);
    }
    return link;
  }

  #node(node: NodeTally, losses: readonly (number | null)[], own: ReadonlyMap<number, number>): RouteNode {
    const { ttl, address, destination, answered, mpls, rtts } = node;
    const sent = Math.max(answered, Math.round(node.sent));
    const minMs = rtts.minMs;
    const medianMs = rtts.quantile(0.5);
    const p95Ms = rtts.quantile(0.95);
    const forward = address === '' ? null : destination ? lossOf(this.#end) : (losses[ttl - 1] ?? null);
    return {
      ttl,
      address,
      share: this.#routed === 0 ? 0 : node.runs / this.#routed,
      destination,
      sent,
      answered,
      rtt:
        medianMs === null || p95Ms === null
          ? null
          : { minMs, medianMs: toMicrosecond(medianMs), p95Ms: toMicrosecond(p95Ms) },
      forwardLossRatio: forward,
      rateLimited:
        forward !== null && (own.get(ttl) ?? 0) > OWN_LOSS && isRateLimited(sent, answered, forward),
      mpls,
    };
  }

  #link({ ttl, from, to, runs }: { ttl: number; from: string; to: string; runs: number }): RouteLink {
    const near = ttl === 0 ? 0 : (this.#nodes.get(`${ttl} ${from}`)?.rtts.quantile(0.5) ?? null);
    const far = this.#nodes.get(`${ttl + 1} ${to}`)?.rtts.quantile(0.5) ?? null;
    return {
      ttl,
      from,
      to,
      share: this.#routed === 0 ? 0 : runs / this.#routed,
      addedDelayMs: near === null || far === null ? null : toMicrosecond(far - near),
    };
  }

  /**
   * By TTL: the least loss of this hop and all that answer beyond it. What a hop loses and a later one does not, it did
   * not forward badly, it only answered less.
   */
  #forwardLosses(): (number | null)[] {
    const losses: (number | null)[] = [];
    let least = lossOf(this.#end);
    for (let i = this.#hops.length - 1; i >= 0; i--) {
      const loss = lossOf(this.#hops[i]);
      if (loss !== null) least = least === null ? loss : Math.min(least, loss);
      losses[i] = least;
    }
    return losses;
  }

  /** The hop from which loss persists, null for none; and by TTL, how probably a router leaves out replies of its own. */
  #located(): { readonly startHop: number | null; readonly own: ReadonlyMap<number, number> } {
    if (this.#end.answered === 0) return { startHop: null, own: new Map() };
    const lost = ({ sent, answered }: HopTally): number => Math.max(0, sent - answered);
    const routers = this.#hops.flatMap((hop, i) =>
      hop !== undefined && hop.answered > 0
        ? [{ ttl: i + 1, sent: Math.max(hop.sent, hop.answered), lost: lost(hop) }]
        : [],
    );
    const { ttl, sent, answered } = this.#end;
    const located = locateLoss(routers, { ttl, sent: Math.max(sent, answered), lost: lost(this.#end) });
    return {
      startHop: located.startHop === 0 ? null : located.startHop,
      own: new Map(routers.map((router, i) => [router.ttl, located.own[i] ?? 0])),
    };
  }
}

/** Null where nothing ever answered. */
function lossOf(hop: HopTally | undefined): number | null {
  return hop === undefined || hop.answered === 0 ? null : Math.max(0, 1 - hop.answered / hop.sent);
}

/** It answers significantly less than what lies behind it shows that it forwards. */
function isRateLimited(sent: number, answered: number, forwardLoss: number): boolean {
  if (sent === 0 || answered === 0) return false;
  return wilsonInterval(sent - answered, sent).low > forwardLoss + 0.01;
}

/** Pairs of addresses that are linked from TTL `ttl` to the next; where nothing was seen of one, to everything. */
function* linksBetween(
  path: RecordedPath,
  ttl: number,
  before: readonly string[],
  here: readonly string[],
): Generator<readonly [string, string]> {
  const seen = path.links.filter((link) => link.ttl === ttl);
  const single = before.length === 1 || here.length === 1;
  const leaving = new Set(seen.map((link) => link.from));
  const coming = new Set(seen.map((link) => link.to));
  for (const from of before) {
    for (const to of here) {
      const linked = seen.some((link) => link.from === from && link.to === to);
      if (single || linked || !leaving.has(from) || !coming.has(to)) yield [from, to];
    }
  }
}
