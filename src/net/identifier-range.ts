// Which ICMP identifiers and source ports are this process's. The first process on a host always gets the same range,
// so that a restart probes the same flows; a second one gets the next.

import { MAX_FLOWS } from '../trace/flow-identity.ts';
import { SOCK } from './abi.ts';
import type { Libc } from './libc.ts';
import { domainOf, SocketAddress } from './socket-address.ts';

/** Below the ephemeral ports (32768), where nothing else takes ports unasked. */
const FIRST = 24_576;
const RANGES = 4;
/** One run of identifiers for each mode: a raw socket would hear the other's replies too. */
const RANGE_LENGTH = 2 * MAX_FLOWS;

export interface IdentifierRange {
  readonly raw: number;
  readonly unprivileged: number;
  /** No range was free: flows may clash with another process's. */
  readonly shared: boolean;
  release(): void;
}

/** Claims a range by holding its last raw port, which no flow uses, over UDP. */
export function claimIdentifiers(libc: Libc): IdentifierRange {
  for (const family of [4, 6] as const) {
    const address = new SocketAddress();
    for (let i = 0; i < RANGES; i++) {
      const raw = FIRST + i * RANGE_LENGTH;
      const fd = libc.socket(domainOf(family), SOCK.dgram | SOCK.cloexec, 0);
      if (fd < 0) break;
      const length = address.setAny(family, raw + MAX_FLOWS - 1);
      if (libc.bind(fd, address.bytes, length) === 0) return range(raw, false, () => libc.close(fd));
      libc.close(fd);
    }
  }
  return range(FIRST, true, () => undefined);
}

function range(raw: number, shared: boolean, release: () => void): IdentifierRange {
  return { raw, unprivileged: raw + MAX_FLOWS, shared, release };
}
