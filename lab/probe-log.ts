// The simulator's own account of every packet, one JSON object a line, for benchmarks of accuracy: `n` numbers the
// packets; one line says what came in and the round-trip imposed, another when the reply really left. Rows are kept
// as numbers and turned into text when flushed, because formatting and disks make replies late.

import { writeSync } from 'node:fs';
import { formatAddress } from '../src/wire/address.ts';
import { readUint16, readUint32 } from '../src/wire/network-order.ts';
import { KIND } from './packet-view.ts';
import type { Fate, ProbeObserver, ProbeRecord } from './simulator.ts';

/** What one line tells of a packet. Times are CLOCK_MONOTONIC nanoseconds of the lab's process. */
export interface LoggedProbe {
  readonly n: number;
  readonly atNs: number;
  readonly destination: string;
  readonly protocol: 'icmp' | 'udp' | 'tcp' | 'other';
  readonly ttl: number;
  /** Identifier for ICMP. */
  readonly sourcePort: number;
  /** Sequence for ICMP. */
  readonly destinationPort: number;
  /** IPv4 identification. */
  readonly identification: number;
  /** TCP sequence number, or the UDP checksum. */
  readonly mark: number;
  readonly fate: Fate;
  /** -1 without a reply. */
  readonly rttNs: number;
  readonly hop: number;
  readonly by: string;
}

export interface LoggedReply {
  readonly n: number;
  readonly releasedAtNs: number;
}

/** Rows held before they are written whatever the cost. */
const ROWS = 1 << 18;
const WIDTH = 16;
const ADDRESS_AT = 12;
const FLUSH_CHARACTERS = 1 << 20;
const PROTOCOLS = ['other', 'icmp', 'udp', 'tcp'] as const;
const RELEASED = -1;

export class ProbeLog implements ProbeObserver {
  readonly #fd: number;
  readonly #rows: Float64Array = new Float64Array(ROWS * WIDTH);
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();
  #count = 0;
  #packets = 0;

  /** @param fd written to; -1 keeps nothing. */
  constructor(fd: number) {
    this.#fd = fd;
  }

  probe(record: ProbeRecord): void {
    const { view } = record;
    const rows = this.#rows;
    const at = this.#row();
    const known = record.fate !== 'malformed' && view.first && view.kind !== KIND.other;
    const icmp = view.kind === KIND.icmp;
    const word = known ? readUint32(view.bytes, view.transport + 4) : 0;
    rows[at] = ++this.#packets;
    rows[at + 1] = record.receivedAtNs;
    rows[at + 2] = known ? (icmp ? 1 : view.kind === KIND.udp ? 2 : 3) : 0;
    rows[at + 3] = view.ttl;
    rows[at + 4] = icmp ? word >>> 16 : view.sourcePort;
    rows[at + 5] = icmp ? word & 0xffff : view.destinationPort;
    rows[at + 6] = view.identification;
    rows[at + 7] = icmp ? 0 : view.kind === KIND.udp ? readUint16(view.bytes, view.transport + 6) : word;
    rows[at + 8] = this.#numberOf(record.fate);
    rows[at + 9] = record.rttNs;
    rows[at + 10] = record.hop;
    rows[at + 11] = this.#numberOf(record.by);
    for (let i = 0; i < 4; i++) rows[at + ADDRESS_AT + i] = readUint32(view.destination, i * 4);
  }

  released(n: number, atNs: number): void {
    const at = this.#row();
    this.#rows[at] = n;
    this.#rows[at + 1] = atNs;
    this.#rows[at + 2] = RELEASED;
  }

  /** Writes all rows held. */
  flush(): void {
    let text = '';
    for (let row = 0; row < this.#count; row++) {
      text += `${JSON.stringify(this.#line(row * WIDTH))}\n`;
      if (text.length < FLUSH_CHARACTERS) continue;
      this.#write(text);
      text = '';
    }
    this.#write(text);
    this.#count = 0;
  }

  #write(text: string): void {
    if (this.#fd < 0 || text === '') return;
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at);
  }

  /** Where the next row goes. */
  #row(): number {
    if (this.#count === ROWS) this.flush();
    return this.#count++ * WIDTH;
  }

  #numberOf(name: string): number {
    let number = this.#numbers.get(name);
    if (number === undefined) {
      number = this.#names.push(name) - 1;
      this.#numbers.set(name, number);
    }
    return number;
  }

  #line(at: number): LoggedProbe | LoggedReply {
    const value = (column: number): number => this.#rows[at + column] as number;
    const n = value(0);
    if (value(2) === RELEASED) return { n, releasedAtNs: Math.round(value(1)) };
    return {
      n,
      atNs: Math.round(value(1)),
      destination: this.#destination(at + ADDRESS_AT),
      protocol: PROTOCOLS[value(2)] ?? 'other',
      ttl: value(3),
      sourcePort: value(4),
      destinationPort: value(5),
      identification: value(6),
      mark: value(7),
      fate: this.#names[value(8)] as Fate,
      rttNs: value(9),
      hop: value(10),
      by: this.#names[value(11)] ?? '',
    };
  }

  #destination(at: number): string {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < 4; i++) view.setUint32(i * 4, this.#rows[at + i] as number);
    return formatAddress(bytes);
  }
}
