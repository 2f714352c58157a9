// TCP without any privilege: every probe is a non-blocking connect() on a socket of its own, with the flow's source
// port. A router's error comes from the socket's error queue, the destination's answer is the outcome of connect().
// Bounded: so many sockets at once, so many probes waiting for one.

import { type Family, type Mode, PROOF, type Probe } from '../trace/network.ts';
import type { ProbeCodec } from '../trace/probe-codec.ts';
import {
  IP,
  MTU_DISCOVER,
  POLL,
  SO,
  SOCK,
  SOL_IP,
  SOL_SOCKET,
  SOL_TCP,
  TCP,
  TCP_INFO_STRUCT,
} from './abi.ts';
import { DATAGRAM_FLOWS } from './datagram-channel.ts';
import { prepareFlowSocket, setHeaders } from './flow-socket.ts';
import { type KernelChannel, queueProbe } from './kernel-channel.ts';
import { KernelSocket, type SocketHandler } from './kernel-socket.ts';
import { allocate } from './libc.ts';
import { ERRNO, NetError } from './net-error.ts';
import type { NetworkContext } from './network-context.ts';
import { bindPort } from './port-sockets.ts';
import { decodeQueuedError } from './queued-error.ts';
import { drainErrors, type Listener, report } from './receiver.ts';
import { SocketAddress } from './socket-address.ts';
import type { StampSource } from './socket-options.ts';

const MOST_SOCKETS = 1024;
const MOST_WAITING = 8192;
/** The kernel sends the SYN again after 1 s (RFC 6298): an answer later than that could be to either. */
const LIFETIME_NS = 980e6;
/** From the call to the packet's departure, when nothing interferes. */
const LIKELY_DEPARTURE_NS = 15_000;
const NAME = 'a TCP socket';
const TAKEN =
  'Cannot send a probe: EADDRNOTAVAIL; another connection of this host uses the same ports towards the destination';

interface Attempt {
  readonly handle: number;
  readonly key: string;
  readonly probe: Probe;
  readonly socket: KernelSocket;
  calledAtNs: number;
  sentAtNs: number;
  /** What connect() itself reported, which the socket then no longer does. */
  errno: number;
}

export interface ConnectSetup {
  readonly codec: ProbeCodec;
  readonly family: Family;
  readonly flowLabels: boolean;
}

export class ConnectChannel implements KernelChannel, SocketHandler, Listener {
  readonly protocol = 'tcp' as const;
  readonly family: Family;
  readonly mode: Mode = 'unprivileged';
  /** Two sockets cannot share a 4-tuple. */
  readonly inFlightPerFlow: number = 1;
  readonly minimumProof: number = PROOF.socket;
  readonly maxFlows: number = DATAGRAM_FLOWS;
  readonly stamps: StampSource;
  readonly #context: NetworkContext;
  readonly #setup: ConnectSetup;
  readonly #address = new SocketAddress();
  readonly #value: Buffer = allocate(TCP_INFO_STRUCT.size);
  readonly #length = new Uint32Array(new ArrayBuffer(4));
  /** By 4-tuple, oldest first. */
  readonly #attempts = new Map<string, Attempt>();
  readonly #bySocket = new Map<KernelSocket, Attempt>();
  readonly #waiting: Probe[] = [];

  /** @throws NetError when the system refuses such a socket. */
  constructor(context: NetworkContext, setup: ConnectSetup) {
    this.#context = context;
    this.#setup = setup;
    this.family = setup.family;
    const trial = this.#create();
    this.stamps = trial.stamps;
    trial.close();
  }

  send(probe: Probe): void {
    queueProbe(this.#context, this, probe);
  }

  launch(probe: Probe): void {
    const copy = { ...probe, destination: probe.destination.slice() };
    if (this.#attempts.size < MOST_SOCKETS) this.#attempt(copy);
    else if (this.#waiting.length < MOST_WAITING) this.#waiting.push(copy);
    else this.#context.failures.refused(copy.handle, ERRNO.ENOBUFS);
  }

  flush(): void {}

  /** Forgets attempts whose answer could no longer be told from that to the kernel's own second SYN. */
  expire(nowNs: number): number {
    for (const attempt of this.#attempts.values()) {
      const due = attempt.sentAtNs + LIFETIME_NS;
      if (nowNs < due) return due;
      this.#end(attempt);
    }
    return Number.POSITIVE_INFINITY;
  }

  ready(socket: KernelSocket, revents: number): void {
    drainErrors(this.#context, socket, this);
    const attempt = this.#bySocket.get(socket);
    if (attempt === undefined || (revents & (POLL.out | POLL.err | POLL.hup)) === 0) return;
    const errno = attempt.errno || this.#socketError(socket);
    // POLLERR alone means that an error was queued which says nothing about the path.
    if (errno !== 0 || (revents & POLL.out) !== 0) this.#concluded(attempt, errno);
  }

  heardError(socket: KernelSocket, atNs: number): void {
    const attempt = this.#bySocket.get(socket);
    if (attempt === undefined) return;
    const { reply } = this.#context;
    const { codec, family } = this.#setup;
    const outcome = decodeQueuedError(this.#context, codec, 'tcp', family, attempt.probe.flow);
    reply.handle = attempt.handle;
    reply.proof = PROOF.socket;
    this.#settle(attempt, atNs);
    report(this.#context, outcome, atNs);
    this.#end(attempt);
  }

  heardPacket(): void {}

  close(): void {
    this.#waiting.length = 0;
    for (const attempt of [...this.#attempts.values()]) this.#end(attempt);
  }

  #attempt(probe: Probe): void {
    const key = `${probe.flow} ${probe.destinationPort} ${Buffer.from(probe.destination).toString('latin1')}`;
    const earlier = this.#attempts.get(key);
    if (earlier !== undefined) this.#end(earlier);
    try {
      const socket = this.#create();
      const port = this.#setup.codec.identity.identifierOf(probe.flow);
      this.#context.options.set(socket.fd, SOL_SOCKET, SO.reuseAddress, 1);
      bindPort(this.#context, socket, this.#address, port, NAME);
      this.#connect({ handle: probe.handle, key, probe, socket, calledAtNs: 0, sentAtNs: 0, errno: 0 });
    } catch (error) {
      if (!(error instanceof NetError)) throw error;
      const failure = error.code === 'EMFILE' || error.code === 'ENFILE' ? 'no-buffer' : 'other';
      this.#context.failures.add(probe.handle, failure, error.message);
    }
  }

  #connect(attempt: Attempt): void {
    const { clock, events, libc, options, poll } = this.#context;
    const { probe, socket } = attempt;
    setHeaders(options, socket.fd, this.family, probe.ttl, probe.trafficClass);
    // IP_PMTUDISC_PROBE sets DF on datagrams only.
    if (probe.dontFragment && this.family === 4)
      options.set(socket.fd, SOL_IP, IP.mtuDiscover, MTU_DISCOVER.always);
    const label = this.#setup.flowLabels ? this.#setup.codec.identity.flowLabelOf(probe.flow) : 0;
    const length = this.#address.set(probe.destination, probe.destinationPort, label);
    attempt.calledAtNs = clock.now();
    const result = libc.connect(socket.fd, this.#address.bytes, length);
    const errno = result === 0 ? 0 : libc.errno();
    const returnedAt = clock.now();
    // A call that took long was most likely held up after its packet had left.
    attempt.sentAtNs =
      attempt.calledAtNs + Math.min((returnedAt - attempt.calledAtNs) / 2, LIKELY_DEPARTURE_NS);
    if (errno !== 0 && errno !== ERRNO.EINPROGRESS && !isAnswer(errno)) {
      socket.close();
      this.#refused(probe, errno);
      return;
    }
    attempt.errno = isAnswer(errno) ? errno : 0;
    this.#attempts.set(attempt.key, attempt);
    this.#bySocket.set(socket, attempt);
    poll.add(socket, POLL.out);
    events.sent(attempt.handle, attempt.sentAtNs);
  }

  #refused(probe: Probe, errno: number): void {
    const { failures } = this.#context;
    if (errno !== ERRNO.EADDRNOTAVAIL) failures.refused(probe.handle, errno);
    else failures.add(probe.handle, 'other', TAKEN);
  }

  #socketError(socket: KernelSocket): number {
    this.#length[0] = 4;
    this.#context.libc.getsockopt(socket.fd, SOL_SOCKET, SO.error, this.#value, this.#length);
    return this.#value.readInt32LE();
  }

  /** connect() has ended, without an ICMP error that explains it. */
  #concluded(attempt: Attempt, errno: number): void {
    if (errno === 0 || errno === ERRNO.ECONNREFUSED) {
      const now = this.#context.clock.now();
      const rtt = errno === 0 ? this.#handshakeNs(attempt.socket) : 0;
      this.#answered(
        attempt,
        errno === 0 ? 'syn-ack' : 'rst',
        rtt > 0 ? Math.min(now, attempt.sentAtNs + rtt) : now,
      );
    }
    this.#end(attempt);
  }

  #answered(attempt: Attempt, kind: 'syn-ack' | 'rst', atNs: number): void {
    const { batch, reply } = this.#context;
    const { destination, destinationPort, flow } = attempt.probe;
    const { decoder } = this.#setup.codec;
    decoder.decodeDatagram('udp', this.family, batch.bytes, 0, 0, destination, destinationPort, flow, reply);
    reply.protocol = 'tcp';
    reply.kind = kind;
    reply.handle = attempt.handle;
    reply.proof = PROOF.socket;
    report(this.#context, 'reply', atNs);
  }

  /** The kernel's own measure of SYN to SYN-ACK, in nanoseconds; 0 when it has none or sent the SYN twice. */
  #handshakeNs(socket: KernelSocket): number {
    this.#length[0] = TCP_INFO_STRUCT.size;
    const { libc } = this.#context;
    if (libc.getsockopt(socket.fd, SOL_TCP, TCP.info, this.#value, this.#length) !== 0) return 0;
    if ((this.#length[0] as number) < TCP_INFO_STRUCT.size) return 0;
    if (this.#value.readUInt32LE(TCP_INFO_STRUCT.totalRetransmits) > 0) return 0;
    return this.#value.readUInt32LE(TCP_INFO_STRUCT.rtt) * 1000;
  }

  /** The answer arrived while connect() was still at work: the SYN left earlier than half-way through. */
  #settle(attempt: Attempt, atNs: number): void {
    if (atNs < attempt.sentAtNs)
      this.#context.events.sent(attempt.handle, Math.min(attempt.calledAtNs, atNs));
  }

  #create(): KernelSocket {
    const { libc, options } = this.#context;
    const { family } = this.#setup;
    const setup = { family, type: SOCK.stream, protocol: 0, handler: this, name: NAME };
    const socket = new KernelSocket(libc, setup);
    prepareFlowSocket(options, socket);
    if (this.#setup.flowLabels) options.sendFlowLabels(socket.fd);
    options.abortOnClose(socket.fd);
    socket.enableStamps(options, undefined);
    return socket;
  }

  #end(attempt: Attempt): void {
    if (!this.#bySocket.delete(attempt.socket)) return;
    this.#attempts.delete(attempt.key);
    this.#context.poll.remove(attempt.socket);
    attempt.socket.close();
    const next = this.#waiting.shift();
    if (next !== undefined) this.#attempt(next);
  }
}

/** Over loopback connect() may report at once what the destination said; a router's answer is queued as well. */
function isAnswer(errno: number): boolean {
  return errno === ERRNO.ECONNREFUSED || errno === ERRNO.EHOSTUNREACH;
}
