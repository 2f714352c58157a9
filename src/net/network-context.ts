// What the channels of one network share, so that memory is bounded by the network and not by its sockets.

import type { ProbeEvents, Reply } from '../trace/network.ts';
import type { FailureQueue } from './failure-queue.ts';
import type { Libc } from './libc.ts';
import type { Outbox } from './outbox.ts';
import type { PollSet } from './poll-set.ts';
import type { ReceiveBatch } from './receive-batch.ts';
import type { SocketOptions } from './socket-options.ts';
import type { StampClock } from './stamp-clock.ts';

/** What was heard and is no probe's answer, and what was not heard. */
export interface NetworkCounters {
  unrelated: number;
  malformed: number;
  forged: number;
  receiveDrops: number;
}

export interface NetworkContext {
  readonly libc: Libc;
  readonly clock: StampClock;
  readonly options: SocketOptions;
  readonly poll: PollSet;
  readonly batch: ReceiveBatch;
  /** The one reply object that all channels fill in. */
  readonly reply: Reply;
  readonly counters: NetworkCounters;
  readonly failures: FailureQueue;
  readonly outbox: Outbox;
  /** Who is told; set before anything is sent. */
  events: ProbeEvents;
  /** MTU that the kernel named when it last refused a packet as too long for an interface; 0 for none yet. */
  refusedAtMtu: number;
}
