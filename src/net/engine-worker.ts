// The probing thread. It sleeps in one place, ppoll() on all sockets and an eventfd; its event loop never turns, so no
// timer or callback of anybody can delay a send or a receive.

import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { ChannelRefusal } from '../trace/network.ts';
import type { EngineCounters, Trace, TraceRefusal, TraceRequest } from '../trace/trace.ts';
import { createTracer, type Tracer } from '../trace/tracer.ts';
import { familyOf, parseAddress } from '../wire/address.ts';
import { EFD } from './abi.ts';
import {
  type EngineCommand,
  type EngineReport,
  type EngineSetup,
  SIGNAL,
  writeCounters,
} from './engine-messages.ts';
import { KernelNetwork } from './kernel-network.ts';
import { confineProbingThread } from './least-privilege.ts';
import { type Libc, loadLibc } from './libc.ts';
import { errnoName, NetError } from './net-error.ts';

/** The longest sleep: should nobody wake it, the thread still notices within a second that it is to end. */
const LONGEST_SLEEP_NS = 1e9;

class EngineLoop {
  readonly #libc: Libc;
  readonly #network: KernelNetwork;
  readonly #tracer: Tracer;
  readonly #port: MessagePort;
  readonly #signals: Int32Array;
  readonly #counters: Float64Array;
  readonly #wakeFd: number;
  readonly #eventCount = Buffer.from(new ArrayBuffer(8));
  /** The tracer's ids of our callers' keys, and back. */
  readonly #ids = new Map<number, number>();
  readonly #keys = new Map<number, number>();
  /** Of the trace that start() is at work on: its id is not known yet. */
  #starting = -1;

  constructor(setup: EngineSetup) {
    this.#port = setup.port;
    this.#signals = new Int32Array(setup.signals);
    this.#counters = new Float64Array(setup.counters);
    this.#libc = loadLibc();
    this.#network = new KernelNetwork(this.#libc, setup.secret);
    this.#tracer = createTracer({
      network: this.#network,
      secret: setup.secret,
      onDone: (id, trace) => this.#done(id, trace),
      onProgress: (id, trace) => this.#progress(id, trace),
    });
    this.#network.deliverTo(this.#tracer);
    this.#wakeFd = this.#libc.eventfd(0, EFD.nonblock | EFD.cloexec);
    if (this.#wakeFd < 0) {
      const code = errnoName(this.#libc.errno());
      throw new NetError(`Cannot make an eventfd: ${code}; check the limit on open files`, code);
    }
    this.#network.wakeOn(this.#wakeFd);
  }

  run(): void {
    this.#say({
      type: 'ready',
      channels: this.#network.survey(),
      stamps: this.#network.stamps,
      identifiersShared: this.#network.identifiersShared,
      wakeFd: this.#wakeFd,
    });
    this.#obey();
    while (Atomics.load(this.#signals, SIGNAL.closing) === 0) this.#turn();
    this.#network.close();
    this.#libc.close(this.#wakeFd);
    this.#port.close();
  }

  #turn(): void {
    // Whoever watches sees that the thread lives.
    Atomics.add(this.#signals, SIGNAL.turns, 1);
    const now = this.#network.now();
    this.#tracer.advance(now);
    this.#network.flush();
    const due = this.#network.busy ? 0 : Math.min(this.#tracer.nextWakeNs(), this.#network.expire(now));
    this.#publish();
    this.#network.wait(Math.min(Math.max(0, due - this.#network.now()), LONGEST_SLEEP_NS));
    if (this.#network.woken) this.#obey();
  }

  /** Takes all commands that have come. */
  #obey(): void {
    this.#libc.read(this.#wakeFd, this.#eventCount, 8);
    Atomics.store(this.#signals, SIGNAL.woken, 0);
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: EngineCommand } | undefined;
      if (received === undefined) return;
      const command = received.message;
      if (command.type === 'start') this.#start(command.key, command.request, command.progress);
      else this.#cancel(command.key);
    }
  }

  #start(key: number, request: TraceRequest, progress: boolean): void {
    this.#starting = key;
    const started = this.#tracer.start(request, this.#network.now(), Date.now(), { progress });
    const ended = this.#starting < 0;
    this.#starting = -1;
    if (ended) return;
    if (typeof started !== 'number') {
      this.#say({ type: 'refused', key, code: this.#codeOf(started, request), message: started.refused });
      return;
    }
    this.#ids.set(key, started);
    this.#keys.set(started, key);
  }

  #cancel(key: number): void {
    const id = this.#ids.get(key);
    if (id !== undefined) this.#tracer.cancel(id, this.#network.now());
  }

  #done(id: number, trace: Trace): void {
    this.#publish();
    const key = this.#keys.get(id) ?? this.#starting;
    if (key === this.#starting) this.#starting = -1;
    this.#keys.delete(id);
    this.#ids.delete(key);
    this.#say({ type: 'done', key, trace });
  }

  #progress(id: number, trace: Trace): void {
    this.#say({ type: 'progress', key: this.#keys.get(id) ?? this.#starting, trace });
  }

  #codeOf(refusal: ChannelRefusal, request: TraceRequest): TraceRefusal['code'] {
    if (refusal.privilege) return 'privilege';
    const address = parseAddress(request.address);
    if (address === undefined) return 'bad-request';
    const mode = request.mode === 'auto' ? 'unprivileged' : request.mode;
    const channel = this.#network.channel(request.protocol, familyOf(address), mode);
    return 'refused' in channel ? 'no-family' : 'bad-request';
  }

  #publish(): void {
    const { counters, active } = this.#tracer;
    const heard = this.#network.counters;
    const { replies } = counters;
    const all: EngineCounters = {
      probesSent: counters.probesSent,
      replies: {
        matched: replies.matched,
        duplicate: replies.duplicate,
        late: replies.late,
        unrelated: replies.unrelated + heard.unrelated,
        malformed: replies.malformed + heard.malformed,
        forged: replies.forged + heard.forged,
      },
      sendFailures: counters.sendFailures,
      receiveDrops: heard.receiveDrops,
      activeTraces: active,
    };
    writeCounters(all, this.#counters);
  }

  #say(report: EngineReport): void {
    this.#port.postMessage(report);
  }
}

confineProbingThread();
new EngineLoop(workerData as EngineSetup).run();
