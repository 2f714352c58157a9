// What the hops tell, over the simulated internet, in every mode, family and protocol: labels, interfaces, translators,
// traffic classes, ways back.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  natsOf,
  natText,
  returnDistance,
  trafficClassesOf,
  trafficClassText,
} from '../src/path/hop-facts.ts';
import type { Mode, Protocol } from '../src/trace/network.ts';
import type { Trace } from '../src/trace/trace.ts';
import { readScenario } from './scenario-file.ts';
import { VirtualHost } from './virtual-run.ts';

const PROTOCOLS: readonly Protocol[] = ['icmp', 'udp', 'tcp'];
const MODES: readonly Mode[] = ['raw', 'unprivileged'];
const TARGETS = { 4: '198.18.0.1', 6: '2001:db8:1::1' } as const;

interface Way {
  readonly name: string;
  readonly protocol: Protocol;
  readonly mode: Mode;
  readonly family: 4 | 6;
}

const WAYS: readonly Way[] = PROTOCOLS.flatMap((protocol) =>
  MODES.flatMap((mode) =>
    ([4, 6] as const).map((family) => ({ name: `${protocol} ${mode} IPv${family}`, protocol, mode, family })),
  ),
);

function trace(name: string, { protocol, mode, family }: Way, trafficClass = 0): Trace {
  const scenario = readScenario(fileURLToPath(new URL(`../test/scenarios/${name}.json`, import.meta.url)));
  return new VirtualHost({ scenario, seed: 1 }).trace({
    target: 'test',
    address: TARGETS[family],
    protocol,
    port: protocol === 'icmp' ? null : protocol === 'udp' ? 33_434 : 443,
    mode,
    firstTtl: 1,
    maxTtl: 30,
    queries: 1,
    flows: 2,
    firstFlow: 0,
    silentHopLimit: 5,
    timeoutMs: 10_000,
    waitMs: 500,
    distanceHint: null,
    packetLength: 0,
    trafficClass,
    dontFragment: false,
  });
}

/** What is said of flow 0. */
function said(found: Trace): string[] {
  return [
    ...natsOf(found)
      .filter(({ flow }) => flow === 0)
      .map(natText),
    ...trafficClassesOf(found)
      .filter(({ flow }) => flow === 0)
      .map(trafficClassText),
  ];
}

describe('facts about hops', () => {
  it('show label stacks and interfaces, with and without the length field of RFC 4884', () => {
    const label = (value: number, bottom = true): object => ({ label: value, tc: 0, bottom, ttl: 1 });
    for (const way of WAYS) {
      const { hops } = trace('mpls', way);
      const stacks = hops.map(({ replies }) => replies[0]?.mpls ?? null);
      assert.deepEqual(
        stacks,
        [
          null,
          null,
          [label(16_001)],
          [label(16_002, false), label(24_005)],
          [label(16_003)],
          null,
          null,
          null,
        ],
        way.name,
      );
      const interfaces = hops.map(({ replies }) => replies[0]?.interfaces ?? null);
      const [information] = interfaces[5] ?? [];
      assert.equal(information?.name, 'xe-0/0/1', way.name);
      assert.deepEqual([information?.role, information?.index, information?.mtu], ['incoming', 517, 9000]);
      assert.equal(interfaces.filter((one) => one !== null).length, 1, way.name);
    }
  });

  // The kernel keeps the headers of UDP and TCP to itself, and a checksum of ICMP covers no address.
  const sees = ({ family, mode, protocol }: Way): boolean =>
    family === 4 && mode === 'raw' && protocol !== 'icmp';

  it('name the hops between which addresses are translated, where the quoted checksum is seen', () => {
    for (const way of WAYS) {
      const nats = natsOf(trace('nat', way))
        .filter(({ flow }) => flow === 0)
        .map(natText);
      assert.deepEqual(nats, sees(way) ? ['NAT between hop 3 and 4'] : [], way.name);
    }
  });

  it('tell several translators apart, and those that rewrite ports and identifiers', () => {
    for (const way of WAYS) {
      const seen = way.family === 4 && (way.protocol === 'icmp' || way.mode === 'raw');
      const expected = ['NAT between hop 2 and 3', 'NAT between hop 5 and 6'];
      assert.deepEqual(said(trace('nat-twice', way)), seen ? expected : [], way.name);
    }
  });

  it('tell where DSCP and ECN are rewritten, where the quoted IP header is seen', () => {
    for (const way of WAYS) {
      const expected = [
        'DSCP 46 becomes 10 between hop 2 and 3',
        'ECN bleached between hop 4 and 5',
        'DSCP 10 becomes 0 between hop 6 and 7',
      ];
      const found = trace('traffic-class', way, 0xba);
      assert.deepEqual(said(found), way.mode === 'raw' ? expected : [], way.name);
      assert.equal(found.trafficClass, 0xba);
      const marked = said(trace('congestion', way, 2));
      assert.deepEqual(
        marked,
        way.mode === 'raw' ? ['ECN marked for congestion between hop 3 and 4'] : [],
        way.name,
      );
      assert.deepEqual(said(trace('congestion', way, 0)), [], 'not capable, not marked');
    }
  });

  it('tell how much longer the way back is', () => {
    for (const way of WAYS) {
      const found = trace('congestion', way);
      const asymmetries = found.hops
        .slice(0, -1)
        .map(({ ttl, replies }) => returnDistance(ttl, replies[0]?.replyTtl)?.asymmetry);
      assert.deepEqual(asymmetries, [0, 0, 0, 3, 3, 3], way.name);
    }
  });
});
