// Sends the series of all targets, and the exporter's own, by remote write: sampled every interval, in order, one request
// at a time, kept while the receiver is away. Invariant: a series that is there no more is ended with a stale marker, and
// every sample is delivered, waiting, or counted as dropped.

import { hostname } from 'node:os';
import { setImmediate as nextTurn } from 'node:timers/promises';
import snappy from 'snappyjs';
import type { Config, TargetConfig } from '../config/config.ts';
import type { RemoteWriteConfig } from '../config/push.ts';
import type { MetricSource } from '../metrics/exposition.ts';
import type { TargetMetrics } from '../metrics/target-metrics.ts';
import type { Clock } from '../monitor/clock.ts';
import { Backoff } from './backoff.ts';
import { type Batch, BatchQueue } from './batch-queue.ts';
import { FAREWELL_MS } from './gateway-pusher.ts';
import type { HttpSender } from './http-sender.ts';
import { PushCounters, type PushFigures } from './push-counters.ts';
import { OutageLog, type PushLog } from './push-log.ts';
import { collectSamples, parseLabels } from './sample-collector.ts';
import { STALE, WriteRequest } from './write-request.ts';

/** A batch holds up to so many samples, or a little over so many bytes before compression. */
const MOST_SAMPLES = 2000;
const MOST_BYTES = 512 * 1024;
/** The event loop gets its turn after so many targets: some milliseconds of work. */
const TARGETS_PER_TURN = 10;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export interface RemoteWriterServices {
  readonly metrics: Pick<TargetMetrics, 'sourceOf'>;
  /** The exporter's own series. */
  readonly own: () => readonly MetricSource[];
  readonly sender: HttpSender;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: PushLog;
}

/** The exporter's own series, beside those of targets by key. */
const OWN = '';

export class RemoteWriter implements PushFigures {
  readonly counters: PushCounters = new PushCounters('remote_write');
  readonly #config: RemoteWriteConfig;
  readonly #services: RemoteWriterServices;
  readonly #queue: BatchQueue;
  readonly #backoff: Backoff;
  readonly #outage: OutageLog;
  readonly #commonLabels: readonly (readonly [string, string])[];
  /** Series sampled last, by target: one text of `name{labels}` lines, for an object each would be most of the memory. */
  readonly #sampled = new Map<string, { readonly instance: string; readonly series: string }>();
  #targets: readonly TargetConfig[] = [];
  #cancelTick: () => void = () => {};
  #cancelPause: (() => void) | null = null;
  #sampling: Promise<void> = Promise.resolve();
  #samplingRuns = 0;
  #sending: Promise<void> | null = null;
  #stopped = false;

  constructor(config: RemoteWriteConfig, services: RemoteWriterServices) {
    this.#config = config;
    this.#services = services;
    this.#queue = new BatchQueue(config.queueBytes, config.maxAgeMs, (reason, samples) => {
      this.counters.drop(reason, samples);
    });
    this.#backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS, services.random);
    this.#outage = new OutageLog(services.log, 'by remote write');
    this.#commonLabels = Object.entries(config.labels);
    this.#scheduleTick();
  }

  get queueLength(): number {
    return this.#queue.length;
  }

  get samplesWaiting(): number {
    return this.#queue.samples;
  }

  apply({ targets }: Pick<Config, 'targets'>): void {
    this.#targets = targets;
  }

  /**
   * Ends every series, sends what waits within `FAREWELL_MS`, and sends no more. With `handover` another writer goes on
   * with the same series, and they do not end.
   */
  async stop(handover: boolean): Promise<void> {
    if (this.#stopped) return;
    this.#cancelTick();
    const { clock, sender, log } = this.#services;
    await this.#sampling;
    this.#targets = [];
    if (!handover) await this.#sample(clock.epoch(), true);
    this.#resume();
    const cancel = clock.after(FAREWELL_MS, () => {
      this.#stopped = true;
      sender[Symbol.dispose]();
    });
    await this.#sending;
    cancel();
    this.#stopped = true;
    this.#cancelPause?.();
    const left = this.samplesWaiting;
    if (left > 0) {
      this.counters.drop('shutdown', left);
      log.warn(
        { samples: left },
        'Samples were not sent: the remote-write receiver did not take them in time',
      );
    }
    sender[Symbol.dispose]();
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#services.clock.after(this.#config.intervalMs, () => {
      this.#scheduleTick();
      // One that takes longer than an interval, on a busy machine, is not run twice at a time.
      if (this.#samplingRuns > 0) return;
      this.#sampling = this.#sample(this.#services.clock.epoch(), false);
    });
  }

  /** Takes all series as they are now; `last` ends those of the exporter too. */
  async #sample(atMs: number, last: boolean): Promise<void> {
    this.#samplingRuns++;
    let request = new WriteRequest();
    const flush = (): void => {
      if (request.samples === 0) return;
      this.#queue.add({ body: snappy.compress(request.bytes()), samples: request.samples, atMs });
      request = new WriteRequest();
      this.#pump();
    };
    const gone = new Set(this.#sampled.keys());
    for (const [i, target] of this.#targets.entries()) {
      if (i % TARGETS_PER_TURN === TARGETS_PER_TURN - 1) await nextTurn();
      gone.delete(target.key);
      this.#sampleOne(
        target.key,
        target.host,
        [this.#services.metrics.sourceOf([target.key])],
        request,
        atMs,
      );
      if (request.samples >= MOST_SAMPLES || request.length >= MOST_BYTES) flush();
    }
    for (const key of gone) {
      if (key === OWN) continue;
      this.#sampleOne(key, this.#sampled.get(key)?.instance ?? '', [], request, atMs);
      this.#sampled.delete(key);
      if (request.samples >= MOST_SAMPLES) flush();
    }
    const instance = this.#config.instance ?? hostname();
    this.#sampleOne(OWN, instance, last ? [] : this.#services.own(), request, atMs);
    flush();
    this.#samplingRuns--;
  }

  #sampleOne(
    key: string,
    instance: string,
    sources: readonly MetricSource[],
    request: WriteRequest,
    atMs: number,
  ): void {
    const names: string[] = [];
    for (const source of sources) {
      for (const { name, labels, value } of collectSamples(source)) {
        request.add(name, this.#labelsOf(labels, instance), value, atMs);
        names.push(`${name}{${labels}}`);
      }
    }
    const series = names.join('\n');
    const before = this.#sampled.get(key);
    if (before !== undefined && before.series !== series && before.series !== '') {
      const now = new Set(names);
      for (const known of before.series.split('\n')) {
        if (now.has(known)) continue;
        const brace = known.indexOf('{');
        const labels = this.#labelsOf(known.slice(brace + 1, -1), before.instance);
        request.add(known.slice(0, brace), labels, STALE, atMs);
      }
    }
    this.#sampled.set(key, { instance, series });
  }

  /** A series' own labels, ours, and those that the configuration adds where there is none of the name. */
  #labelsOf(rendered: string, instance: string): Iterable<readonly [string, string]> {
    const labels = new Map<string, string>(this.#commonLabels);
    for (const [name, value] of parseLabels(rendered)) labels.set(name, value);
    labels.set('job', this.#config.job);
    labels.set('instance', instance);
    return labels;
  }

  #resume(): void {
    this.#cancelPause?.();
    this.#cancelPause = null;
    this.#pump();
  }

  #pump(): void {
    if (this.#sending !== null || this.#cancelPause !== null || this.#stopped) return;
    const batch = this.#queue.first(this.#services.clock.epoch());
    if (batch === undefined) return;
    this.#sending = this.#sendAll(batch).finally(() => {
      this.#sending = null;
    });
  }

  /** Batch after batch while they are taken: in order, for a receiver takes no older sample after a newer one. */
  async #sendAll(first: Batch): Promise<void> {
    const { clock } = this.#services;
    for (let batch: Batch | undefined = first; batch !== undefined && !this.#stopped; ) {
      const outcome = await this.#send(batch);
      this.counters.count(outcome, clock.epoch());
      this.#outage.heard(outcome, clock.now());
      if (outcome.kind === 'retry') {
        this.#pause(this.#backoff.failed(outcome.retryAfterMs));
        return;
      }
      const ours = this.#queue.remove(batch);
      if (outcome.kind === 'accepted') {
        this.#backoff.succeeded();
        this.counters.delivered += batch.samples;
      } else {
        // One that had to make room while it was under way has been counted then.
        if (ours) this.counters.drop('refused', batch.samples);
      }
      batch = this.#queue.first(clock.epoch());
    }
  }

  #send(batch: Batch): ReturnType<HttpSender['send']> {
    return this.#services.sender.send({
      method: 'POST',
      url: this.#config.endpoint.url,
      headers: {
        'Content-Type': 'application/x-protobuf',
        'Content-Encoding': 'snappy',
        'X-Prometheus-Remote-Write-Version': '0.1.0',
      },
      body: batch.body,
    });
  }

  #pause(ms: number): void {
    if (this.#stopped) return;
    this.#cancelPause = this.#services.clock.after(ms, () => this.#resume());
  }
}
