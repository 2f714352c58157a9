// A changed way back over the simulated internet: seen in the replies' TTL, told as a sign, and no change of path.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createPathTracker } from '../src/path/tracker.ts';
import { readScenario } from './scenario-file.ts';
import { VirtualHost } from './virtual-run.ts';

it('a longer way back is a shift of the hops beyond, never a reroute', () => {
  const scenario = readScenario(fileURLToPath(new URL('../test/scenarios/chain.json', import.meta.url)));
  const host = new VirtualHost({ scenario, seed: 1 });
  const tracker = createPathTracker({ flows: 2, baselineRounds: 3 });
  const seen: string[] = [];
  for (let round = 0; round < 20; round++) {
    if (round === 10) {
      const longer = { returnHops: 4 };
      host.network.simulator.change({ atMs: 0, routers: { r5: longer, r6: longer } }, host.network.nowNs);
    }
    const trace = host.trace({
      target: 'test',
      address: '198.18.0.1',
      protocol: 'icmp',
      port: null,
      mode: 'raw',
      firstTtl: 1,
      maxTtl: 30,
      queries: 1,
      flows: 2,
      firstFlow: 0,
      silentHopLimit: 5,
      timeoutMs: 10_000,
      waitMs: 1000,
      distanceHint: 13,
      packetLength: 0,
      trafficClass: 0,
      dontFragment: false,
    });
    const { changes, returnShifts } = tracker.observe(trace, round * 60_000);
    assert.deepEqual(changes, []);
    for (const shift of returnShifts ?? [])
      seen.push(`${round}: ${shift.ttl} ${shift.hopsBefore}-${shift.hopsAfter}`);
    host.advanceTo(host.nowMs + 60_000);
  }
  assert.deepEqual(seen, ['11: 5 5-9', '11: 6 6-10']);
});
