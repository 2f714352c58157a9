// Gets a batch of messages out through one socket at a time, whatever the kernel answers. Invariant: every probe
// pushed is reported exactly once as sent or failed, and a failure names the very probe that was refused.

import type { Family } from '../wire/address.ts';
import { POLL, POLLFD } from './abi.ts';
import type { KernelSocket } from './kernel-socket.ts';
import { allocate, type Pointer, Timespec } from './libc.ts';
import { ERRNO } from './net-error.ts';
import type { NetworkContext } from './network-context.ts';
import { drainErrors } from './receiver.ts';
import { SEND_BATCH, SendBatch } from './send-batch.ts';
import { isTransient } from './send-failure.ts';

/** Waits for buffers, together 8 ms: what a queue of 1,000 packets takes to drain at 1 Gbit/s. */
const BACK_OFF_NS = [250_000, 500_000, 1_000_000, 2_000_000, 4_000_000] as const;
/** An earlier ICMP error can fail the next send; more may arrive between one attempt and the next. */
const SOFT_RETRIES = 4;

export class SendQueue {
  readonly batch: SendBatch;
  readonly #context: NetworkContext;
  readonly #handles: Float64Array = new Float64Array(SEND_BATCH);
  readonly #pollfd: Buffer = allocate(POLLFD.size);
  readonly #pollfdAt: Pointer;
  readonly #pause: Timespec;
  #socket: KernelSocket | undefined;
  #patience = 0;

  constructor(context: NetworkContext, family: Family) {
    this.#context = context;
    this.batch = new SendBatch(context.libc, family);
    this.#pollfdAt = context.libc.addressOf(this.#pollfd);
    this.#pause = new Timespec(context.libc);
  }

  /** The socket that what is added next leaves by. What waits for another one is sent first. */
  use(socket: KernelSocket): void {
    if (this.#socket === socket) return;
    this.flush();
    this.#socket = socket;
  }

  /** Notes whose probe the message added last to `batch` is. */
  push(handle: number): void {
    this.#handles[this.batch.count - 1] = handle;
    if (this.batch.full) this.flush();
  }

  /** Sends all that waits. */
  flush(): void {
    const socket = this.#socket;
    const count = this.batch.count;
    if (socket === undefined || count === 0) return;
    this.#patience = 0;
    let next = 0;
    let attempts = 0;
    while (next < count) {
      const calledAt = this.#context.clock.now();
      const sent = this.batch.send(socket.fd, next, count);
      if (sent > 0) {
        this.#report(socket, next, sent, calledAt);
        next += sent;
        attempts = 0;
        continue;
      }
      const errno = this.#context.libc.errno();
      this.#renumber(socket);
      if (this.#mayRetry(socket, errno, attempts)) {
        attempts++;
        continue;
      }
      this.#context.failures.refused(this.#handles[next] as number, errno, this.#limitOf(socket, errno));
      next++;
      attempts = 0;
    }
    this.batch.count = 0;
    if (socket.sendsOnly && socket.transmitStamps !== undefined) {
      drainErrors(this.#context, socket, undefined);
    }
  }

  /** Drops the socket; it is about to be closed. */
  forget(socket: KernelSocket): void {
    if (this.#socket !== socket) return;
    this.flush();
    this.#socket = undefined;
  }

  #report(socket: KernelSocket, from: number, count: number, calledAt: number): void {
    const returnedAt = this.#context.clock.now();
    const each = (returnedAt - calledAt) / count;
    for (let i = 0; i < count; i++) {
      const handle = this.#handles[from + i] as number;
      socket.transmitStamps?.note(handle, calledAt);
      this.#context.events.sent(handle, calledAt + each * (i + 0.5));
    }
    socket.usedAtNs = returnedAt;
  }

  /** Kernels differ in whether a refused packet used up a number: begin anew, after reading what was stamped. */
  #renumber(socket: KernelSocket): void {
    if (socket.transmitStamps === undefined) return;
    if (socket.sendsOnly) drainErrors(this.#context, socket, undefined);
    socket.restartTransmitStamps(this.#context.options);
  }

  /** The MTU that made the kernel say EMSGSIZE: it stands in the socket's error queue. */
  #limitOf(socket: KernelSocket, errno: number): number {
    if (errno !== ERRNO.EMSGSIZE) return 0;
    socket.handler.ready(socket, POLL.err);
    const limit = this.#context.refusedAtMtu;
    this.#context.refusedAtMtu = 0;
    return limit;
  }

  /** Decides on a refusal, waiting where waiting helps. */
  #mayRetry(socket: KernelSocket, errno: number, attempts: number): boolean {
    if (errno === ERRNO.EINTR) return true;
    if (!isTransient(errno)) return attempts < SOFT_RETRIES;
    // Patience is the batch's, not the message's: a stuck interface must not hold up the rest of the engine.
    const pause = BACK_OFF_NS[this.#patience++];
    if (pause === undefined) return false;
    this.#wait(errno === ERRNO.EAGAIN ? socket.fd : -1, pause);
    return true;
  }

  /** Waits until `fd` takes more (a negative one is ignored by the kernel), at most `durationNs`. */
  #wait(fd: number, durationNs: number): void {
    this.#pollfd.writeInt32LE(fd, 0);
    this.#pollfd.writeUInt16LE(POLL.out, POLLFD.events);
    this.#pause.set(durationNs);
    this.#context.libc.ppoll(this.#pollfdAt, 1, this.#pause.pointer, null);
  }
}
