// A DNS server on loopback for tests: answers PTR, A and AAAA from a table, says nothing, or fails, as the table has it.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';

export interface DnsRecords {
  readonly ptr?: readonly string[];
}

export type DnsZone = Readonly<Record<string, DnsRecords | 'no-such-name' | 'servfail' | 'silent'>>;

export interface DnsServer extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly address: string;
  readonly asked: readonly string[];
}

/** What is not in the zone does not exist. */
export async function startDnsServer(zone: DnsZone, port = 0): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (query, from) => {
    const { name, end } = questionOf(query);
    asked.push(name);
    const known = zone[name] ?? 'no-such-name';
    if (known === 'silent') return;
    const records = typeof known === 'object' ? (known.ptr ?? []) : [];
    const code = known === 'servfail' ? 2 : known === 'no-such-name' ? 3 : 0;
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(0x8180 | code, 2);
    header.writeUInt16BE(records.length, 6);
    header.writeUInt32BE(0, 8);
    socket.send(
      Buffer.concat([header, query.subarray(12, end), ...records.map(ptrRecord)]),
      from.port,
      from.address,
    );
  });
  socket.bind(port, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    asked,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}

function questionOf(query: Buffer): { name: string; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 5 };
}

/** Type 12, class IN, a minute; its owner is the question's name. */
function ptrRecord(name: string): Buffer {
  const labels = name
    .split('.')
    .flatMap((label) => [Buffer.from([label.length]), Buffer.from(label, 'latin1')]);
  const data = Buffer.concat([...labels, Buffer.from([0])]);
  return Buffer.concat([Buffer.from([0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60, 0, data.length]), data]);
}
