// Which probe a reply answers. Probes are filed under their flow (protocol, destination, port, flow index) and,
// within it, under a 16-bit sequence that starts at a place only this run knows. Traces that share a flow share
// its entry, so none can take another's replies. Entries linger after their last trace, to tell late and
// duplicate replies from strangers' packets.

import { addressesEqual } from '../wire/address.ts';
import { addressHash } from './address-book.ts';
import type { KeyedHash } from './keyed-hash.ts';
import type { ProbeChannel, Protocol } from './network.ts';
import type { ProbeRecord } from './probe-record.ts';

const INITIAL_RING = 64;
const LARGEST_RING = 8192;
const SEQUENCES = 65_535;

export class FlowEntry {
  readonly protocol: Protocol;
  readonly destination: Uint8Array;
  readonly destinationPort: number;
  readonly flow: number;
  readonly key: number;
  /** The next entry with the same hash. */
  next: FlowEntry | undefined = undefined;
  /** Traces now using this flow. */
  users = 0;
  /** With no users: when it may be dropped. */
  lingersUntilNs = 0;
  /** Probes sent and neither answered nor given up. */
  outstanding = 0;
  /** A middlebox rewrites the IPv4 identification on this flow: a well-proven reply has shown it. */
  rewritten = false;
  /** When the last probe was given up without an answer, and when that probe had left. */
  lastGivenUpSentAtNs: number = Number.NEGATIVE_INFINITY;
  #ring: (ProbeRecord | undefined)[] = new Array<ProbeRecord | undefined>(INITIAL_RING);
  #issued = 0;
  readonly #first: number;

  constructor(
    protocol: Protocol,
    destination: Uint8Array,
    destinationPort: number,
    flow: number,
    key: number,
    first: number,
  ) {
    this.protocol = protocol;
    this.destination = destination.slice();
    this.destinationPort = destinationPort;
    this.flow = flow;
    this.key = key;
    this.#first = first;
  }

  /** Files `record` under the next sequence, which it returns; `evict` takes the record it displaces. */
  issue(record: ProbeRecord, evict: (record: ProbeRecord) => void): number {
    let slot = this.#issued % this.#ring.length;
    const old = this.#ring[slot];
    if (old?.live && this.#ring.length < LARGEST_RING) {
      this.#grow();
      slot = this.#issued % this.#ring.length;
    }
    const displaced = this.#ring[slot];
    if (displaced !== undefined) evict(displaced);
    const sequence = 1 + ((this.#first + this.#issued) % SEQUENCES);
    record.order = this.#issued++;
    record.sequence = sequence;
    this.#ring[slot] = record;
    return sequence;
  }

  /** The probe with this sequence, if it is still on file. */
  find(sequence: number): ProbeRecord | undefined {
    // The newest order with this sequence; older laps were displaced long ago (LARGEST_RING < SEQUENCES).
    const newest = this.#issued - 1;
    const behind = (newest - (sequence - 1 - this.#first)) % SEQUENCES;
    const order = newest - (behind < 0 ? behind + SEQUENCES : behind);
    if (order < 0) return undefined;
    const record = this.#ring[order % this.#ring.length];
    return record !== undefined && record.order === order ? record : undefined;
  }

  /** The one probe outstanding, where there is exactly one. */
  soleOutstanding(): ProbeRecord | undefined {
    if (this.outstanding !== 1) return undefined;
    for (const record of this.#ring) if (record?.state === 'outstanding') return record;
    return undefined;
  }

  records(): Iterable<ProbeRecord | undefined> {
    return this.#ring;
  }

  #grow(): void {
    const larger = new Array<ProbeRecord | undefined>(this.#ring.length * 4);
    for (const record of this.#ring) if (record !== undefined) larger[record.order % larger.length] = record;
    this.#ring = larger;
  }
}

export class FlowTable {
  readonly #entries = new Map<number, FlowEntry>();
  readonly #hash: KeyedHash;
  readonly #lingerNs: number;
  /** Entries whose last user has gone, oldest first. */
  #lingering: { entry: FlowEntry; untilNs: number }[] = [];
  #epoch = 0;
  #size = 0;

  constructor(hash: KeyedHash, lingerNs: number) {
    this.#hash = hash;
    this.#lingerNs = lingerNs;
  }

  get size(): number {
    return this.#size;
  }

  find(protocol: Protocol, destination: Uint8Array, port: number, flow: number): FlowEntry | undefined {
    let entry = this.#entries.get(keyOf(protocol, destination, port, flow));
    for (; entry !== undefined; entry = entry.next) {
      if (
        entry.flow === flow &&
        entry.destinationPort === port &&
        entry.protocol === protocol &&
        addressesEqual(entry.destination, destination)
      ) {
        return entry;
      }
    }
    return undefined;
  }

  /** The entry for a flow, made if need be, with one user more. */
  acquire(channel: ProbeChannel, destination: Uint8Array, port: number, flow: number): FlowEntry {
    let entry = this.find(channel.protocol, destination, port, flow);
    if (entry === undefined) {
      const key = keyOf(channel.protocol, destination, port, flow);
      this.#hash.begin();
      this.#hash.addAddress(destination);
      this.#hash.add(flow);
      this.#hash.add(this.#epoch++);
      entry = new FlowEntry(channel.protocol, destination, port, flow, key, this.#hash.end() % SEQUENCES);
      entry.next = this.#entries.get(key);
      this.#entries.set(key, entry);
      this.#size++;
    }
    entry.users++;
    return entry;
  }

  /** Gives an entry back; it lingers. */
  release(entry: FlowEntry, nowNs: number): void {
    entry.users--;
    if (entry.users > 0) return;
    entry.lingersUntilNs = nowNs + this.#lingerNs;
    this.#lingering.push({ entry, untilNs: entry.lingersUntilNs });
  }

  /** Drops entries that have lingered long enough; `evict` takes their probes. */
  sweep(nowNs: number, evict: (record: ProbeRecord) => void): void {
    let passed = 0;
    for (const { entry, untilNs } of this.#lingering) {
      if (untilNs > nowNs) break;
      passed++;
      if (entry.users === 0 && entry.lingersUntilNs <= nowNs) this.#drop(entry, evict);
    }
    if (passed > 0) this.#lingering = this.#lingering.slice(passed);
  }

  /** When sweep() next has something to do, or Infinity. */
  nextSweepNs(): number {
    return this.#lingering[0]?.untilNs ?? Number.POSITIVE_INFINITY;
  }

  #drop(entry: FlowEntry, evict: (record: ProbeRecord) => void): void {
    let before: FlowEntry | undefined;
    let at = this.#entries.get(entry.key);
    while (at !== undefined && at !== entry) {
      before = at;
      at = at.next;
    }
    if (at === undefined) return;
    if (before !== undefined) before.next = entry.next;
    else if (entry.next !== undefined) this.#entries.set(entry.key, entry.next);
    else this.#entries.delete(entry.key);
    this.#size--;
    for (const record of entry.records()) if (record !== undefined) evict(record);
  }
}

const PROTOCOL_SALT = { icmp: 1, udp: 2, tcp: 3 } as const;

function keyOf(protocol: Protocol, destination: Uint8Array, port: number, flow: number): number {
  const mixed =
    Math.imul(addressHash(destination) ^ (port << 4) ^ PROTOCOL_SALT[protocol], 0x9e3779b1) + flow;
  return Math.imul(mixed ^ (mixed >>> 15), 0x85ebca6b) & 0x3fff_ffff;
}
