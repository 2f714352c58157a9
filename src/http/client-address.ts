// Who asks: the address of the connection, or what a trusted proxy says of it. Nobody else is believed: a client that
// writes X-Forwarded-For itself only names itself to a proxy that it does not come through.

import type { NetworkSet } from '../config/access.ts';
import { familyOf, formatAddress, parseAddress } from '../wire/address.ts';

/** Proxies behind one another that are followed. */
const MOST_PROXIES = 16;

/**
 * The address of the client. Each proxy appends the address it was asked from, so that the list is read from its end for
 * as long as the one who wrote is trusted.
 */
export function clientAddress(
  remote: string | undefined,
  forwardedFor: string | undefined,
  trusted: NetworkSet,
): string {
  let client = canonical(remote ?? '') ?? remote ?? '';
  if (forwardedFor === undefined || !trusted.has(client)) return client;
  const hops = forwardedFor.split(',').slice(-MOST_PROXIES).reverse();
  for (const hop of hops) {
    const address = canonical(hop.trim());
    if (address === undefined) break;
    client = address;
    if (!trusted.has(client)) break;
  }
  return client;
}

/** What limits are kept by: an IPv4 address, or an IPv6 /64, within which one host may take any address it likes. */
export function clientKey(address: string): string {
  const bytes = parseAddress(address.split('%', 1)[0] ?? '');
  if (bytes === undefined) return address;
  if (familyOf(bytes) === 4) return formatAddress(bytes);
  return `${formatAddress(bytes.map((byte, i) => (i < 8 ? byte : 0)))}/64`;
}

/** Without port and brackets, as some proxies write them. */
function canonical(text: string): string | undefined {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const bytes = parseAddress(bare.split('%', 1)[0] ?? '');
  return bytes === undefined ? undefined : formatAddress(bytes);
}
