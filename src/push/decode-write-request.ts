// Reads a remote-write body back, for tests: what a receiver makes of it.

export interface DecodedSeries {
  readonly labels: readonly (readonly string[])[];
  /** NaN for a stale marker: `stale` tells it from another. */
  readonly value: number;
  readonly atMs: number;
}

/** @throws for bytes that are no WriteRequest with one sample a series. */
export function decodeWriteRequest(bytes: Uint8Array): DecodedSeries[] {
  return fieldsOf(bytes).map(([tag, series]) => {
    if (tag !== 1 || typeof series === 'number') throw new Error(`unexpected field ${tag}`);
    const labels: string[][] = [];
    let value = Number.NaN;
    let atMs = 0;
    for (const [field, inner] of fieldsOf(series)) {
      if (typeof inner === 'number') throw new Error('a label or sample is a message');
      const parts = fieldsOf(inner);
      if (field === 1) labels.push(parts.map(([, text]) => Buffer.from(text as Uint8Array).toString()));
      else {
        for (const [part, content] of parts) {
          if (part === 1) value = Buffer.from(content as Uint8Array).readDoubleLE(0);
          else atMs = content as number;
        }
      }
    }
    return { labels, value, atMs };
  });
}

function fieldsOf(bytes: Uint8Array): [tag: number, value: number | Uint8Array][] {
  const fields: [number, number | Uint8Array][] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('cut off');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length) throw new Error('cut off');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const key = varint();
    const type = key & 7;
    fields.push([key >> 3, type === 0 ? varint() : type === 1 ? take(8) : take(varint())]);
  }
  return fields;
}
