// The queue against a C library that fails as told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SendFailure } from '../trace/network.ts';
import { newReply } from '../trace/reply-decoder.ts';
import { layoutFor, SOCK } from './abi.ts';
import { FailureQueue } from './failure-queue.ts';
import { KernelSocket } from './kernel-socket.ts';
import type { Libc } from './libc.ts';
import { ERRNO } from './net-error.ts';
import type { NetworkContext } from './network-context.ts';
import { Outbox } from './outbox.ts';
import { PollSet } from './poll-set.ts';
import { ReceiveBatch } from './receive-batch.ts';
import { SendQueue } from './send-queue.ts';
import { SocketOptions } from './socket-options.ts';
import { StampClock } from './stamp-clock.ts';

const DESTINATION = new Uint8Array(16).fill(1);

/** Answers of sendmmsg(), in order: a number sent, or an errno as a negative number; then everything is taken. */
class ScriptedLibc implements Libc {
  readonly layout = layoutFor('x64');
  readonly waits: number[] = [];
  readonly #script: number[];
  #errno = 0;
  #addresses = 0x1000n;

  constructor(script: number[]) {
    this.#script = script;
  }

  sendmmsg(_fd: number, _headers: bigint, count: number): number {
    const answer = this.#script.shift() ?? count;
    if (answer >= 0) return Math.min(answer, count);
    this.#errno = -answer;
    return -1;
  }

  ppoll(): number {
    this.waits.push(1);
    // Whoever reads errno after this has read it too late.
    this.#errno = ERRNO.EBADF;
    return 0;
  }

  setsockopt(): number {
    this.#errno = ERRNO.EBADF;
    return 0;
  }

  errno(): number {
    return this.#errno;
  }

  addressOf(memory: Uint8Array): bigint {
    this.#addresses += BigInt(memory.byteLength + 64);
    return this.#addresses;
  }

  socket = (): number => 3;
  bind = (): number => 0;
  connect = (): number => 0;
  close = (): number => 0;
  getsockopt = (): number => 0;
  getsockname = (): number => 0;
  recvmmsg = (): number => 0;
  eventfd = (): number => 4;
  read = (): number => 0;
  write = (): number => 8;
  clock_gettime = (): number => 0;
}

function send(
  count: number,
  script: number[],
): { sent: number[]; failed: [number, SendFailure][]; waits: number } {
  const libc = new ScriptedLibc(script);
  const sent: number[] = [];
  const failed: [number, SendFailure][] = [];
  let time = 0;
  const context: NetworkContext = {
    libc,
    clock: new StampClock({ realtimeBase: 0, monotonic: () => (time += 100), realtime: () => (time += 100) }),
    options: new SocketOptions(libc),
    poll: new PollSet(libc),
    batch: new ReceiveBatch(libc),
    reply: newReply(),
    counters: { unrelated: 0, malformed: 0, forged: 0, receiveDrops: 0 },
    failures: new FailureQueue(),
    outbox: new Outbox(),
    events: {
      sent: (handle) => sent.push(handle),
      sendFailed: (handle, reason) => failed.push([handle, reason]),
      reply: () => undefined,
    },
    refusedAtMtu: 0,
  };
  const queue = new SendQueue(context, 4);
  const handler = { ready: () => undefined };
  queue.use(new KernelSocket(libc, { family: 4, type: SOCK.dgram, protocol: 0, handler, name: 'a socket' }));
  for (let handle = 0; handle < count; handle++) {
    queue.batch.add(20, DESTINATION, 0, 0);
    queue.push(handle);
  }
  queue.flush();
  context.failures.deliver(context.events);
  return { sent, failed, waits: libc.waits.length };
}

function handles(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

test('flush() reports every probe of a whole batch once, in order', () => {
  assert.deepEqual(send(10, []), { sent: handles(0, 10), failed: [], waits: 0 });
});

test('flush() retries the rest after a partial send', () => {
  assert.deepEqual(send(10, [3, 5]), { sent: handles(0, 10), failed: [], waits: 0 });
});

test('flush() sends again at once after an error left over from an earlier ICMP error', () => {
  const script = [4, -ERRNO.EHOSTUNREACH, 2, -ERRNO.ECONNREFUSED, -ERRNO.EMSGSIZE, -ERRNO.ENETUNREACH];
  assert.deepEqual(send(10, script), { sent: handles(0, 10), failed: [], waits: 0 });
});

test('flush() names the very probe that is refused for good and sends those after it', () => {
  const refusals = new Array<number>(5).fill(-ERRNO.EPERM);
  const { sent, failed } = send(6, [2, ...refusals]);
  assert.deepEqual(failed, [[2, 'not-permitted']]);
  assert.deepEqual(sent, [0, 1, 3, 4, 5]);
});

for (const [errno, reason] of [
  [ERRNO.ENETUNREACH, 'no-route'],
  [ERRNO.EHOSTUNREACH, 'no-route'],
  [ERRNO.EACCES, 'not-permitted'],
  [ERRNO.ENETDOWN, 'interface-down'],
  [ERRNO.ENODEV, 'interface-down'],
  [ERRNO.EMSGSIZE, 'too-long'],
  [ERRNO.EINVAL, 'other'],
] as const) {
  test(`flush() calls persistent errno ${errno} "${reason}"`, () => {
    assert.deepEqual(send(1, new Array<number>(5).fill(-errno)).failed, [[0, reason]]);
  });
}

test('flush() waits for buffers and loses nothing when they come', () => {
  const { sent, failed, waits } = send(4, [1, -ERRNO.ENOBUFS, -ERRNO.EAGAIN, 3]);
  assert.deepEqual([sent, failed, waits], [handles(0, 4), [], 2]);
});

test('flush() gives up on buffers after one back-off for the whole batch', () => {
  const { sent, failed, waits } = send(4, new Array<number>(50).fill(-ERRNO.ENOBUFS));
  assert.deepEqual(sent, []);
  assert.deepEqual(
    failed,
    handles(0, 4).map((handle) => [handle, 'no-buffer']),
  );
  assert.equal(waits, 5);
});

test('push() sends when the batch is full, so that any number of probes fits', () => {
  assert.deepEqual(send(200, []).sent, handles(0, 200));
});
