// One socket: its descriptor, who handles what arrives on it, its stamps and its count of drops. It is closed exactly once.

import type { Family } from '../wire/address.ts';
import { SOCK } from './abi.ts';
import type { Libc } from './libc.ts';
import { errnoName, NetError } from './net-error.ts';
import { domainOf } from './socket-address.ts';
import type { SocketOptions, StampSource } from './socket-options.ts';
import type { TransmitStamps } from './transmit-stamps.ts';

/** What a channel does with a socket of its own that has news. */
export interface SocketHandler {
  ready(socket: KernelSocket, revents: number): void;
}

export interface SocketSetup {
  readonly family: Family;
  readonly type: number;
  readonly protocol: number;
  readonly handler: SocketHandler;
  /** What to call it in a message: "an ICMP socket". */
  readonly name: string;
}

export class KernelSocket {
  readonly fd: number;
  readonly family: Family;
  readonly handler: SocketHandler;
  /** Index of the flow that this socket serves, where it serves one. */
  flow = 0;
  stamps: StampSource = 'clock';
  /** Where transmit stamps are on. */
  transmitStamps: TransmitStamps | undefined;
  /** When it was last used to send, on the engine's clock. */
  usedAtNs = 0;
  /** Nothing is heard on it but its own transmit stamps. */
  sendsOnly = false;
  /** Whether DF is set on what it sends. */
  dontFragment = false;
  /** Place in the poll set, or -1. */
  pollIndex = -1;
  readonly #libc: Libc;
  #drops = 0;
  #closed = false;

  /** @throws NetError naming the socket and the system's reason. */
  constructor(libc: Libc, setup: SocketSetup) {
    this.#libc = libc;
    this.family = setup.family;
    this.handler = setup.handler;
    const type = setup.type | SOCK.nonblock | SOCK.cloexec;
    this.fd = libc.socket(domainOf(setup.family), type, setup.protocol);
    if (this.fd >= 0) return;
    const code = errnoName(libc.errno());
    throw new NetError(`Cannot open ${setup.name}: ${code}`, code);
  }

  /** Packets dropped since the last call, from the kernel's running count (SO_RXQ_OVFL, 32 bits). */
  newDrops(total: number): number {
    const fresh = (total - this.#drops) >>> 0;
    this.#drops = total;
    return fresh;
  }

  /** Turns on stamps; transmit stamps need `ring`. */
  enableStamps(options: SocketOptions, ring: TransmitStamps | undefined): void {
    this.stamps = options.enableStamps(this.fd, ring !== undefined);
    if (this.stamps === 'timestamping') this.transmitStamps = ring;
  }

  /** After a send that failed, the kernel may or may not have used up a number. */
  restartTransmitStamps(options: SocketOptions): void {
    if (this.transmitStamps === undefined) return;
    options.restartStampNumbers(this.fd);
    this.transmitStamps.restart();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libc.close(this.fd);
  }
}
