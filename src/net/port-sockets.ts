// Sockets bound to the source port of one flow each, opened when the flow is first used and closed when it has not been
// for a while. Bounded by the number of flows.

import { IPV6, SOL_IPV6 } from './abi.ts';
import type { KernelSocket } from './kernel-socket.ts';
import { errnoName, NetError } from './net-error.ts';
import type { NetworkContext } from './network-context.ts';
import type { SocketAddress } from './socket-address.ts';

const IDLE_NS = 60e9;
const SWEEP_NS = 15e9;

export class PortSockets {
  readonly #sockets: (KernelSocket | undefined)[] = [];
  readonly #dispose: (socket: KernelSocket) => void;
  #open = 0;
  #sweepAtNs = Number.POSITIVE_INFINITY;

  constructor(dispose: (socket: KernelSocket) => void) {
    this.#dispose = dispose;
  }

  get(flow: number): KernelSocket | undefined {
    return this.#sockets[flow];
  }

  set(flow: number, socket: KernelSocket, nowNs: number): void {
    this.#sockets[flow] = socket;
    socket.flow = flow;
    socket.usedAtNs = nowNs;
    this.#open++;
    this.#sweepAtNs = Math.min(this.#sweepAtNs, nowNs + SWEEP_NS);
  }

  /** Closes idle sockets; returns when to look again. */
  expire(nowNs: number): number {
    if (nowNs < this.#sweepAtNs) return this.#sweepAtNs;
    for (const [flow, socket] of this.#sockets.entries()) {
      if (socket === undefined || nowNs - socket.usedAtNs < IDLE_NS) continue;
      this.#sockets[flow] = undefined;
      this.#open--;
      this.#dispose(socket);
    }
    this.#sweepAtNs = this.#open > 0 ? nowNs + SWEEP_NS : Number.POSITIVE_INFINITY;
    return this.#sweepAtNs;
  }

  close(): void {
    for (const socket of this.#sockets) if (socket !== undefined) this.#dispose(socket);
    this.#sockets.length = 0;
    this.#open = 0;
  }
}

/** Binds `socket` to the wildcard address of its family; it is closed when that fails. */
export function bindPort(
  context: NetworkContext,
  socket: KernelSocket,
  address: SocketAddress,
  port: number,
  name: string,
): void {
  if (socket.family === 6) context.options.set(socket.fd, SOL_IPV6, IPV6.v6only, 1);
  const length = address.setAny(socket.family, port);
  if (context.libc.bind(socket.fd, address.bytes, length) === 0) return;
  const code = errnoName(context.libc.errno());
  socket.close();
  throw new NetError(`Cannot bind ${name} to port ${port}: ${code}; another program holds it`, code);
}
