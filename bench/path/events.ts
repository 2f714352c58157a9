// What can happen to a simulated route, as a new plan: the true changes of the bench. Invariant: the kind of an event
// says what was done to the network; what a monitor can see of it is the business of truth.ts.

import {
  depthOf,
  type NetRouter,
  type Plan,
  routersOf,
  type Segment,
  single,
  type Topology,
} from './topology.ts';

export const EVENT_KINDS = [
  'detour',
  'tail',
  'all but one',
  'insertion',
  'removal',
  'single router',
  'twin router',
  'branch',
  'member removed',
  'member added',
  'rehash',
  'hidden length',
  'one hop',
  'back',
  'outage',
  'loop',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** Events that end by themselves: the network is then as it was. */
export type PlannedEvent = Exclude<EventKind, 'back' | 'outage' | 'loop' | 'rehash'>;

/** The plan after an event of this kind, or null where this one cannot have it. */
export function changedPlan(topology: Topology, plan: Plan, kind: PlannedEvent): Plan | null {
  const { random } = topology;
  switch (kind) {
    case 'detour':
    case 'tail':
    case 'all but one':
      return detoured(topology, plan, kind);
    case 'insertion': {
      const at = random.between(plan.length > 1 ? 1 : 0, plan.length);
      const as = asOf(plan[at - 1]);
      const more = Array.from({ length: random.between(1, 3) }, () => single(topology.newRouter(as)));
      return [...plan.slice(0, at), ...more, ...plan.slice(at)];
    }
    case 'removal': {
      if (plan.length < 4) return null;
      const at = random.between(1, plan.length - 2);
      return [...plan.slice(0, at), ...plan.slice(at + random.between(1, 2))];
    }
    case 'single router':
    case 'twin router':
      return otherRouter(topology, plan, kind === 'twin router');
    case 'branch':
    case 'member removed':
    case 'member added':
      return otherBranches(topology, plan, kind);
    case 'hidden length': {
      const last = plan.at(-1);
      if (last?.kind === 'router' && last.router.silent && plan.length > 1) return plan.slice(0, -1);
      return [...plan, single(topology.newRouter(asOf(last), { silent: true }))];
    }
    case 'one hop':
      return plan.length > 2 && random.chance(0.5) ? plan.slice(0, 1) : [];
  }
}

/** A router whose balancer can be made to spread flows anew, or undefined. */
export function rehashable(topology: Topology, plan: Plan): NetRouter | undefined {
  const found: NetRouter[] = [];
  for (const [i, segment] of plan.entries()) {
    const before = plan[i - 1];
    if (before?.kind === 'router' && segment.kind !== 'router' && segment.balance === 'flow')
      found.push(before.router);
  }
  return topology.random.pick(found);
}

/** Two routers, each the only one at its place with only such between them: the path may loop there. */
export function loopable(topology: Topology, plan: Plan): { from: NetRouter; to: NetRouter } | null {
  const { random } = topology;
  const at = random.between(1, Math.max(1, plan.length - 1));
  const back = at - random.between(1, Math.min(at, 2));
  const between = plan.slice(back, at + 1);
  if (between.length < 2 || between.some((segment) => segment.kind !== 'router')) return null;
  const routers = routersOf(between);
  return { from: routers.at(-1) as NetRouter, to: routers[0] as NetRouter };
}

function detoured(topology: Topology, plan: Plan, kind: 'detour' | 'tail' | 'all but one'): Plan | null {
  const { random } = topology;
  if (plan.length < 3) return null;
  const from = kind === 'all but one' ? 1 : random.between(1, plan.length - 2);
  const to = kind === 'detour' ? Math.min(plan.length, from + random.between(2, 4)) : plan.length;
  const as = random.chance(0.35) ? 64_600 + random.below(50) : asOf(plan[from]);
  const change = random.chance(0.3) ? random.between(-2, 3) : 0;
  const count = Math.max(1, depthOf(plan.slice(from, to)) + change);
  const detour: Segment[] = [];
  while (depthOf(detour) < count) {
    const left = count - depthOf(detour);
    const segment = topology.newSegment(as, 0);
    detour.push(depthOf([segment]) <= left ? segment : single(topology.newRouter(as)));
  }
  return [...plan.slice(0, from), ...detour, ...plan.slice(to)];
}

function otherRouter(topology: Topology, plan: Plan, twin: boolean): Plan | null {
  const { random } = topology;
  const at = pick(
    topology,
    plan,
    (segment, i) => i > 0 && segment.kind === 'router' && !segment.router.silent,
  );
  const segment = plan[at];
  if (segment === undefined || segment.kind !== 'router') return null;
  const { as, linkMs, replyTtl, perLink, jitterMs } = segment.router;
  const same = { silent: false, rate: 1, limit: null, replyTtl, perLink, jitterMs, fixedAddress: null };
  const other = twin ? linkMs : linkMs + 3 + 4 * random.next();
  return replaced(plan, at, single(topology.newRouter(as, { ...same, linkMs: other })));
}

function otherBranches(
  topology: Topology,
  plan: Plan,
  kind: 'branch' | 'member removed' | 'member added',
): Plan | null {
  const { random } = topology;
  const at = pick(topology, plan, (one) => one.kind === 'branches' && one.balance === 'flow');
  const segment = plan[at];
  if (segment === undefined || segment.kind !== 'branches') return null;
  const { branches } = segment;
  const which = random.below(branches.length);
  const as = asOf(branches[which]?.[0]);
  const depth = depthOf(branches[which] ?? []);
  if (kind === 'branch' && depth < 2) return null;
  const fresh = topology.newBranch(as, Math.max(1, depth));
  if (kind === 'member added') return replaced(plan, at, { ...segment, branches: [...branches, fresh] });
  const rest = branches.filter((_, i) => i !== which);
  if (kind === 'member removed')
    return rest.length === 0 ? null : replaced(plan, at, { ...segment, branches: rest });
  return replaced(plan, at, {
    ...segment,
    branches: branches.map((branch, i) => (i === which ? fresh : branch)),
  });
}

function asOf(segment: Segment | undefined): number {
  return segment === undefined ? 64_500 : (routersOf([segment])[0]?.as ?? 64_500);
}

function pick(topology: Topology, plan: Plan, fits: (segment: Segment, i: number) => boolean): number {
  const places = plan.flatMap((segment, i) => (fits(segment, i) ? [i] : []));
  return topology.random.pick(places) ?? -1;
}

function replaced(plan: Plan, at: number, segment: Segment): Plan {
  return plan.map((old, i) => (i === at ? segment : old));
}
