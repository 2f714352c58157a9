// Messages on their way out: filled in one by one, sent in one system call. Destination, TTL and traffic class go with
// each message, so that one socket serves every probe of its flow.

import type { Family } from '../wire/address.ts';
import { IP, IPV6, MSG, SOL_IP, SOL_IPV6 } from './abi.ts';
import type { Libc } from './libc.ts';
import { MessageMemory } from './message-memory.ts';
import { sockaddrLength, writeSockaddr } from './socket-address.ts';

/** What one system call sends. */
export const SEND_BATCH = 64;
/** The longest IP packet; memory that is never touched costs nothing. */
const PAYLOAD_LENGTH = 65_536;

export class SendBatch {
  readonly bytes: Buffer;
  count = 0;
  readonly #libc: Libc;
  readonly #family: Family;
  readonly #memory: MessageMemory;
  readonly #ttlData: number;
  readonly #classData: number;
  readonly #withControl: number;

  constructor(libc: Libc, family: Family) {
    const { cmsghdr } = libc.layout;
    const space = (cmsghdr.size + 4 + cmsghdr.align - 1) & ~(cmsghdr.align - 1);
    this.#libc = libc;
    this.#family = family;
    this.#withControl = 2 * space;
    this.#memory = new MessageMemory(libc, {
      capacity: SEND_BATCH,
      controlLength: this.#withControl,
      payloadLength: PAYLOAD_LENGTH,
    });
    this.bytes = this.#memory.bytes;
    this.#ttlData = cmsghdr.size;
    this.#classData = space + cmsghdr.size;
    this.#writeControlHeaders(space);
  }

  get full(): boolean {
    return this.count === SEND_BATCH;
  }

  /** Where the next message's payload belongs in `bytes`. */
  get payloadAt(): number {
    return this.#memory.payloadAt(this.count);
  }

  /** Adds the message whose payload was written at `payloadAt`, without control messages. */
  add(length: number, destination: Uint8Array, port: number, flowLabel: number): void {
    const at = this.count++;
    const memory = this.#memory;
    writeSockaddr(memory.view, this.bytes, memory.nameAt(at), this.#family, destination, port, flowLabel);
    memory.setPayloadLength(at, length);
    memory.setControlLength(at, 0);
  }

  /** Gives the message added last a TTL and a traffic class of its own. */
  control(ttl: number, trafficClass: number): void {
    const memory = this.#memory;
    const at = memory.controlAt(this.count - 1);
    memory.view.setInt32(at + this.#ttlData, ttl, true);
    memory.view.setInt32(at + this.#classData, trafficClass, true);
    memory.setControlLength(this.count - 1, this.#withControl);
  }

  /** Sends messages `from` to `to`; the number sent, or -1 with the reason that the first was refused in errno. */
  send(fd: number, from: number, to: number): number {
    return this.#libc.sendmmsg(fd, this.#memory.header(from), to - from, MSG.dontwait | MSG.nosignal);
  }

  #writeControlHeaders(space: number): void {
    const { cmsghdr } = this.#libc.layout;
    const memory = this.#memory;
    const [level, ttl, trafficClass] =
      this.#family === 4 ? [SOL_IP, IP.ttl, IP.tos] : [SOL_IPV6, IPV6.hopLimit, IPV6.trafficClass];
    for (let i = 0; i < SEND_BATCH; i++) {
      memory.setNameLength(i, sockaddrLength(this.#family));
      for (const [offset, type] of [
        [0, ttl],
        [space, trafficClass],
      ] as const) {
        const at = memory.controlAt(i) + offset;
        memory.view.setUint32(at, cmsghdr.size + 4, true);
        memory.view.setInt32(at + cmsghdr.level, level, true);
        memory.view.setInt32(at + cmsghdr.type, type, true);
      }
    }
  }
}
