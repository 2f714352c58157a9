// Hostile packets without end, out of a corpus of good ones and a seed, and the harness that feeds a decoder
// with them. Invariant: the same seed and corpus give the same packets, so a failure's index reproduces it.

import assert from 'node:assert/strict';
import { sealChecksum } from '../src/wire/checksum.ts';
import { writeUint16 } from '../src/wire/network-order.ts';

/** No mutated packet is longer, in bytes. */
export const MAX_PACKET_LENGTH = 2048;

const ICMP = 1;
/** Where the extension structure stands behind a quote of 128 bytes and the ICMP header. */
const EXTENSION_OFFSET = 8 + 128;
const BYTES = [0x00, 0x01, 0x03, 0x04, 0x05, 0x07, 0x08, 0x20, 0x40, 0x7f, 0x80, 0xff] as const;
const WORDS = [0, 1, 3, 4, 7, 8, 12, 0x2000, 0x7fff, 0x8000, 0xfffe, 0xffff] as const;

/** Length fields, protocol numbers and types of an IP packet and of the packet that an ICMP error in it quotes. */
const STRUCTURE4 = [
  0, 2, 6, 9, 20, 21, 24, 25, 28, 30, 34, 37, 48, 52, 60, 156, 160, 162, 163, 172, 176,
] as const;
const STRUCTURE6 = [
  0, 4, 6, 40, 41, 44, 48, 52, 54, 88, 89, 92, 100, 176, 180, 182, 183, 192, 196, 212,
] as const;

export class PacketMutator {
  /** The packet in [0, length); behind it lie left-overs of it and of earlier ones. */
  readonly bytes: Uint8Array = new Uint8Array(MAX_PACKET_LENGTH);
  length = 0;
  readonly #corpus: readonly Uint8Array[];
  #state: number;

  /** @param seed any integer but 0. */
  constructor(seed: number, corpus: readonly Uint8Array[]) {
    this.#state = seed | 0;
    this.#corpus = corpus;
  }

  /** A number from 0 to `limit` - 1; 0 for a limit of 0 (xorshift32). */
  below(limit: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return limit === 0 ? 0 : (state >>> 0) % limit;
  }

  /** Makes the next packet: one of the corpus, changed one to four times; one in 64 stays as it is. */
  next(): void {
    const original = this.#any();
    this.bytes.set(original);
    this.length = original.length;
    if (this.below(64) === 0) return;
    for (let changes = 1 + this.below(4); changes > 0; changes--) this.#change();
    if (this.below(2) === 0) this.#repair();
  }

  #any(): Uint8Array {
    return this.#corpus[this.below(this.#corpus.length)] as Uint8Array;
  }

  #change(): void {
    const { bytes } = this;
    const at = this.#position();
    const length = 1 + this.below(32);
    switch (this.below(11)) {
      case 0:
        bytes[at] = (bytes[at] as number) ^ (1 << this.below(8));
        break;
      case 1:
        bytes[at] = this.below(256);
        break;
      case 2:
        bytes[at] = BYTES[this.below(BYTES.length)] as number;
        break;
      case 3:
        this.#putWord(at);
        break;
      case 4:
      case 5:
        this.#editStructure();
        break;
      case 6:
        this.length = this.below(this.length + 1);
        break;
      case 7:
        this.#extend(length);
        break;
      case 8:
        this.#splice(at);
        break;
      case 9:
        this.#move(at + length, at);
        break;
      default:
        this.#move(at, at + length);
    }
  }

  /** Mostly among the headers, sometimes at the end, where extensions are. */
  #position(): number {
    const { length } = this;
    const kind = this.below(10);
    if (kind < 5) return this.below(Math.min(length, 100));
    if (kind < 7) return Math.max(0, length - 1 - this.below(Math.min(length, 60)));
    return this.below(length);
  }

  #putWord(at: number): void {
    const chosen = this.below(WORDS.length + 3);
    const near = this.length - this.below(40);
    if (at + 2 <= MAX_PACKET_LENGTH) writeUint16(this.bytes, at, WORDS[chosen] ?? near);
  }

  /** One field that says how long something is, or what follows. */
  #editStructure(): void {
    const fields = (this.bytes[0] as number) >> 4 === 6 ? STRUCTURE6 : STRUCTURE4;
    const at = fields[this.below(fields.length)] as number;
    if (at + 2 > this.length) return;
    if (this.below(2) === 0) this.#putWord(at);
    else this.bytes[at] = this.below(2) === 0 ? this.below(256) : (BYTES[this.below(BYTES.length)] as number);
  }

  #extend(length: number): void {
    const end = Math.min(MAX_PACKET_LENGTH, this.length + length);
    for (let at = this.length; at < end; at++) this.bytes[at] = this.below(256);
    this.length = end;
  }

  /** Puts the tail of another packet behind `at`, from its own place or from any. */
  #splice(at: number): void {
    const other = this.#any();
    const from = this.below(2) === 0 ? Math.min(at, other.length) : this.below(other.length);
    const tail = other.subarray(from, from + MAX_PACKET_LENGTH - at);
    this.bytes.set(tail, at);
    this.length = at + tail.length;
  }

  /** Moves everything from `from` on to `to`: cuts a range out, or doubles one. */
  #move(from: number, to: number): void {
    const start = Math.min(from, this.length);
    const count = Math.min(this.length - start, MAX_PACKET_LENGTH - to);
    this.bytes.copyWithin(to, start, start + count);
    this.length = to + count;
  }

  /** Makes checksums right or absent, so that a decoder looks behind them. */
  #repair(): void {
    const { bytes, length } = this;
    const four = (bytes[0] as number) >> 4 === 4;
    const icmp = four ? ((bytes[0] as number) & 15) * 4 : 40;
    const extension = icmp + EXTENSION_OFFSET;
    if (extension + 4 <= length && (bytes[extension] as number) >> 4 === 2) {
      if (this.below(2) === 0) writeUint16(bytes, extension + 2, 0);
      else sealChecksum(bytes, extension, length, extension + 2, 0);
    }
    if (!four || icmp + 4 > length || bytes[9] !== ICMP) return;
    if (length >= 4) writeUint16(bytes, 2, length);
    sealChecksum(bytes, icmp, length, icmp + 2, 0);
  }
}

/** Takes note of what a decoder made of a packet. */
export type Record = (value: unknown) => void;

/** Records every field of a decoded object; bytes as a hash. */
export function recordFields(record: Record, decoded: object): void {
  for (const value of Object.values(decoded)) {
    record(value instanceof Uint8Array ? hashOf(value) : value);
  }
}

function hashOf(bytes: Uint8Array): number {
  let hash = 17;
  for (const byte of bytes) hash = (Math.imul(hash, 31) + byte) | 0;
  return hash;
}

export interface FuzzPlan {
  readonly seed: number;
  readonly packets: number;
  readonly corpus: readonly Uint8Array[];
  /**
   * Decodes [offset, end) and records all it finds. Called at least twice for each packet, in different
   * surroundings: with `again` false and then true. `dice` are the same each time.
   */
  readonly decode: (
    bytes: Uint8Array,
    offset: number,
    end: number,
    record: Record,
    again: boolean,
    dice: number,
  ) => void;
}

const PACKET_OFFSET = 64;
const CANARY = 0xa5;

/** One packet in so many is also read through a guard: a hundred times slower, but it sees every single read. */
const GUARDED_SHARE = 32;

/**
 * Feeds `decode` with mutated packets and asserts that it never throws, finds the same whether the packet lies
 * amid canaries or amid left-overs of other packets (so nothing outside matters), reads nothing outside where a
 * guard watches, and never writes.
 */
export function fuzz(plan: FuzzPlan): void {
  const mutator = new PacketMutator(plan.seed, plan.corpus);
  const plain = new Uint8Array(PACKET_OFFSET + 2 * MAX_PACKET_LENGTH).fill(CANARY);
  const littered = new Uint8Array(PACKET_OFFSET + 2 * MAX_PACKET_LENGTH).fill(0x45);
  const found: unknown[] = [];
  const push: Record = (value) => {
    found.push(value);
  };
  let next = 0;
  const compare: Record = (value) => {
    if (!Object.is(value, found[next])) assert.fail(`found ${String(value)} after ${String(found[next])}`);
    next++;
  };
  let previousEnd = 0;
  for (let index = 0; index < plan.packets; index++) {
    mutator.next();
    const dice = mutator.below(0x10000);
    const end = PACKET_OFFSET + mutator.length;
    littered.set(mutator.bytes, PACKET_OFFSET);
    plain.set(mutator.bytes.subarray(0, mutator.length), PACKET_OFFSET);
    if (end < previousEnd) plain.fill(CANARY, end, previousEnd);
    previousEnd = end;
    try {
      found.length = 0;
      next = 0;
      plan.decode(littered, PACKET_OFFSET, end, push, false, dice);
      plan.decode(plain, PACKET_OFFSET, end, compare, true, dice);
      assert.equal(next, found.length, 'number of things found');
      if (index % GUARDED_SHARE === 0) {
        next = 0;
        plan.decode(guarded(plain, PACKET_OFFSET, end), PACKET_OFFSET, end, compare, true, dice);
      }
      if (index % 256 === 0) assertUntouched(plain, mutator);
    } catch (cause) {
      const hex = Buffer.from(mutator.bytes.subarray(0, mutator.length)).toString('hex');
      throw new Error(`seed ${plan.seed}, packet ${index}: ${hex}`, { cause });
    }
  }
}

/** `bytes`, with an assertion on every access outside [from, to). */
function guarded(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const assertInside = (start: number, end: number): void => {
    if (start < from || end > to) assert.fail(`read [${start}, ${end}) outside [${from}, ${to})`);
  };
  return new Proxy(bytes, {
    get: (target, key) => {
      const index = typeof key === 'string' ? Number(key) : Number.NaN;
      if (!Number.isNaN(index)) {
        assertInside(index, index + 1);
        return target[index];
      }
      if (key !== 'subarray') assert.fail(`read ${String(key)} of the whole buffer`);
      return (start: number, end: number) => {
        assertInside(start, end);
        return target.subarray(start, end);
      };
    },
    set: (_, key) => assert.fail(`wrote at ${String(key)}`),
  });
}

function assertUntouched(plain: Uint8Array, mutator: PacketMutator): void {
  const end = PACKET_OFFSET + mutator.length;
  const packet = plain.subarray(PACKET_OFFSET, end);
  assert.equal(Buffer.compare(packet, mutator.bytes.subarray(0, mutator.length)), 0, 'packet written to');
  for (let at = 0; at < PACKET_OFFSET; at++) assert.equal(plain[at], CANARY, 'written before the packet');
  const behind = plain.subarray(end);
  assert.ok(
    behind.every((byte) => byte === CANARY),
    'written behind the packet',
  );
}
