// Writes series as text: Prometheus' format 0.0.4 and OpenMetrics 1.0 (protobuf-writer.ts writes the third), in chunks, giving the event loop
// a turn between them. Invariant: one family is written in one piece and once; no sample has a timestamp.

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MetricDefinition } from './catalogue.ts';
import type { NativeHistogram } from './native-histogram.ts';

export type TextFormat = 'text' | 'openmetrics';
export type ExpositionFormat = TextFormat | 'protobuf';

/** The media type to answer with. */
export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  protobuf: 'application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited',
};

/** Length of a chunk in UTF-16 units, which for this text is about its length in bytes. */
export const CHUNK_LENGTH: number = 64 * 1024;

/** Something that has series. `write` yields whenever the writer is full and between families. */
export interface MetricSource {
  write(writer: ExpositionWriter): Iterable<void>;
}

/** Bounds of a classic histogram with their labels rendered once. */
export class Buckets {
  /** Counters that one histogram needs: one a bound, and one for what exceeds them all. */
  readonly length: number;
  readonly labels: readonly string[];
  /** Without the last, which is infinite. */
  readonly bounds: readonly number[];

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.length = bounds.length + 1;
    this.labels = [...bounds.map(formatBound), '+Inf'].map((bound) => `le="${bound}"`);
  }

  /** Index of the bucket that `value` falls in: bounds are inclusive. */
  indexOf(value: number): number {
    let index = 0;
    while (index < this.bounds.length && value > (this.bounds[index] as number)) index++;
    return index;
  }
}

/** Collects text. Holds at most one chunk and the lines of one target or family more. */
export class ExpositionWriter {
  readonly format: ExpositionFormat;
  #text = '';
  /** Metadata of a family that has no sample yet: a family without samples is not written at all. */
  #pending = '';

  constructor(format: ExpositionFormat) {
    this.format = format;
  }

  get full(): boolean {
    return this.#text.length >= CHUNK_LENGTH;
  }

  /** Begins a family. Its metadata lines appear with its first sample. */
  family(definition: MetricDefinition): void {
    const { type, unit, help } = definition;
    if (this.format === 'openmetrics') {
      const name = familyName(definition);
      const unitLine = unit === undefined ? '' : `# UNIT ${name} ${unit}\n`;
      this.#pending = `# TYPE ${name} ${type}\n${unitLine}# HELP ${name} ${escapeHelp(help, this.format)}\n`;
      return;
    }
    const { name } = definition;
    this.#pending = `# HELP ${name} ${escapeHelp(help, this.format)}\n# TYPE ${name} ${type === 'info' ? 'gauge' : type}\n`;
  }

  /** One sample. `labels` is rendered text without braces (see `renderLabels`), empty for none. */
  sample(name: string, labels: string, value: number): void {
    if (this.#pending !== '') {
      this.#text += this.#pending;
      this.#pending = '';
    }
    this.#text +=
      labels === '' ? `${name} ${formatNumber(value)}\n` : `${name}{${labels}} ${formatNumber(value)}\n`;
  }

  /**
   * One histogram; `counts[at]` and on are the counts of each classic bucket by itself. Text has no words for native ones.
   */
  histogram(
    name: string,
    labels: string,
    buckets: Buckets,
    counts: Uint32Array,
    at: number,
    sum: number,
    _native: NativeHistogram | null = null,
  ): void {
    let count = 0;
    for (let i = 0; i < buckets.length; i++) {
      count += counts[at + i] as number;
      this.sample(`${name}_bucket`, joinLabels(labels, buckets.labels[i] as string), count);
    }
    this.sample(`${name}_sum`, labels, sum);
    this.sample(`${name}_count`, labels, count);
  }

  /** The text so far, which is then gone from the writer. */
  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }

  /** The same as the bytes to send. */
  takeBytes(): Buffer {
    return Buffer.from(this.take());
  }
}

/**
 * The whole exposition in chunks of about 64 KiB. Sources are asked as the reader pulls, so a slow reader
 * holds one chunk and no more.
 */
export async function* expose(
  sources: readonly MetricSource[],
  format: ExpositionFormat,
): AsyncGenerator<Buffer, void, void> {
  const writer = format === 'protobuf' ? new (await protobufWriter())() : new ExpositionWriter(format);
  for (const source of sources) {
    for (const _ of source.write(writer)) {
      if (!writer.full) continue;
      yield writer.takeBytes();
      await nextTurn();
    }
  }
  const rest = writer.takeBytes();
  if (rest.length > 0) yield rest;
  if (format === 'openmetrics') yield Buffer.from('# EOF\n');
}

/** Loaded when it is wanted: it extends what is defined here. */
async function protobufWriter(): Promise<new () => ExpositionWriter> {
  return (await import('./protobuf-writer.ts')).ProtobufWriter;
}

/** The exposition as one string, for a few series: a probe, a push, a terminal. */
export function exposeText(sources: readonly MetricSource[], format: TextFormat = 'text'): string {
  const writer = new ExpositionWriter(format);
  for (const source of sources) for (const _ of source.write(writer));
  return writer.take() + (format === 'openmetrics' ? '# EOF\n' : '');
}

/** Renders `a="b",c="d"`, leaving out labels with an empty value, which Prometheus takes for absent. */
export function renderLabels(labels: Readonly<Record<string, string>>): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(labels)) {
    if (value !== '') parts.push(`${name}="${escapeLabelValue(value)}"`);
  }
  return parts.join(',');
}

/** Joins rendered labels. */
export function joinLabels(first: string, second: string): string {
  if (first === '') return second;
  return second === '' ? first : `${first},${second}`;
}

/** Label values escape backslash, quote and line feed in both formats; lone surrogates become U+FFFD. */
export function escapeLabelValue(value: string): string {
  const whole = value.isWellFormed() ? value : value.toWellFormed();
  return /[\\"\n]/.test(whole)
    ? whole.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    : whole;
}

/** A number as both formats read it. */
export function formatNumber(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf';
  if (value === Number.NEGATIVE_INFINITY) return '-Inf';
  return Number.isNaN(value) ? 'NaN' : String(value);
}

/**
 * A bucket bound as OpenMetrics wants it (`1.0`, not `1`), in both formats: the series then stays the same
 * whichever format a scrape negotiates.
 */
export function formatBound(bound: number): string {
  return Number.isInteger(bound) && Math.abs(bound) < 1e21 ? `${bound}.0` : formatNumber(bound);
}

/** OpenMetrics names a family without the suffix that its type adds to the sample. */
function familyName({ name, type }: MetricDefinition): string {
  if (type === 'counter') return name.slice(0, -'_total'.length);
  return type === 'info' ? name.slice(0, -'_info'.length) : name;
}

/** Help escapes quotes in OpenMetrics only. */
function escapeHelp(help: string, format: ExpositionFormat): string {
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return format === 'openmetrics' ? escaped.replaceAll('"', '\\"') : escaped;
}
