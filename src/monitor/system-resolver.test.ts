import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { NameAnswer } from './name-resolver.ts';
import { hasOtherSources, parseHostsFile, parseResolverConfig, searchCandidates } from './system-files.ts';
import { SystemResolver } from './system-resolver.ts';

test('parseHostsFile() reads names, aliases, both families and comments', () => {
  const hosts = parseHostsFile(
    '# c\n127.0.0.1 localhost\n::1\tlocalhost Alias. # x\n198.18.0.1 a A.test\nbad line\n',
  );
  assert.deepEqual(hosts.get('localhost'), [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ]);
  assert.deepEqual([...hosts.keys()], ['localhost', 'alias', 'a', 'a.test']);
});

test('parseResolverConfig() takes the last search line and ndots', () => {
  assert.deepEqual(parseResolverConfig('domain x\nsearch A.test b.test. ; c\noptions rotate ndots:5\n'), {
    search: ['a.test', 'b.test'],
    ndots: 5,
  });
  assert.deepEqual(parseResolverConfig(''), { search: [], ndots: 1 });
});

test('searchCandidates() tries names with few dots in the search domains first', () => {
  const config = { search: ['a.test', 'b.test'], ndots: 2 };
  assert.deepEqual(searchCandidates('www', config), ['www.a.test', 'www.b.test', 'www']);
  assert.deepEqual(searchCandidates('www.x.y', config), ['www.x.y', 'www.x.y.a.test', 'www.x.y.b.test']);
});

test('hasOtherSources() notices sources besides files and dns', () => {
  assert.equal(hasOtherSources('hosts: files dns\n'), false);
  assert.equal(hasOtherSources('passwd: ldap\nhosts: files mdns4_minimal [NOTFOUND=return] dns\n'), true);
  assert.equal(hasOtherSources('hosts: files [NOTFOUND=return] dns'), false);
  assert.equal(hasOtherSources(''), false);
});

/** A DNS server on loopback: addresses by name; `silent` names get no answer, `broken` ones SERVFAIL, others NXDOMAIN. */
async function dnsServer(
  context: TestContext,
  zone: Readonly<Record<string, readonly string[]>>,
): Promise<{ address: string; asked: string[] }> {
  const socket: Socket = createSocket('udp4');
  const asked: string[] = [];
  socket.on('message', (query, from) => {
    const { name, type, end } = questionOf(query);
    asked.push(`${name} ${type === 1 ? 'A' : 'AAAA'}`);
    if (name.startsWith('silent')) return;
    const known = zone[name];
    const records = (known ?? []).filter((address) => (type === 1) === !address.includes(':'));
    const code = name.startsWith('broken') ? 2 : known === undefined ? 3 : 0;
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(0x8180 | code, 2);
    header.writeUInt16BE(records.length, 6);
    header.writeUInt16BE(0, 8);
    header.writeUInt16BE(0, 10);
    socket.send(
      Buffer.concat([header, query.subarray(12, end), ...records.map((address) => record(type, address))]),
      from.port,
      from.address,
    );
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  context.after(() => socket.close());
  return { address: `127.0.0.1:${socket.address().port}`, asked };
}

function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function record(type: number, address: string): Buffer {
  const data =
    type === 1
      ? Buffer.from(address.split('.').map(Number))
      : Buffer.from('20010db8000000000000000000000001', 'hex');
  const head = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]);
  return Buffer.concat([head, data]);
}

async function resolverOn(
  context: TestContext,
  server: string,
  hosts = '',
): Promise<{ resolver: SystemResolver; hostsFile: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'hs-resolver-'));
  context.after(() => rm(directory, { recursive: true }));
  const hostsFile = join(directory, 'hosts');
  const resolverFile = join(directory, 'resolv.conf');
  await writeFile(hostsFile, hosts);
  await writeFile(resolverFile, 'search site.test\n');
  let nowMs = 0;
  const resolver = new SystemResolver({
    hostsFile,
    resolverFile,
    nsswitchFile: join(directory, 'nsswitch.conf'),
    servers: [server],
    now: () => (nowMs += 10_000),
  });
  context.after(() => resolver[Symbol.dispose]());
  return { resolver, hostsFile };
}

const live = new AbortController().signal;

function addresses(answer: NameAnswer): readonly string[] {
  return answer.kind === 'addresses' ? [...answer.addresses].sort() : [answer.message];
}

test('SystemResolver asks the servers for both families, or for the one wanted', async (context) => {
  const server = await dnsServer(context, {
    'a.test': ['198.18.0.2', '198.18.0.1', '2001:db8::1'],
    'six.test': ['2001:db8::1'],
  });
  const { resolver } = await resolverOn(context, server.address);
  assert.deepEqual(addresses(await resolver.resolve('a.test', null, live)), [
    '198.18.0.1',
    '198.18.0.2',
    '2001:db8::1',
  ]);
  assert.deepEqual(addresses(await resolver.resolve('a.test', 4, live)), ['198.18.0.1', '198.18.0.2']);
  assert.deepEqual(addresses(await resolver.resolve('six.test', null, live)), ['2001:db8::1']);
  assert.match(
    addresses(await resolver.resolve('six.test', 4, live)).join(),
    /no such name, or it has no IPv4 address/,
  );
});

test('SystemResolver honours the hosts file, and notices when it changes', async (context) => {
  const server = await dnsServer(context, { 'a.test': ['198.18.0.1'] });
  const { resolver, hostsFile } = await resolverOn(context, server.address, '198.18.9.9 a.test router\n');
  assert.deepEqual(addresses(await resolver.resolve('a.test', null, live)), ['198.18.9.9']);
  assert.deepEqual(addresses(await resolver.resolve('router', null, live)), ['198.18.9.9']);
  assert.deepEqual(server.asked, []);
  await writeFile(hostsFile, '198.18.9.10 other and more\n');
  assert.deepEqual(addresses(await resolver.resolve('a.test', 4, live)), ['198.18.0.1']);
});

test('SystemResolver never asks a server for localhost', async (context) => {
  const server = await dnsServer(context, {});
  const { resolver } = await resolverOn(context, server.address);
  assert.deepEqual(addresses(await resolver.resolve('localhost', null, live)), ['127.0.0.1', '::1']);
  assert.deepEqual(addresses(await resolver.resolve('a.localhost', 6, live)), ['::1']);
  assert.deepEqual(server.asked, []);
});

test('SystemResolver tries the search list, and says when there is no such name', async (context) => {
  const server = await dnsServer(context, { 'www.site.test': ['198.18.0.1'] });
  const { resolver } = await resolverOn(context, server.address);
  assert.deepEqual(addresses(await resolver.resolve('www', 4, live)), ['198.18.0.1']);
  server.asked.length = 0;
  assert.match(
    addresses(await resolver.resolve('gone.test', 4, live)).join(),
    /Cannot resolve "gone\.test": there is no such name/,
  );
  assert.deepEqual(server.asked, ['gone.test A', 'gone.test.site.test A']);
});

test('SystemResolver reports a failing server as such, without trying the search list', async (context) => {
  const server = await dnsServer(context, {});
  const { resolver } = await resolverOn(context, server.address);
  assert.match(addresses(await resolver.resolve('broken.test', 4, live)).join(), /SERVFAIL/);
  assert.equal(
    server.asked.some((question) => question.includes('site.test')),
    false,
  );
});

test('SystemResolver reports a server that is not there', async (context) => {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => void socket.close(() => resolve()));
  const { resolver } = await resolverOn(context, `127.0.0.1:${port}`);
  assert.match(
    addresses(await resolver.resolve('a.test', 4, live)).join(),
    /refuse to answer|did not answer/,
  );
});

test('SystemResolver answers other names while some are never answered', async (context) => {
  const server = await dnsServer(context, { 'a.test': ['198.18.0.1'] });
  const { resolver } = await resolverOn(context, server.address);
  const stop = new AbortController();
  const hanging = Array.from({ length: 50 }, (_, i) => resolver.resolve(`silent${i}.test`, 4, stop.signal));
  assert.deepEqual(addresses(await resolver.resolve('a.test', 4, live)), ['198.18.0.1']);
  stop.abort();
  for (const answer of await Promise.all(hanging))
    assert.match(addresses(answer).join(), /not wanted any more/);
});
