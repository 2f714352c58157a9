// What is asked of one measurement, and what it yields. These shapes are the house's currency: monitor/ asks
// with a TraceRequest; path/, metrics/, http/ and cli/ read a Trace. `--output json` prints a Trace plus its path id.

import type { Family, Mode, Protocol, ReplyKind } from './network.ts';

export interface TraceRequest {
  /** The name the user gave; only a label. */
  readonly target: string;
  /** Numeric destination, IPv4 or IPv6. */
  readonly address: string;
  readonly protocol: Protocol;
  /** Destination port of UDP and TCP; null for ICMP. */
  readonly port: number | null;
  readonly mode: Mode | 'auto';
  readonly firstTtl: number;
  readonly maxTtl: number;
  /** Probes per hop and flow. */
  readonly queries: number;
  /** Number of flows, from `firstFlow` on. */
  readonly flows: number;
  readonly firstFlow: number;
  /** Consecutive silent hops past the last responder after which a flow is given up. */
  readonly silentHopLimit: number;
  /** The whole measurement ends by then, with what it has. */
  readonly timeoutMs: number;
  /** The longest a single probe waits for its reply when nothing better is known. */
  readonly waitMs: number;
  /** Distance found last time, or null: how many TTLs to send at once. */
  readonly distanceHint: number | null;
  /** Length of the IP packet in bytes, 0 for the smallest. */
  readonly packetLength: number;
  readonly trafficClass: number;
  readonly dontFragment: boolean;
  /** Confidence in percent of a multipath discovery that follows the fixed flows; null or absent for none. */
  readonly multipath?: 95 | 99 | null;
  /** Whether the path MTU and the hop that narrows it are searched for too. */
  readonly discoverMtu?: boolean;
}

export interface MplsLabel {
  readonly label: number;
  readonly tc: number;
  readonly bottom: boolean;
  readonly ttl: number;
}

/** RFC 5837 interface information as the responder gave it; absent parts are absent. */
export interface InterfaceInformation {
  readonly role: 'incoming' | 'sub-ip' | 'outgoing' | 'next-hop';
  readonly index?: number;
  readonly address?: string;
  readonly name?: string;
  readonly mtu?: number;
}

export interface HopReply {
  readonly flow: number;
  readonly address: string;
  readonly rttMs: number;
  readonly kind: ReplyKind;
  /** ICMP code; only with kind `unreachable`. */
  readonly code?: number;
  /** TTL of the reply as it arrived; absent where the system does not tell. */
  readonly replyTtl?: number;
  readonly mpls?: readonly MplsLabel[];
  readonly interfaces?: readonly InterfaceInformation[];
  /** TTL left in the quote when it is not 1. */
  readonly quotedTtl?: number;
  /** Traffic class in the quote, at every hop that shows it of a flow that does not keep the one sent to its end. */
  readonly quotedTrafficClass?: number;
  /**
   * How much the quoted transport checksum differs from the one sent, 0 for not at all: an address or port was rewritten.
   * At every hop that shows it of a flow on which it differs somewhere; IPv4 only.
   */
  readonly natDelta?: number;
  /** Next-hop MTU with "fragmentation needed" or "packet too big"; 0 where an old router gives none. */
  readonly mtu?: number;
}

export interface Hop {
  readonly ttl: number;
  /** Probes sent with this TTL, all flows. */
  readonly sent: number;
  /** In the order they were sent; a hop that never answered has none. */
  readonly replies: readonly HopReply[];
  /**
   * Where some probes were answered and some not: the flow of each probe in the order they left, or `~flow` where
   * nothing came back. A limit on replies shows in that order; loss does not.
   */
  readonly outcomes?: readonly number[];
}

export interface Link {
  /** TTL of `from`. */
  readonly ttl: number;
  readonly from: string;
  readonly to: string;
}

/** What multipath discovery found beyond the fixed flows; its links are in `Trace.links`, its replies in no hop. */
export interface MultipathReport {
  /** Percent, as asked for. */
  readonly confidence: 95 | 99;
  /** Every interface by TTL from 1 on, sorted; empty for a silent hop. The destination is its traced address. */
  readonly interfaces: readonly (readonly string[])[];
  /** TTLs at which packets of one flow are spread over several interfaces. */
  readonly perPacketTtls: readonly number[];
  /** Probes that the discovery sent on top of the trace's own. */
  readonly probesSent: number;
  /** Whether every stopping rule was met; `note` says in one sentence what cut it short. */
  readonly complete: boolean;
  readonly note?: string;
  /** The route changed during the search: what is reported need not be the route of the trace's own flows. */
  readonly changed?: true;
}

/** A link narrower than what comes before it, as the router in front of it said. */
export interface MtuStep {
  readonly bytes: number;
  /** TTL of that router; 0 where it is not known. */
  readonly hop: number;
  readonly address: string;
}

/** The path MTU of one trace. */
export interface MtuReport {
  /** Largest IP packet in bytes that reached the destination, or the narrowest that was reported on the way. */
  readonly bytes: number;
  /**
   * TTL of the router in front of the narrow link. It sent "fragmentation needed" or "packet too big" where `address`
   * is given; where that is null, longer packets vanish after this hop without a word. 0 where nothing narrows it, or
   * where the place is not known.
   */
  readonly hop: number;
  /** Address of that router; null where it did not say. */
  readonly address: string | null;
  /** Whether `bytes` is proven: a packet of that length arrived and one byte more did not, or is the interface's MTU. */
  readonly exact: boolean;
  /** MTU of the interface that the packets left by, where the system told. */
  readonly interfaceBytes?: number;
  /** Narrow links before that one, where there are any, the widest first. */
  readonly steps?: readonly MtuStep[];
}

/** Why a measurement ended. */
export type TraceEnd =
  | 'reached'
  | 'unreachable'
  | 'silent'
  | 'max-ttl'
  | 'deadline'
  | 'send-failed'
  | 'cancelled';

export interface Trace {
  readonly target: string;
  readonly address: string;
  readonly family: Family;
  readonly protocol: Protocol;
  readonly port: number | null;
  readonly mode: Mode;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly durationMs: number;
  readonly reached: boolean;
  /** TTL at which the destination answered (the least over the flows), silent hops counted; 0 when it did not. */
  readonly hopCount: number;
  readonly probesSent: number;
  readonly hops: readonly Hop[];
  readonly links: readonly Link[];
  readonly end: TraceEnd;
  /** One sentence where `end` is `send-failed`, or where something limited the measurement. */
  readonly note?: string;
  /** Replies that came twice or after their wait; they are in no hop's figures. */
  readonly duplicates: number;
  readonly late: number;
  /** Flow indices traced. */
  readonly flows: readonly number[];
  /** Traffic class that the probes left with, where it is not 0. */
  readonly trafficClass?: number;
  /** Where multipath discovery was asked for. */
  readonly multipath?: MultipathReport;
  /** Where the path MTU was asked for and something is known of it. */
  readonly mtu?: MtuReport;
}

export interface EngineCounters {
  /** Probes sent by protocol. */
  readonly probesSent: Readonly<Record<Protocol, number>>;
  /** By outcome: matched, duplicate, late, unrelated, malformed, forged. */
  readonly replies: Readonly<
    Record<'matched' | 'duplicate' | 'late' | 'unrelated' | 'malformed' | 'forged', number>
  >;
  /** Sends that failed for good, by reason. */
  readonly sendFailures: Readonly<Record<string, number>>;
  /** Packets the kernel dropped before we read them (SO_RXQ_OVFL). */
  readonly receiveDrops: number;
  readonly activeTraces: number;
}

/** One (protocol, family) as the engine found it at start. */
export interface EngineChannel {
  readonly protocol: Protocol;
  readonly family: Family;
  /** Modes that may be used, best first. */
  readonly modes: readonly Mode[];
  /** Where `modes` lacks one: the sentence that says why and what would help. */
  readonly notes: readonly string[];
}

/** What monitor/ and cli/ need of an engine; net/ implements it on a worker thread, lab/ in process. */
export interface TraceEngine extends AsyncDisposable {
  /**
   * Runs one measurement. Resolves with whatever was learnt, at the latest at `timeoutMs`; rejects only with
   * a `TraceRefusal` (a missing privilege, a family the host does not have) or when the engine is closed.
   */
  trace(request: TraceRequest, options?: TraceOptions): Promise<Trace>;
  channels(): readonly EngineChannel[];
  counters(): EngineCounters;
}

export interface TraceOptions {
  readonly signal?: AbortSignal;
  /** Called with the state so far as replies arrive, at most every 50 ms. */
  readonly onProgress?: (partial: Trace) => void;
}

/** The measurement could not be started at all. `message` says what, why and the remedy. */
export class TraceRefusal extends Error {
  readonly code: 'privilege' | 'no-family' | 'bad-request' | 'closed';
  constructor(code: TraceRefusal['code'], message: string) {
    super(message);
    this.name = 'TraceRefusal';
    this.code = code;
  }
}
