// The kernel as the tracer's packet network: opens channels when they are first asked for, waits for news on all their
// sockets at once, and sends what they have queued.

import type { ChannelRefusal, Family, Mode, PacketNetwork, ProbeEvents, Protocol } from '../trace/network.ts';
import { createProbeCodec, type ProbeCodec } from '../trace/probe-codec.ts';
import { newReply } from '../trace/reply-decoder.ts';
import type { EngineChannel } from '../trace/trace.ts';
import { ConnectChannel } from './connect-channel.ts';
import { DatagramChannel } from './datagram-channel.ts';
import { FailureQueue } from './failure-queue.ts';
import { claimIdentifiers, type IdentifierRange } from './identifier-range.ts';
import type { KernelChannel } from './kernel-channel.ts';
import { heedsIcmp6Control, supportsFlowLabels } from './kernel-features.ts';
import type { Libc } from './libc.ts';
import { NetError } from './net-error.ts';
import type { NetworkContext, NetworkCounters } from './network-context.ts';
import { Outbox } from './outbox.ts';
import { PollSet } from './poll-set.ts';
import { RawChannel } from './raw-channel.ts';
import { RawFamily } from './raw-family.ts';
import { ReceiveBatch } from './receive-batch.ts';
import { SEND_BATCH } from './send-batch.ts';
import { SendQueue } from './send-queue.ts';
import { SocketOptions, type StampSource } from './socket-options.ts';
import { StampClock } from './stamp-clock.ts';
import { createSystemClock } from './system-clock.ts';
import { channelRefusal, familyRefusal } from './system-facts.ts';

/** A refusal is asked about again after so long: addresses come, limits change. */
const REFUSAL_LIFETIME_NS = 1e9;

/** A flush() sends so many batches: some 10 ms of work. */
const MOST_BATCHES = 16;

const NOBODY: ProbeEvents = { sent() {}, sendFailed() {}, reply() {} };

export class KernelNetwork implements PacketNetwork {
  readonly #context: NetworkContext;
  readonly #identifiers: IdentifierRange;
  readonly #codecs: Readonly<Record<Mode, ProbeCodec>>;
  readonly #channels = new Map<string, KernelChannel>();
  readonly #refusals = new Map<string, { readonly refusal: ChannelRefusal; readonly untilNs: number }>();
  readonly #raw = new Map<Family, RawFamily>();
  readonly #queues = new Map<Family, SendQueue>();
  #stamps: StampSource = 'clock';
  #flowLabels: boolean | undefined;
  #icmp6Control: boolean | undefined;

  /** @param secret at least 8 bytes that nobody outside can know. */
  constructor(libc: Libc, secret: Uint8Array) {
    this.#context = {
      libc,
      clock: new StampClock(createSystemClock(libc)),
      options: new SocketOptions(libc),
      poll: new PollSet(libc),
      batch: new ReceiveBatch(libc),
      reply: newReply(),
      counters: { unrelated: 0, malformed: 0, forged: 0, receiveDrops: 0 },
      failures: new FailureQueue(),
      outbox: new Outbox(),
      events: NOBODY,
      refusedAtMtu: 0,
    };
    this.#identifiers = claimIdentifiers(libc);
    this.#codecs = {
      raw: createProbeCodec({ secret, identifierBase: this.#identifiers.raw }),
      unprivileged: createProbeCodec({ secret, identifierBase: this.#identifiers.unprivileged }),
    };
  }

  get counters(): Readonly<NetworkCounters> {
    return this.#context.counters;
  }

  /** Nanoseconds on this network's clock. */
  now(): number {
    return this.#context.clock.now();
  }

  /** Who is told of sends and replies from now on. */
  deliverTo(events: ProbeEvents): void {
    this.#context.events = events;
  }

  /** Lets `fd` end a wait() when it becomes readable; emptying it is the caller's business. */
  wakeOn(fd: number): void {
    this.#context.poll.addWaker(fd);
  }

  /** The last wait() was ended by a descriptor given to wakeOn(). */
  get woken(): boolean {
    return this.#context.poll.woken;
  }

  channel(protocol: Protocol, family: Family, mode: Mode): KernelChannel | ChannelRefusal {
    const key = `${protocol}${family}${mode}`;
    const open = this.#channels.get(key);
    if (open !== undefined) return open;
    const known = this.#refusals.get(key);
    const now = this.now();
    if (known !== undefined && now < known.untilNs) return known.refusal;
    const result = this.#tryOpen(protocol, family, mode);
    if ('refused' in result) {
      this.#refusals.set(key, { refusal: result, untilNs: now + REFUSAL_LIFETIME_NS });
    } else this.#channels.set(key, result);
    return result;
  }

  /** What this process may use, tried and closed again: sockets are kept only for what is asked for. */
  survey(): EngineChannel[] {
    const found: EngineChannel[] = [];
    for (const protocol of ['icmp', 'udp', 'tcp'] as const) {
      for (const family of [4, 6] as const) found.push(this.#surveyOne(protocol, family));
    }
    this.#closeUnusedRaw();
    return found;
  }

  /** No range of identifiers was free: flows may clash with another process's. */
  get identifiersShared(): boolean {
    return this.#identifiers.shared;
  }

  /** Which clock stamps packets, as survey() found. */
  get stamps(): StampSource {
    return this.#stamps;
  }

  /**
   * Sends what is queued, as far as a turn allows, hearing replies between batches; tells what could not be sent.
   * Call again at once while `busy`.
   */
  flush(): void {
    const { outbox, failures, poll } = this.#context;
    for (let batch = 0; batch < MOST_BATCHES && outbox.count > 0; batch++) {
      outbox.launch(SEND_BATCH);
      for (const channel of this.#channels.values()) channel.flush();
      if (outbox.count > 0) poll.wait(0);
    }
    failures.deliver(this.#context.events);
  }

  /** More is queued than one flush() sends. */
  get busy(): boolean {
    return this.#context.outbox.count > 0;
  }

  /** Drops what is past its time; returns when to be called again, on this network's clock. */
  expire(nowNs: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const channel of this.#channels.values()) next = Math.min(next, channel.expire(nowNs));
    return next;
  }

  /** Waits at most `timeoutNs` for news and delivers it. */
  wait(timeoutNs: number): void {
    this.#context.poll.wait(timeoutNs);
  }

  close(): void {
    for (const channel of this.#channels.values()) channel.close();
    for (const family of this.#raw.values()) family.close();
    this.#channels.clear();
    this.#raw.clear();
    this.#identifiers.release();
  }

  #closeUnusedRaw(): void {
    for (const [family, shared] of this.#raw) {
      if ([...this.#channels.values()].some((open) => open.mode === 'raw' && open.family === family))
        continue;
      shared.close();
      this.#raw.delete(family);
    }
  }

  #surveyOne(protocol: Protocol, family: Family): EngineChannel {
    const modes: Mode[] = [];
    const notes = new Set<string>();
    for (const mode of ['raw', 'unprivileged'] as const) {
      const open = this.#channels.get(`${protocol}${family}${mode}`);
      const result = open ?? this.#tryOpen(protocol, family, mode);
      if ('refused' in result) {
        notes.add(result.refused);
        continue;
      }
      modes.push(mode);
      this.#stamps = result.stamps;
      if (open === undefined) result.close();
    }
    return { protocol, family, modes, notes: [...notes] };
  }

  #tryOpen(protocol: Protocol, family: Family, mode: Mode): KernelChannel | ChannelRefusal {
    const refusal = familyRefusal(family);
    if (refusal !== undefined) return refusal;
    try {
      return mode === 'raw' ? this.#openRaw(protocol, family) : this.#openOrdinary(protocol, family);
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      return channelRefusal(protocol, family, mode, error);
    }
  }

  #openRaw(protocol: Protocol, family: Family): KernelChannel {
    const shared = this.#raw.get(family) ?? new RawFamily(this.#context, this.#codecs.raw, family);
    this.#raw.set(family, shared);
    return new RawChannel(shared, protocol);
  }

  #openOrdinary(protocol: Protocol, family: Family): KernelChannel {
    const { libc } = this.#context;
    const codec = this.#codecs.unprivileged;
    this.#flowLabels ??= supportsFlowLabels(libc);
    const flowLabels = family === 6 && this.#flowLabels;
    if (protocol === 'tcp') return new ConnectChannel(this.#context, { codec, family, flowLabels });
    const queue = this.#queues.get(family) ?? new SendQueue(this.#context, family);
    this.#queues.set(family, queue);
    const controlMessages = protocol === 'udp' || family === 4 || this.#heedsIcmp6Control();
    return new DatagramChannel(this.#context, {
      codec,
      protocol,
      family,
      queue,
      flowLabels,
      controlMessages,
    });
  }

  #heedsIcmp6Control(): boolean {
    this.#icmp6Control ??= heedsIcmp6Control(this.#context.libc);
    return this.#icmp6Control;
  }
}
