// What an error number means when it comes from a send: the reason that the tracer is told, and a sentence with the
// remedy.

import type { SendFailure } from '../trace/network.ts';
import { ERRNO, errnoName } from './net-error.ts';

const REASONS = new Map<number, SendFailure>([
  [ERRNO.ENETUNREACH, 'no-route'],
  [ERRNO.EHOSTUNREACH, 'no-route'],
  [ERRNO.EAFNOSUPPORT, 'no-route'],
  [ERRNO.EPERM, 'not-permitted'],
  [ERRNO.EACCES, 'not-permitted'],
  [ERRNO.EAGAIN, 'no-buffer'],
  [ERRNO.ENOBUFS, 'no-buffer'],
  [ERRNO.ENOMEM, 'no-buffer'],
  [ERRNO.EMFILE, 'no-buffer'],
  [ERRNO.ENFILE, 'no-buffer'],
  [ERRNO.ENETDOWN, 'interface-down'],
  [ERRNO.ENODEV, 'interface-down'],
  // ENXIO comes from a device that is being taken away.
  [ERRNO.ENXIO, 'interface-down'],
  [ERRNO.EADDRNOTAVAIL, 'interface-down'],
  [ERRNO.EMSGSIZE, 'too-long'],
]);

const REMEDIES: Readonly<Record<SendFailure, string>> = {
  'no-route': 'this host has no route to it; check `ip route get`',
  'not-permitted': 'a firewall rule or routing policy of this host forbids it',
  'no-buffer': 'the interface or the system is out of buffers; lower the probing rate',
  'interface-down': 'the interface or the source address is gone; check `ip address`',
  'too-long': 'the packet is longer than the MTU of the interface; lower packetLength',
  other: 'the system gave no better reason',
};

export function reasonOf(errno: number): SendFailure {
  return REASONS.get(errno) ?? 'other';
}

/** True for errors that pass by waiting. */
export function isTransient(errno: number): boolean {
  return errno === ERRNO.EAGAIN || errno === ERRNO.ENOBUFS || errno === ERRNO.ENOMEM;
}

export function explain(errno: number): string {
  return `Cannot send a probe: ${errnoName(errno)}; ${REMEDIES[reasonOf(errno)]}`;
}
