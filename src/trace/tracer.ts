// Thousands of traces at once over one packet network: starts them, gives each reply to the probe it answers,
// wakes each trace when it is due. Pure: time and network are arguments, secrets come from outside.

import { familyOf, parseAddress } from '../wire/address.ts';
import { decodeInterfaceInformation, decodeMplsStack } from '../wire/icmp-extension.ts';
import { AddressBook } from './address-book.ts';
import { type FlowEntry, FlowTable } from './flow-table.ts';
import { KeyedHash } from './keyed-hash.ts';
import { Measurement, type MeasurementHost } from './measurement.ts';
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
  type Reply,
  type SendFailure,
} from './network.ts';
import { type Answer, type ProbeOwner, ProbeRecord } from './probe-record.ts';
import { reportTrace } from './report.ts';
import { TimerHeap } from './timer-heap.ts';
import type { EngineCounters, Trace, TraceRequest } from './trace.ts';

const LINGER_NS = 4e9;
const PROGRESS_NS = 50e6;
const HANDLE_BITS = 22;
const HANDLE_GENERATIONS = 256;

export interface TracerOptions {
  readonly network: PacketNetwork;
  /** At least 8 bytes that nobody outside can know; fresh for each run of the program. */
  readonly secret: Uint8Array;
  /** A trace has ended. */
  readonly onDone: (id: number, trace: Trace) => void;
  /** A trace that asked for progress has news; at most every 50 ms a trace. */
  readonly onProgress?: (id: number, partial: Trace) => void;
}

export interface StartOptions {
  /** Report progress of this trace. */
  readonly progress?: boolean;
}

type ReplyOutcome = keyof EngineCounters['replies'];

export class Tracer implements ProbeEvents, MeasurementHost {
  readonly counters: {
    probesSent: Record<Protocol, number>;
    replies: Record<ReplyOutcome, number>;
    sendFailures: Record<string, number>;
  } = {
    probesSent: { icmp: 0, udp: 0, tcp: 0 },
    replies: { matched: 0, duplicate: 0, late: 0, unrelated: 0, malformed: 0, forged: 0 },
    sendFailures: {},
  };
  readonly #network: PacketNetwork;
  readonly #onDone: TracerOptions['onDone'];
  readonly #onProgress: TracerOptions['onProgress'];
  readonly #flows: FlowTable;
  readonly #addresses = new AddressBook();
  readonly #heap = new TimerHeap<Measurement>();
  readonly #measurements = new Map<number, Measurement>();
  readonly #records: (ProbeRecord | undefined)[] = [];
  readonly #generations: number[] = [];
  readonly #freeHandles: number[] = [];
  readonly #evict = (record: ProbeRecord): void => this.#freeHandle(record);
  #nextId = 1;
  readonly #probe: Probe = {
    handle: 0,
    destination: new Uint8Array(16),
    destinationPort: 0,
    flow: 0,
    ttl: 0,
    sequence: 0,
    packetLength: 0,
    trafficClass: 0,
    dontFragment: false,
  };

  constructor(options: TracerOptions) {
    this.#network = options.network;
    this.#onDone = options.onDone;
    this.#onProgress = options.onProgress;
    this.#flows = new FlowTable(new KeyedHash(options.secret), LINGER_NS);
  }

  get active(): number {
    return this.#measurements.size;
  }

  /** Starts a trace and sends its first probes. Returns its id, or why it cannot be run. */
  start(
    request: TraceRequest,
    nowNs: number,
    nowMs: number,
    options: StartOptions = {},
  ): number | ChannelRefusal {
    const destination = parseAddress(request.address);
    if (destination === undefined) {
      return { refused: `Cannot trace "${request.address}": not an IPv4 or IPv6 address`, privilege: false };
    }
    const channel = this.#channel(request, destination);
    if ('refused' in channel) return channel;
    if (request.firstFlow + request.flows > channel.maxFlows) {
      const why = `flows ${request.firstFlow} to ${request.firstFlow + request.flows - 1} are asked for, ${channel.protocol} in ${channel.mode} mode has ${channel.maxFlows}`;
      return { refused: `Cannot trace ${request.target}: ${why}`, privilege: false };
    }
    const id = this.#nextId++;
    const measurement = new Measurement(id, request, channel, destination, this, nowNs, nowMs);
    if (options.progress === true) measurement.progressDueNs = nowNs;
    this.#measurements.set(id, measurement);
    this.#advance(measurement, nowNs);
    return id;
  }

  /** Ends a trace early; what it has is delivered through `onDone` at once. */
  cancel(id: number, nowNs: number): void {
    const measurement = this.#measurements.get(id);
    if (measurement === undefined) return;
    measurement.cancel(nowNs);
    this.#finish(measurement, nowNs);
  }

  /** Runs everything due by `nowNs`. */
  advance(nowNs: number): void {
    while (this.#heap.peek() <= nowNs) {
      const measurement = this.#heap.pop();
      if (measurement === undefined || measurement.end !== null || measurement.wakeNs > nowNs) continue;
      this.#advance(measurement, nowNs);
    }
    if (this.#flows.nextSweepNs() <= nowNs) this.#flows.sweep(nowNs, this.#evict);
  }

  /** When advance() next has something to do; Infinity when nothing is under way. */
  nextWakeNs(): number {
    return Math.min(this.#heap.peek(), this.#flows.nextSweepNs());
  }

  sent(handle: number, atNs: number): void {
    const record = this.#recordOf(handle);
    if (record !== undefined) record.sentAtNs = atNs;
  }

  sendFailed(handle: number, failure: SendFailure, detail: string, limit: number): void {
    const record = this.#recordOf(handle);
    const run = record?.run;
    // Asking for the interface's MTU is no failure, and nothing was sent.
    if (failure === 'too-long' && record?.asksLimit === true)
      this.counters.probesSent[record.entry.protocol]--;
    else this.counters.sendFailures[failure] = (this.counters.sendFailures[failure] ?? 0) + 1;
    if (record === undefined || record.state !== 'outstanding') return;
    record.entry.outstanding--;
    record.state = 'failed';
    if (run === null || run === undefined) return;
    run.failed(record, failure, detail, limit, record.sentAtNs);
    this.#touch(run.measurement, record.sentAtNs);
  }

  reply(reply: Reply): void {
    this.counters.replies[this.#take(reply)]++;
  }

  acquire(channel: ProbeChannel, destination: Uint8Array, port: number, flow: number): FlowEntry {
    return this.#flows.acquire(channel, destination, port, flow);
  }

  release(entry: FlowEntry, nowNs: number): void {
    this.#flows.release(entry, nowNs);
  }

  open(protocol: Protocol, family: Family, mode: Mode): ProbeChannel | undefined {
    const channel = this.#network.channel(protocol, family, mode);
    return 'refused' in channel ? undefined : channel;
  }

  send(
    channel: ProbeChannel,
    run: ProbeOwner,
    ttl: number,
    request: Pick<TraceRequest, 'packetLength' | 'trafficClass' | 'dontFragment'>,
    nowNs: number,
  ): ProbeRecord {
    const entry = run.entry;
    const record = new ProbeRecord(entry, run, ttl, request.packetLength, nowNs);
    const probe = this.#probe;
    this.#takeHandle(record);
    probe.handle = record.handle;
    probe.sequence = entry.issue(record, this.#evict);
    probe.destination = entry.destination;
    probe.destinationPort = entry.destinationPort;
    probe.flow = run.flow;
    probe.ttl = ttl;
    probe.packetLength = request.packetLength;
    probe.trafficClass = request.trafficClass;
    probe.dontFragment = request.dontFragment;
    entry.outstanding++;
    this.counters.probesSent[channel.protocol]++;
    channel.send(probe);
    return record;
  }

  #channel(request: TraceRequest, destination: Uint8Array): ProbeChannel | ChannelRefusal {
    const family = familyOf(destination);
    if (request.mode !== 'auto') return this.#network.channel(request.protocol, family, request.mode);
    const raw = this.#network.channel(request.protocol, family, 'raw');
    if (!('refused' in raw)) return raw;
    return this.#network.channel(request.protocol, family, 'unprivileged');
  }

  #take(reply: Reply): ReplyOutcome {
    const record = reply.handle >= 0 ? this.#recordOf(reply.handle) : this.#match(reply);
    if (typeof record === 'string') return record;
    // A code that is right with a sequence that is not: an answer to a probe long off the books.
    if (record === undefined || (reply.sequence >= 0 && !hasSequence(record, reply))) return 'unrelated';
    if (record.run !== null && record.run.mode !== reply.mode) return 'unrelated';
    if (reply.identificationRewritten) record.entry.rewritten = true;
    const measurement = record.run?.measurement;
    if (record.state === 'answered') {
      if (measurement !== undefined) measurement.duplicates++;
      return 'duplicate';
    }
    if (measurement === undefined) return 'late';
    if (record.state === 'failed') record.entry.outstanding++;
    const outcome = record.state === 'given-up' ? 'late' : 'matched';
    measurement.answered(record, this.#answerOf(reply), reply);
    this.#touch(measurement, reply.receivedAtNs);
    return outcome;
  }

  /** The probe that `reply` answers by its fields, or why there is none. */
  #match(reply: Reply): ProbeRecord | undefined | ReplyOutcome {
    const entry = this.#flows.find(reply.protocol, reply.destination, reply.destinationPort, reply.flow);
    if (entry === undefined) return undefined;
    if (reply.sequence < 0) return this.#matchByFlow(entry, reply);
    const record = entry.find(reply.sequence) ?? this.#findOther(entry, reply);
    if (record === undefined) return 'forged';
    const required = record.run?.minimumProof ?? 0;
    if (reply.proof < required && !entry.rewritten) return 'forged';
    return record;
  }

  /** The UDP probe by its quoted checksum, where the identification that hid its sequence has been rewritten. */
  #findOther(entry: FlowEntry, reply: Reply): ProbeRecord | undefined {
    if (reply.otherSequence < 0) return undefined;
    reply.proof = PROOF.sequence;
    reply.checksumDelta = 0;
    return entry.find(reply.otherSequence);
  }

  /** A reply that names only the flow answers its one probe in flight, if no earlier one can still be answered. */
  #matchByFlow(entry: FlowEntry, reply: Reply): ProbeRecord | undefined | ReplyOutcome {
    const sole = entry.soleOutstanding();
    if (sole?.run !== null && sole !== undefined) {
      const guardNs = sole.run.measurement.request.waitMs * 1e6;
      if (entry.lastGivenUpSentAtNs + guardNs <= reply.receivedAtNs) return sole;
    }
    for (const record of entry.records()) {
      if (record?.state !== 'outstanding' || record.run === null) continue;
      const run = record.run;
      run.ambiguous();
      this.#touch(run.measurement, reply.receivedAtNs);
      return 'matched';
    }
    return 'late';
  }

  #answerOf(reply: Reply): Answer {
    const { bytes, extensionOffset: at, extensionLength: length } = reply;
    return {
      responder: this.#addresses.textOf(reply.responder),
      kind: reply.kind,
      code: reply.code,
      replyTtl: reply.replyTtl,
      quotedTtl: reply.quotedTtl,
      quotedTrafficClass: reply.quotedTrafficClass,
      // The kernel computes the checksum of an ordinary socket's datagram: what was sent is not known.
      natDelta: reply.mode === 'unprivileged' && reply.protocol === 'udp' ? -1 : reply.checksumDelta,
      tooBig: reply.tooBig,
      mtu: reply.mtu,
      mpls: length > 0 ? decodeMplsStack(bytes, at, length) : NONE,
      interfaces: length > 0 ? decodeInterfaceInformation(bytes, at, length) : NONE,
    };
  }

  /** Something happened to `measurement`: it is looked at as soon as advance() runs. */
  #touch(measurement: Measurement, nowNs: number): void {
    if (measurement.end !== null || measurement.wakeNs <= nowNs) return;
    measurement.wakeNs = nowNs;
    this.#heap.push(nowNs, measurement);
  }

  #advance(measurement: Measurement, nowNs: number): void {
    measurement.wakeNs = Number.POSITIVE_INFINITY;
    const wake = measurement.advance(nowNs);
    if (measurement.end !== null) {
      this.#finish(measurement, nowNs);
      return;
    }
    if (measurement.hasNews && nowNs >= measurement.progressDueNs) {
      measurement.hasNews = false;
      measurement.progressDueNs = nowNs + PROGRESS_NS;
      this.#onProgress?.(measurement.id, reportTrace(measurement, nowNs));
    }
    // News held back is told as soon as it may be; without progress asked for, that is never.
    measurement.wakeNs = measurement.hasNews ? Math.min(wake, measurement.progressDueNs) : wake;
    this.#heap.push(measurement.wakeNs, measurement);
  }

  #finish(measurement: Measurement, nowNs: number): void {
    this.#measurements.delete(measurement.id);
    const trace = reportTrace(measurement, nowNs);
    for (const run of measurement.runs) {
      run.close();
      this.#flows.release(run.entry, nowNs);
    }
    measurement.discovery?.close((entry) => this.#flows.release(entry, nowNs));
    measurement.mtu?.close(nowNs);
    this.#onDone(measurement.id, trace);
  }

  #takeHandle(record: ProbeRecord): void {
    const index = this.#freeHandles.pop() ?? this.#records.length;
    this.#records[index] = record;
    const generation = this.#generations[index] ?? 0;
    record.handle = generation * 2 ** HANDLE_BITS + index;
  }

  #freeHandle(record: ProbeRecord): void {
    const index = record.handle % 2 ** HANDLE_BITS;
    if (this.#records[index] !== record) return;
    this.#records[index] = undefined;
    this.#generations[index] = ((this.#generations[index] ?? 0) + 1) % HANDLE_GENERATIONS;
    this.#freeHandles.push(index);
  }

  #recordOf(handle: number): ProbeRecord | undefined {
    const record = this.#records[handle % 2 ** HANDLE_BITS];
    return record !== undefined && record.handle === handle ? record : undefined;
  }
}

const NONE: readonly never[] = [];

function hasSequence(record: ProbeRecord, reply: Reply): boolean {
  return record.sequence === reply.sequence || record.sequence === reply.otherSequence;
}

/** @see Tracer */
export function createTracer(options: TracerOptions): Tracer {
  return new Tracer(options);
}
