import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { SILENT, type Vertex } from './multipath-evidence.ts';
import { MultipathPlanner, type PlannerOptions } from './multipath-planner.ts';

const DESTINATION = '198.18.0.1';

/** Who comes after whom; `source` begins, DESTINATION ends. Routers balance by a hash of flow and name. */
type Graph = Readonly<Record<string, readonly string[]>>;

interface World {
  readonly graph: Graph;
  /** Routers that choose packet by packet. */
  readonly perPacket?: readonly string[];
  readonly silent?: readonly string[];
}

/** A different mix for every salt; the choice of one router says nothing about another's. */
function mix(text: string, salt: number): number {
  let h = salt | 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

class Walker {
  readonly #world: World;
  readonly #salt: number;
  #packets = 0;

  constructor(world: World, salt: number) {
    this.#world = world;
    this.#salt = salt;
  }

  /** Where a packet of `flow` is after `ttl` links. */
  at(flow: number, ttl: number): string {
    const { graph, perPacket = [] } = this.#world;
    this.#packets++;
    let here = 'source';
    for (let i = 0; i < ttl && here !== DESTINATION; i++) {
      const next = graph[here] ?? [];
      const key = perPacket.includes(here) ? `${here} packet ${this.#packets}` : `${here} ${flow}`;
      here = next[mix(key, this.#salt) % next.length] ?? DESTINATION;
    }
    return here;
  }
}

interface Found {
  readonly planner: MultipathPlanner;
  readonly probes: number;
  readonly links: ReadonlySet<string>;
}

/** Answers every plan until there is none. */
function discover(world: World, options: Partial<PlannerOptions> = {}, salt = 1): Found {
  const planner = new MultipathPlanner({
    failure: 1e-7,
    firstTtl: 1,
    maxTtl: 30,
    maxFlows: 5000,
    destination: DESTINATION,
    ...options,
  });
  const walker = new Walker(world, salt);
  const vertexOf = (name: string): Vertex =>
    name === DESTINATION ? planner.evidence.destination(name) : planner.evidence.router(name);
  for (let ttl = 1; ttl <= 12; ttl++) {
    const name = walker.at(0, ttl);
    if (world.silent?.includes(name) !== true) planner.learn(0, ttl, vertexOf(name));
    if (name === DESTINATION) break;
  }
  let probes = 0;
  for (let round = 0; round < 1000; round++) {
    const asks = planner.plan();
    if (asks.length === 0) break;
    for (const { flow, ttl, probes: count } of asks) {
      for (let i = 0; i < count; i++) {
        probes++;
        const name = walker.at(flow, ttl);
        if (world.silent?.includes(name) === true) planner.unanswered(flow, ttl, false);
        else planner.answered(flow, ttl, vertexOf(name));
      }
    }
  }
  assert.equal(planner.plan().length, 0, 'it comes to an end');
  return { planner, probes, links: linksOf(planner) };
}

function linksOf(planner: MultipathPlanner): Set<string> {
  const graph = planner.certainGraph();
  const links = new Set<string>();
  for (let ttl = planner.base + 1; ttl < graph.horizon; ttl++) {
    for (const { members, successors } of graph.layer(ttl).nodes) {
      for (const from of members)
        for (const to of successors) links.add(`${ttl} ${from.address} ${to.address}`);
    }
  }
  return links;
}

/** Every link that some flow can cross, by the TTL of its near end. */
function truthOf({ graph }: World): Set<string> {
  const links = new Set<string>();
  let layer = new Set(graph['source']);
  for (let ttl = 1; layer.size > 0; ttl++) {
    const next = new Set<string>();
    for (const from of layer) {
      for (const to of graph[from] ?? []) {
        links.add(`${ttl} ${from} ${to}`);
        if (to !== DESTINATION) next.add(to);
      }
    }
    layer = next;
  }
  return links;
}

/** Layers of these widths, wired by `wire`, between two routers. */
function layered(widths: readonly number[], wire: (from: number, to: number) => boolean): Graph {
  const all = [1, ...widths, 1];
  const graph: Record<string, string[]> = { source: ['0.0'] };
  for (const [i, width] of all.entries()) {
    for (let from = 0; from < width; from++) {
      const next = all[i + 1];
      const targets = Array.from({ length: next ?? 0 }, (_, to) => to).filter(
        (to) => width === 1 || next === 1 || wire(from, to),
      );
      graph[`${i}.${from}`] = next === undefined ? [DESTINATION] : targets.map((to) => `${i + 1}.${to}`);
    }
  }
  return graph;
}

const CHAIN: Graph = { source: ['a'], a: ['b'], b: ['c'], c: [DESTINATION] };

describe('MultipathPlanner', () => {
  it('asks a chain six flows a hop at 95 % and eight at 99 %, and finds nothing', () => {
    for (const [failure, flows] of [
      [0.05, 6],
      [0.01, 8],
    ] as const) {
      const { links, probes, planner } = discover({ graph: CHAIN }, { failure });
      assert.deepEqual([...links].sort(), [...truthOf({ graph: CHAIN })].sort());
      assert.equal(probes, 4 * (flows - 1), 'one flow was known before');
      assert.equal(planner.evidence.flows, flows, 'the same flows at every TTL');
    }
  });

  it('finds unmeshed, meshed and partly meshed diamonds whole', () => {
    const wirings: Record<string, (from: number, to: number) => boolean> = {
      unmeshed: (from, to) => from === to,
      meshed: () => true,
      partly: (from, to) => from === to || (from % 3 === 0 && to === from + 1),
    };
    for (const [name, wire] of Object.entries(wirings)) {
      for (const widths of [[2, 2], [4, 4], [8, 8, 8], [5], [16, 16]]) {
        const world = { graph: layered(widths, wire) };
        assert.deepEqual([...discover(world).links].sort(), [...truthOf(world)].sort(), `${name} ${widths}`);
      }
    }
  });

  it('finds paths of unequal length, and the same router at several TTLs', () => {
    const graph: Graph = {
      source: ['r1'],
      r1: ['a1', 'b1'],
      a1: ['a2'],
      a2: ['r3'],
      b1: ['b2', 'c1'],
      b2: ['b3'],
      c1: ['c2'],
      c2: ['b3'],
      b3: ['r3'],
      r3: ['r4'],
      r4: [DESTINATION],
    };
    assert.deepEqual([...discover({ graph }).links].sort(), [...truthOf({ graph })].sort());
  });

  it('takes a path that ends earlier for no hop more: a destination asked past its distance answers too', () => {
    const graph: Graph = { source: ['r'], r: ['a', DESTINATION], a: ['b'], b: [DESTINATION] };
    const { links } = discover({ graph });
    assert.deepEqual([...links].sort(), [...truthOf({ graph })].sort());
  });

  it('knows balancers that spread packets, and claims no link between what they spread over', () => {
    const graph = layered([3, 3], (from, to) => from === to);
    const { planner, links } = discover({ graph, perPacket: ['0.0'] });
    assert.deepEqual([...planner.spread].sort(), [2, 3]);
    assert.equal(planner.changedAt, 0);
    for (let i = 0; i < 3; i++) {
      assert.ok(links.has(`1 0.0 1.${i}`), 'to the first layer');
      assert.ok(links.has(`3 2.${i} 3.0`), 'from the last layer');
    }
  });

  it('finds one per-packet balancer among routers that are none', () => {
    const graph = layered([4, 8], (from, to) => to >> 1 === from);
    const { planner } = discover({ graph, perPacket: ['1.2'] }, { failure: 1e-4 }, 5);
    assert.deepEqual([...planner.spread], [3]);
  });

  it('goes on behind a hop that never answers', () => {
    const graph = layered([4, 1, 3], () => true);
    const { links } = discover({ graph, silent: ['2.0'] });
    assert.ok([...links].every((link) => !link.includes('2.0')));
    for (let i = 0; i < 3; i++) assert.ok(links.has(`4 3.${i} 4.0`));
    assert.ok([0, 1, 2, 3].every((i) => links.has(`1 0.0 1.${i}`)));
  });

  it('finds routers beside one that never answers', () => {
    const graph = layered([4, 4], (from, to) => from === to);
    const { links } = discover({ graph, silent: ['1.2'] });
    for (const i of [0, 1, 3]) assert.ok(links.has(`2 1.${i} 2.${i}`));
    assert.ok([...links].every((link) => !link.includes(' 1.2')));
    assert.ok(links.has('3 2.2 3.0'), 'what follows the silent one is found');
  });

  it('says after which TTL flows ran out, and then claims no router to be alone that may not be', () => {
    const world = { graph: layered([16, 16], () => true) };
    const { planner, links } = discover(world, { maxFlows: 64, failure: 0.05 });
    assert.ok(planner.starved.has(2));
    const truth = truthOf(world);
    assert.ok([...links].every((link) => truth.has(link)));
  });

  it('notices a flow that goes another way than before', () => {
    const before = { graph: layered([2], () => true) };
    const planner = new MultipathPlanner({
      failure: 0.05,
      firstTtl: 1,
      maxTtl: 30,
      maxFlows: 100,
      destination: DESTINATION,
    });
    const walker = new Walker(before, 3);
    let rounds = 0;
    for (let ttl = 1; ttl <= 3; ttl++) planner.learn(0, ttl, planner.evidence.router(walker.at(0, ttl)));
    planner.learn(0, 4, planner.evidence.destination(DESTINATION));
    for (; rounds < 50; rounds++) {
      const asks = planner.plan();
      if (asks.length === 0) break;
      for (const { flow, ttl, probes } of asks) {
        for (let i = 0; i < probes; i++) {
          const name = walker.at(flow, ttl);
          // From the start another router is where the first flow went.
          const vertex = ttl === 2 ? planner.evidence.router(`new ${name}`) : planner.evidence.router(name);
          planner.answered(flow, ttl, name === DESTINATION ? planner.evidence.destination(name) : vertex);
        }
      }
    }
    assert.equal(planner.changedAt, 2);
    assert.ok(rounds < 50);
    assert.deepEqual(planner.plan(), []);
  });

  it('does not ask again what a router has no answer left for, and does not take it for silence', () => {
    const planner = new MultipathPlanner({
      failure: 0.05,
      firstTtl: 1,
      maxTtl: 30,
      maxFlows: 100,
      destination: DESTINATION,
    });
    planner.learn(0, 1, planner.evidence.router('a'));
    planner.learn(0, 2, planner.evidence.destination(DESTINATION));
    let asked = 0;
    for (let round = 0; round < 500; round++) {
      const asks = planner.plan();
      if (asks.length === 0) break;
      for (const { flow, ttl } of asks) {
        if (ttl === 2) planner.answered(flow, ttl, planner.evidence.destination(DESTINATION));
        else if (flow % 2 === 0) planner.answered(flow, ttl, planner.evidence.router('a'));
        else {
          planner.unanswered(flow, ttl, true);
          asked++;
        }
      }
    }
    assert.ok(asked >= 5 && asked <= 8, `${asked} flows went without an answer`);
    assert.ok(!planner.graph().layer(1).vertices.has(SILENT));
    assert.equal(planner.graph().layer(0).nodes[0]?.tried, 6);
  });

  it('finds any random graph whole, and nothing that is not there', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 0, max: 1e9 }),
        fc.integer({ min: 1, max: 3 }),
        (widths, salt, density) => {
          const wire = (from: number, to: number): boolean =>
            from % Math.max(1, to) === 0 || mix(`${from} ${to}`, salt) % 4 < density;
          const graph: Record<string, readonly string[]> = { ...layered(widths, wire) };
          // Nobody is a dead end, and some paths skip a layer.
          for (const [name, next] of Object.entries(graph)) {
            const layer = Number(name.split('.')[0]);
            const way = [...next];
            if (way.length === 0) way.push(`${layer + 1}.0`);
            if (layer + 2 <= widths.length + 1 && mix(name, salt) % 5 === 0) way.push(`${layer + 2}.0`);
            graph[name] = way;
          }
          graph['source'] = ['0.0'];
          const { links, planner } = discover({ graph }, { failure: 1e-6, maxFlows: 100_000 }, salt);
          assert.deepEqual([...links].sort(), [...truthOf({ graph })].sort());
          assert.equal(planner.starved.size, 0);
          assert.equal(planner.spread.size, 0);
          assert.equal(planner.changedAt, 0);
        },
      ),
      { numRuns: 25, seed: 11 },
    );
  });
});
