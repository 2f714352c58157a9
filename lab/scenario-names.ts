// Checks of a well-formed scenario that need the whole of it: names that must exist, things that must fit.

import { parseAddress } from '../src/wire/address.ts';
import { parsePrefix, prefixHolds } from './prefix.ts';
import type { Route, Scenario, Step, Tree } from './scenario.ts';
import { HOST, SOURCE } from './scenario.ts';
import type { ScenarioFault } from './scenario-schema.ts';

/** Bound on the hosts under one prefix: their index is held in 24 bits. */
export const MAX_HOST_BITS = 24;
/** Bound on the routers of one tree. */
export const MAX_TREE_ROUTERS = 1_000_000;

type Report = (place: string, fault: string) => void;

/** Every fault in names, order and capacity; empty for a sound scenario. */
export function checkNames(scenario: Scenario): ScenarioFault[] {
  const faults: ScenarioFault[] = [];
  const report: Report = (place, fault) => faults.push({ place, fault });
  for (const name of [SOURCE, HOST]) {
    if (name in scenario.routers) report(`routers.${name}`, 'this name stands for the end of a path');
  }
  checkLinks(scenario, scenario.links, 'links', report);
  for (const [name, route] of Object.entries(scenario.routes)) {
    checkRoute(scenario, route, `routes.${name}`, report);
  }
  checkTargets(scenario, scenario.targets, 'targets', report);
  checkChanges(scenario, report);
  for (const [i, path] of (scenario.truth?.paths ?? []).entries()) {
    checkTarget(scenario, path.target, `truth.paths[${i}].target`, report);
  }
  for (const [i, event] of (scenario.truth?.events ?? []).entries()) {
    checkTarget(scenario, event.target, `truth.events[${i}].target`, report);
  }
  return faults;
}

/** Names of all routers in these steps, in order, branches included. */
export function routersOf(steps: readonly Step[]): string[] {
  return steps.flatMap((step) => {
    if (typeof step === 'string') return [step];
    if ('layer' in step) return [...step.layer];
    if ('branches' in step) return step.branches.flatMap((branch) => routersOf(branch));
    return 'tree' in step ? [] : [...step];
  });
}

export function treesOf(route: Route): Tree[] {
  return route.steps.flatMap((step) => (typeof step === 'object' && 'tree' in step ? [step.tree] : []));
}

/** Routers that a tree can have in all. */
export function treeSize(tree: Tree): number {
  let size = 0;
  for (const level of tree.levels) size += 2 ** level.bits * (1 + (tree.spares ?? 0)) * (level.width ?? 1);
  return size;
}

function checkLinks(scenario: Scenario, links: Scenario['links'], place: string, report: Report): void {
  for (const [i, { from, to }] of (links ?? []).entries()) {
    if (from !== SOURCE && !(from in scenario.routers)) report(`${place}[${i}].from`, `no router "${from}"`);
    if (to !== HOST && !(to in scenario.routers)) report(`${place}[${i}].to`, `no router "${to}"`);
  }
}

function checkRoute(scenario: Scenario, route: Route, place: string, report: Report): void {
  const seen = new Set<string>();
  for (const name of routersOf(route.steps)) {
    if (!(name in scenario.routers)) report(`${place}.steps`, `no router "${name}"`);
    if (seen.has(name)) report(`${place}.steps`, `"${name}" stands twice; make a loop with \`next\``);
    seen.add(name);
  }
  for (const [from, { to }] of Object.entries(route.next ?? {})) {
    for (const name of [from, ...to]) {
      if (name === HOST && name !== from) continue;
      if (!seen.has(name)) report(`${place}.next.${from}`, `"${name}" is not in the steps`);
    }
  }
  const nested = route.steps.some(
    (step) => typeof step === 'object' && 'branches' in step && JSON.stringify(step).includes('"tree"'),
  );
  if (nested) report(`${place}.steps`, 'a tree cannot stand in a branch');
  const trees = treesOf(route);
  if (trees.length > 1) report(`${place}.steps`, 'more than one tree');
  for (const tree of trees) checkTree(tree, `${place}.steps`, report);
}

function checkTree(tree: Tree, place: string, report: Report): void {
  const size = treeSize(tree);
  if (size > MAX_TREE_ROUTERS) report(place, `the tree has ${size} routers; at most ${MAX_TREE_ROUTERS}`);
  if (tree.v4 === undefined && tree.v6 === undefined)
    report(place, 'the tree has no addresses: give v4 or v6');
  for (const [key, family] of [
    ['v4', 4],
    ['v6', 6],
  ] as const) {
    const text = tree[key];
    if (text === undefined) continue;
    const prefix = parsePrefix(text);
    if (prefix === undefined || prefix.family !== family)
      report(place, `tree.${key} is not an IPv${family} prefix`);
    else if (2 ** (128 - prefix.length) < size)
      report(place, `${text} is too small for ${size} tree routers`);
  }
}

function checkTargets(scenario: Scenario, targets: Scenario['targets'], place: string, report: Report): void {
  for (const [i, target] of targets.entries()) {
    const route = scenario.routes[target.route];
    if (route === undefined) {
      report(`${place}[${i}].route`, `no route "${target.route}"`);
      continue;
    }
    const hostBits = 128 - (parsePrefix(target.prefix)?.length ?? 128);
    if (hostBits > MAX_HOST_BITS) {
      report(`${place}[${i}].prefix`, `${target.prefix} holds more than 2^${MAX_HOST_BITS} hosts`);
    }
    const deepest = Math.max(0, ...treesOf(route).flatMap((tree) => tree.levels.map((level) => level.bits)));
    if (deepest > hostBits) {
      report(`${place}[${i}].prefix`, `has ${hostBits} host bits, its route's tree tells ${deepest} apart`);
    }
  }
}

function checkTarget(scenario: Scenario, text: string, place: string, report: Report): void {
  const address = parseAddress(text);
  const known = scenario.targets.some(({ prefix }) => {
    const parsed = parsePrefix(prefix);
    return address !== undefined && parsed !== undefined && prefixHolds(parsed, address);
  });
  if (!known) report(place, `no target holds ${text}`);
}

function checkChanges(scenario: Scenario, report: Report): void {
  let last = 0;
  for (const [i, change] of (scenario.changes ?? []).entries()) {
    const place = `changes[${i}]`;
    if (change.atMs < last) report(`${place}.atMs`, 'earlier than the change before it');
    last = change.atMs;
    for (const name of Object.keys(change.routers ?? {})) {
      if (!(name in scenario.routers)) report(`${place}.routers.${name}`, `no router "${name}"`);
    }
    checkLinks(scenario, change.links, `${place}.links`, report);
    for (const [name, route] of Object.entries(change.routes ?? {})) {
      if (!(name in scenario.routes)) report(`${place}.routes.${name}`, `no route "${name}"`);
      checkRoute(scenario, route, `${place}.routes.${name}`, report);
    }
    checkTargets(scenario, change.targets ?? [], `${place}.targets`, report);
    for (const [j, detour] of (change.detours ?? []).entries()) {
      const tree = treesOf(scenario.routes[detour.route] ?? { steps: [] })[0];
      if (tree === undefined)
        report(`${place}.detours[${j}].route`, `no route "${detour.route}" with a tree`);
      else if (detour.level >= tree.levels.length) report(`${place}.detours[${j}].level`, 'no such level');
      else if (detour.spare > (tree.spares ?? 0)) report(`${place}.detours[${j}].spare`, 'no such spare');
    }
  }
}
