// Empties sockets: queued errors first, because a probe's transmit stamp was queued before its answer could arrive, then
// packets. Every message gets a receive time on the engine's clock.

import type { DecodeOutcome } from '../trace/reply-decoder.ts';
import { ERROR_ORIGIN, EXTENDED_ERROR, MSG } from './abi.ts';
import type { KernelSocket } from './kernel-socket.ts';
import { ERRNO } from './net-error.ts';
import type { NetworkContext } from './network-context.ts';

/** Looks at the current message of the context's batch. */
export interface Listener {
  heardError(socket: KernelSocket, atNs: number): void;
  heardPacket(socket: KernelSocket, atNs: number): void;
}

/** Batches a call before others get their turn. */
const MOST_BATCHES = 8;
/** An ICMP error leaves its error number to the next call on the socket, whatever that is. */
const SOFT_ERRORS = 4;

/** Reads everything that waits at `socket`. */
export function drain(context: NetworkContext, socket: KernelSocket, listener: Listener): void {
  drainErrors(context, socket, listener);
  for (let round = 0; round < MOST_BATCHES; round++) {
    const count = receive(context, socket, 0);
    if (count <= 0) return;
    const now = context.clock.check();
    for (let i = 0; i < count; i++) {
      context.batch.select(i);
      if (context.batch.drops >= 0) context.counters.receiveDrops += socket.newDrops(context.batch.drops);
      listener.heardPacket(socket, receivedAt(context, now));
    }
    context.batch.reset(count);
    if (count < context.batch.capacity) return;
  }
}

/** Reads the error queue of `socket`: transmit stamps are told to the tracer, ICMP errors go to `listener`. */
export function drainErrors(
  context: NetworkContext,
  socket: KernelSocket,
  listener: Listener | undefined,
): void {
  for (let round = 0; round < MOST_BATCHES; round++) {
    const count = receive(context, socket, MSG.errqueue);
    if (count <= 0) return;
    const now = context.clock.check();
    for (let i = 0; i < count; i++) {
      context.batch.select(i);
      if (context.batch.errorAt < 0) continue;
      const origin = context.batch.errorByte(EXTENDED_ERROR.origin);
      if (origin === ERROR_ORIGIN.timestamping) transmitted(context, socket, now);
      else if (origin === ERROR_ORIGIN.icmp || origin === ERROR_ORIGIN.icmp6) {
        listener?.heardError(socket, receivedAt(context, now));
      } else if (origin === ERROR_ORIGIN.local && isTooLong(context)) {
        context.refusedAtMtu = context.batch.errorWord(EXTENDED_ERROR.info);
      }
    }
    context.batch.reset(count);
    if (count < context.batch.capacity) return;
  }
}

function isTooLong({ batch }: NetworkContext): boolean {
  return batch.errorWord(EXTENDED_ERROR.errno) === ERRNO.EMSGSIZE;
}

function receive(context: NetworkContext, socket: KernelSocket, flags: number): number {
  for (let attempt = 0; attempt < SOFT_ERRORS; attempt++) {
    const count = context.batch.receive(socket.fd, flags);
    if (count >= 0) return count;
    if (context.libc.errno() === ERRNO.EAGAIN) return 0;
  }
  return 0;
}

function receivedAt(context: NetworkContext, now: number): number {
  const { batch } = context;
  if (!batch.stamped) return now;
  const at = context.clock.convert(batch.seconds, batch.nanoseconds, now);
  return Number.isNaN(at) ? now : at;
}

function transmitted(context: NetworkContext, socket: KernelSocket, now: number): void {
  const { batch } = context;
  if (!batch.stamped || socket.transmitStamps === undefined) return;
  const at = context.clock.convert(batch.seconds, batch.nanoseconds, now);
  if (Number.isNaN(at)) return;
  const handle = socket.transmitStamps.take(batch.errorWord(EXTENDED_ERROR.data), at);
  if (handle >= 0) context.events.sent(handle, at);
}

/** Counts what was no reply; tells the tracer what was. */
export function report(context: NetworkContext, outcome: DecodeOutcome, atNs: number): void {
  if (outcome !== 'reply') {
    context.counters[outcome]++;
    return;
  }
  context.reply.receivedAtNs = atNs;
  context.events.reply(context.reply);
}
