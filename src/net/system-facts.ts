// What this host has and permits, and the sentence to say where it does not. Nothing here sends a packet off the host.

import { readFileSync } from 'node:fs';
import type { ChannelRefusal, Family, Mode, Protocol } from '../trace/network.ts';
import type { NetError } from './net-error.ts';

const IPV6_ADDRESSES = '/proc/net/if_inet6';

/** Why nothing can be probed over this family, or undefined when it can. */
export function familyRefusal(family: Family): ChannelRefusal | undefined {
  if (family === 4) return undefined;
  const addresses = readText(IPV6_ADDRESSES);
  if (addresses === undefined) {
    const refused =
      'Cannot probe over IPv6: this kernel has no IPv6; load the module or boot without ipv6.disable=1';
    return { refused, privilege: false };
  }
  if (addresses.trim() !== '') return undefined;
  const refused =
    'Cannot probe over IPv6: no interface has an IPv6 address, not even loopback; set net.ipv6.conf.all.disable_ipv6 to 0 and bring the interfaces up';
  return { refused, privilege: false };
}

/** The sentence for a channel whose sockets the system refused. */
export function channelRefusal(
  protocol: Protocol,
  family: Family,
  mode: Mode,
  error: NetError,
): ChannelRefusal {
  const denied = error.code === 'EPERM' || error.code === 'EACCES';
  if (error.code === 'EAFNOSUPPORT' || error.code === 'EPROTONOSUPPORT') {
    const what = `${protocol.toUpperCase()} over IPv${family}`;
    return { refused: `Cannot probe ${what}: ${error.code}; this kernel does not have it`, privilege: false };
  }
  return { refused: `${error.message}; ${remedyFor(protocol, mode, denied)}`, privilege: denied };
}

function remedyFor(protocol: Protocol, mode: Mode, denied: boolean): string {
  if (!denied) return 'check the limits on open files and memory';
  if (mode === 'raw') return 'grant CAP_NET_RAW, or use mode unprivileged';
  if (protocol === 'icmp') {
    return `widen net.ipv4.ping_group_range to include group ${process.getgid?.() ?? 0}, or grant CAP_NET_RAW`;
  }
  return 'a security policy (seccomp, SELinux, AppArmor) forbids ordinary sockets; allow them';
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
