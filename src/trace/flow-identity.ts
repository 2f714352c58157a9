// What makes a flow, and what makes a probe this run's own.
// Invariant: everything that load balancers hash depends on (destination, port, flow) alone, never on the run, the
// TTL or the sequence; everything that proves a reply depends on the run's secret.

import { KeyedHash } from './keyed-hash.ts';
import type { Protocol } from './network.ts';

/** Flows that have an identifier: ICMP identifiers and source ports from `identifierBase` on. */
export const MAX_FLOWS = 1024;

const PROTOCOL_WORD = { icmp: 1, udp: 17, tcp: 6 } as const;
const IDENTIFICATION_DOMAIN = 0x10000;
/** Each is one more number that a forged reset could guess of 65,536. */
const PADDINGS_REMEMBERED = 32;

export class FlowIdentity {
  readonly #base: number;
  readonly #hash: KeyedHash;
  readonly #paddings: number[] = [];

  /** @param identifierBase first of MAX_FLOWS consecutive port numbers. */
  constructor(secret: Uint8Array, identifierBase: number) {
    if (identifierBase < 1 || identifierBase + MAX_FLOWS > 0x10000) {
      throw new RangeError(`identifier base ${identifierBase} leaves no room for ${MAX_FLOWS} flows`);
    }
    this.#base = identifierBase;
    this.#hash = new KeyedHash(secret);
  }

  /** ICMP identifier, UDP and TCP source port of a flow. */
  identifierOf(flow: number): number {
    return this.#base + flow;
  }

  /** The flow of an identifier, or -1 when it is none of ours. */
  flowOf(identifier: number): number {
    const flow = identifier - this.#base;
    return flow >= 0 && flow < MAX_FLOWS ? flow : -1;
  }

  /** The constant checksum of an ICMP flow; in IPv6 the pseudo header's share comes on top. Never 0 or 0xffff. */
  icmpChecksumOf(flow: number): number {
    return 1 + ((0x5bd1 + flow * 0x9e37) % 0xfffd);
  }

  /** The constant IPv6 flow label of a flow, 20 bits, never 0. */
  flowLabelOf(flow: number): number {
    return 1 + ((0x2f0b5 + flow * 0x1a2b3) % 0xffffe);
  }

  /** Bytes of padding of the latest SYNs that had any, each length once. */
  get paddings(): readonly number[] {
    return this.#paddings;
  }

  /** Notes that a SYN is sent with so many bytes of padding. */
  notePadding(length: number): void {
    if (length <= 0 || this.#paddings.includes(length)) return;
    if (this.#paddings.length === PADDINGS_REMEMBERED) this.#paddings.shift();
    this.#paddings.push(length);
  }

  /** 32 bits that only this run can compute for this probe; they stand in its payload. */
  codeOf(protocol: Protocol, port: number, flow: number, sequence: number, handle: number): number {
    const hash = this.#hash;
    hash.begin();
    hash.add((PROTOCOL_WORD[protocol] << 16) | port);
    hash.add((flow << 16) | sequence);
    hash.add(handle);
    return hash.end();
  }

  /** 16 bits that only this run can compute, for headers with no room for more. */
  shortCodeOf(destination: Uint8Array, port: number, flow: number, sequence: number): number {
    const hash = this.#hash;
    hash.begin();
    hash.addAddress(destination);
    hash.add(port);
    hash.add((flow << 16) | sequence);
    return hash.end() & 0xffff;
  }

  /**
   * IPv4 identification of a probe, 1 to 65535. For UDP it hides the sequence, so that a probe is known even
   * where a NAT has changed its checksum; else it is the probe's short code.
   */
  identificationOf(
    protocol: Protocol,
    destination: Uint8Array,
    port: number,
    flow: number,
    sequence: number,
  ): number {
    if (protocol !== 'udp') return this.shortCodeOf(destination, port, flow, sequence) || 1;
    return 1 + ((sequence - 1 + this.#maskOf(destination, port, flow)) % 0xffff);
  }

  /** The sequence that a UDP probe's IPv4 identification hides. */
  sequenceOfIdentification(
    destination: Uint8Array,
    port: number,
    flow: number,
    identification: number,
  ): number {
    if (identification === 0) return -1;
    return 1 + ((identification - 1 + 0xffff - this.#maskOf(destination, port, flow)) % 0xffff);
  }

  #maskOf(destination: Uint8Array, port: number, flow: number): number {
    const hash = this.#hash;
    hash.begin();
    hash.addAddress(destination);
    hash.add(IDENTIFICATION_DOMAIN | port);
    hash.add(flow);
    return hash.end() % 0xffff;
  }
}
