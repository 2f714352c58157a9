// How well the path MTU is found on the simulator, against its truth: random narrow links, told or silent, in every mode
// and protocol, with loss. Lines: share found, share called exact, and of these how many are wrong; cost in packets and
// in time, the latter as a ratio to the same trace without the search.
//
//   node bench/path-mtu.ts [runs=300]

import { Random } from '../lab/random.ts';
import type { Scenario } from '../lab/scenario.ts';
import { parseScenario } from '../lab/scenario-schema.ts';
import { VirtualHost } from '../lab/virtual-run.ts';
import type { Trace, TraceRequest } from '../src/trace/trace.ts';
import { renderTable } from './table.ts';

const ROUTERS = 8;
const COMMON = [1492, 1480, 1476, 1420, 1400, 1380];

interface World {
  readonly scenario: Scenario;
  readonly bytes: number;
  readonly hop: number;
}

function world(random: Random, loss: number, silent: boolean): World {
  const hop = 1 + Math.floor(random.unit() * ROUTERS);
  const odd = 1281 + Math.floor(random.unit() * 215);
  const bytes = random.unit() < 0.5 ? odd : (COMMON[Math.floor(random.unit() * COMMON.length)] as number);
  const numbers = Array.from({ length: ROUTERS }, (_, i) => i + 1);
  const name = (n: number): string => (n > ROUTERS ? 'host' : `r${n}`);
  const scenario = parseScenario({
    name: 'path-mtu',
    defaults: { link: { loss, replyLoss: loss, delayMs: 1 } },
    routers: Object.fromEntries(
      numbers.map((n) => [
        name(n),
        { v4: `100.64.0.${n}`, v6: `2001:db8::${n}`, mtuBlackhole: silent && n === hop },
      ]),
    ),
    links: [{ from: name(hop), to: name(hop + 1), mtu: bytes }],
    routes: { main: { steps: numbers.map(name) } },
    targets: ['198.18.0.1', '2001:db8:1::1'].map((prefix) => ({ prefix, route: 'main' })),
  });
  return { scenario, bytes, hop };
}

function request(i: number, discoverMtu: boolean): TraceRequest {
  const protocol = (['icmp', 'udp', 'tcp'] as const)[i % 3] as TraceRequest['protocol'];
  return {
    target: 'bench',
    address: i % 2 === 0 ? '198.18.0.1' : '2001:db8:1::1',
    protocol,
    port: protocol === 'icmp' ? null : protocol === 'udp' ? 33_434 : 443,
    mode: i % 4 < 2 ? 'raw' : 'unprivileged',
    firstTtl: 1,
    maxTtl: 30,
    queries: 1,
    flows: 1,
    firstFlow: 0,
    silentHopLimit: 5,
    timeoutMs: 10_000,
    waitMs: 2000,
    distanceHint: ROUTERS + 1,
    packetLength: 0,
    trafficClass: 0,
    dontFragment: false,
    discoverMtu,
  };
}

const runs = Number(process.argv[2] ?? 300);
const heading = ['loss', 'router', 'found', 'exact', 'wrong', 'hop', 'packets', 'ms', 'times the trace'];
const rows: string[][] = [];
for (const loss of [0, 0.003, 0.01, 0.02]) {
  for (const silent of [false, true]) rows.push(line(loss, silent));
}
process.stdout.write(`${renderTable(heading, rows)}\n`);

function line(loss: number, silent: boolean): string[] {
  const random = new Random(7);
  const sum = { found: 0, exact: 0, wrong: 0, hop: 0, packets: 0, ms: 0, without: 0 };
  for (let i = 0; i < runs; i++) {
    const { scenario, bytes, hop } = world(random, loss, silent);
    const run = (mtu: boolean): Trace =>
      new VirtualHost({ scenario, seed: i + 1, capacity: 512 }).trace(request(i, mtu));
    const without = run(false);
    const found = run(true);
    sum.without += without.durationMs;
    sum.ms += found.durationMs;
    sum.packets += found.probesSent - without.probesSent;
    if (found.mtu === undefined) continue;
    if (found.mtu.bytes === bytes) sum.found++;
    if (found.mtu.hop === hop) sum.hop++;
    if (!found.mtu.exact) continue;
    sum.exact++;
    if (found.mtu.bytes !== bytes) sum.wrong++;
  }
  const share = (count: number): string => `${((100 * count) / runs).toFixed(1)} %`;
  return [
    `${(100 * (1 - (1 - loss) ** (2 * ROUTERS + 2))).toFixed(0)} %`,
    silent ? 'silent' : 'tells',
    share(sum.found),
    share(sum.exact),
    share(sum.wrong),
    share(sum.hop),
    (sum.packets / runs).toFixed(1),
    (sum.ms / runs).toFixed(0),
    (sum.ms / sum.without).toFixed(1),
  ];
}
