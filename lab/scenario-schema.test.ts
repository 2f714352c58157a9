import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Scenario } from './scenario.ts';
import { parseScenario, ScenarioError } from './scenario-schema.ts';

const GOOD: Scenario = {
  name: 'good',
  routers: { r1: { v4: '100.64.0.1' }, r2: { v4: '100.64.0.2' } },
  routes: { main: { steps: ['r1', 'r2'] } },
  targets: [{ prefix: '198.18.0.1', route: 'main' }],
};

function faultsOf(patch: object): string {
  try {
    parseScenario({ ...GOOD, ...patch });
  } catch (error) {
    assert.ok(error instanceof ScenarioError);
    return error.message;
  }
  return assert.fail('no fault was found');
}

describe('parseScenario()', () => {
  it('gives back a sound scenario', () => assert.deepEqual(parseScenario(structuredClone(GOOD)), GOOD));

  const cases: readonly (readonly [string, object, string])[] = [
    ['an unknown key', { colour: 'red' }, 'Unrecognized key: "colour"'],
    [
      'a wrong address',
      { routers: { ...GOOD.routers, r2: { v4: '100.64.0.256' } } },
      'routers.r2.v4: not an IPv4 address',
    ],
    [
      'an address of the other family',
      { routers: { ...GOOD.routers, r2: { v6: '100.64.0.2' } } },
      'routers.r2.v6: not an IPv6 address',
    ],
    ['a share above 1', { defaults: { link: { loss: 5 } } }, 'defaults.link.loss: Too big'],
    ['a step that is none', { routes: { main: { steps: ['r1', 7] } } }, 'routes.main.steps[1]: not a router'],
    ['an unknown router', { routes: { main: { steps: ['r1', 'r9'] } } }, 'routes.main.steps: no router "r9"'],
    [
      'a router named twice',
      { routes: { main: { steps: ['r1', 'r2', 'r1'] } } },
      '"r1" stands twice; make a loop with `next`',
    ],
    [
      'a loop to nowhere',
      { routes: { main: { steps: ['r1'], next: { r1: { to: ['r2'] } } } } },
      'routes.main.next.r1: "r2" is not in the steps',
    ],
    [
      'a reserved name',
      { routers: { ...GOOD.routers, host: {} } },
      'routers.host: this name stands for the end of a path',
    ],
    [
      'an unknown route',
      { targets: [{ prefix: '198.18.0.1', route: 'x' }] },
      'targets[0].route: no route "x"',
    ],
    [
      'bits beyond a prefix',
      { targets: [{ prefix: '198.18.0.1/24', route: 'main' }] },
      'targets[0].prefix: not an address or prefix',
    ],
    [
      'too many hosts',
      { targets: [{ prefix: '2001:db8::/64', route: 'main' }] },
      'holds more than 2^24 hosts',
    ],
    ['a link to nowhere', { links: [{ from: 'r1', to: 'r3' }] }, 'links[0].to: no router "r3"'],
    [
      'changes out of order',
      { changes: [{ atMs: 5 }, { atMs: 4 }] },
      'changes[1].atMs: earlier than the change before it',
    ],
    [
      'a change of an unknown router',
      { changes: [{ atMs: 5, routers: { r7: {} } }] },
      'changes[0].routers.r7: no router "r7"',
    ],
    [
      'truth about no target',
      { truth: { events: [{ target: '198.18.0.9', atMs: 1, kind: 'ecmp', firstHop: 1 }] } },
      'truth.events[0].target: no target holds 198.18.0.9',
    ],
    [
      'a tree too large for its addresses',
      {
        routes: { main: { steps: [{ tree: { v4: '100.65.0.0/24', levels: [{ bits: 10 }] } }] } },
        targets: [{ prefix: '198.18.0.0/16', route: 'main' }],
      },
      '100.65.0.0/24 is too small for 1024 tree routers',
    ],
  ];
  for (const [what, patch, message] of cases) {
    it(`says where ${what} stands`, () => {
      const said = faultsOf(patch);
      assert.ok(said.includes(message), said);
    });
  }

  it('names every fault at once', () => {
    const said = faultsOf({
      targets: [{ prefix: '198.18.0.1', route: 'x' }],
      links: [{ from: 'a', to: 'b' }],
    });
    assert.equal(said.split('\n').length, 3);
  });
});
