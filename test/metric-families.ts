// Reads Prometheus' protobuf exposition back, for tests: by the field numbers of client_model's metrics.proto, and by
// nothing of what writes them.

export interface DecodedHistogram {
  readonly count: number;
  readonly sum: number;
  /** Upper bound and cumulative count. */
  readonly buckets: readonly (readonly [number, number])[];
  readonly schema: number | undefined;
  readonly zeroThreshold: number;
  readonly zeroCount: number;
  /** Count by bucket index. */
  readonly native: ReadonlyMap<number, number>;
}

export interface DecodedMetric {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | undefined;
  readonly histogram: DecodedHistogram | undefined;
}

export interface DecodedFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly metrics: readonly DecodedMetric[];
}

type Field = readonly [number, number | Buffer];

/** Every message of a body, each after its length. */
export function decodeMetricFamilies(body: Buffer): DecodedFamily[] {
  const families: DecodedFamily[] = [];
  for (let at = 0; at < body.length; ) {
    const [length, from] = varint(body, at);
    if (from + length > body.length) throw new Error('The body ends within a message');
    families.push(family(fields(body.subarray(from, from + length))));
    at = from + length;
  }
  return families;
}

function family(all: readonly Field[]): DecodedFamily {
  const type = (['counter', 'gauge', undefined, undefined, 'histogram'] as const)[number(all, 3)];
  if (type === undefined) throw new Error(`No type is ${number(all, 3)}`);
  return { name: text(all, 1), help: text(all, 2), type, metrics: messages(all, 4).map(metric) };
}

function metric(all: readonly Field[]): DecodedMetric {
  const labels = messages(all, 1).map((pair) => [text(pair, 1), text(pair, 2)] as const);
  const [simple] = [...messages(all, 2), ...messages(all, 3)];
  const [histogram] = messages(all, 7);
  return {
    labels: Object.fromEntries(labels),
    value: simple === undefined ? undefined : double(simple, 1),
    histogram: histogram === undefined ? undefined : decodeHistogram(histogram),
  };
}

function decodeHistogram(all: readonly Field[]): DecodedHistogram {
  const native = new Map<number, number>();
  const deltas = all.filter(([field]) => field === 13).map(([, value]) => zigzag(value as number));
  let index = 0;
  let count = 0;
  for (const span of messages(all, 12)) {
    index += zigzag(number(span, 1));
    for (let i = 0; i < number(span, 2); i++) {
      count += deltas.shift() ?? Number.NaN;
      native.set(index++, count);
    }
  }
  if (deltas.length > 0) throw new Error('There are more counts than buckets');
  return {
    count: number(all, 1),
    sum: double(all, 2),
    buckets: messages(all, 3).map((bucket) => [double(bucket, 2), number(bucket, 1)] as const),
    schema: all.some(([field]) => field === 5) ? zigzag(number(all, 5)) : undefined,
    zeroThreshold: all.some(([field]) => field === 6) ? double(all, 6) : 0,
    zeroCount: number(all, 7),
    native,
  };
}

function fields(bytes: Buffer): Field[] {
  const found: Field[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [tag, from] = varint(bytes, at);
    const wire = tag % 8;
    if (wire === 0) {
      const [value, end] = varint(bytes, from);
      found.push([tag >> 3, value]);
      at = end;
    } else {
      const [length, start] = wire === 1 ? [8, from] : varint(bytes, from);
      if (wire !== 1 && wire !== 2) throw new Error(`No field has wire type ${wire}`);
      found.push([tag >> 3, bytes.subarray(start, start + length)]);
      at = start + length;
    }
  }
  return found;
}

function varint(bytes: Buffer, at: number): [value: number, end: number] {
  let value = 0;
  for (let i = 0; ; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) throw new Error('A number ends within itself');
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return [value, at + i + 1];
  }
}

function zigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

function last(all: readonly Field[], field: number): number | Buffer | undefined {
  return all.findLast(([found]) => found === field)?.[1];
}

function number(all: readonly Field[], field: number): number {
  const value = last(all, field) ?? 0;
  if (typeof value !== 'number') throw new Error(`Field ${field} is no number`);
  return value;
}

function bytesOf(all: readonly Field[], field: number): Buffer {
  const value = last(all, field);
  if (!Buffer.isBuffer(value)) throw new Error(`Field ${field} has no bytes`);
  return value;
}

function double(all: readonly Field[], field: number): number {
  return bytesOf(all, field).readDoubleLE(0);
}

function text(all: readonly Field[], field: number): string {
  return bytesOf(all, field).toString();
}

function messages(all: readonly Field[], field: number): Field[][] {
  return all.filter(([found]) => found === field).map(([, value]) => fields(value as Buffer));
}
