// The paths that memory expects of the fixed flows, as addresses. Invariant: unknown hops distinguish nothing.

import { DESTINATION_MARK } from './address-table.ts';
import type { DestinationMemory } from './destination-memory.ts';

/** Addresses that `flow` expects by TTL, silent hops null, up to the destination or the last one known. */
export function expectedHops(memory: DestinationMemory, flow: number): (string | null)[] {
  const hops: (string | null)[] = [];
  const end = memory.lengthOf(flow) || memory.horizon;
  for (let ttl = 1; ttl <= end; ttl++) {
    const address = memory.expectedAddress(flow, ttl);
    hops.push(address === '' ? null : address === DESTINATION_MARK ? memory.address : address);
  }
  while (hops.length > 0 && hops.at(-1) === null) hops.pop();
  return hops;
}

/** Distinct paths over the fixed flows, as remembered; unknown hops distinguish nothing. */
export function distinctExpected(memory: DestinationMemory): number {
  const kept: number[] = [];
  for (let flow = 0; flow < memory.flows; flow++) {
    let known = 0;
    for (let ttl = 1; ttl <= memory.horizon; ttl++) if (memory.expected(flow, ttl) !== 0) known++;
    if (known > 0 && !kept.some((other) => samePath(memory, flow, other))) kept.push(flow);
  }
  return kept.length;
}

function samePath(memory: DestinationMemory, a: number, b: number): boolean {
  for (let ttl = 1; ttl <= memory.horizon; ttl++) {
    const x = memory.expectedAddress(a, ttl);
    const y = memory.expectedAddress(b, ttl);
    if (x !== '' && y !== '' && !memory.alike(ttl, x, y)) return false;
  }
  return true;
}
