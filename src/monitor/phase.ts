// When within its interval a target is due: a stable function of its key, so that rounds spread evenly over the interval
// and neither a restart nor a reload moves them.

/** 0 to below 1: FNV-1a over the UTF-16 units, then the 32-bit finaliser of MurmurHash3 to spread similar keys. */
export function phaseOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}

/** The first time at or after `notBeforeMs` (epoch) that is the target's turn. All in milliseconds. */
export function nextTurn(phase: number, intervalMs: number, notBeforeMs: number): number {
  const offset = phase * intervalMs;
  return Math.ceil((notBeforeMs - offset) / intervalMs) * intervalMs + offset;
}
