// Probing without any privilege, ICMP and UDP: one ordinary datagram socket a flow, bound to the flow's identifier or
// source port. Routers' errors come from the socket's error queue, the destination's answers from the socket itself.

import { type Family, type Mode, PROOF, type Probe } from '../trace/network.ts';
import type { ProbeCodec } from '../trace/probe-codec.ts';
import { POLL, PROTOCOL, SOCK } from './abi.ts';
import { forbidFragments, prepareFlowSocket, setHeaders } from './flow-socket.ts';
import { type KernelChannel, queueProbe } from './kernel-channel.ts';
import { KernelSocket, type SocketHandler } from './kernel-socket.ts';
import { NetError } from './net-error.ts';
import type { NetworkContext } from './network-context.ts';
import { bindPort, PortSockets } from './port-sockets.ts';
import { decodeQueuedError } from './queued-error.ts';
import { drain, type Listener, report } from './receiver.ts';
import type { SendQueue } from './send-queue.ts';
import { SocketAddress } from './socket-address.ts';
import type { StampSource } from './socket-options.ts';
import { TransmitStamps } from './transmit-stamps.ts';

/** Each flow costs a descriptor and a ring of stamps. */
export const DATAGRAM_FLOWS = 256;
const STAMPS_IN_FLIGHT = 1024;

export interface DatagramSetup {
  readonly codec: ProbeCodec;
  readonly protocol: 'icmp' | 'udp';
  readonly family: Family;
  readonly queue: SendQueue;
  /** IPv6 sockets may carry a flow label of ours (IPV6_FLOWINFO_SEND). */
  readonly flowLabels: boolean;
  /** The kernel heeds TTL and traffic class as control messages; ICMPv6 sockets ignore them before Linux 5.18. */
  readonly controlMessages: boolean;
}

export class DatagramChannel implements KernelChannel, SocketHandler, Listener {
  readonly protocol: 'icmp' | 'udp';
  readonly family: Family;
  readonly mode: Mode = 'unprivileged';
  readonly inFlightPerFlow: number = Number.MAX_SAFE_INTEGER;
  /** A router that quotes 28 bytes leaves nothing that a code could stand in. */
  readonly minimumProof: number = PROOF.sequence;
  readonly maxFlows: number = DATAGRAM_FLOWS;
  stamps: StampSource = 'clock';
  readonly #context: NetworkContext;
  readonly #setup: DatagramSetup;
  readonly #ports: PortSockets;
  readonly #address = new SocketAddress();
  #ttl = -1;
  #trafficClass = -1;

  /** @throws NetError when the system refuses such a socket. */
  constructor(context: NetworkContext, setup: DatagramSetup) {
    this.#context = context;
    this.#setup = setup;
    this.protocol = setup.protocol;
    this.family = setup.family;
    this.#ports = new PortSockets((socket) => this.#dispose(socket));
    const trial = this.#create();
    this.stamps = trial.stamps;
    trial.close();
  }

  send(probe: Probe): void {
    queueProbe(this.#context, this, probe);
  }

  launch(probe: Probe): void {
    const socket = this.#ports.get(probe.flow) ?? this.#open(probe);
    if (socket === undefined) return;
    const { queue, codec, controlMessages } = this.#setup;
    queue.use(socket);
    if (socket.dontFragment !== probe.dontFragment) {
      queue.flush();
      forbidFragments(this.#context.options, socket, probe.dontFragment);
    }
    if (!controlMessages) this.#setHeaders(socket, probe);
    const { batch } = queue;
    const length = codec.encoder.encodeDatagram(probe, this.protocol, batch.bytes, batch.payloadAt);
    const label = this.#setup.flowLabels ? codec.identity.flowLabelOf(probe.flow) : 0;
    batch.add(length, probe.destination, probe.destinationPort, label);
    if (controlMessages) batch.control(probe.ttl, probe.trafficClass);
    queue.push(probe.handle);
  }

  flush(): void {
    this.#setup.queue.flush();
  }

  expire(nowNs: number): number {
    return this.#ports.expire(nowNs);
  }

  ready(socket: KernelSocket): void {
    drain(this.#context, socket, this);
  }

  heardError(socket: KernelSocket, atNs: number): void {
    const outcome = decodeQueuedError(
      this.#context,
      this.#setup.codec,
      this.protocol,
      this.family,
      socket.flow,
    );
    report(this.#context, outcome, atNs);
  }

  heardPacket(socket: KernelSocket, atNs: number): void {
    const { batch, reply } = this.#context;
    const outcome = this.#setup.codec.decoder.decodeDatagram(
      this.protocol,
      this.family,
      batch.bytes,
      batch.offset,
      batch.end,
      batch.address,
      batch.port,
      socket.flow,
      reply,
    );
    reply.replyTtl = batch.hopLimit;
    report(this.#context, outcome, atNs);
  }

  close(): void {
    this.#ports.close();
  }

  /** Where TTL and class are the socket's, everything queued with others must leave first. */
  #setHeaders(socket: KernelSocket, probe: Probe): void {
    const { queue } = this.#setup;
    const waits = queue.batch.count > 0;
    if (waits && this.#ttl === probe.ttl && this.#trafficClass === probe.trafficClass) return;
    queue.flush();
    this.#ttl = probe.ttl;
    this.#trafficClass = probe.trafficClass;
    setHeaders(this.#context.options, socket.fd, this.family, probe.ttl, probe.trafficClass);
  }

  /** Opens the socket of the probe's flow; undefined when that failed, which has been reported. */
  #open(probe: Probe): KernelSocket | undefined {
    try {
      const socket = this.#create();
      const port = this.#setup.codec.identity.identifierOf(probe.flow);
      bindPort(this.#context, socket, this.#address, port, this.#name);
      this.#context.poll.add(socket, POLL.in);
      this.#ports.set(probe.flow, socket, this.#context.clock.now());
      return socket;
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      this.#context.failures.add(probe.handle, 'other', error.message);
      return undefined;
    }
  }

  get #name(): string {
    return this.protocol === 'icmp' ? 'an ICMP socket' : 'a UDP socket';
  }

  #create(): KernelSocket {
    const { libc, options } = this.#context;
    const { family, flowLabels } = this.#setup;
    const icmp = family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6;
    const protocol = this.protocol === 'icmp' ? icmp : 0;
    const name = this.#name;
    const socket = new KernelSocket(libc, { family, type: SOCK.dgram, protocol, handler: this, name });
    options.enlargeBuffers(socket.fd);
    prepareFlowSocket(options, socket);
    if (flowLabels) options.sendFlowLabels(socket.fd);
    socket.enableStamps(options, new TransmitStamps(STAMPS_IN_FLIGHT));
    return socket;
  }

  #dispose(socket: KernelSocket): void {
    this.#setup.queue.forget(socket);
    this.#context.poll.remove(socket);
    socket.close();
  }
}
