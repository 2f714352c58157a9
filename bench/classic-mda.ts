// The classic multipath detection algorithm (Augustin et al., 2007) as a reference for what discovery costs: hop by hop,
// every vertex by itself, flows that reach it found by probing its TTL. It asks an oracle, not a network.

import { stoppingPoint } from '../src/trace/multipath-stopping.ts';

/** What answers `flow` at `ttl`; null past the end of its path. */
export type Oracle = (flow: number, ttl: number) => string | null;

export interface ClassicResult {
  readonly probes: number;
  /** `ttl from to`, as in a trace's links. */
  readonly links: ReadonlySet<string>;
}

const SOURCE = 'source';

/**
 * @param end the destination
 * @param failure chance of failure allowed at each vertex
 */
export function classicMda(oracle: Oracle, end: string, failure: number): ClassicResult {
  const links = new Set<string>();
  let probes = 0;
  let fresh = 0;
  // Flows known at each vertex of the present TTL; the source has them all.
  let layer = new Map<string, number[]>([[SOURCE, []]]);
  for (let ttl = 0; layer.size > 0; ttl++) {
    const next = new Map<string, number[]>();
    /** A new flow that passes `vertex`; what it costs to find one is counted. */
    const recruit = (vertex: string): number => {
      for (;;) {
        const flow = fresh++;
        if (vertex === SOURCE) return flow;
        probes++;
        const at = oracle(flow, ttl);
        if (at === vertex) return flow;
        if (at !== null) layer.get(at)?.push(flow);
      }
    };
    for (const [vertex, flows] of layer) {
      const successors = new Set<string>();
      for (let n = 0; n < (successors.size === 0 ? 1 : stoppingPoint(successors.size + 1, failure)); n++) {
        const flow = flows[n] ?? recruit(vertex);
        if (n >= flows.length) flows.push(flow);
        probes++;
        const at = oracle(flow, ttl + 1);
        if (at === null) break;
        successors.add(at);
        if (ttl > 0) links.add(`${ttl} ${vertex} ${at}`);
        if (at === end) continue;
        const known = next.get(at);
        if (known === undefined) next.set(at, [flow]);
        else known.push(flow);
      }
    }
    layer = next;
  }
  return { probes, links };
}
