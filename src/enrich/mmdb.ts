// One MaxMind DB held in memory: checked when it is opened, asked ever after.
// Invariant: no content of a file makes a question throw, or take longer than a bounded number of steps.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { Reader, type Response } from 'mmdb-lib';

/** A file that is no usable database. `message` says why, to follow "because". */
export class DatabaseError extends Error {
  readonly code = 'database';
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'DatabaseError';
  }
}

export interface Database {
  /** What the file calls itself, as in `GeoLite2-ASN`. */
  readonly databaseType: string;
  /** When it was made, epoch milliseconds. */
  readonly builtAtMs: number;
  /** The record of the network that a numeric address lies in, as its maker wrote it; null where there is none. */
  recordOf(address: string): unknown;
}

/** Larger files are not read: the largest that are sold have less. */
export const MAX_DATABASE_BYTES: number = 2 ** 30;
const METADATA_MARKER = Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1');
/** The format wants the marker in the last 128 KiB. */
const MAX_METADATA_BYTES = 128 * 1024;
/** Between tree and data stand so many zero bytes. */
const SEPARATOR_BYTES = 16;
/** Nodes checked before the event loop gets a turn. */
const NODES_PER_TURN = 65_536;
/** Pointers followed for one answer: a record of a sound file has some dozens. */
const MAX_POINTERS = 512;
/** Decoded parts that are kept, since most records share theirs. */
const MAX_PARTS = 16_384;

/**
 * Opens a database.
 * @throws DatabaseError where it is damaged, unfinished or of another format.
 */
export async function openDatabase(bytes: Uint8Array): Promise<Database> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const parts = new PartCache();
  const reader = openReader(file, parts);
  await checkTree(file, reader);
  const { metadata } = reader;
  const builtAtMs = metadata.buildEpoch.getTime();
  return {
    databaseType: metadata.databaseType,
    builtAtMs: Number.isFinite(builtAtMs) ? builtAtMs : 0,
    recordOf: (address) => {
      // In a tree for IPv4 the bits of an IPv6 address would lead anywhere.
      if (metadata.ipVersion === 4 && address.includes(':')) return null;
      parts.begin();
      try {
        return reader.get(address);
      } catch {
        return null;
      }
    },
  };
}

function openReader(file: Buffer, parts: PartCache): Reader<Response> {
  if (file.length === 0) throw new DatabaseError('it is empty');
  if (file.subarray(-MAX_METADATA_BYTES).lastIndexOf(METADATA_MARKER) === -1) {
    throw new DatabaseError('it has no MaxMind DB metadata: it is unfinished, or not an MMDB file');
  }
  let reader: Reader<Response>;
  try {
    reader = new Reader<Response>(file, { cache: parts });
  } catch (error) {
    throw new DatabaseError('its metadata is damaged', error);
  }
  const { binaryFormatMajorVersion, nodeCount, ipVersion, searchTreeSize, databaseType } = reader.metadata;
  if (binaryFormatMajorVersion !== 2) {
    throw new DatabaseError(`it has format ${String(binaryFormatMajorVersion)}, and only 2 is known here`);
  }
  const sound =
    Number.isSafeInteger(nodeCount) &&
    nodeCount > 0 &&
    (ipVersion === 4 || ipVersion === 6) &&
    typeof databaseType === 'string' &&
    searchTreeSize + SEPARATOR_BYTES < file.length;
  if (!sound) throw new DatabaseError('its metadata does not fit its content: it is damaged or unfinished');
  return reader;
}

/** Every record of the tree leads to a node, to nothing, or into the data. */
async function checkTree(file: Buffer, { metadata }: Reader<Response>): Promise<void> {
  const { nodeCount, nodeByteSize, recordSize, searchTreeSize } = metadata;
  const separator = file.subarray(searchTreeSize, searchTreeSize + SEPARATOR_BYTES);
  if (separator.some((byte) => byte !== 0)) {
    throw new DatabaseError('its search tree and its data do not meet: it is damaged');
  }
  const metadataAt = file.lastIndexOf(METADATA_MARKER);
  const end = nodeCount + metadataAt - searchTreeSize;
  for (let node = 0; node < nodeCount; node++) {
    const at = node * nodeByteSize;
    for (const value of [leftOf(file, at, recordSize), rightOf(file, at, recordSize)]) {
      const stray = value > nodeCount && (value < nodeCount + SEPARATOR_BYTES || value >= end);
      if (stray)
        throw new DatabaseError(`its search tree leads out of the file at node ${node}: it is damaged`);
    }
    if (node % NODES_PER_TURN === NODES_PER_TURN - 1) await nextTurn();
  }
}

function leftOf(file: Buffer, at: number, recordSize: number): number {
  if (recordSize === 32) return file.readUInt32BE(at);
  const low = file.readUIntBE(at, 3);
  return recordSize === 24 ? low : ((file[at + 3] as number) >> 4) * 0x1000000 + low;
}

function rightOf(file: Buffer, at: number, recordSize: number): number {
  if (recordSize === 32) return file.readUInt32BE(at + 4);
  if (recordSize === 24) return file.readUIntBE(at + 3, 3);
  return ((file[at + 3] as number) & 0x0f) * 0x1000000 + file.readUIntBE(at + 4, 3);
}

/** Decoded parts by their place in the file; also where the pointers of one answer are counted. */
class PartCache {
  #parts = new Map<string | number, unknown>();
  #followed = 0;

  begin(): void {
    this.#followed = 0;
  }

  get(place: string | number): unknown {
    // Pointers in a circle, or a few that fan out at every level, would go on for ever.
    if (++this.#followed > MAX_POINTERS) throw new DatabaseError('a record has too many pointers');
    return this.#parts.get(place);
  }

  set(place: string | number, part: unknown): void {
    if (this.#parts.size >= MAX_PARTS) this.#parts = new Map();
    this.#parts.set(place, part);
  }
}
