import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Router, Scenario } from '../lab/scenario.ts';
import { VIRTUAL_EPOCH_MS, VirtualHost } from '../lab/virtual-run.ts';
import { AddressTable } from '../src/path/address-table.ts';
import type { ChangeGroup } from '../src/path/change-group.ts';
import { ChangeGrouping } from '../src/path/change-grouping.ts';
import { createPathTracker, type PathTracker } from '../src/path/tracker.ts';
import type { Trace, TraceRequest } from '../src/trace/trace.ts';

const BEHIND = 12;
const ROUND_MS = 60_000;
const FAILURE_MS = 20.5 * ROUND_MS;

const names = ['gw', 'core', 'a1', 'a2', 'b1', 'b2', 'edge', 'u1', 'u2', 'v1', 'v2'];
const routers: Record<string, Router> = Object.fromEntries(
  names.map((name, i) => [name, { v4: `100.64.0.${i + 1}`, link: { delayMs: 1 + i / 4, jitterMs: 0.2 } }]),
);
const address = (i: number): string => `198.18.0.${i + 1}`;

/** Twelve targets lose the link from core to a1; one elsewhere is rerouted in the same moment, and one stays. */
const scenario: Scenario = {
  name: 'link failure',
  routers,
  routes: {
    many: { steps: ['gw', 'core', 'a1', 'a2', 'edge'] },
    other: { steps: ['gw', 'u1', 'u2', 'edge'] },
    calm: { steps: ['gw', 'core', 'b1'] },
  },
  targets: Array.from({ length: BEHIND + 2 }, (_, i) => ({
    prefix: address(i),
    route: i < BEHIND ? 'many' : i === BEHIND ? 'other' : 'calm',
  })),
  links: [{ from: 'source', to: 'gw', replyLoss: 0.03 }],
  changes: [
    {
      atMs: FAILURE_MS,
      routes: {
        many: { steps: ['gw', 'core', 'b1', 'b2', 'edge'] },
        other: { steps: ['gw', 'v1', 'v2', 'edge'] },
      },
    },
  ],
};

function request(target: string, part: Partial<TraceRequest> = {}): TraceRequest {
  const asked = { firstTtl: 1, maxTtl: 30, queries: 1, flows: 4, firstFlow: 0, distanceHint: null };
  const rest = { silentHopLimit: 5, timeoutMs: 10_000, waitMs: 2000, packetLength: 0, trafficClass: 0 };
  const probe = { protocol: 'icmp', port: null, mode: 'raw', dontFragment: false } as const;
  return { target, address: target, ...probe, ...asked, ...rest, ...part };
}

test('ChangeGrouping puts what one link failure moves under one cause, and what else happens at once apart', () => {
  const host = new VirtualHost({ scenario, seed: 5 });
  const addresses = new AddressTable();
  const grouping = new ChangeGrouping();
  const trackers = scenario.targets.map(() => createPathTracker({ addresses }));
  const groups = new Map<string, ChangeGroup>();
  const measure = (tracker: PathTracker, target: string): void => {
    const take = (trace: Trace, confirms: boolean): void => {
      const atMs = VIRTUAL_EPOCH_MS + host.nowMs;
      const { changes } = confirms ? tracker.confirm(trace, atMs) : tracker.observe(trace, atMs);
      for (const change of changes) {
        const group = grouping.add(target, change);
        groups.set(group.id, group);
      }
    };
    take(host.trace(request(target)), false);
    for (let wanted = tracker.confirmation(); wanted !== null; wanted = tracker.confirmation()) {
      const { flow, flows, firstTtl, maxTtl } = wanted;
      take(
        host.trace(request(target, { firstFlow: flow, flows, firstTtl, maxTtl, distanceHint: maxTtl })),
        true,
      );
    }
  };
  for (let round = 0; round < 25; round++) {
    for (const [i, tracker] of trackers.entries()) {
      // Spread over the round, as a schedule does.
      host.advanceTo(round * ROUND_MS + i * 4000);
      measure(tracker, address(i));
    }
  }
  const [first, second, ...more] = [...groups.values()].sort((a, b) => b.targets.length - a.targets.length);
  assert.deepEqual(more, []);
  assert.equal(first?.cause, '100.64.0.2');
  assert.deepEqual(
    [...(first?.targets ?? [])].sort(),
    Array.from({ length: BEHIND }, (_, i) => address(i)).sort(),
  );
  assert.deepEqual(first?.kinds, { reroute: BEHIND });
  assert.deepEqual(second?.targets, [address(BEHIND)]);
});
