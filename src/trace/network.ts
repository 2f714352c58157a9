// The ports through which the tracer meets a network, and the two records that cross them: a probe going
// out and a reply coming back. Implemented by net/ (the kernel) and by lab/ (the simulated internet).
// Invariant: a network never decides what a reply means; it only says what was heard, when, and how sure.

import type { Family } from '../wire/address.ts';

export type { Family } from '../wire/address.ts';

export type Protocol = 'icmp' | 'udp' | 'tcp';

/** How probes leave: with hand-built headers (CAP_NET_RAW), or through ordinary sockets. */
export type Mode = 'raw' | 'unprivileged';

export type ReplyKind =
  | 'time-exceeded'
  | 'echo-reply'
  | 'port-unreachable'
  | 'udp-reply'
  | 'syn-ack'
  | 'rst'
  | 'unreachable';

/** One probe as the tracer asks for it. The network turns it into bytes (trace/probe-codec.ts) or socket calls. */
export interface Probe {
  /** The tracer's name for this probe; comes back in `ProbeEvents`. Non-negative. */
  handle: number;
  /** 16 bytes, IPv4 mapped. */
  destination: Uint8Array;
  /** UDP and TCP destination port; 0 for ICMP. */
  destinationPort: number;
  /** Flow index from 0: everything a balancer hashes is a function of (destination, destinationPort, flow). */
  flow: number;
  ttl: number;
  /** 1 to 65535; identifies the probe within its flow. */
  sequence: number;
  /** Length of the whole IP packet in bytes; 0 for the smallest that the codec builds. */
  packetLength: number;
  /** IPv4 ToS or IPv6 traffic class. */
  trafficClass: number;
  dontFragment: boolean;
}

/** How well a reply proves that it answers a probe of this run. */
export const PROOF = {
  /** Only the sequence matched; all that a 28-byte quote gives an ordinary socket. */
  sequence: 0,
  /** The IPv4 identification carried our 16-bit code too. */
  identification: 1,
  /** A code of 16 bits or more made with the run's secret matched (payload, or TCP sequence number). */
  code: 2,
  /** The kernel handed it to the very socket that sent the probe (TCP connect). */
  socket: 3,
} as const;

/** One reply as heard. Networks reuse one object for all: the tracer copies what it keeps. */
export interface Reply {
  /** The probe's handle where a code that this run made vouches for it, or the socket does; else -1. */
  handle: number;
  /** Which way it was heard; an answer counts only for probes sent the same way. */
  mode: Mode;
  protocol: Protocol;
  /** Destination of the probe: from the quote, or the source of a direct answer. 16 bytes. */
  destination: Uint8Array;
  destinationPort: number;
  flow: number;
  /** The probe's sequence, or -1 when the quote was too short to hold it. */
  sequence: number;
  /** A second candidate, from a field that a middlebox may have left alone where it changed the first; or -1. */
  otherSequence: number;
  /** The reply is proven, yet the quoted IPv4 identification is not the one sent. */
  identificationRewritten: boolean;
  proof: number;
  kind: ReplyKind;
  /** ICMP code as on the wire of that family; -1 where there is none. */
  code: number;
  /** Who answered. 16 bytes. */
  responder: Uint8Array;
  /** TTL or hop limit of the reply itself as it arrived, or -1. */
  replyTtl: number;
  /** TTL left in the quoted header, or -1. */
  quotedTtl: number;
  /** Traffic class in the quoted header, or -1. */
  quotedTrafficClass: number;
  /** Ones-complement difference of the quoted transport checksum to the one sent (NAT), or -1 when unknown. */
  checksumDelta: number;
  /** The probe was too long for the next link: "fragmentation needed" or "packet too big". */
  tooBig: boolean;
  /** Next-hop MTU that came with it, as it came; 0 where none did. */
  mtu: number;
  /** Receive time on the network's clock, nanoseconds. */
  receivedAtNs: number;
  /** Where the ICMP extension structure (RFC 4884) lies in `bytes`; length 0 when there is none. */
  bytes: Uint8Array;
  extensionOffset: number;
  extensionLength: number;
}

export type SendFailure =
  | 'no-route' // ENETUNREACH, EHOSTUNREACH for good, no source address in this family
  | 'not-permitted' // EPERM from a firewall, EACCES
  | 'no-buffer' // ENOBUFS that persisted
  | 'interface-down' // ENETDOWN, ENODEV, EADDRNOTAVAIL
  | 'too-long' // EMSGSIZE
  | 'other';

/** What a network tells the tracer. Times are nanoseconds on the network's clock, monotonic. */
export interface ProbeEvents {
  /** The probe left; called once a probe, possibly after its reply, possibly later again with a better (kernel) stamp. */
  sent(handle: number, atNs: number): void;
  /** @param limit with `too-long`, the longest packet in bytes that the interface takes, or 0 where the system did not say. */
  sendFailed(handle: number, failure: SendFailure, detail: string, limit: number): void;
  reply(reply: Reply): void;
}

/** One way of probing: (protocol, family, mode). */
export interface ProbeChannel {
  readonly protocol: Protocol;
  readonly family: Family;
  readonly mode: Mode;
  /** Probes of one flow to one destination that may be in flight together: 1 where only a socket tells them apart. */
  readonly inFlightPerFlow: number;
  /** The least proof that a reply on this channel must carry while none better has been seen. */
  readonly minimumProof: number;
  /** Number of flows this channel can hold open. */
  readonly maxFlows: number;
  /** Queues a probe; the outcome comes through `ProbeEvents`. Copies what it needs before it returns. */
  send(probe: Probe): void;
}

export interface ChannelRefusal {
  /** One sentence: what, why, remedy. */
  readonly refused: string;
  /** A privilege is missing, as opposed to a family or protocol that this host does not have. */
  readonly privilege: boolean;
}

export interface PacketNetwork {
  channel(protocol: Protocol, family: Family, mode: Mode): ProbeChannel | ChannelRefusal;
}
