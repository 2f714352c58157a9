// One probe sent: where it belongs, when it left, and what came back.

import type { FlowEntry } from './flow-table.ts';
import type { Measurement } from './measurement.ts';
import type { Mode, ReplyKind, SendFailure } from './network.ts';
import type { InterfaceInformation, MplsLabel } from './trace.ts';

export type ProbeState = 'outstanding' | 'answered' | 'given-up' | 'failed';

/** What a reply said, kept by value. */
export interface Answer {
  readonly responder: string;
  readonly kind: ReplyKind;
  readonly code: number;
  readonly replyTtl: number;
  readonly quotedTtl: number;
  readonly quotedTrafficClass: number;
  readonly natDelta: number;
  readonly tooBig: boolean;
  readonly mtu: number;
  readonly mpls: readonly MplsLabel[];
  readonly interfaces: readonly InterfaceInformation[];
}

/** Who sends a flow's probes and waits for their answers. */
export interface ProbeOwner {
  readonly measurement: Measurement;
  readonly entry: FlowEntry;
  readonly flow: number;
  readonly mode: Mode;
  /** The least proof that an answer must carry. */
  readonly minimumProof: number;
  /** The answer is noted in the record, which is one of its own. */
  answered(record: ProbeRecord): void;
  /** A reply for this flow came whose quote is too short to tell the probe. */
  ambiguous(): void;
  /** One of its probes did not leave; `limit` is the longest that would have, 0 where that is not known. */
  failed(record: ProbeRecord, failure: SendFailure, detail: string, limit: number, nowNs: number): void;
}

export class ProbeRecord {
  readonly entry: FlowEntry;
  readonly ttl: number;
  /** Length of the IP packet as asked for: 0 for the smallest. */
  readonly packetLength: number;
  /** Who waits for the answer; null once the trace has ended. */
  run: ProbeOwner | null;
  handle = -1;
  /** Place in the entry's order of issue, and the sequence made of it. */
  order = -1;
  sequence = -1;
  state: ProbeState = 'outstanding';
  sentAtNs: number;
  receivedAtNs = 0;
  /** Sent before its flow turned out to need one probe at a time: its silence means nothing. */
  voided = false;
  answer: Answer | null = null;
  /** Longer than the interface may take, and sent to learn how much that is. */
  asksLimit = false;

  constructor(entry: FlowEntry, run: ProbeOwner, ttl: number, packetLength: number, sentAtNs: number) {
    this.entry = entry;
    this.packetLength = packetLength;
    this.run = run;
    this.ttl = ttl;
    this.sentAtNs = sentAtNs;
  }

  /** Its trace has not ended. */
  get live(): boolean {
    return this.run !== null;
  }

  get rttNs(): number {
    return Math.max(0, this.receivedAtNs - this.sentAtNs);
  }
}

/** Kinds that end a path: the destination has answered. */
export function isDestination(kind: ReplyKind): boolean {
  return kind !== 'time-exceeded' && kind !== 'unreachable';
}
