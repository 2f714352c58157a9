// What this kernel's sockets can do, found by trying it on loopback.

import { parseAddress } from '../wire/address.ts';
import { PROTOCOL, SOCK } from './abi.ts';
import type { Libc } from './libc.ts';
import { ERRNO } from './net-error.ts';
import { SendBatch } from './send-batch.ts';
import { domainOf, SocketAddress } from './socket-address.ts';
import { SocketOptions } from './socket-options.ts';

const LOOPBACK = parseAddress('::1') as Uint8Array;
const DISCARD_PORT = 9;
const SOME_LABEL = 0x1d15c;
const IMPOSSIBLE_HOP_LIMIT = 1000;

/** True when destinations may carry a flow label: it may not without a lease where somebody holds an exclusive one. */
export function supportsFlowLabels(libc: Libc): boolean {
  const fd = libc.socket(domainOf(6), SOCK.dgram | SOCK.cloexec, 0);
  if (fd < 0) return false;
  const address = new SocketAddress();
  const length = address.set(LOOPBACK, DISCARD_PORT, SOME_LABEL);
  const works =
    new SocketOptions(libc).sendFlowLabels(fd) &&
    (libc.connect(fd, address.bytes, length) === 0 || libc.errno() !== ERRNO.EINVAL);
  libc.close(fd);
  return works;
}

/**
 * True when ICMPv6 datagram sockets heed control messages (Linux 5.18): such a kernel refuses an impossible hop limit,
 * an older one ignores it and sends an echo request to loopback.
 */
export function heedsIcmp6Control(libc: Libc): boolean {
  const fd = libc.socket(domainOf(6), SOCK.dgram | SOCK.cloexec, PROTOCOL.icmpv6);
  if (fd < 0) return false;
  const batch = new SendBatch(libc, 6);
  const request = new Uint8Array(8);
  request[0] = 128;
  batch.bytes.set(request, batch.payloadAt);
  batch.add(request.length, LOOPBACK, 0, 0);
  batch.control(IMPOSSIBLE_HOP_LIMIT, 0);
  const heeds = batch.send(fd, 0, 1) < 0 && libc.errno() === ERRNO.EINVAL;
  libc.close(fd);
  return heeds;
}
