// Options of sockets that probe without privilege: errors queued, TTL of what arrives reported, and no opinion of the
// kernel's own on path MTU or flow label.

import type { Family } from '../trace/network.ts';
import { IP, IPV6, MTU_DISCOVER, SOL_IP, SOL_IPV6 } from './abi.ts';
import type { KernelSocket } from './kernel-socket.ts';
import type { SocketOptions } from './socket-options.ts';

/** To be set before the socket is bound. */
export function prepareFlowSocket(options: SocketOptions, socket: KernelSocket): void {
  const { fd } = socket;
  if (socket.family === 4) {
    options.set(fd, SOL_IP, IP.receiveErrors, 1);
    options.set(fd, SOL_IP, IP.receiveErrorsRfc4884, 1);
    options.set(fd, SOL_IP, IP.receiveTtl, 1);
  } else {
    options.set(fd, SOL_IPV6, IPV6.receiveErrors, 1);
    options.set(fd, SOL_IPV6, IPV6.receiveErrorsRfc4884, 1);
    options.set(fd, SOL_IPV6, IPV6.receiveHopLimit, 1);
    // A label that the kernel made of the ports would be another one after a restart.
    options.set(fd, SOL_IPV6, IPV6.autoFlowLabel, 0);
  }
  forbidFragments(options, socket, false);
}

/** Sets DF, or allows fragments; either way a path MTU that the kernel has learnt is ignored. */
export function forbidFragments(options: SocketOptions, socket: KernelSocket, forbid: boolean): void {
  socket.dontFragment = forbid;
  const discover = forbid ? MTU_DISCOVER.probe : MTU_DISCOVER.omit;
  if (socket.family === 4) {
    options.set(socket.fd, SOL_IP, IP.mtuDiscover, discover);
    return;
  }
  options.set(socket.fd, SOL_IPV6, IPV6.mtuDiscover, discover);
  options.set(socket.fd, SOL_IPV6, IPV6.dontFragment, forbid ? 1 : 0);
}

/** TTL and traffic class of all that the socket sends from now on. */
export function setHeaders(
  options: SocketOptions,
  fd: number,
  family: Family,
  ttl: number,
  trafficClass: number,
): void {
  if (family === 4) {
    options.set(fd, SOL_IP, IP.ttl, ttl);
    options.set(fd, SOL_IP, IP.tos, trafficClass);
  } else {
    options.set(fd, SOL_IPV6, IPV6.unicastHops, ttl);
    options.set(fd, SOL_IPV6, IPV6.trafficClass, trafficClass);
  }
}
