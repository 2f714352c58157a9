// Writes series as Prometheus' protobuf: io.prometheus.client.MetricFamily messages, each after its length. Histograms have
// classic and native buckets there. Invariant: what text says is said, name by name and label by label.
//
// A family of more than a chunk is written as several messages of the same name: Prometheus takes them one by one, and
// whoever asks never makes us hold the series of a hundred thousand targets.

import type { MetricDefinition } from './catalogue.ts';
import { type Buckets, CHUNK_LENGTH, ExpositionWriter } from './exposition.ts';
import { NATIVE_SCHEMA, NATIVE_ZERO_THRESHOLD, type NativeHistogram } from './native-histogram.ts';
import { ProtobufSink } from './protobuf-sink.ts';

/** Field numbers of prometheus/client_model's metrics.proto. */
const FAMILY = { name: 1, help: 2, type: 3, metric: 4, unit: 5 } as const;
const METRIC = { label: 1, gauge: 2, counter: 3, histogram: 7 } as const;
const HISTOGRAM = {
  count: 1,
  sum: 2,
  bucket: 3,
  schema: 5,
  zeroThreshold: 6,
  zeroCount: 7,
  span: 12,
  delta: 13,
};
const TYPES = { counter: 0, gauge: 1, info: 1, histogram: 4 } as const;

export class ProtobufWriter extends ExpositionWriter {
  readonly #done = new ProtobufSink();
  /** Name, help and type of the family being written, and its metrics. */
  readonly #head = new ProtobufSink();
  readonly #metrics = new ProtobufSink();
  readonly #metric = new ProtobufSink();
  readonly #value = new ProtobufSink();
  readonly #part = new ProtobufSink();
  #counter = false;

  constructor() {
    super('protobuf');
  }

  override get full(): boolean {
    return this.#done.length + this.#metrics.length >= CHUNK_LENGTH;
  }

  override family({ name, help, type, unit }: MetricDefinition): void {
    this.#endFamily();
    this.#head.clear();
    this.#head.text(FAMILY.name, name);
    this.#head.text(FAMILY.help, help);
    this.#head.unsigned(FAMILY.type, TYPES[type]);
    if (unit !== undefined) this.#head.text(FAMILY.unit, unit);
    this.#counter = type === 'counter';
  }

  override sample(_name: string, labels: string, value: number): void {
    this.#value.clear();
    this.#value.double(1, value);
    this.#add(labels, this.#counter ? METRIC.counter : METRIC.gauge);
  }

  override histogram(
    _name: string,
    labels: string,
    buckets: Buckets,
    counts: Uint32Array,
    at: number,
    sum: number,
    native: NativeHistogram | null = null,
  ): void {
    const value = this.#value;
    value.clear();
    let count = 0;
    for (let i = 0; i < buckets.length; i++) count += counts[at + i] as number;
    value.unsigned(HISTOGRAM.count, count);
    value.double(HISTOGRAM.sum, sum);
    let below = 0;
    for (let i = 0; i < buckets.length; i++) {
      below += counts[at + i] as number;
      this.#part.clear();
      this.#part.unsigned(1, below);
      this.#part.double(2, buckets.bounds[i] ?? Number.POSITIVE_INFINITY);
      value.message(HISTOGRAM.bucket, this.#part);
    }
    if (native !== null) this.#native(native);
    this.#add(labels, METRIC.histogram);
  }

  override takeBytes(): Buffer {
    this.#endFamily();
    const bytes = this.#done.take();
    this.#done.clear();
    return bytes;
  }

  /** Runs of buckets, and their counts as differences from one to the next. */
  #native({ zeroCount, first, counts }: NativeHistogram): void {
    const value = this.#value;
    value.signed(HISTOGRAM.schema, NATIVE_SCHEMA);
    value.double(HISTOGRAM.zeroThreshold, NATIVE_ZERO_THRESHOLD);
    value.unsigned(HISTOGRAM.zeroCount, zeroCount);
    let end = 0;
    const deltas: number[] = [];
    let before = 0;
    for (let i = 0; i < counts.length; ) {
      if (counts[i] === 0) {
        i++;
        continue;
      }
      const from = i;
      for (; i < counts.length && counts[i] !== 0; i++) {
        deltas.push((counts[i] as number) - before);
        before = counts[i] as number;
      }
      this.#span(first + from - end, i - from);
      end = first + i;
    }
    // A span of nothing tells Prometheus that this is a native histogram, though nothing was observed.
    if (deltas.length === 0 && zeroCount === 0) this.#span(0, 0);
    for (const delta of deltas) value.signed(HISTOGRAM.delta, delta);
  }

  #span(offset: number, length: number): void {
    this.#part.clear();
    this.#part.signed(1, offset);
    this.#part.unsigned(2, length);
    this.#value.message(HISTOGRAM.span, this.#part);
  }

  #add(labels: string, field: number): void {
    this.#metric.clear();
    this.#writeLabels(labels);
    this.#metric.message(field, this.#value);
    this.#metrics.message(FAMILY.metric, this.#metric);
  }

  #endFamily(): void {
    if (this.#metrics.length === 0) return;
    this.#done.varint(this.#head.length + this.#metrics.length);
    this.#done.append(this.#head);
    this.#done.append(this.#metrics);
    this.#metrics.clear();
  }

  /** From labels as text has them, `a="b",c="d"`, which is how sources hold them. */
  #writeLabels(rendered: string): void {
    for (let at = 0; at < rendered.length; ) {
      const from = rendered.indexOf('="', at) + 2;
      const end = endOfValue(rendered, from);
      const value = rendered.slice(from, end);
      this.#part.clear();
      this.#part.text(1, rendered.slice(at, from - 2));
      this.#part.text(2, value.includes('\\') ? unescapeLabelValue(value) : value);
      this.#metric.message(METRIC.label, this.#part);
      at = end + 2;
    }
  }
}

/** Index of the quote that ends a value; those within it stand behind an odd number of backslashes. */
function endOfValue(rendered: string, from: number): number {
  for (let end = rendered.indexOf('"', from); end !== -1; end = rendered.indexOf('"', end + 1)) {
    let escapes = 0;
    while (rendered[end - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return end;
  }
  return rendered.length;
}

function unescapeLabelValue(value: string): string {
  return value.replace(/\\(.)/gs, (_, character) => (character === 'n' ? '\n' : character));
}
