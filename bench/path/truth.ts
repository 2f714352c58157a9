// What a monitor of these flows must say about a change, from the paths that the simulator's own truth gives before
// and after it. Invariant: nothing here looks at what was measured.

import type { TruthPath } from '../../lab/truth.ts';
import { type AsNumberOf, asPathsConflict, collapseAsPath } from '../../src/path/as-path.ts';
import type { PathChangeKind } from '../../src/path/observation.ts';
import type { EventKind } from './events.ts';
import { ENOUGH_BURST, type NetRouter } from './topology.ts';

export interface Truth {
  /** Any of these is the right kind; empty where no flow can see the change. */
  readonly kinds: readonly PathChangeKind[];
  /** First differing TTL, and that among the hops that always answer; what a dim hop before it may hide. */
  readonly firstHop: number;
  readonly clearHop: number;
  /** Whether the AS path, and the length, changed for the flows that moved: all, none, or some of them. */
  readonly asPath: Extent;
  readonly length: Extent;
  /** One hop with another address and nothing else: no packet tells it from a renamed router. */
  readonly ambiguous: boolean;
  /** Only hops that answer now and then show it: it is noticed when they do. */
  readonly dim: boolean;
}

export type Extent = 'changed' | 'same' | 'mixed';

export interface World {
  readonly routers: ReadonlyMap<string, NetRouter>;
  readonly destinationRate: number;
  readonly asNumberOf: AsNumberOf;
}

type Step = readonly [before: TruthPath, after: TruthPath];

export function truthBetween(
  world: World,
  event: EventKind,
  before: readonly TruthPath[],
  after: readonly TruthPath[],
): Truth {
  const was = before.some((path) => path.end === 'reached');
  const is = after.some((path) => path.end === 'reached');
  if (was !== is)
    return { ...NOTHING, kinds: [is ? 'recovered' : 'unreachable'], asPath: 'mixed', length: 'mixed' };
  const steps = before.map((path, i): Step => [path, after[i] as TruthPath]);
  const moved = steps.filter((step) => differing(world, step, false).length > 0);
  const longer = steps.filter(([old, now]) => old.endTtl !== now.endTtl);
  if (moved.length === 0) return lengthOnly(world, longer);
  const all = moved.flatMap((step) => differing(world, step, false));
  const clear = moved.map((step) => differing(world, step, true));
  return {
    kinds: kindsOf(event, moved.length < steps.length),
    firstHop: Math.min(...all),
    clearHop: Math.min(255, ...clear.flat()),
    asPath: asExtent(world, moved),
    length: extent(moved, ([old, now]) => old.endTtl !== now.endTtl),
    ambiguous: moved.every((step) => isAmbiguous(world, step)),
    dim: clear.every((ttls) => ttls.length === 0),
  };
}

const NOTHING: Truth = {
  kinds: [],
  firstHop: 0,
  clearHop: 0,
  asPath: 'same',
  length: 'same',
  ambiguous: false,
  dim: false,
};

function lengthOnly(world: World, longer: readonly Step[]): Truth {
  if (longer.length === 0) return NOTHING;
  const firstHop = Math.min(...longer.map(([old, now]) => Math.min(old.endTtl, now.endTtl)));
  const dim = world.destinationRate < 1;
  return {
    ...NOTHING,
    kinds: ['length'],
    firstHop,
    clearHop: firstHop,
    length: 'changed',
    asPath: 'mixed',
    dim,
  };
}

/** A balancer that spreads anew is `ecmp`; where every fixed flow moved, the rule that all flows make a reroute fits too. */
function kindsOf(event: EventKind, someStayed: boolean): readonly PathChangeKind[] {
  if (event === 'rehash' || event === 'member removed') return someStayed ? ['ecmp'] : ['ecmp', 'reroute'];
  // A new member's address is new: both names fit.
  if (event === 'member added') return ['ecmp', 'reroute'];
  return ['reroute'];
}

function extent(steps: readonly Step[], holds: (step: Step) => boolean): Extent {
  const count = steps.filter(holds).length;
  return count === 0 ? 'same' : count === steps.length ? 'changed' : 'mixed';
}

/** TTLs at which both show something (`always`: without fail) and share nothing; the destination counts. */
function differing(world: World, [old, now]: Step, always: boolean): number[] {
  const ttls: number[] = [];
  for (let ttl = 1; ttl <= Math.max(old.hops.length, now.hops.length) + 1; ttl++) {
    const a = visible(world, old, ttl, always);
    const b = visible(world, now, ttl, always);
    if (a.length > 0 && b.length > 0 && !a.some((address) => b.includes(address))) ttls.push(ttl);
  }
  return ttls;
}

function visible(world: World, path: TruthPath, ttl: number, always: boolean): readonly string[] {
  if (ttl === path.endTtl && path.end === 'reached')
    return always && world.destinationRate < 1 ? [] : ['destination'];
  const hop = path.hops[ttl - 1];
  if (hop === undefined) return [];
  if (always && hop.routers.some((name) => !isSteady(world.routers.get(name)))) return [];
  return hop.addresses.filter((address) => address !== '0.0.0.0');
}

function isSteady(router: NetRouter | undefined): boolean {
  if (router === undefined || router.rate < 1) return false;
  return router.limit === null || router.limit.burst >= ENOUGH_BURST;
}

function isAmbiguous(world: World, [old, now]: Step): boolean {
  const ttl = differing(world, [old, now], false)[0] ?? 0;
  if (differing(world, [old, now], true).length > 1 || old.endTtl !== now.endTtl) return false;
  const from = world.routers.get(old.hops[ttl - 1]?.routers[0] ?? '');
  const to = world.routers.get(now.hops[ttl - 1]?.routers[0] ?? '');
  // A change of delay shows in what follows, where that answers.
  if (Math.abs(old.rttMs - now.rttMs) > 2 && world.destinationRate === 1 && old.endTtl > ttl + 1)
    return false;
  return from?.replyTtl === to?.replyTtl || from === undefined;
}

/** A silent hop may hide a difference: then either answer is right. */
function asExtent(world: World, moved: readonly Step[]): Extent {
  const visible = extent(moved, (step) => conflicts(world, step));
  if (visible !== 'same') return visible;
  const real = ([old, now]: Step): boolean => realAsPath(world, old) !== realAsPath(world, now);
  return moved.some(real) ? 'mixed' : 'same';
}

function realAsPath(world: World, path: TruthPath): string {
  const all = path.hops.map((hop) => world.routers.get(hop.routers[0] ?? '')?.as ?? 0);
  return collapseAsPath(all.map((as) => (as === 0 ? null : as))).join(' ');
}

function conflicts(world: World, [old, now]: Step): boolean {
  return asPathsConflict(asHops(world, old), asHops(world, now));
}

function asHops(world: World, path: TruthPath): (number | null)[] {
  const hops = path.hops.map((hop) => {
    const address = hop.addresses.find((each) => each !== '0.0.0.0');
    return address === undefined ? null : world.asNumberOf(address);
  });
  return [...hops, null];
}
