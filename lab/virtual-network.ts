// The simulated internet as a packet network for the tracer, in process: probes become the bytes that would leave a
// host, replies are decoded from the bytes that come back. Raw mode sees whole packets; unprivileged mode sees what
// the kernel would hand an ordinary socket (lab/kernel-socket-view.ts). Time is an argument of every step.

import { MAX_FLOWS } from '../src/trace/flow-identity.ts';
import {
  type ChannelRefusal,
  type Family,
  type Mode,
  type PacketNetwork,
  PROOF,
  type Probe,
  type ProbeChannel,
  type ProbeEvents,
  type Protocol,
} from '../src/trace/network.ts';
import { createProbeCodec, type ProbeCodec } from '../src/trace/probe-codec.ts';
import { type DecodeOutcome, newReply } from '../src/trace/reply-decoder.ts';
import { parseAddress, readAddress } from '../src/wire/address.ts';
import { IPV6_HEADER_LENGTH } from '../src/wire/ipv6.ts';
import { DeliveryQueue } from './delivery-queue.ts';
import { KernelSocketView } from './kernel-socket-view.ts';
import type { Scenario } from './scenario.ts';
import { createSimulator, type ProbeObserver, type Simulator } from './simulator.ts';
import { sourceOf } from './timeline.ts';

/** Flows of which an ordinary process can hold sockets open. */
const SOCKET_FLOWS = 256;
const QUEUE_CAPACITY = 16_384;
const LONGEST_PACKET = 9216;

export interface VirtualNetworkOptions {
  readonly scenario: Scenario;
  readonly seed?: number;
  /** At least 8 bytes; default fixed, for reproducible packets. */
  readonly secret?: Uint8Array;
  /** Modes that this host may use; default both. */
  readonly modes?: readonly Mode[];
  /** Replies under way at once; default 16,384. */
  readonly capacity?: number;
  /** Longest packet in bytes; default 1,628. */
  readonly longestPacket?: number;
  /** MTU of the host's interface; default 1500. */
  readonly interfaceMtu?: number;
  readonly observer?: ProbeObserver;
  /** Time on the network's clock that is 0 in the scenario. */
  readonly startNs?: number;
}

export class VirtualNetwork implements PacketNetwork {
  readonly simulator: Simulator;
  /** Packets that were no reply of this run, by what they were. */
  readonly refused: Record<Exclude<DecodeOutcome, 'reply'>, number> = {
    unrelated: 0,
    malformed: 0,
    forged: 0,
  };
  /** Moves with every packet that is delivered; the caller moves it otherwise. */
  nowNs: number;
  readonly #queue: DeliveryQueue;
  readonly #codec: ProbeCodec;
  readonly #sources: Readonly<Record<Family, Uint8Array>>;
  readonly #modes: readonly Mode[];
  readonly #packet = new Uint8Array(LONGEST_PACKET);
  readonly #reply = newReply();
  readonly #responder = new Uint8Array(16);
  readonly #sockets: KernelSocketView;
  readonly #interfaceMtu: number;
  /** Handles of probes that the interface does not take, told like everything else when time moves on. */
  #tooLong: number[] = [];
  #events: ProbeEvents | undefined;

  constructor(options: VirtualNetworkOptions) {
    const { scenario, startNs = 0, observer } = options;
    this.nowNs = startNs;
    this.simulator = createSimulator(scenario, options.seed ?? 1, {
      startNs,
      ...(observer === undefined ? {} : { observer }),
    });
    this.#queue = new DeliveryQueue(options.capacity ?? QUEUE_CAPACITY, options.longestPacket ?? 1628);
    const secret = options.secret ?? new Uint8Array(16).fill(0x5a);
    this.#codec = createProbeCodec({ secret, identifierBase: 33_000 });
    const { v4, v6 } = sourceOf(scenario);
    this.#sources = { 4: parseAddress(v4) as Uint8Array, 6: parseAddress(v6) as Uint8Array };
    this.#modes = options.modes ?? ['raw', 'unprivileged'];
    this.#sockets = new KernelSocketView(this.#codec);
    this.#interfaceMtu = options.interfaceMtu ?? 1500;
  }

  /** Says who is told of what happens; to be called once, before the first probe. */
  attach(events: ProbeEvents): void {
    this.#events = events;
  }

  channel(protocol: Protocol, family: Family, mode: Mode): ProbeChannel | ChannelRefusal {
    if (!this.#modes.includes(mode)) {
      const refused = `Cannot probe in ${mode} mode: this simulated host does not permit it; use another mode`;
      return { refused, privilege: true };
    }
    const raw = mode === 'raw';
    return {
      protocol,
      family,
      mode,
      inFlightPerFlow: raw || protocol !== 'tcp' ? Number.MAX_SAFE_INTEGER : 1,
      minimumProof: minimumProof(protocol, family, mode),
      maxFlows: raw ? MAX_FLOWS : SOCKET_FLOWS,
      send: (probe) => this.#send(probe, protocol, family, raw),
    };
  }

  #send(probe: Probe, protocol: Protocol, family: Family, raw: boolean): void {
    // A connection's packets are as long as the kernel makes them.
    const anyLength = raw || protocol !== 'tcp';
    if (anyLength && probe.packetLength > this.#interfaceMtu) this.#tooLong.push(probe.handle);
    else if (raw) this.#sendRaw(probe, protocol, family);
    else this.#sendOrdinary(probe, protocol, family);
  }

  #refuseTooLong(): void {
    const handles = this.#tooLong;
    this.#tooLong = [];
    for (const handle of handles) {
      this.#events?.sendFailed(handle, 'too-long', 'Cannot send a probe: EMSGSIZE', this.#interfaceMtu);
    }
  }

  /** When the next reply arrives, or Infinity. */
  nextNs(): number {
    return this.#tooLong.length > 0 ? this.nowNs : this.#queue.headAtNs;
  }

  /** Replies that found no room in the queue. */
  get dropped(): number {
    return this.#queue.dropped;
  }

  /** Delivers every reply that has arrived by `nowNs`. */
  deliver(nowNs: number): void {
    this.#refuseTooLong();
    const queue = this.#queue;
    while (queue.headAtNs <= nowNs) {
      this.nowNs = Math.max(this.nowNs, queue.headAtNs);
      const offset = queue.headOffset;
      const end = offset + queue.headLength;
      const ordinary = queue.headTag === 1;
      const atNs = queue.headAtNs;
      queue.drop();
      const outcome = ordinary
        ? this.#sockets.hear(queue.bytes, offset, end, this.#reply)
        : this.#hearRaw(queue.bytes, offset, end);
      if (outcome !== 'reply') {
        this.refused[outcome]++;
        continue;
      }
      this.#reply.receivedAtNs = atNs;
      this.#events?.reply(this.#reply);
    }
    this.nowNs = Math.max(this.nowNs, nowNs);
  }

  #sendRaw(probe: Probe, protocol: Protocol, family: Family): void {
    const length = this.#codec.encoder.encodePacket(probe, protocol, this.#sources[family], this.#packet, 0);
    this.#leave(probe, length, 0);
  }

  #sendOrdinary(probe: Probe, protocol: Protocol, family: Family): void {
    this.#leave(probe, this.#sockets.send(probe, protocol, this.#sources[family], this.#packet), 1);
  }

  #leave(probe: Probe, length: number, tag: 0 | 1): void {
    this.#queue.tag = tag;
    this.simulator.accept(this.#packet, 0, length, this.nowNs, this.#queue);
    this.#events?.sent(probe.handle, this.nowNs);
  }

  #hearRaw(bytes: Uint8Array, offset: number, end: number): DecodeOutcome {
    const { decoder } = this.#codec;
    if ((bytes[offset] as number) >> 4 === 4) return decoder.decodePacket4(bytes, offset, end, this.#reply);
    readAddress(bytes, offset + 8, 6, this.#responder);
    const protocol = bytes[offset + 6] as number;
    const hopLimit = bytes[offset + 7] as number;
    const at = offset + IPV6_HEADER_LENGTH;
    return decoder.decodeTransport6(protocol, bytes, at, end, this.#responder, hopLimit, this.#reply);
  }
}

/** As the kernel's channels have it: a quote of an IPv4 header always holds the identification. */
function minimumProof(protocol: Protocol, family: Family, mode: Mode): number {
  if (mode === 'unprivileged') return protocol === 'tcp' ? PROOF.socket : PROOF.sequence;
  if (protocol === 'tcp') return PROOF.code;
  return family === 4 ? PROOF.identification : PROOF.sequence;
}
