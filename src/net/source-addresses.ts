// Which of our addresses the kernel would use towards a destination: it belongs in the headers that raw probes carry.
// Bounded, and short-lived so that a changed route or address is noticed within a second.

import type { Family } from '../wire/address.ts';
import { ADDRESS_LENGTH, addressesEqual, familyOf } from '../wire/address.ts';
import { IPV6, SOCK, SOL_IPV6 } from './abi.ts';
import type { Libc } from './libc.ts';
import { errnoName, NetError } from './net-error.ts';
import { domainOf, SocketAddress } from './socket-address.ts';
import { SocketOptions } from './socket-options.ts';

const SLOTS = 4096;
const LIFETIME_NS = 1e9;
/** Any port does: connecting a UDP socket sends nothing. */
const DISCARD_PORT = 9;

/** A direct-mapped cache: a destination that falls on another's slot replaces it. */
export class SourceAddresses {
  readonly #libc: Libc;
  readonly #socket: number;
  readonly #family: Family;
  readonly #sockaddr = new SocketAddress();
  readonly #destinations: Uint8Array[] = [];
  readonly #sources: Uint8Array[] = [];
  readonly #expiry: Float64Array = new Float64Array(SLOTS);
  /** Why the last lookup() failed. */
  failure = 0;

  /** @throws NetError when the host lacks the family. */
  constructor(libc: Libc, family: Family) {
    this.#libc = libc;
    this.#family = family;
    this.#socket = libc.socket(domainOf(family), SOCK.dgram | SOCK.cloexec, 0);
    if (this.#socket < 0) {
      const code = errnoName(libc.errno());
      throw new NetError(`Cannot open a UDP socket for IPv${family}: ${code}`, code);
    }
    if (family === 6) new SocketOptions(libc).set(this.#socket, SOL_IPV6, IPV6.v6only, 1);
  }

  /** Our address towards `destination`, valid until the next call; undefined with `failure` set to the errno. */
  lookup(destination: Uint8Array, nowNs: number): Uint8Array | undefined {
    const at = slotOf(destination);
    const known = this.#destinations[at];
    if (known !== undefined && nowNs < (this.#expiry[at] as number) && addressesEqual(known, destination)) {
      return this.#sources[at];
    }
    const source = this.#ask(destination, this.#sources[at] ?? new Uint8Array(ADDRESS_LENGTH));
    if (source === undefined) {
      this.#expiry[at] = 0;
      return undefined;
    }
    const key = known ?? new Uint8Array(ADDRESS_LENGTH);
    key.set(destination);
    this.#destinations[at] = key;
    this.#sources[at] = source;
    this.#expiry[at] = nowNs + LIFETIME_NS;
    return source;
  }

  close(): void {
    this.#libc.close(this.#socket);
  }

  #ask(destination: Uint8Array, into: Uint8Array): Uint8Array | undefined {
    const address = this.#sockaddr;
    // A connected socket keeps its source address when it is connected elsewhere: dissolve the connection first.
    this.#libc.connect(this.#socket, address.bytes, address.setNone());
    const length = address.set(destination, DISCARD_PORT);
    if (this.#libc.connect(this.#socket, address.bytes, length) !== 0) return this.#failed();
    address.length[0] = address.bytes.length;
    if (this.#libc.getsockname(this.#socket, address.bytes, address.length) !== 0) return this.#failed();
    address.get(into);
    return familyOf(into) === this.#family ? into : this.#failed();
  }

  #failed(): undefined {
    this.failure = this.#libc.errno();
    return undefined;
  }
}

function slotOf(address: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < ADDRESS_LENGTH; i++) hash = Math.imul(hash ^ (address[i] as number), 0x01000193);
  return (hash ^ (hash >>> 15)) & (SLOTS - 1);
}
