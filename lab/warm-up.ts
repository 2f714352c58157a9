// Makes the first real probe as quick to answer as the thousandth: compiles the code by running it, and builds the
// scenario's tables. Without it the first replies of a fresh process leave some milliseconds late.

import { parseAddress } from '../src/wire/address.ts';
import type { DeliveryQueue } from './delivery-queue.ts';
import { flowPacket } from './flow-fields.ts';
import type { Scenario } from './scenario.ts';
import { createSimulator, type ProbeObserver, type Simulator } from './simulator.ts';

const TARGETS = 16;
const PACKETS = 60_000;
const MOST_TTL = 24;

/** Leaves `simulator` as it was but for tables built; `queue` is empty before and after. */
export function warmUp(
  scenario: Scenario,
  simulator: Simulator,
  queue: DeliveryQueue,
  observer: ProbeObserver,
): void {
  const standIn = createSimulator(scenario, 1, { observer });
  const prefixes = scenario.targets.slice(0, TARGETS).map((target) => target.prefix.replace(/\/.*/, ''));
  const rounds = Math.ceil(PACKETS / (prefixes.length * 3 * MOST_TTL));
  const epoch = simulator.timeline.at(0);
  for (const target of prefixes) {
    const address = parseAddress(target);
    if (address !== undefined) epoch.target(address);
    for (const protocol of ['icmp', 'udp', 'tcp'] as const) {
      const packet = flowPacket(scenario, { target, protocol });
      const v4 = (packet[0] as number) >> 4 === 4;
      for (let round = 0; round < rounds; round++) {
        for (let ttl = 1; ttl <= MOST_TTL; ttl++) {
          packet[v4 ? 8 : 7] = ttl;
          standIn.accept(packet, 0, packet.length, round * 1e6, queue);
        }
        queue.clear();
      }
    }
  }
}
