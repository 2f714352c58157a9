import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Trace } from '../trace/trace.ts';
import { AddressTable } from './address-table.ts';
import { pathIdOf } from './identity.ts';
import type { PathChange, PathObservation } from './observation.ts';
import { routerAddress, syntheticTrace } from './synthetic-trace.ts';
import { createPathTracker, type PathTracker, type PathTrackerOptions } from './tracker.ts';

/** A target whose flows see what `flows` says now; confirmations are answered from the same picture. */
class Scene {
  readonly tracker: PathTracker;
  flows: readonly string[];
  more: Partial<Trace> = {};
  /** Called before each trace, to change the picture while a round is under way. */
  before: (() => void) | null = null;
  confirmations = 0;
  rounds = 0;

  constructor(flows: readonly string[], options: PathTrackerOptions = {}) {
    this.flows = flows;
    this.tracker = createPathTracker(options);
  }

  round(confirm = true): PathObservation {
    this.rounds++;
    const atMs = this.rounds * 60_000;
    this.before?.();
    let seen = this.tracker.observe(syntheticTrace(this.flows, this.more), atMs);
    const changes: PathChange[] = [...seen.changes];
    for (let i = 0; confirm && i < 20; i++) {
      const wanted = this.tracker.confirmation();
      if (wanted === null) break;
      this.confirmations++;
      this.before?.();
      seen = this.tracker.confirm(this.#partial(wanted), atMs + i);
      changes.push(...seen.changes);
    }
    assert.equal(confirm && this.tracker.confirmation() !== null, false, 'confirmations do not end');
    return { ...seen, changes };
  }

  run(rounds: number): PathChange[] {
    const changes: PathChange[] = [];
    for (let i = 0; i < rounds; i++) changes.push(...this.round().changes);
    return changes;
  }

  /** As a network would answer: only the TTLs asked for, at most to the destination. */
  #partial(wanted: NonNullable<ReturnType<PathTracker['confirmation']>>): Trace {
    const flows: number[] = [];
    const texts: string[] = [];
    for (let flow = wanted.flow; flow < wanted.flow + wanted.flows; flow++) {
      const text = this.flows[flow % this.flows.length] as string;
      flows.push(flow);
      texts.push(
        text
          .split(' ')
          .slice(wanted.firstTtl - 1, wanted.maxTtl)
          .join(' '),
      );
    }
    return syntheticTrace(
      texts.map((text) => (text === '' ? '*' : text)),
      { ...this.more, flows },
      wanted.firstTtl,
    );
  }
}

function kinds(changes: readonly PathChange[]): string[] {
  return changes.map((change) => `${change.kind}@${change.firstHop}`);
}

const FOUR = (text: string): string[] => [text, text, text, text];

test('observe() gives a first trace the name that it has by itself', () => {
  const scene = new Scene(['a b1 c D', 'a b2 c D']);
  assert.equal(scene.round().pathId, pathIdOf(syntheticTrace(scene.flows)));
});

test('observe() reports a reroute of all flows once, in the round that it happens, with the first differing hop', () => {
  const scene = new Scene(FOUR('a b c d e D'));
  assert.deepEqual(scene.run(10), []);
  const before = scene.round().pathId;
  scene.flows = FOUR('a b x y e D');
  const seen = scene.round();
  assert.deepEqual(kinds(seen.changes), ['reroute@3']);
  const [change] = seen.changes;
  assert.deepEqual(change?.before.slice(1, 4), ['b', 'c', 'd'].map(routerAddress));
  assert.deepEqual(change?.after.slice(1, 4), ['b', 'x', 'y'].map(routerAddress));
  assert.ok((change?.confidence ?? 0) > 0.99);
  assert.notEqual(seen.pathId, before);
  assert.deepEqual(scene.run(10), []);
  scene.flows = FOUR('a b c d e D');
  const back = scene.round();
  assert.deepEqual(kinds(back.changes), ['reroute@3']);
  assert.equal(back.pathId, before);
});

test('observe() takes silence for no change, and speech where there was silence neither', () => {
  const scene = new Scene(FOUR('a b * d e D'));
  scene.run(10);
  const id = scene.round().pathId;
  scene.flows = FOUR('a * c d * D');
  assert.deepEqual(scene.run(50), []);
  assert.equal(scene.round().pathId, id);
  assert.equal(scene.tracker.hops()[1]?.newlySilent, true);
  assert.equal(scene.tracker.hops()[2]?.newlySilent, false);
});

test('observe() calls flows that move among balanced routers a rehash', () => {
  const scene = new Scene(['a b1 c1 d D', 'a b2 c2 d D', 'a b1 c1 d D', 'a b2 c2 d D']);
  scene.run(10);
  const id = scene.round().pathId;
  scene.flows = ['a b2 c2 d D', 'a b2 c2 d D', 'a b1 c1 d D', 'a b1 c1 d D'];
  const seen = scene.round();
  assert.deepEqual(kinds(seen.changes), ['ecmp@2']);
  assert.equal(seen.pathId, id);
  assert.equal(seen.paths, 2);
});

test('observe() calls a router that is replaced for good under all its flows a reroute, though others stay', () => {
  const scene = new Scene(['a b1 c1 d D', 'a b2 c2 d D', 'a b1 c1 d D', 'a b2 c2 d D']);
  scene.run(10);
  scene.flows = ['a b3 c3 d D', 'a b2 c2 d D', 'a b3 c3 d D', 'a b2 c2 d D'];
  assert.deepEqual(kinds(scene.round().changes), ['reroute@2']);
});

test('observe() takes another address at one hop, all else unchanged, for another interface of that router', () => {
  const scene = new Scene(FOUR('a b c d D'));
  scene.run(10);
  const id = scene.round().pathId;
  scene.flows = FOUR('a b C d D');
  const seen = scene.round();
  assert.deepEqual(seen.changes, []);
  assert.deepEqual(seen.renamed, [{ ttl: 3, before: routerAddress('c'), after: routerAddress('C') }]);
  assert.equal(seen.pathId, id);
  scene.flows = FOUR('a b c d D');
  assert.deepEqual(scene.run(5), []);
  const asked = scene.confirmations;
  scene.flows = FOUR('a b C d D');
  assert.deepEqual(scene.run(5), []);
  assert.equal(scene.confirmations, asked, 'aliases are known by now');
});

test('a router that answers from another address is renamed, whoever without an address stands beside it', () => {
  const scene = new Scene(['a b c d D', 'a b 0.0.0.0 d D', 'a b 0.0.0.0 d D', 'a b 0.0.0.0 d D']);
  scene.run(20);
  scene.flows = ['a b C d D', 'a b 0.0.0.0 d D', 'a b 0.0.0.0 d D', 'a b 0.0.0.0 d D'];
  const seen = scene.round();
  assert.deepEqual(seen.changes, []);
  assert.deepEqual(seen.renamed, [{ ttl: 3, before: routerAddress('c'), after: routerAddress('C') }]);
});

test('observe() takes one other hop for a reroute when all later hops are delayed together', () => {
  const scene = new Scene(FOUR('a b c d e D'));
  scene.run(20);
  scene.flows = FOUR('a b x d e D');
  const slow = (trace: Trace): Trace => ({
    ...trace,
    hops: trace.hops.map((hop) => ({
      ...hop,
      replies: hop.replies.map((reply) => ({ ...reply, rttMs: reply.rttMs + (hop.ttl >= 3 ? 5 : 0) })),
    })),
  });
  let seen = scene.tracker.observe(slow(syntheticTrace(scene.flows)), 1e9);
  const changes = [...seen.changes];
  for (let wanted = scene.tracker.confirmation(); wanted !== null; wanted = scene.tracker.confirmation()) {
    const text = 'a b x d e D'
      .split(' ')
      .slice(wanted.firstTtl - 1, wanted.maxTtl)
      .join(' ');
    seen = scene.tracker.confirm(
      slow(syntheticTrace([text], { flows: [wanted.flow] }, wanted.firstTtl)),
      1e9,
    );
    changes.push(...seen.changes);
  }
  assert.deepEqual(kinds(changes), ['reroute@3']);
});

test('observe() compares a hop that spreads packets as a set', () => {
  const members = ['p1', 'p2', 'p3'];
  let turn = 0;
  const spread = (): string[] =>
    FOUR('').map(() => {
      turn = (turn * 7 + 3) % 31;
      return `a ${members[turn % 3]} q${turn % 2} d D`;
    });
  const scene = new Scene(spread());
  scene.before = () => {
    scene.flows = spread();
  };
  assert.deepEqual(scene.run(200), []);
  assert.equal(scene.tracker.routes().length, 1);
});

test('observe() reports a path that loses a hop, and one that shortens to one hop', () => {
  const scene = new Scene(FOUR('a b c d D'));
  scene.run(10);
  scene.flows = FOUR('a b d D');
  assert.deepEqual(kinds(scene.run(2)), ['reroute@3', 'length@3']);
  scene.run(10);
  scene.flows = FOUR('D');
  const changes = scene.run(2);
  assert.deepEqual(kinds(changes), ['reroute@1', 'length@1']);
  assert.deepEqual(changes[0]?.after, ['198.18.0.1']);
});

test('observe() sees another length behind silent hops, farther or nearer, as length', () => {
  const scene = new Scene(FOUR('* * * D'));
  scene.run(30);
  scene.flows = FOUR('* * * * D');
  assert.deepEqual(kinds(scene.run(2)), ['length@4']);
  scene.run(10);
  scene.flows = FOUR('* * D');
  assert.deepEqual(kinds(scene.run(2)), ['length@3']);
});

test("observe() does not take the destination's lost answer for a longer path", () => {
  const scene = new Scene(FOUR('a b c D'));
  scene.run(10);
  scene.flows = ['a b c * D', 'a b c D', 'a b c D', 'a b c D'];
  const seen = scene.round(false);
  assert.equal(seen.hopCount, 4);
  scene.flows = FOUR('a b c D');
  assert.deepEqual(scene.run(5), []);
});

test('observe() reports a destination gone and back, once each, and no reroute for the loop in between', () => {
  const scene = new Scene(FOUR('a b c d D'));
  scene.run(20);
  scene.flows = FOUR('a b c * *');
  assert.deepEqual(kinds(scene.run(5)), ['unreachable@0']);
  scene.flows = FOUR('a b c d D');
  assert.deepEqual(kinds(scene.run(5)), ['recovered@0']);
});

test('observe() reports a loop as what it is, without end', () => {
  const scene = new Scene(FOUR('a b c d D'));
  scene.run(20);
  scene.flows = FOUR('a b a b a b a b a b a b');
  assert.deepEqual(kinds(scene.run(5)).sort(), ['reroute@3', 'unreachable@0']);
});

test('observe() keeps the same address at several TTLs apart', () => {
  const scene = new Scene(FOUR('a b b c D'));
  assert.deepEqual(scene.run(10), []);
  scene.flows = FOUR('a b x y D');
  assert.deepEqual(kinds(scene.run(2)), ['reroute@3']);
});

test('observe() finds the first differing hop of a route that changes in the middle of a trace', () => {
  const scene = new Scene(FOUR('a b c d e f D'));
  scene.run(10);
  scene.flows = ['a b c d E F D', 'a b c d e f D', 'a b c D2 E F D', 'a b c d e f D'];
  let traces = 0;
  scene.before = () => {
    traces++;
    if (traces === 2) scene.flows = FOUR('a b C D2 E F D');
  };
  const changes = scene.run(4);
  assert.deepEqual(kinds(changes), ['reroute@3']);
});

test('observe() works without confirmations, within three rounds', () => {
  const scene = new Scene(FOUR('a b c d D'));
  for (let i = 0; i < 10; i++) scene.round(false);
  scene.flows = FOUR('a x y d D');
  const changes: PathChange[] = [];
  for (let i = 0; i < 4; i++) changes.push(...scene.round(false).changes);
  assert.deepEqual(kinds(changes), ['reroute@2']);
});

test('observe() makes no event of the first rounds', () => {
  const scene = new Scene(FOUR('a b c d D'));
  scene.run(2);
  scene.flows = FOUR('a x y d D');
  assert.deepEqual(scene.run(2), []);
});

test('observe() adds as_path where the AS path must have changed', () => {
  const as = new Map([...'abcd'].map((name, i) => [routerAddress(name), 64_500 + (i >> 1)]));
  as.set(routerAddress('x'), 64_510);
  const scene = new Scene(FOUR('a b c d D'), { asNumberOf: (address) => as.get(address) ?? null });
  scene.run(10);
  assert.deepEqual(scene.round().asPath, [64_500, 64_501]);
  scene.flows = FOUR('a b x y D');
  assert.deepEqual(kinds(scene.run(1)), ['reroute@3', 'as_path@3']);
  scene.run(10);
  scene.flows = FOUR('a b u v D');
  assert.deepEqual(kinds(scene.run(1)), ['reroute@3'], 'unknown ASes prove nothing');
});

test('observe() makes nothing of a trace that could not be sent', () => {
  const scene = new Scene(FOUR('a b D'));
  scene.run(10);
  scene.flows = FOUR('* * *');
  scene.more = { end: 'send-failed' };
  assert.deepEqual(scene.run(20), []);
});

test('observe() keeps the memories of several addresses of one name apart', () => {
  const scene = new Scene(FOUR('a b c D'));
  scene.run(8);
  const first = scene.round().pathId;
  scene.more = { address: '198.18.9.9' };
  scene.flows = FOUR('a x y z D');
  assert.deepEqual(scene.run(8), []);
  scene.more = {};
  scene.flows = FOUR('a b c D');
  const seen = scene.round();
  assert.deepEqual(seen.changes, []);
  assert.equal(seen.pathId, first);
});

test('close() gives every address back', () => {
  const addresses = new AddressTable();
  const scene = new Scene(['a b1 c d D', 'a b2 c d D'], { addresses });
  scene.run(10);
  scene.flows = ['a x y d D', 'a x z d D'];
  scene.run(10);
  scene.flows = ['a x Y d D', 'a x z d D'];
  scene.run(10);
  assert.ok(addresses.size > 0);
  scene.tracker.close();
  assert.equal(addresses.size, 0);
});
