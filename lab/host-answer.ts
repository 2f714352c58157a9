// What the host at the end of a path answers to a packet, were nothing lost. One rule for the simulator and the truth.

import { KIND, type PacketView } from './packet-view.ts';
import type { HostPlan, HostReply } from './plans.ts';
import { asShare, mix32 } from './random.ts';
import { isFin, isSyn } from './reply-writer.ts';

const SILENCE: HostReply = { kind: 'silent' };
const RESET: HostReply = { kind: 'rst' };

/** @param index of the host under its prefix. */
export function hostAnswer(host: HostPlan, view: PacketView, index: number): HostReply {
  if (host.silentShare > 0 && lotOf(host, index) < host.silentShare) return SILENCE;
  if (!view.first) return SILENCE;
  if (view.kind === KIND.icmp) return host.icmp;
  if (view.kind === KIND.udp) return host.udp;
  if (isFin(view)) return RESET;
  // Acknowledgements and resets of what was a connection get no answer, nor does any other protocol.
  return isSyn(view) ? (host.tcpPorts.get(view.destinationPort) ?? host.tcp) : SILENCE;
}

function lotOf({ salt }: HostPlan, index: number): number {
  return asShare(mix32(salt ^ Math.imul(index + 1, 0x9e3779b1)));
}
