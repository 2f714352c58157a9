// Writes MaxMind DB files (format 2.0, maxmind.github.io/MaxMind-DB) for tests and benches: the house ships no data.
// Invariant: the same networks in the same order make the same bytes; the more specific network wins.

import { familyOf, parseAddress } from '../src/wire/address.ts';

export type MmdbValue =
  | string
  | number
  | boolean
  | readonly MmdbValue[]
  | { readonly [key: string]: MmdbValue };

export interface MmdbOptions {
  readonly databaseType?: string;
  /** 4 holds IPv4 alone; 6, the default, both. */
  readonly ipVersion?: 4 | 6;
  readonly recordSize?: 24 | 28 | 32;
  readonly buildEpoch?: number;
}

type Tree = { left: Branch; right: Branch };
type Branch = Tree | { readonly data: number } | null;

const MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');

/** A database that answers for each network (`198.18.0.0/15`) with its value. */
export function encodeMmdb(
  networks: Readonly<Record<string, MmdbValue>>,
  { databaseType = 'Test', ipVersion = 6, recordSize = 28, buildEpoch = 1_790_000_000 }: MmdbOptions = {},
): Buffer {
  const data = new DataSection();
  const root: Tree = { left: null, right: null };
  const entries = Object.entries(networks).map(([network, value]) => ({
    bits: bitsOf(network, ipVersion),
    value,
  }));
  // From the widest on, so that a narrower one splits what is there.
  entries.sort((a, b) => a.bits.length - b.bits.length);
  for (const { bits, value } of entries) insert(root, bits, { data: data.add(value) });
  const nodes = numbered(root);
  const tree = Buffer.alloc((nodes.size * recordSize) / 4);
  for (const [node, index] of nodes) {
    const value = (branch: Branch): number => {
      if (branch === null) return nodes.size;
      return 'data' in branch ? nodes.size + 16 + branch.data : (nodes.get(branch) as number);
    };
    writeNode(tree, (index * recordSize) / 4, value(node.left), value(node.right), recordSize);
  }
  const metadata = new DataSection();
  metadata.add(
    {
      binary_format_major_version: 2,
      binary_format_minor_version: 0,
      build_epoch: buildEpoch,
      database_type: databaseType,
      description: { en: 'Made by a test' },
      ip_version: ipVersion,
      languages: ['en'],
      node_count: nodes.size,
      record_size: recordSize,
    },
    false,
  );
  return Buffer.concat([tree, Buffer.alloc(16), data.bytes(), MARKER, metadata.bytes()]);
}

function bitsOf(network: string, ipVersion: 4 | 6): number[] {
  const [text = '', length = ''] = network.split('/');
  const bytes = parseAddress(text);
  if (bytes === undefined || !/^\d+$/.test(length)) throw new Error(`${network} is not a network`);
  const four = familyOf(bytes) === 4;
  if (!four && ipVersion === 4) throw new Error(`${network} does not go into an IPv4 database`);
  // IPv4 lies under ::/96 in a database for both.
  const address = four ? bytes.subarray(12) : bytes;
  const bits = [...address].flatMap((byte) => Array.from({ length: 8 }, (_, i) => (byte >> (7 - i)) & 1));
  const prefix = bits.slice(0, Number(length));
  return four && ipVersion === 6 ? [...Array<number>(96).fill(0), ...prefix] : prefix;
}

function insert(root: Tree, bits: readonly number[], leaf: { readonly data: number }): void {
  let node = root;
  for (const [i, bit] of bits.entries()) {
    const side = bit === 1 ? 'right' : 'left';
    if (i === bits.length - 1) {
      node[side] = leaf;
      return;
    }
    const next = node[side];
    if (next === null || 'data' in next) node[side] = { left: next, right: next };
    node = node[side] as Tree;
  }
}

function numbered(root: Tree): Map<Tree, number> {
  const nodes = new Map<Tree, number>([[root, 0]]);
  for (const node of nodes.keys()) {
    for (const branch of [node.left, node.right]) {
      if (branch !== null && !('data' in branch)) nodes.set(branch, nodes.size);
    }
  }
  return nodes;
}

function writeNode(tree: Buffer, at: number, left: number, right: number, recordSize: 24 | 28 | 32): void {
  if (recordSize === 32) {
    tree.writeUInt32BE(left, at);
    tree.writeUInt32BE(right, at + 4);
    return;
  }
  tree.writeUIntBE(left & 0xffffff, at, 3);
  tree.writeUIntBE(right & 0xffffff, at + recordSize / 4 - 3, 3);
  if (recordSize === 28) tree[at + 3] = ((left >> 24) << 4) | (right >> 24);
}

/** Values one after another, equal ones once; text that repeats is pointed to, as MaxMind's own writer does. */
class DataSection {
  readonly #parts: Buffer[] = [];
  readonly #records = new Map<string, number>();
  readonly #texts = new Map<string, number>();
  #length = 0;

  /** Where the value lies in the section. */
  add(value: MmdbValue, pointers = true): number {
    const key = JSON.stringify(value);
    const known = this.#records.get(key);
    if (known !== undefined) return known;
    const at = this.#length;
    this.#records.set(key, at);
    this.#write(value, pointers);
    return at;
  }

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #push(bytes: Buffer): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  #write(value: MmdbValue, pointers: boolean): void {
    if (typeof value === 'string') {
      const known = this.#texts.get(value);
      if (known !== undefined && pointers) return this.#push(pointer(known));
      this.#texts.set(value, this.#length);
      const text = Buffer.from(value);
      this.#push(Buffer.concat([control(2, text.length), text]));
    } else if (typeof value === 'boolean') this.#push(control(14, value ? 1 : 0));
    else if (typeof value === 'number') this.#push(number(value));
    else if (Array.isArray(value)) {
      this.#push(control(11, value.length));
      for (const item of value as readonly MmdbValue[]) this.#write(item, pointers);
    } else {
      const entries = Object.entries(value as { readonly [key: string]: MmdbValue });
      this.#push(control(7, entries.length));
      for (const [name, item] of entries) {
        this.#write(name, pointers);
        this.#write(item, pointers);
      }
    }
  }
}

/** Unsigned 32-bit where the number is one, else a double. */
function number(value: number): Buffer {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffffffff) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    const significant = bytes.subarray(bytes.findIndex((byte) => byte !== 0));
    return Buffer.concat([
      control(6, value === 0 ? 0 : significant.length),
      value === 0 ? Buffer.alloc(0) : significant,
    ]);
  }
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return Buffer.concat([control(3, 8), bytes]);
}

function control(type: number, size: number): Buffer {
  const extended = type > 7 ? [type - 7] : [];
  const high = (type > 7 ? 0 : type) << 5;
  if (size < 29) return Buffer.from([high | size, ...extended]);
  if (size < 285) return Buffer.from([high | 29, ...extended, size - 29]);
  if (size >= 65_821) throw new Error(`A value of ${size} bytes is longer than this writer writes`);
  return Buffer.from([high | 30, ...extended, (size - 285) >> 8, (size - 285) & 0xff]);
}

function pointer(to: number): Buffer {
  if (to < 2048) return Buffer.from([0x20 | (to >> 8), to & 0xff]);
  if (to < 526_336) {
    const rest = to - 2048;
    return Buffer.from([0x28 | (rest >> 16), (rest >> 8) & 0xff, rest & 0xff]);
  }
  const bytes = Buffer.alloc(5, 0x38);
  bytes.writeUInt32BE(to, 1);
  return bytes;
}
