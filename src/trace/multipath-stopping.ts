// When to stop looking for one more successor of a node: the arithmetic of multipath discovery (Augustin et al.,
// "Multipath tracing with Paris traceroute", 2007; Veitch et al., "Failure control in multipath route tracing", 2009).
// Balancers are taken to spread flows evenly.

/**
 * Flows that must have gone through a node, and shown k-1 successors, before a k-th is ruled out with a chance of
 * failure of at most `failure`: the least n with k ((k-1)/k)^n <= failure. k is 2 or more.
 */
export function stoppingPoint(k: number, failure: number): number {
  return Math.ceil(Math.log(failure / k) / Math.log((k - 1) / k));
}

/**
 * Bound on the chance that `flows` flows through a node have shown only `known` successors although it has one more.
 * It falls to `failure` exactly at stoppingPoint(known + 1, failure). The first flow will show a first successor.
 */
export function missChance(known: number, flows: number): number {
  const at = Math.max(1, known);
  return (at + 1) * (at / (at + 1)) ** flows;
}

/** Chance of failure that each of `branches` nodes may have, so that the whole graph's is `failure`. */
export function nodeFailure(failure: number, branches: number): number {
  return 1 - (1 - failure) ** (1 / branches);
}
