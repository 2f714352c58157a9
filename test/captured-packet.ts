// The packets of test/fixtures as bytes. Each call gives a fresh copy, so that tests may write into it.

import { CAPTURES } from './fixtures/captures.ts';
import { EXTENSIONS } from './fixtures/extensions.ts';

export type PacketName = keyof typeof CAPTURES | keyof typeof EXTENSIONS;

const PACKETS: Readonly<Record<PacketName, string>> = { ...CAPTURES, ...EXTENSIONS };

export const PACKET_NAMES: readonly PacketName[] = Object.keys(PACKETS) as PacketName[];

/** The IP packet of that name, header and all. */
export function capturedPacket(name: PacketName): Uint8Array {
  return Uint8Array.from(Buffer.from(PACKETS[name], 'hex'));
}
