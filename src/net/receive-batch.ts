// Receives packets or queued errors, a batch a system call, and reads their control messages. Nothing is allocated;
// what select() exposes is valid until the next receive().

import { EXTENDED_ERROR, IP, IPV6, MSG, SO, SOL_IP, SOL_IPV6, SOL_SOCKET } from './abi.ts';
import type { Libc } from './libc.ts';
import { MessageMemory } from './message-memory.ts';
import { readSockaddr } from './socket-address.ts';

const CAPACITY = 256;
/** The longest IP packet, so that no checksum fails for being cut; memory that is never touched costs nothing. */
const PAYLOAD_LENGTH = 65_536;
const CONTROL_LENGTH = 256;

export class ReceiveBatch {
  readonly capacity: number = CAPACITY;
  readonly bytes: Buffer;
  /** Of the message chosen by select(): */
  offset = 0;
  end = 0;
  /** Sender of a packet; destination of the probe for a queued error. Valid when `port` is not -1. */
  readonly address: Uint8Array = new Uint8Array(16);
  port = -1;
  hopLimit = -1;
  stamped = false;
  seconds = 0;
  nanoseconds = 0;
  /** Packets dropped so far at this socket, or -1 when the kernel did not say. */
  drops = -1;
  /** Where the struct sock_extended_err lies in `bytes`, or -1. */
  errorAt = -1;
  /** Who sent the ICMP error. Valid when `errorAt` is not -1 and its origin is ICMP. */
  readonly offender: Uint8Array = new Uint8Array(16);
  offenderKnown = false;
  readonly #libc: Libc;
  readonly #memory: MessageMemory;
  readonly #wordSize: 4 | 8;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#memory = new MessageMemory(libc, {
      capacity: CAPACITY,
      controlLength: CONTROL_LENGTH,
      payloadLength: PAYLOAD_LENGTH,
    });
    this.bytes = this.#memory.bytes;
    this.#wordSize = libc.layout.pointerSize;
  }

  /** Reads up to `capacity` messages; the number read, or -1 with the reason in errno. Never waits. */
  receive(fd: number, flags: number): number {
    const count = this.#libc.recvmmsg(fd, this.#memory.header(0), CAPACITY, flags | MSG.dontwait, null);
    return count;
  }

  /** To be called after the messages of a receive() were looked at, with their number. */
  reset(count: number): void {
    this.#memory.resetForReceive(count);
  }

  /** A 32-bit little-endian member of the extended error. */
  errorWord(member: number): number {
    return this.#memory.view.getUint32(this.errorAt + member, true);
  }

  errorByte(member: number): number {
    return this.bytes[this.errorAt + member] as number;
  }

  /** Makes message `index` the current one. */
  select(index: number): void {
    const memory = this.#memory;
    this.offset = memory.payloadAt(index);
    this.end = this.offset + Math.min(memory.moved(index), PAYLOAD_LENGTH);
    this.port = readSockaddr(memory.view, this.bytes, memory.nameAt(index), this.address);
    this.hopLimit = -1;
    this.stamped = false;
    this.drops = -1;
    this.errorAt = -1;
    this.offenderKnown = false;
    const start = memory.controlAt(index);
    this.#readControl(start, start + Math.min(memory.controlLengthOf(index), memory.controlLength));
  }

  #readControl(start: number, end: number): void {
    const { cmsghdr } = this.#libc.layout;
    const view = this.#memory.view;
    let at = start;
    while (at + cmsghdr.size <= end) {
      const length = view.getUint32(at, true);
      if (length < cmsghdr.size || at + length > end) return;
      const level = view.getInt32(at + cmsghdr.level, true);
      const type = view.getInt32(at + cmsghdr.type, true);
      this.#readMessage(level, type, at + cmsghdr.size, length - cmsghdr.size);
      at += (length + cmsghdr.align - 1) & ~(cmsghdr.align - 1);
    }
  }

  #readMessage(level: number, type: number, data: number, length: number): void {
    if (level === SOL_SOCKET) this.#readSocketMessage(type, data, length);
    else if (level === SOL_IP) {
      if (type === IP.ttl && length >= 4) this.hopLimit = this.#memory.view.getInt32(data, true);
      else if (type === IP.receiveErrors) this.#readError(data, length);
    } else if (level === SOL_IPV6) {
      if (type === IPV6.hopLimit && length >= 4) this.hopLimit = this.#memory.view.getInt32(data, true);
      else if (type === IPV6.receiveErrors) this.#readError(data, length);
    }
  }

  #readSocketMessage(type: number, data: number, length: number): void {
    switch (type) {
      case SO.timestamping:
      case SO.timestampNs:
        this.#readStamp(data, length, this.#wordSize, 1);
        break;
      case SO.timestampingNew:
      case SO.timestampNsNew:
        this.#readStamp(data, length, 8, 1);
        break;
      case SO.timestamp:
        this.#readStamp(data, length, this.#wordSize, 1000);
        break;
      case SO.timestampNew:
        this.#readStamp(data, length, 8, 1000);
        break;
      case SO.rxqOverflow:
        if (length >= 4) this.drops = this.#memory.view.getUint32(data, true);
    }
  }

  /** A timespec or timeval; all zero means that the kernel took none. */
  #readStamp(data: number, length: number, wordSize: number, unitNs: number): void {
    if (length < 2 * wordSize) return;
    const view = this.#memory.view;
    let seconds = view.getUint32(data, true);
    if (wordSize === 8) seconds += view.getUint32(data + 4, true) * 2 ** 32;
    const fraction = view.getUint32(data + wordSize, true);
    if (seconds === 0 && fraction === 0) return;
    this.stamped = true;
    this.seconds = seconds;
    this.nanoseconds = fraction * unitNs;
  }

  #readError(data: number, length: number): void {
    if (length < EXTENDED_ERROR.size) return;
    this.errorAt = data;
    if (length < EXTENDED_ERROR.size + 16) return;
    const at = data + EXTENDED_ERROR.size;
    this.offenderKnown = readSockaddr(this.#memory.view, this.bytes, at, this.offender) >= 0;
  }
}
