// The lab's reverse zone on port 53, for programs inside a namespace; ends with its standard input.

import { startDnsServer } from './dns-server.ts';

const zone = Object.fromEntries(
  Array.from({ length: 12 }, (_, i) => [
    `${i + 1}.0.64.100.in-addr.arpa`,
    { ptr: [`r${i + 1}.example.net`] },
  ]),
);
await using _server = await startDnsServer(zone, 53);
process.stdout.write('ready\n');
await new Promise((resolve) => process.stdin.resume().once('end', resolve));
