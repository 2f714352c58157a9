// The simulator's own account of every packet, one JSON object a line, for benchmarks of accuracy: `n` numbers
// the packets; a first line says what came in and the round-trip imposed, a second when the reply really left.

import { writeSync } from 'node:fs';
import { formatAddress } from '../src/wire/address.ts';
import { readUint16, readUint32 } from '../src/wire/network-order.ts';
import { KIND } from './packet-view.ts';
import type { ProbeObserver, ProbeRecord } from './simulator.ts';

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
  readonly identification: number;
  /** TCP sequence number, or the UDP checksum. */
  readonly mark: number;
  readonly fate: string;
  /** -1 without a reply. */
  readonly rttNs: number;
  readonly hop: number;
  readonly by: string;
}

export interface LoggedReply {
  readonly n: number;
  readonly releasedAtNs: number;
}

const FLUSH_BYTES = 1 << 16;

export class ProbeLog implements ProbeObserver {
  readonly #fd: number;
  #text = '';
  #count = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  probe(record: ProbeRecord): void {
    const { view } = record;
    this.#count++;
    const line: LoggedProbe = {
      n: this.#count,
      atNs: Math.round(record.receivedAtNs),
      destination: record.fate === 'malformed' ? '' : formatAddress(view.destination),
      ...transportOf(record),
      fate: record.fate,
      rttNs: record.rttNs,
      hop: record.hop,
      by: record.by,
    };
    this.#write(line);
  }

  released(n: number, atNs: number): void {
    const line: LoggedReply = { n, releasedAtNs: Math.round(atNs) };
    this.#write(line);
  }

  flush(): void {
    if (this.#text === '') return;
    writeSync(this.#fd, this.#text);
    this.#text = '';
  }

  #write(line: LoggedProbe | LoggedReply): void {
    this.#text += `${JSON.stringify(line)}\n`;
    if (this.#text.length > FLUSH_BYTES) this.flush();
  }
}

type Transport = Pick<
  LoggedProbe,
  'protocol' | 'ttl' | 'sourcePort' | 'destinationPort' | 'identification' | 'mark'
>;

function transportOf({ view, fate }: ProbeRecord): Transport {
  const { ttl, identification, kind, bytes, transport } = view;
  const nothing = {
    protocol: 'other',
    ttl,
    sourcePort: 0,
    destinationPort: 0,
    identification,
    mark: 0,
  } as const;
  if (fate === 'malformed' || !view.first || kind === KIND.other) return nothing;
  if (kind === KIND.icmp) {
    const sourcePort = readUint16(bytes, transport + 4);
    const destinationPort = readUint16(bytes, transport + 6);
    return { ...nothing, protocol: 'icmp', sourcePort, destinationPort };
  }
  const { sourcePort, destinationPort } = view;
  const udp = kind === KIND.udp;
  const mark = udp ? readUint16(bytes, transport + 6) : readUint32(bytes, transport + 4);
  return { ...nothing, protocol: udp ? 'udp' : 'tcp', sourcePort, destinationPort, mark };
}
