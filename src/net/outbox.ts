// Probes that the tracer has asked for and that have not been handed to the kernel yet. send() only writes here, so that
// nothing is ever reported from within it, and sockets can be emptied between one batch and the next: the kernel's
// queues hold a few hundred replies where we may not enlarge them. Bounded; memory follows the greatest need.

import type { Probe } from '../trace/network.ts';
import { ADDRESS_LENGTH } from '../wire/address.ts';

const FIRST_CAPACITY = 1024;
export const OUTBOX_CAPACITY = 262_144;
/** Numbers of a probe: handle, port, flow, TTL, sequence, packet length, traffic class, DF. */
const FIELDS = 8;

/** Who hands a probe to the kernel. */
export interface Launcher {
  launch(probe: Probe): void;
}

export class Outbox {
  #capacity = FIRST_CAPACITY;
  #launchers: (Launcher | undefined)[] = new Array<Launcher | undefined>(FIRST_CAPACITY);
  #fields = new Int32Array(FIRST_CAPACITY * FIELDS);
  #addresses = new Uint8Array(FIRST_CAPACITY * ADDRESS_LENGTH);
  #head = 0;
  #count = 0;
  readonly #probe: Probe = {
    handle: 0,
    destination: new Uint8Array(ADDRESS_LENGTH),
    destinationPort: 0,
    flow: 0,
    ttl: 0,
    sequence: 0,
    packetLength: 0,
    trafficClass: 0,
    dontFragment: false,
  };

  get count(): number {
    return this.#count;
  }

  /** Copies `probe`; false when there is no room. */
  add(launcher: Launcher, probe: Probe): boolean {
    if (this.#count === this.#capacity && !this.#grow()) return false;
    const slot = (this.#head + this.#count++) % this.#capacity;
    const at = slot * FIELDS;
    const fields = this.#fields;
    this.#launchers[slot] = launcher;
    fields[at] = probe.handle;
    fields[at + 1] = probe.destinationPort;
    fields[at + 2] = probe.flow;
    fields[at + 3] = probe.ttl;
    fields[at + 4] = probe.sequence;
    fields[at + 5] = probe.packetLength;
    fields[at + 6] = probe.trafficClass;
    fields[at + 7] = probe.dontFragment ? 1 : 0;
    const to = slot * ADDRESS_LENGTH;
    for (let i = 0; i < ADDRESS_LENGTH; i++) this.#addresses[to + i] = probe.destination[i] as number;
    return true;
  }

  /** Launches up to `most` probes, oldest first. The launcher is lent one and the same object for all. */
  launch(most: number): void {
    for (let i = 0; i < most && this.#count > 0; i++) {
      const slot = this.#head;
      const launcher = this.#launchers[slot];
      this.#launchers[slot] = undefined;
      this.#read(slot);
      this.#head = (slot + 1) % this.#capacity;
      this.#count--;
      launcher?.launch(this.#probe);
    }
  }

  #read(slot: number): void {
    const at = slot * FIELDS;
    const fields = this.#fields;
    const probe = this.#probe;
    probe.handle = fields[at] as number;
    probe.destinationPort = fields[at + 1] as number;
    probe.flow = fields[at + 2] as number;
    probe.ttl = fields[at + 3] as number;
    probe.sequence = fields[at + 4] as number;
    probe.packetLength = fields[at + 5] as number;
    probe.trafficClass = fields[at + 6] as number;
    probe.dontFragment = fields[at + 7] === 1;
    const from = slot * ADDRESS_LENGTH;
    for (let i = 0; i < ADDRESS_LENGTH; i++) probe.destination[i] = this.#addresses[from + i] as number;
  }

  #grow(): boolean {
    if (this.#capacity >= OUTBOX_CAPACITY) return false;
    const old = this.#capacity;
    const fields = new Int32Array(old * 2 * FIELDS);
    const addresses = new Uint8Array(old * 2 * ADDRESS_LENGTH);
    const launchers = new Array<Launcher | undefined>(old * 2);
    for (let i = 0; i < this.#count; i++) {
      const from = (this.#head + i) % old;
      launchers[i] = this.#launchers[from];
      fields.set(this.#fields.subarray(from * FIELDS, (from + 1) * FIELDS), i * FIELDS);
      const bytes = this.#addresses.subarray(from * ADDRESS_LENGTH, (from + 1) * ADDRESS_LENGTH);
      addresses.set(bytes, i * ADDRESS_LENGTH);
    }
    this.#capacity = old * 2;
    this.#launchers = launchers;
    this.#fields = fields;
    this.#addresses = addresses;
    this.#head = 0;
    return true;
  }
}
