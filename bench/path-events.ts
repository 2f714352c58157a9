// What happens to the paths of a PathWorld, and what a monitor of its fixed flows must say about it.
// Truth is computed from what the flows can see: two routes that answer alike make no event.

import { asPathsConflict } from '../src/path/as-path.ts';
import type { PathChangeKind } from '../src/path/observation.ts';
import type { FlowWay, PathWorld, Random, Route, Router, Segment } from './path-world.ts';

export const EVENT_KINDS = [
  'detour',
  'tail',
  'single router',
  'twin router',
  'branch',
  'hidden length',
  'back',
  'rehash',
  'outage',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

export interface Truth {
  /** Kind that must be reported; null where no flow can see the change. */
  readonly kind: PathChangeKind | null;
  readonly firstHop: number;
  /** Whether the AS path changed for the flows that moved: all, none, or some of them. */
  readonly asPath: 'changed' | 'same' | 'mixed';
  /** One hop with another address and nothing else: no packet tells it from a renamed router. */
  readonly ambiguous: boolean;
  /** Only hops that answer now and then show it: it is noticed when they do. */
  readonly dim: boolean;
  /** First differing TTL among the hops that always answer; what a dim hop before it may hide. */
  readonly clearHop: number;
}

export function newRoute(world: PathWorld): Route {
  const { random } = world;
  const route: Segment[] = [{ kind: 'router', router: world.newRouter(64_500, { silent: false }) }];
  const count = random.between(5, 14);
  for (let i = 0; i < count; i++) {
    const as = 64_500 + Math.floor((i * 3) / count);
    const kind = random.next();
    if (kind < 0.12) route.push(flowDiamond(world, as));
    else if (kind < 0.2) route.push(packetDiamond(world, as));
    else route.push({ kind: 'router', router: world.newRouter(random.chance(0.05) ? 0 : as) });
  }
  return route;
}

function flowDiamond(world: PathWorld, as: number): Segment {
  const { random } = world;
  const width = random.chance(0.7) ? random.between(2, 3) : random.between(4, 8);
  const depth = random.between(1, 3);
  const unequal = random.chance(0.15);
  const branches = Array.from({ length: width }, () =>
    routers(world, as, unequal ? random.between(1, 3) : depth),
  );
  return { kind: 'flow', branches, salt: random.below(1e9) };
}

function packetDiamond(world: PathWorld, as: number): Segment {
  const { random } = world;
  const depth = random.between(1, 2);
  const branches = Array.from({ length: random.between(2, 4) }, () => routers(world, as, depth));
  return { kind: 'packet', branches, salt: 0 };
}

function routers(world: PathWorld, as: number, count: number): Router[] {
  return Array.from({ length: count }, () => world.newRouter(as));
}

/** The route after an event of this kind, or null where this route cannot have one. */
export function changedRoute(world: PathWorld, kind: EventKind): Route | null {
  const { random, route } = world;
  if (kind === 'rehash') return rehashed(random, route);
  if (kind === 'branch') return otherBranch(world);
  if (kind === 'hidden length') return hiddenLength(world);
  if (kind === 'single router' || kind === 'twin router') return otherRouter(world, kind === 'twin router');
  const from = random.between(1, route.length - 2);
  const to = kind === 'tail' ? route.length : Math.min(route.length, from + random.between(2, 4));
  const as = random.chance(0.35) ? 64_600 + random.below(50) : asOf(route[from]);
  const count = Math.max(1, hopsOf(route.slice(from, to)) + (random.chance(0.3) ? random.between(-2, 2) : 0));
  const detour: Segment[] = [];
  while (hopsOf(detour) < count) {
    const left = count - hopsOf(detour);
    if (left >= 3 && random.chance(0.15))
      detour.push(random.chance(0.5) ? flowDiamond(world, as) : packetDiamond(world, as));
    else detour.push({ kind: 'router', router: world.newRouter(as) });
  }
  return [...route.slice(0, from), ...detour, ...route.slice(to)];
}

function hopsOf(route: Route): number {
  return route.reduce(
    (sum, segment) => sum + (segment.kind === 'router' ? 1 : (segment.branches[0]?.length ?? 0)),
    0,
  );
}

function asOf(segment: Segment | undefined): number {
  if (segment === undefined) return 64_500;
  return segment.kind === 'router' ? segment.router.as : (segment.branches[0]?.[0]?.as ?? 64_500);
}

function rehashed(random: Random, route: Route): Route | null {
  const at = pick(random, route, (segment) => segment.kind === 'flow');
  if (at < 0) return null;
  return replaced(route, at, {
    ...(route[at] as Exclude<Segment, { kind: 'router' }>),
    salt: random.below(1e9),
  });
}

function otherBranch(world: PathWorld): Route | null {
  const { random, route } = world;
  const at = pick(
    random,
    route,
    (segment) => segment.kind === 'flow' && (segment.branches[0]?.length ?? 0) > 1,
  );
  const segment = route[at];
  if (segment === undefined || segment.kind === 'router') return null;
  const which = random.below(segment.branches.length);
  const branches = segment.branches.map((branch, i) =>
    i === which ? routers(world, asOf(segment), branch.length) : branch,
  );
  return replaced(route, at, { ...segment, branches });
}

/** One silent hop more or less just before the destination: only the distance shows it. */
function hiddenLength(world: PathWorld): Route | null {
  const { route } = world;
  const last = route.at(-1);
  if (last?.kind === 'router' && last.router.silent) return route.slice(0, -1);
  return [...route, { kind: 'router', router: world.newRouter(asOf(last), { silent: true }) }];
}

function otherRouter(world: PathWorld, twin: boolean): Route | null {
  const { random, route } = world;
  const at = pick(
    random,
    route,
    (segment, i) => i > 0 && segment.kind === 'router' && !segment.router.silent,
  );
  const segment = route[at];
  if (segment === undefined || segment.kind !== 'router') return null;
  const { as, linkMs, initialTtl, perLink } = segment.router;
  const same = { silent: false, rate: 1, initialTtl, perLink };
  const router = world.newRouter(as, { ...same, linkMs: twin ? linkMs : linkMs + 3 + 4 * random.next() });
  return replaced(route, at, { kind: 'router', router });
}

function pick(random: Random, route: Route, fits: (segment: Segment, i: number) => boolean): number {
  const places = route.flatMap((segment, i) => (fits(segment, i) ? [i] : []));
  return places.length === 0 ? -1 : (places[random.below(places.length)] as number);
}

function replaced(route: Route, at: number, segment: Segment): Route {
  return route.map((old, i) => (i === at ? segment : old));
}

/** What the fixed flows can see of the step from one route to another. */
export function truthOf(
  world: PathWorld,
  kind: EventKind,
  before: Route,
  after: Route,
  flows: number,
): Truth {
  const pairs = Array.from(
    { length: flows },
    (_, flow) => [world.wayOf(before, flow), world.wayOf(after, flow)] as const,
  );
  const differences = pairs.map(([old, now]) => differingTtls(old, now));
  const moved = pairs.filter((_, i) => (differences[i] as number[]).length > 0);
  const longer = pairs.filter(([old, now]) => old.places.length !== now.places.length);
  if (moved.length === 0 && longer.length === 0) return plainTruth(null, 0);
  const conflicts = (moved.length > 0 ? moved : longer).filter(([old, now]) =>
    asPathsConflict(asHops(old), asHops(now)),
  );
  if (moved.length === 0) {
    const ends = longer.map(([old, now]) => Math.min(old.places.length, now.places.length) + 1);
    return plainTruth('length', Math.min(...ends));
  }
  const firstHop = Math.min(...differences.flat());
  const clear = moved.map(([old, now]) => differingTtls(old, now, true));
  const clearHop = Math.min(255, ...clear.flat());
  const seen = { firstHop, clearHop, dim: clear.every((ttls) => ttls.length === 0) };
  if (kind === 'rehash') return { ...plainTruth('ecmp', firstHop), ...seen };
  const asPath = conflicts.length === 0 ? 'same' : conflicts.length === moved.length ? 'changed' : 'mixed';
  const ambiguous = moved.every(([old, now]) => isAmbiguous(old, now));
  return { kind: 'reroute', asPath, ambiguous, ...seen };
}

/** A truth that every flow sees alike. */
export function plainTruth(kind: PathChangeKind | null, firstHop: number): Truth {
  return { kind, firstHop, clearHop: firstHop, asPath: 'same', ambiguous: false, dim: false };
}

/** TTLs at which both ways show something (`always`: without fail) and share nothing; the destination counts. */
function differingTtls(old: FlowWay, now: FlowWay, always = false): number[] {
  const ttls: number[] = [];
  for (let ttl = 1; ttl <= Math.max(old.places.length, now.places.length) + 1; ttl++) {
    const a = visible(old, ttl, always);
    const b = visible(now, ttl, always);
    if (a.length > 0 && b.length > 0 && !a.some((key) => b.includes(key))) ttls.push(ttl);
  }
  return ttls;
}

function visible(way: FlowWay, ttl: number, always: boolean): string[] {
  if (ttl === way.places.length + 1) return ['D'];
  return (way.places[ttl - 1] ?? [])
    .filter(({ router }) => !router.silent && (!always || router.rate === 1))
    .map(({ router, previous }) => `${router.id} ${router.perLink ? previous : ''}`);
}

function isAmbiguous(old: FlowWay, now: FlowWay): boolean {
  const ttl = differingTtls(old, now)[0] ?? 0;
  if (differingTtls(old, now, true).length > 1 || old.places.length !== now.places.length) return false;
  if (Math.abs(old.delayMs - now.delayMs) > 1) return false;
  return old.places[ttl - 1]?.[0]?.router.initialTtl === now.places[ttl - 1]?.[0]?.router.initialTtl;
}

/** The AS of each hop of which one answers, null for the others and the destination. */
function asHops(way: FlowWay): (number | null)[] {
  const hops = way.places.map((places) => {
    const router = places.find((place) => !place.router.silent)?.router;
    return router === undefined || router.as === 0 ? null : router.as;
  });
  return [...hops, null];
}
