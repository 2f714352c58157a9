// Which addresses anybody beyond this site can know something of.

import { familyOf, parseAddress } from '../wire/address.ts';

export type AddressScope =
  /** Routed, or at least unique: shared address space, benchmarking and documentation networks included. */
  | 'global'
  /** Private networks: many hosts have the same, no AS has them; names for them are the site's own. */
  | 'private'
  /** Nobody's: unspecified, loopback, link-local, multicast, or not an address at all. */
  | 'none';

/** RFC 6890. */
export function addressScope(address: string): AddressScope {
  const bytes = parseAddress(address);
  if (bytes === undefined) return 'none';
  return familyOf(bytes) === 4 ? scope4(bytes[12] as number, bytes[13] as number) : scope6(bytes);
}

function scope4(first: number, second: number): AddressScope {
  if (first === 0 || first === 127 || first >= 224) return 'none';
  if (first === 169 && second === 254) return 'none';
  if (first === 10 || (first === 192 && second === 168)) return 'private';
  return first === 172 && second >= 16 && second <= 31 ? 'private' : 'global';
}

function scope6(bytes: Uint8Array): AddressScope {
  const [first = 0, second = 0] = bytes;
  const unspecifiedOrLoopback =
    bytes.subarray(0, 15).every((byte) => byte === 0) && (bytes[15] as number) < 2;
  if (unspecifiedOrLoopback || first === 0xff) return 'none';
  if (first === 0xfe && second >= 0x80 && second <= 0xbf) return 'none';
  return (first & 0xfe) === 0xfc ? 'private' : 'global';
}
