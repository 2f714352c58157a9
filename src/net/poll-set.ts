// The descriptors that the worker waits on, as one array of struct pollfd kept dense.

import { POLL, POLLFD } from './abi.ts';
import type { KernelSocket } from './kernel-socket.ts';
import { allocate, type Libc, type Pointer, Timespec } from './libc.ts';

/** More than a network's channels can open together. */
export const POLL_CAPACITY = 8192;

export class PollSet {
  readonly #libc: Libc;
  readonly #memory: Buffer = allocate(POLL_CAPACITY * POLLFD.size);
  readonly #view: DataView = new DataView(this.#memory.buffer);
  readonly #pointer: Pointer;
  readonly #timeout: Timespec;
  readonly #sockets: (KernelSocket | null)[] = [];
  readonly #ready: KernelSocket[] = [];
  readonly #revents: number[] = [];
  #woken = false;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.#pointer = libc.addressOf(this.#memory);
    this.#timeout = new Timespec(libc);
  }

  get size(): number {
    return this.#sockets.length;
  }

  /** The last wait() saw a waker readable. */
  get woken(): boolean {
    return this.#woken;
  }

  /** Adds a descriptor that only wakes the sleeper when it becomes readable. */
  addWaker(fd: number): void {
    this.#write(this.#sockets.length, fd, POLL.in);
    this.#sockets.push(null);
  }

  add(socket: KernelSocket, events: number): void {
    socket.pollIndex = this.#sockets.length;
    this.#write(socket.pollIndex, socket.fd, events);
    this.#sockets.push(socket);
  }

  remove(socket: KernelSocket): void {
    const at = socket.pollIndex;
    if (at < 0) return;
    socket.pollIndex = -1;
    const last = this.#sockets.length - 1;
    const moved = this.#sockets.pop();
    if (at === last || moved === undefined) return;
    this.#memory.copyWithin(at * POLLFD.size, last * POLLFD.size, (last + 1) * POLLFD.size);
    this.#sockets[at] = moved;
    if (moved !== null) moved.pollIndex = at;
  }

  /**
   * Waits at most `timeoutNs` (Infinity: for ever), then lets each ready socket's handler run. Handlers may add and
   * remove sockets.
   */
  wait(timeoutNs: number): void {
    const forever = timeoutNs === Number.POSITIVE_INFINITY;
    if (!forever) this.#timeout.set(Math.max(0, timeoutNs));
    const pointer = forever ? null : this.#timeout.pointer;
    const count = this.#libc.ppoll(this.#pointer, this.#sockets.length, pointer, null);
    this.#woken = false;
    if (count <= 0) return;
    this.#collect(count);
    for (const [i, socket] of this.#ready.entries()) {
      if (socket.pollIndex >= 0) socket.handler.ready(socket, this.#revents[i] as number);
    }
  }

  #collect(count: number): void {
    this.#ready.length = 0;
    this.#revents.length = 0;
    let left = count;
    for (let i = 0; left > 0 && i < this.#sockets.length; i++) {
      const revents = this.#view.getUint16(i * POLLFD.size + POLLFD.revents, true);
      if (revents === 0) continue;
      left--;
      const socket = this.#sockets[i];
      if (socket === null) this.#woken = true;
      if (socket === null || socket === undefined) continue;
      this.#ready.push(socket);
      this.#revents.push(revents);
    }
  }

  #write(index: number, fd: number, events: number): void {
    const at = index * POLLFD.size;
    this.#view.setInt32(at, fd, true);
    this.#view.setUint16(at + POLLFD.events, events, true);
    this.#view.setUint16(at + POLLFD.revents, 0, true);
  }
}
