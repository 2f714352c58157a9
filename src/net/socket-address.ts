// sockaddr_in and sockaddr_in6 to and from the core's 16-byte addresses.

import { type Family, familyOf, readAddress, writeAddress } from '../wire/address.ts';
import { AF, SOCKADDR_IN, SOCKADDR_IN6 } from './abi.ts';
import { allocate } from './libc.ts';

/** Length of the sockaddr of a family. */
export function sockaddrLength(family: Family): number {
  return family === 4 ? SOCKADDR_IN.size : SOCKADDR_IN6.size;
}

/** AF_INET or AF_INET6. */
export function domainOf(family: Family): number {
  return family === 4 ? AF.inet : AF.inet6;
}

/**
 * Writes a sockaddr at `at`; the memory there must be zero or an earlier sockaddr of the same family.
 * @param flowLabel 20 bits, IPv6 only.
 */
export function writeSockaddr(
  view: DataView,
  bytes: Uint8Array,
  at: number,
  family: Family,
  address: Uint8Array,
  port: number,
  flowLabel = 0,
): void {
  view.setUint16(at, family === 4 ? AF.inet : AF.inet6, true);
  if (family === 4) {
    view.setUint16(at + SOCKADDR_IN.port, port);
    writeAddress(address, 4, bytes, at + SOCKADDR_IN.address);
    return;
  }
  view.setUint16(at + SOCKADDR_IN6.port, port);
  view.setUint32(at + SOCKADDR_IN6.flowInfo, flowLabel);
  writeAddress(address, 6, bytes, at + SOCKADDR_IN6.address);
}

/** Reads the address of the sockaddr at `at` into `into`; returns its port, or -1 when it is of neither family. */
export function readSockaddr(view: DataView, bytes: Uint8Array, at: number, into: Uint8Array): number {
  const domain = view.getUint16(at, true);
  if (domain === AF.inet) {
    readAddress(bytes, at + SOCKADDR_IN.address, 4, into);
    return view.getUint16(at + SOCKADDR_IN.port);
  }
  if (domain === AF.inet6) {
    readAddress(bytes, at + SOCKADDR_IN6.address, 6, into);
    return view.getUint16(at + SOCKADDR_IN6.port);
  }
  return -1;
}

/** One sockaddr in memory of its own, for bind, connect and getsockname. */
export class SocketAddress {
  readonly bytes: Buffer = allocate(SOCKADDR_IN6.size);
  readonly length: Uint32Array = new Uint32Array(new ArrayBuffer(4));
  readonly #view: DataView = new DataView(this.bytes.buffer);

  /** Fills in `address`; returns the length of the sockaddr. */
  set(address: Uint8Array, port: number, flowLabel = 0): number {
    const family = familyOf(address);
    this.bytes.fill(0);
    writeSockaddr(this.#view, this.bytes, 0, family, address, port, flowLabel);
    return sockaddrLength(family);
  }

  /** The wildcard address of a family. */
  setAny(family: Family, port: number): number {
    this.bytes.fill(0);
    this.#view.setUint16(0, domainOf(family), true);
    this.#view.setUint16(SOCKADDR_IN.port, port);
    return sockaddrLength(family);
  }

  /** AF_UNSPEC: connecting to it dissolves a connection. */
  setNone(): number {
    this.bytes.fill(0);
    return SOCKADDR_IN.size;
  }

  /** Reads the address that a call wrote here; returns its port. */
  get(into: Uint8Array): number {
    return readSockaddr(this.#view, this.bytes, 0, into);
  }
}
