// Takes series from the same sources that /metrics is written from, as names, labels and numbers instead of text.

import { ExpositionWriter, type MetricSource } from '../metrics/exposition.ts';

/** One series at one moment. `labels` is rendered text, as the exposition has it. */
export interface CollectedSample {
  readonly name: string;
  readonly labels: string;
  readonly value: number;
}

class Collector extends ExpositionWriter {
  readonly samples: CollectedSample[] = [];

  constructor() {
    super('text');
  }

  override sample(name: string, labels: string, value: number): void {
    this.samples.push({ name, labels, value });
  }
}

/** All samples of a source, in its order. */
export function collectSamples(source: MetricSource): readonly CollectedSample[] {
  const collector = new Collector();
  for (const _ of source.write(collector));
  return collector.samples;
}

/** Reads rendered labels back: `a="b",c="d"`. The inverse of `renderLabels`. */
export function parseLabels(rendered: string): [string, string][] {
  const labels: [string, string][] = [];
  for (let at = 0; at < rendered.length; ) {
    const equals = rendered.indexOf('="', at);
    const name = rendered.slice(at, equals);
    let end = equals + 2;
    while (rendered[end] !== '"') end += rendered[end] === '\\' ? 2 : 1;
    labels.push([name, unescaped(rendered.slice(equals + 2, end))]);
    at = end + 2;
  }
  return labels;
}

function unescaped(value: string): string {
  if (!value.includes('\\')) return value;
  return value.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}
