// One protocol in raw mode. Its source ports are held by real sockets, so that no other program gets them and the kernel
// does not answer in our place; over UDP they also hear what the destination answers.

import { type Family, type Mode, PROOF, type Probe, type Protocol } from '../trace/network.ts';
import { IP, IPV6, POLL, PROTOCOL, SOCK, SOL_IP, SOL_IPV6 } from './abi.ts';
import { type KernelChannel, queueProbe } from './kernel-channel.ts';
import { KernelSocket, type SocketHandler } from './kernel-socket.ts';
import { errnoName, NetError } from './net-error.ts';
import { filterTcp } from './packet-filter.ts';
import { bindPort, PortSockets } from './port-sockets.ts';
import { RAW_FLOWS, type RawFamily } from './raw-family.ts';
import { drain, type Listener, report } from './receiver.ts';
import { SocketAddress } from './socket-address.ts';
import type { StampSource } from './socket-options.ts';

/** One protocol in raw mode. */
export class RawChannel implements KernelChannel, SocketHandler, Listener {
  readonly protocol: Protocol;
  readonly family: Family;
  readonly mode: Mode = 'raw';
  readonly inFlightPerFlow: number = Number.MAX_SAFE_INTEGER;
  readonly minimumProof: number;
  readonly maxFlows: number = RAW_FLOWS;
  readonly #shared: RawFamily;
  readonly #ports: PortSockets;
  readonly #address = new SocketAddress();
  readonly #segments: KernelSocket | undefined;

  /** @throws NetError when the system refuses a socket. */
  constructor(shared: RawFamily, protocol: Protocol) {
    this.#shared = shared;
    this.protocol = protocol;
    this.family = shared.family;
    // A quote of an IPv4 header holds the identification even where it holds nothing of the payload.
    this.minimumProof =
      protocol === 'tcp' ? PROOF.code : this.family === 4 ? PROOF.identification : PROOF.sequence;
    this.#ports = new PortSockets((socket) => this.#dispose(socket));
    this.#segments = protocol === 'tcp' ? this.#openSegments() : undefined;
  }

  get stamps(): StampSource {
    return this.#shared.stamps;
  }

  send(probe: Probe): void {
    queueProbe(this.#shared.context, this, probe);
  }

  launch(probe: Probe): void {
    if (this.protocol !== 'icmp' && !this.#hold(probe)) return;
    this.#shared.send(probe, this.protocol);
  }

  flush(): void {
    this.#shared.flush();
  }

  expire(nowNs: number): number {
    return this.#ports.expire(nowNs);
  }

  ready(socket: KernelSocket): void {
    drain(this.#shared.context, socket, this);
  }

  heardError(): void {}

  heardPacket(socket: KernelSocket, atNs: number): void {
    if (socket === this.#segments) this.#shared.decode(PROTOCOL.tcp, atNs);
    else this.#heardDatagram(socket, atNs);
  }

  close(): void {
    this.#ports.close();
    if (this.#segments !== undefined) this.#dispose(this.#segments);
  }

  /** A destination answered a UDP probe by UDP: the socket that holds the port got it. */
  #heardDatagram(socket: KernelSocket, atNs: number): void {
    const { context, codec, family } = this.#shared;
    const { batch, reply } = context;
    const outcome = codec.decoder.decodeDatagram(
      'udp',
      family,
      batch.bytes,
      batch.offset,
      batch.end,
      batch.address,
      batch.port,
      socket.flow,
      reply,
    );
    reply.mode = 'raw';
    reply.replyTtl = batch.hopLimit;
    report(context, outcome, atNs);
  }

  #openSegments(): KernelSocket {
    const { context, codec, family } = this.#shared;
    const socket = this.#shared.openReceiver(PROTOCOL.tcp, this);
    const first = codec.identity.identifierOf(0);
    if (!filterTcp(context.libc, socket.fd, family, first, first + RAW_FLOWS - 1)) {
      const code = errnoName(context.libc.errno());
      socket.close();
      throw new NetError(`Cannot filter TCP on a raw socket: ${code}`, code);
    }
    context.poll.add(socket, POLL.in);
    return socket;
  }

  /** Holds the source port of the probe's flow; false when that failed, which has been reported. */
  #hold(probe: Probe): boolean {
    const now = this.#shared.context.clock.now();
    const held = this.#ports.get(probe.flow);
    if (held !== undefined) {
      held.usedAtNs = now;
      return true;
    }
    const { context, codec } = this.#shared;
    const port = codec.identity.identifierOf(probe.flow);
    try {
      this.#ports.set(probe.flow, this.#bind(port), now);
      return true;
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      context.failures.add(probe.handle, 'other', error.message);
      return false;
    }
  }

  #bind(port: number): KernelSocket {
    const { context, family } = this.#shared;
    const udp = this.protocol === 'udp';
    const type = udp ? SOCK.dgram : SOCK.stream;
    const name = `a ${this.protocol.toUpperCase()} socket`;
    const socket = new KernelSocket(context.libc, { family, type, protocol: 0, handler: this, name });
    bindPort(context, socket, this.#address, port, name);
    if (!udp) return socket;
    if (family === 4) context.options.set(socket.fd, SOL_IP, IP.receiveTtl, 1);
    else context.options.set(socket.fd, SOL_IPV6, IPV6.receiveHopLimit, 1);
    socket.enableStamps(context.options, undefined);
    context.poll.add(socket, POLL.in);
    return socket;
  }

  #dispose(socket: KernelSocket): void {
    this.#shared.context.poll.remove(socket);
    socket.close();
  }
}
