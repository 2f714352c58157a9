// The raw sockets that all protocols of one family share (CAP_NET_RAW): one that sends packets with our own headers,
// and one that hears ICMP. Source addresses are looked up because the headers must carry them.

import { MAX_FLOWS } from '../trace/flow-identity.ts';
import type { Family, Probe, Protocol } from '../trace/network.ts';
import type { ProbeCodec } from '../trace/probe-codec.ts';
import { IP, IPV6, MTU_DISCOVER, POLL, PROTOCOL, SOCK, SOL_IP, SOL_IPV6 } from './abi.ts';
import { KernelSocket, type SocketHandler } from './kernel-socket.ts';
import { errnoName, NetError } from './net-error.ts';
import type { NetworkContext } from './network-context.ts';
import { filterIcmp } from './packet-filter.ts';
import { drain, type Listener, report } from './receiver.ts';
import { SendQueue } from './send-queue.ts';
import type { StampSource } from './socket-options.ts';
import { SourceAddresses } from './source-addresses.ts';
import { TransmitStamps } from './transmit-stamps.ts';

const STAMPS_IN_FLIGHT = 8192;
/** Flows of a raw channel: the last identifier is the one by which a process claims the range. */
export const RAW_FLOWS: number = MAX_FLOWS - 1;

/** What the raw channels of one family share. */
export class RawFamily implements SocketHandler, Listener {
  readonly family: Family;
  readonly context: NetworkContext;
  readonly codec: ProbeCodec;
  readonly #queue: SendQueue;
  readonly #sources: SourceAddresses;
  readonly #sender: KernelSocket;
  readonly #icmp: KernelSocket;

  /** @throws NetError when the system refuses a socket. */
  constructor(context: NetworkContext, codec: ProbeCodec, family: Family) {
    this.context = context;
    this.codec = codec;
    this.family = family;
    this.#queue = new SendQueue(context, family);
    const opened: KernelSocket[] = [];
    try {
      this.#sender = this.#openSender();
      opened.push(this.#sender);
      this.#icmp = this.openReceiver(family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6, this);
      opened.push(this.#icmp);
      if (!filterIcmp(context.libc, this.#icmp.fd, family)) throw this.#refused('filter ICMP');
      this.#sources = new SourceAddresses(context.libc, family);
    } catch (error) {
      for (const socket of opened) socket.close();
      throw error;
    }
    context.poll.add(this.#sender, 0);
    context.poll.add(this.#icmp, POLL.in);
    this.#queue.use(this.#sender);
  }

  get stamps(): StampSource {
    return this.#sender.stamps;
  }

  send(probe: Probe, protocol: Protocol): void {
    const source = this.#sources.lookup(probe.destination, this.context.clock.now());
    if (source === undefined) {
      this.context.failures.refused(probe.handle, this.#sources.failure);
      return;
    }
    const { batch } = this.#queue;
    const length = this.codec.encoder.encodePacket(probe, protocol, source, batch.bytes, batch.payloadAt);
    batch.add(length, probe.destination, 0, 0);
    this.#queue.push(probe.handle);
  }

  flush(): void {
    this.#queue.flush();
  }

  ready(socket: KernelSocket): void {
    drain(this.context, socket, this);
  }

  heardError(): void {}

  heardPacket(socket: KernelSocket, atNs: number): void {
    if (socket === this.#icmp) this.decode(this.family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6, atNs);
  }

  /** Decodes the current message of the batch as a packet of `protocol` and reports it. */
  decode(protocol: number, atNs: number): void {
    const { batch, reply } = this.context;
    const { decoder } = this.codec;
    const outcome =
      this.family === 4
        ? decoder.decodePacket4(batch.bytes, batch.offset, batch.end, reply)
        : decoder.decodeTransport6(
            protocol,
            batch.bytes,
            batch.offset,
            batch.end,
            batch.address,
            batch.hopLimit,
            reply,
          );
    report(this.context, outcome, atNs);
  }

  /** A raw socket that hears `protocol`, not yet in the poll set. */
  openReceiver(protocol: number, handler: SocketHandler): KernelSocket {
    const { libc, options } = this.context;
    const setup = { family: this.family, type: SOCK.raw, protocol, handler, name: 'a raw socket' };
    const socket = new KernelSocket(libc, setup);
    options.enlargeBuffers(socket.fd);
    socket.enableStamps(options, undefined);
    if (this.family === 6) options.set(socket.fd, SOL_IPV6, IPV6.receiveHopLimit, 1);
    return socket;
  }

  close(): void {
    for (const socket of [this.#sender, this.#icmp]) {
      this.context.poll.remove(socket);
      socket.close();
    }
    this.#sources.close();
  }

  /** IPPROTO_RAW: the headers are ours, and nothing is ever received. */
  #openSender(): KernelSocket {
    const { libc, options } = this.context;
    const protocol = PROTOCOL.raw;
    const setup = { family: this.family, type: SOCK.raw, protocol, handler: this, name: 'a raw socket' };
    const socket = new KernelSocket(libc, setup);
    socket.sendsOnly = true;
    options.enlargeBuffers(socket.fd);
    // The kernel learns path MTUs from the very errors that we provoke, and would refuse the next probe.
    if (this.family === 4) options.set(socket.fd, SOL_IP, IP.mtuDiscover, MTU_DISCOVER.probe);
    else options.set(socket.fd, SOL_IPV6, IPV6.mtuDiscover, MTU_DISCOVER.probe);
    // Without it the kernel hides that a full queue has swallowed the packet.
    if (this.family === 4) options.set(socket.fd, SOL_IP, IP.receiveErrors, 1);
    else options.set(socket.fd, SOL_IPV6, IPV6.receiveErrors, 1);
    socket.enableStamps(options, new TransmitStamps(STAMPS_IN_FLIGHT));
    return socket;
  }

  #refused(what: string): NetError {
    const code = errnoName(this.context.libc.errno());
    return new NetError(`Cannot ${what} on a raw socket: ${code}`, code);
  }
}
