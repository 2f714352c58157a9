// A scenario over time: what stands between two changes is an Epoch. Epochs are made when first needed and kept;
// what a change leaves alone is shared, so that thousands of changes cost little more than what they touch.

import {
  type HostPlan,
  type LinkPlan,
  type Memory,
  newMemory,
  planHost,
  planLink,
  planRouter,
  type RouterPlan,
} from './plans.ts';
import { lowWord, PrefixTable, parsePrefix } from './prefix.ts';
import { buildGraph, type RouteNode } from './route-graph.ts';
import {
  type Change,
  type Detour,
  HOST,
  type HostTraits,
  type LinkTraits,
  type Route,
  type Router,
  type Scenario,
  type Target,
} from './scenario.ts';
import { routersOf, treesOf } from './scenario-names.ts';
import { type LevelPlan, TreePlan } from './tree.ts';

/** A target's place in an epoch. */
export interface TargetPlan {
  readonly route: RoutePlan;
  readonly host: HostPlan;
  readonly hostBits: number;
}

export interface RoutePlan {
  readonly source: RouteNode;
  /** By level: subtree to spare; null where no detour stands. */
  readonly detours: readonly (ReadonlyMap<number, number> | null)[];
}

interface Standing {
  readonly routers: Readonly<Record<string, Router>>;
  readonly links: ReadonlyMap<string, LinkTraits>;
  readonly routes: Readonly<Record<string, Route>>;
  readonly targets: ReadonlyMap<string, Target>;
  /** By route, level and subtree. */
  readonly detours: ReadonlyMap<string, Detour>;
}

/** The host's index under its prefix: the bits that its prefix leaves open. */
export function hostIndex(address: Uint8Array, hostBits: number): number {
  return hostBits === 0 ? 0 : lowWord(address) % 2 ** hostBits;
}

/** Every so many changes what stands is kept, so that any time can be gone back to without keeping all. */
const CHECKPOINT = 64;
/** Epochs kept at once. */
const MAX_EPOCHS = 8;

export class Timeline {
  readonly scenario: Scenario;
  readonly #shared: Shared;
  readonly #changes: Change[];
  readonly #checkpoints: Standing[];
  /** By number of changes before it; the least recently used first. */
  readonly #epochs = new Map<number, Epoch>();

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.#shared = new Shared(scenario);
    this.#changes = [...(scenario.changes ?? [])];
    this.#checkpoints = [startOf(scenario)];
  }

  get changes(): readonly Change[] {
    return this.#changes;
  }

  /** What stands at this time, in milliseconds of the scenario. */
  at(timeMs: number): Epoch {
    const index = this.#changesUntil(timeMs);
    const found = this.#epochs.get(index) ?? this.#epoch(index);
    this.#epochs.delete(index);
    this.#epochs.set(index, found);
    return found;
  }

  /** The time from which `at` may answer otherwise, or Infinity. */
  nextChangeMs(timeMs: number): number {
    return this.#changes[this.#changesUntil(timeMs)]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** Adds a change; what was to come at or after its time still comes. */
  insert(change: Change): void {
    const at = this.#changesUntil(change.atMs);
    this.#changes.splice(at, 0, change);
    this.#checkpoints.length = Math.min(this.#checkpoints.length, Math.floor(at / CHECKPOINT) + 1);
    for (const index of [...this.#epochs.keys()]) if (index > at) this.#epochs.delete(index);
  }

  #changesUntil(timeMs: number): number {
    let low = 0;
    let high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#changes[middle] as Change).atMs <= timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #epoch(index: number): Epoch {
    if (this.#epochs.size >= MAX_EPOCHS) {
      for (const oldest of this.#epochs.keys()) {
        this.#epochs.delete(oldest);
        break;
      }
    }
    return new Epoch(this.#standing(index), this.#shared);
  }

  #standing(index: number): Standing {
    const before = this.#epochs.get(index - 1);
    if (before !== undefined && index % CHECKPOINT !== 0) {
      return applyChange(before.standing, this.#changes[index - 1] as Change);
    }
    const checkpoint = Math.min(Math.floor(index / CHECKPOINT), this.#checkpoints.length - 1);
    let standing = this.#checkpoints[checkpoint] as Standing;
    for (let i = checkpoint * CHECKPOINT; i < index; i++) {
      standing = applyChange(standing, this.#changes[i] as Change);
      if ((i + 1) % CHECKPOINT === 0) this.#checkpoints[(i + 1) / CHECKPOINT] = standing;
    }
    return standing;
  }
}

/** What holds from one change to the next. */
export class Epoch {
  readonly standing: Standing;
  readonly #shared: Shared;
  readonly #routes = new Map<string, RoutePlan>();
  readonly #plans = new Map<Target, TargetPlan>();

  constructor(standing: Standing, shared: Shared) {
    this.standing = standing;
    this.#shared = shared;
  }

  /** The target that holds this address, or undefined. */
  target(address: Uint8Array): TargetPlan | undefined {
    const target = this.#shared.targets(this.standing).get(address);
    if (target === undefined) return undefined;
    let plan = this.#plans.get(target);
    if (plan === undefined) {
      plan = {
        route: this.#route(target.route),
        host: this.#shared.host(target),
        hostBits: 128 - (parsePrefix(target.prefix)?.length ?? 128),
      };
      this.#plans.set(target, plan);
    }
    return plan;
  }

  #route(name: string): RoutePlan {
    let plan = this.#routes.get(name);
    if (plan === undefined) {
      const route = this.standing.routes[name];
      if (route === undefined) throw new RangeError(`no route "${name}"`);
      const levels = this.#shared.levels(name, route);
      const source = this.#shared.graph(name, route, this.standing, () =>
        buildGraph(route, {
          router: (router) => this.#shared.router(router, this.standing.routers[router] ?? {}),
          link: (from, to) => this.#link(from, to),
          levels: () => levels,
        }),
      );
      plan = { source, detours: levels.map((level) => this.#detours(name, level)) };
      this.#routes.set(name, plan);
    }
    return plan;
  }

  #link(from: string, to: string): LinkPlan | null {
    const own = this.standing.links.get(`${from} ${to}`);
    const { link } = this.#shared.scenario.defaults ?? {};
    if (to === HOST) return own === undefined ? null : planLink(link, own);
    return planLink(link, this.standing.routers[to]?.link, own);
  }

  #detours(route: string, level: LevelPlan): ReadonlyMap<number, number> | null {
    const found = new Map<number, number>();
    for (const detour of this.standing.detours.values()) {
      if (detour.route !== route || detour.level !== level.index) continue;
      const subtree = this.#subtree(detour, level);
      if (subtree !== undefined && detour.spare > 0) found.set(subtree, detour.spare);
    }
    return found.size === 0 ? null : found;
  }

  #subtree(detour: Detour, level: LevelPlan): number | undefined {
    const address = parsePrefix(detour.target)?.address;
    const target = address === undefined ? undefined : this.#shared.targets(this.standing).get(address);
    const prefix = target === undefined ? undefined : parsePrefix(target.prefix);
    if (address === undefined || prefix === undefined) return undefined;
    const hostBits = 128 - prefix.length;
    return level.subtreeOf(hostIndex(address, hostBits), hostBits);
  }
}

/** Plans and memories that outlive epochs. */
class Shared {
  readonly scenario: Scenario;
  readonly #memories = new Map<string, Memory>();
  readonly #routers = new Map<string, WeakMap<Router, RouterPlan>>();
  readonly #hosts = new WeakMap<Target, HostPlan>();
  readonly #levels = new WeakMap<Route, readonly LevelPlan[]>();
  readonly #tables = new WeakMap<Standing['targets'], PrefixTable<Target>>();
  /** The graph built last for each route, and what stood then. */
  readonly #graphs = new Map<string, { readonly standing: Standing; readonly source: RouteNode }>();

  constructor(scenario: Scenario) {
    this.scenario = scenario;
  }

  targets({ targets }: Standing): PrefixTable<Target> {
    let table = this.#tables.get(targets);
    if (table === undefined) {
      table = new PrefixTable();
      for (const target of targets.values()) {
        const prefix = parsePrefix(target.prefix);
        if (prefix !== undefined) table.set(prefix, target);
      }
      this.#tables.set(targets, table);
    }
    return table;
  }

  /** The graph of a route: the one built last where nothing that it is made of has changed since. */
  graph(name: string, route: Route, standing: Standing, build: () => RouteNode): RouteNode {
    const last = this.#graphs.get(name);
    const same =
      last !== undefined &&
      last.standing.routes[name] === route &&
      last.standing.links === standing.links &&
      (last.standing.routers === standing.routers ||
        routersOf(route.steps).every((router) => last.standing.routers[router] === standing.routers[router]));
    if (same) return last.source;
    const source = build();
    this.#graphs.set(name, { standing, source });
    return source;
  }

  memory(name: string): Memory {
    let memory = this.#memories.get(name);
    if (memory === undefined) {
      memory = newMemory(name);
      this.#memories.set(name, memory);
    }
    return memory;
  }

  router(name: string, router: Router): RouterPlan {
    let plans = this.#routers.get(name);
    if (plans === undefined) {
      plans = new WeakMap();
      this.#routers.set(name, plans);
    }
    let plan = plans.get(router);
    if (plan === undefined) {
      const { defaults, hashSeed } = this.scenario;
      plan = planRouter(name, router, defaults?.router ?? {}, this.memory(name), hashSeed ?? 0);
      plans.set(router, plan);
    }
    return plan;
  }

  host(target: Target): HostPlan {
    let plan = this.#hosts.get(target);
    if (plan === undefined) {
      const { defaults } = this.scenario;
      const traits: HostTraits = { ...defaults?.host, ...target.host };
      plan = planHost(target.prefix, traits, defaults?.link, this.memory(`${HOST} ${target.prefix}`));
      this.#hosts.set(target, plan);
    }
    return plan;
  }

  levels(name: string, route: Route): readonly LevelPlan[] {
    let levels = this.#levels.get(route);
    if (levels === undefined) {
      const { defaults, hashSeed } = this.scenario;
      levels = treesOf(route).flatMap((tree) => {
        const context = {
          name,
          router: defaults?.router ?? {},
          link: defaults?.link ?? {},
          hashSeed: hashSeed ?? 0,
          memory: (router: string) => this.memory(router),
        };
        return new TreePlan(tree, context).levels;
      });
      this.#levels.set(route, levels);
    }
    return levels;
  }
}

function startOf(scenario: Scenario): Standing {
  return {
    routers: scenario.routers,
    links: mergeLinks(new Map(), scenario.links ?? []),
    routes: scenario.routes,
    targets: new Map(scenario.targets.map((target) => [target.prefix, target])),
    detours: new Map(),
  };
}

function applyChange(standing: Standing, change: Change): Standing {
  let { routers, links, routes, targets, detours } = standing;
  if (change.routers !== undefined) {
    const patched: Record<string, Router> = { ...routers };
    for (const [name, patch] of Object.entries(change.routers)) {
      const merged = Object.entries({ ...patched[name], ...patch }).filter(([, value]) => value !== null);
      patched[name] = Object.fromEntries(merged);
    }
    routers = patched;
  }
  if (change.links !== undefined) links = mergeLinks(links, change.links);
  if (change.routes !== undefined) routes = { ...routes, ...change.routes };
  if (change.targets !== undefined) {
    const merged = new Map(targets);
    for (const target of change.targets) merged.set(target.prefix, target);
    targets = merged;
  }
  if (change.detours !== undefined) {
    const merged = new Map(detours);
    for (const detour of change.detours)
      merged.set(`${detour.route} ${detour.level} ${detour.target}`, detour);
    detours = merged;
  }
  return { routers, links, routes, targets, detours };
}

function mergeLinks(
  before: ReadonlyMap<string, LinkTraits>,
  links: readonly (LinkTraits & { from: string; to: string })[],
): ReadonlyMap<string, LinkTraits> {
  const merged = new Map(before);
  for (const { from, to, ...traits } of links) {
    const key = `${from} ${to}`;
    merged.set(key, { ...merged.get(key), ...traits });
  }
  return merged;
}

/** Addresses of the vantage point where a scenario names none. */
export const DEFAULT_SOURCE = { v4: '100.127.255.1', v6: '2001:db8:ffff::1' } as const;

export function sourceOf(scenario: Scenario): { readonly v4: string; readonly v6: string } {
  return { ...DEFAULT_SOURCE, ...scenario.source };
}
