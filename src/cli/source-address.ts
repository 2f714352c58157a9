// Which of this host's addresses packets to a destination leave from: the kernel says so when a datagram socket is
// connected, which sends nothing.

import { createSocket } from 'node:dgram';
import { familyOf, parseAddress } from '../wire/address.ts';

/** Any port: it only has to be one. */
const DISCARD_PORT = 9;

/** The numeric source address, or null where the system has no route. */
export function sourceAddressFor(address: string): Promise<string | null> {
  const bytes = parseAddress(address);
  if (bytes === undefined) return Promise.resolve(null);
  const socket = createSocket(familyOf(bytes) === 4 ? 'udp4' : 'udp6');
  return new Promise((resolve) => {
    const finish = (source: string | null): void => {
      socket.close();
      resolve(source);
    };
    socket.once('error', () => finish(null));
    socket.connect(DISCARD_PORT, address, (error?: Error) =>
      finish(error === undefined ? socket.address().address : null),
    );
  });
}
