// The engine against real kernel routers: a chain of namespaces, all protocols, families and modes, and everything a
// host can refuse. Needs root, which continuous integration has.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createNamespace, type Namespace, type RunOptions } from '../../lab/namespaces.ts';
import type { RunOutput } from '../../test/run-traces.ts';
import type { EngineChannel, EngineCounters, Trace, TraceRequest } from '../trace/trace.ts';

const PROGRAM = join(import.meta.dirname, '../../test/run-traces.ts');
const NOBODY: RunOptions = { uid: 65_534 };
const ROOT: RunOptions = {};
const FORWARDING = {
  'net.ipv4.ip_forward': 1,
  'net.ipv6.conf.all.forwarding': 1,
  'net.ipv4.icmp_ratelimit': 0,
  'net.ipv6.icmp.ratelimit': 0,
  // Addresses work at once: nobody else is on these links.
  'net.ipv6.conf.default.accept_dad': 0,
};

/** Vantage point, three routers, destination: link i joins node i and node i + 1. */
const nodes: Namespace[] = [];
const DISTANCE = 4;
const PATHS = { 4: path((i) => `100.64.${i}.2`), 6: path((i) => `2001:db8:${i}::2`) } as const;
const TARGETS = { 4: '100.64.4.2', 6: '2001:db8:4::2' } as const;

function path(address: (link: number) => string): string[] {
  return [1, 2, 3, 4].map(address);
}

function node(index: number): Namespace {
  return nodes[index] as Namespace;
}

async function joinNodes(link: number): Promise<void> {
  const near = node(link - 1);
  const far = node(link);
  await near.ip([`link add a${link} type veth peer name b${link} netns ${far.name}`]);
  await near.ip([
    `addr add 100.64.${link}.1/24 dev a${link}`,
    `addr add 2001:db8:${link}::1/64 dev a${link} nodad`,
    `link set a${link} up`,
  ]);
  await far.ip([
    `addr add 100.64.${link}.2/24 dev b${link}`,
    `addr add 2001:db8:${link}::2/64 dev b${link} nodad`,
    `link set b${link} up`,
  ]);
}

async function addRoutes(): Promise<void> {
  for (let i = 0; i < DISTANCE - 1; i++) await node(i).ip(routesTowards(i));
  await node(2).ip(['route add 100.64.1.0/24 via 100.64.2.1', 'route add 2001:db8:1::/64 via 2001:db8:2::1']);
  for (const i of [3, 4]) {
    await node(i).ip([`route add default via 100.64.${i}.1`, `route add ::/0 via 2001:db8:${i}::1`]);
  }
}

function routesTowards(i: number): string[] {
  return [`route add default via 100.64.${i + 1}.2`, `route add ::/0 via 2001:db8:${i + 1}::2`];
}

async function nft(command: string): Promise<void> {
  const { exitCode, stderr } = await node(0).run(['nft', command]);
  assert.equal(exitCode, 0, stderr);
}

async function run(
  requests: readonly (Partial<TraceRequest> | string[])[],
  privileges: RunOptions,
  from = 0,
): Promise<
  Omit<RunOutput, 'channels' | 'counters'> & { channels: EngineChannel[]; counters: EngineCounters }
> {
  const argv = [process.execPath, PROGRAM, JSON.stringify(requests)];
  const { exitCode, stdout, stderr } = await node(from).run(argv, privileges);
  assert.equal(exitCode, 0, stderr);
  return JSON.parse(stdout) as Awaited<ReturnType<typeof run>>;
}

function traceOf(result: RunOutput['results'][number] | undefined): Trace {
  assert.ok(result !== undefined && 'hops' in result, JSON.stringify(result));
  return result;
}

function addressesOf(trace: Trace): (string | undefined)[] {
  return trace.hops.map((hop) => hop.replies[0]?.address);
}

function combinations(mode: 'raw' | 'unprivileged'): Partial<TraceRequest>[] {
  const requests: Partial<TraceRequest>[] = [];
  for (const protocol of ['icmp', 'udp', 'tcp'] as const) {
    for (const family of [4, 6] as const) {
      const port = protocol === 'icmp' ? null : 33_434;
      requests.push({ target: `${protocol}${family}`, address: TARGETS[family], protocol, port, mode });
    }
  }
  return requests;
}

before(async () => {
  for (let i = 0; i <= DISTANCE; i++) {
    const namespace = await createNamespace(`n${i}`);
    nodes.push(namespace);
    await namespace.sysctl(FORWARDING);
  }
  for (let link = 1; link <= DISTANCE; link++) await joinNodes(link);
  await addRoutes();
  await node(0).sysctl({ 'net.ipv4.ping_group_range': '0 65534' });
  // A new link takes up to a second until IPv6 neighbours answer; the kernel keeps this probe until they do.
  const { results } = await run([{ address: TARGETS[6], waitMs: 5000 }], ROOT);
  assert.equal(traceOf(results[0]).hopCount, DISTANCE);
});

after(async () => {
  for (const namespace of nodes) await namespace[Symbol.asyncDispose]();
});

describe('through three kernel routers', () => {
  for (const [mode, privileges] of [
    ['raw', ROOT],
    ['unprivileged', NOBODY],
  ] as const) {
    test(`startEngine() finds every hop with every protocol and family in ${mode} mode`, async () => {
      const requests = combinations(mode);
      const { results, counters, stamps } = await run(requests, privileges);
      assert.equal(stamps, 'timestamping');
      for (const [i, request] of requests.entries()) {
        const trace = traceOf(results[i]);
        const family = trace.family;
        assert.deepEqual(addressesOf(trace), PATHS[family], request.target);
        assert.equal(trace.hopCount, DISTANCE);
        assert.equal(trace.mode, mode);
        assert.equal(trace.end, 'reached');
        for (const reply of trace.hops.flatMap((hop) => hop.replies)) {
          assert.ok(reply.rttMs > 0 && reply.rttMs < 500, `${request.target}: ${reply.rttMs} ms`);
        }
      }
      assert.equal(counters.receiveDrops, 0);
      assert.equal(counters.replies.forged, 0);
      assert.equal(counters.replies.malformed, 0);
      assert.equal(counters.replies.duplicate, 0);
      assert.deepEqual(
        Object.values(counters.sendFailures).filter((count) => count > 0),
        [],
      );
    });

    test(`startEngine() reports the TTL of every reply but the kernel's own TCP answers in ${mode} mode`, async () => {
      const { results } = await run(combinations(mode), privileges);
      for (const result of results) {
        const trace = traceOf(result);
        for (const { ttl, replies } of trace.hops) {
          const expected =
            trace.protocol === 'tcp' && mode === 'unprivileged' && ttl === DISTANCE ? undefined : 65 - ttl;
          assert.equal(replies[0]?.replyTtl, expected, `${trace.target} at ${ttl}`);
        }
      }
    });
  }

  test('both modes hear an open TCP port and an answering UDP port', async () => {
    // Our reset after the handshake must not end it.
    const script =
      "require('node:net').createServer((s)=>s.on('error',()=>s.destroy())).listen(8080,'::');const u=require('node:dgram').createSocket('udp6');" +
      "u.on('message',(m,r)=>u.send('x',r.port,r.address));u.bind(5353,'::',()=>console.log('up'))";
    const server = node(DISTANCE).spawn([process.execPath, '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => server.stdout?.once('data', resolve));
    for (const [mode, privileges] of [
      ['raw', ROOT],
      ['unprivileged', NOBODY],
    ] as const) {
      const requests = ([4, 6] as const).flatMap((family) => [
        { address: TARGETS[family], protocol: 'tcp' as const, port: 8080, mode },
        { address: TARGETS[family], protocol: 'udp' as const, port: 5353, mode },
      ]);
      const { results } = await run(requests, privileges);
      const kinds = results.map((result) => traceOf(result).hops.at(-1)?.replies[0]?.kind);
      assert.deepEqual(kinds, ['syn-ack', 'udp-reply', 'syn-ack', 'udp-reply'], mode);
      for (const result of results) assert.equal(traceOf(result).hopCount, DISTANCE);
    }
  });

  test('a packet longer than the path allows is answered with the MTU when it may not be fragmented', async () => {
    await node(2).ip(['link set a3 mtu 1300']);
    const requests = (['raw', 'unprivileged'] as const).flatMap((mode) =>
      (['icmp', 'udp'] as const).flatMap((protocol) =>
        ([4, 6] as const).map((family) => ({
          address: TARGETS[family],
          protocol,
          port: protocol === 'icmp' ? null : 33_434,
          mode,
          packetLength: 1400,
          dontFragment: true,
        })),
      ),
    );
    const { results } = await run(requests, ROOT);
    await node(2).ip(['link set a3 mtu 1500']);
    for (const result of results) {
      const trace = traceOf(result);
      const reply = trace.hops[2]?.replies[0];
      assert.equal(reply?.mtu, 1300, `${trace.protocol} ${trace.family} ${trace.mode}`);
      assert.equal(reply?.address, PATHS[trace.family][1]);
    }
  });

  test('a packet longer than the own interface allows fails as too long', async () => {
    const requests = (['raw', 'unprivileged'] as const).map((mode) => ({
      address: TARGETS[4],
      mode,
      packetLength: 1600,
      dontFragment: true,
    }));
    const { results, counters } = await run(requests, ROOT);
    for (const result of results) assert.equal(traceOf(result).end, 'send-failed');
    assert.ok((counters.sendFailures['too-long'] ?? 0) > 0);
  });
});

describe('an interface that goes away and comes back', () => {
  test('ends what is asked meanwhile as send-failed and works again after, all on the same sockets', async () => {
    const all = [...combinations('raw'), ...combinations('unprivileged')];
    const down = [['ip', 'link', 'set', 'a1', 'down']];
    const up = [
      ['ip', 'link', 'set', 'a1', 'up'],
      ['ip', 'address', 'replace', '2001:db8:1::1/64', 'dev', 'a1', 'nodad'],
      ['ip', 'route', 'replace', 'default', 'via', '100.64.1.2'],
      ['ip', 'route', 'replace', '::/0', 'via', '2001:db8:1::2'],
    ];
    const settle = { ...all[1], waitMs: 5000 };
    const { results } = await run([...all, ...down, ...all, ...up, settle, ...all], ROOT);
    const ends = results.map((result) => traceOf(result).end);
    const n = all.length;
    assert.deepEqual(new Set(ends.slice(0, n)), new Set(['reached']));
    assert.deepEqual(new Set(ends.slice(n, 2 * n)), new Set(['send-failed']));
    assert.deepEqual(new Set(ends.slice(2 * n)), new Set(['reached']));
    for (const result of results.slice(2 * n)) assert.equal(traceOf(result).hopCount, DISTANCE);
  });
});

describe('local destinations', () => {
  for (const [mode, privileges] of [
    ['raw', ROOT],
    ['unprivileged', NOBODY],
  ] as const) {
    test(`loopback and own addresses answer at the first hop in ${mode} mode`, async () => {
      const addresses = ['127.0.0.1', '100.64.1.1', '::1', '2001:db8:1::1'];
      const requests = (['icmp', 'udp', 'tcp'] as const).flatMap((protocol) =>
        addresses.map((address) => ({ address, protocol, port: protocol === 'icmp' ? null : 33_434, mode })),
      );
      const { results } = await run(requests, privileges);
      for (const [i, result] of results.entries()) {
        const trace = traceOf(result);
        assert.equal(trace.hopCount, 1, JSON.stringify(requests[i]));
        assert.equal(trace.hops[0]?.replies[0]?.address, requests[i]?.address);
      }
    });
  }
});

describe('what a host refuses', () => {
  test('a closed ping_group_range is one sentence with the remedy while UDP and TCP stay open', async () => {
    await node(0).sysctl({ 'net.ipv4.ping_group_range': '1 0' });
    const { channels, results } = await run([{ address: TARGETS[4] }], NOBODY);
    await node(0).sysctl({ 'net.ipv4.ping_group_range': '0 65534' });
    const modes = Object.fromEntries(channels.map((each) => [`${each.protocol}${each.family}`, each.modes]));
    assert.deepEqual(modes, {
      icmp4: [],
      icmp6: [],
      udp4: ['unprivileged'],
      udp6: ['unprivileged'],
      tcp4: ['unprivileged'],
      tcp6: ['unprivileged'],
    });
    assert.deepEqual(results[0], {
      refused:
        'Cannot open an ICMP socket: EACCES; widen net.ipv4.ping_group_range to include group 65534, or grant CAP_NET_RAW',
      code: 'privilege',
    });
  });

  test('raw mode without CAP_NET_RAW is refused, auto falls back', async () => {
    const { results } = await run([{ address: TARGETS[4], mode: 'raw' }, { address: TARGETS[4] }], NOBODY);
    assert.deepEqual(results[0], {
      refused: 'Cannot open a raw socket: EPERM; grant CAP_NET_RAW, or use mode unprivileged',
      code: 'privilege',
    });
    assert.equal(traceOf(results[1]).mode, 'unprivileged');
  });

  test('a host without IPv6 addresses says so and keeps IPv4', async () => {
    await using bare = await createNamespace('v4');
    await bare.sysctl({ 'net.ipv6.conf.all.disable_ipv6': 1 });
    const argv = [process.execPath, PROGRAM, JSON.stringify([{ address: '::1' }, { address: '127.0.0.1' }])];
    const { stdout, stderr } = await bare.run(argv);
    assert.notEqual(stdout, '', stderr);
    const { results } = JSON.parse(stdout) as RunOutput;
    const first = results[0] as { refused: string; code: string };
    assert.match(first.refused, /^Cannot probe over IPv6: no interface has an IPv6 address/);
    assert.equal(first.code, 'no-family');
    assert.equal(traceOf(results[1]).hopCount, 1);
  });

  test('an address of neither family is a bad request', async () => {
    const { results } = await run([{ address: 'example.org' }], ROOT);
    assert.equal((results[0] as { code: string }).code, 'bad-request');
  });

  for (const [mode, privileges] of [
    ['raw', ROOT],
    ['unprivileged', NOBODY],
  ] as const) {
    test(`no route ends every protocol as send-failed in ${mode} mode`, async () => {
      const requests = (['icmp', 'udp', 'tcp'] as const).flatMap((protocol) =>
        ['198.18.0.1', '2001:db8:99::1'].map((address) => ({
          address,
          protocol,
          port: protocol === 'icmp' ? null : 80,
          mode,
        })),
      );
      await using bare = await createNamespace('lo');
      await bare.sysctl({ 'net.ipv4.ping_group_range': '0 65534' });
      const argv = [process.execPath, PROGRAM, JSON.stringify(requests)];
      const { stdout, stderr } = await bare.run(argv, privileges);
      assert.notEqual(stdout, '', stderr);
      const output = JSON.parse(stdout) as RunOutput;
      for (const result of output.results) {
        const trace = traceOf(result);
        assert.equal(trace.end, 'send-failed');
        assert.match(trace.note ?? '', /ENETUNREACH; this host has no route to it/);
      }
    });

    test(`a firewall that drops our probes is named in ${mode} mode`, async () => {
      await nft('add table inet t');
      await nft('add chain inet t o { type filter hook output priority 0; policy drop; }');
      const requests = (['icmp', 'udp'] as const).flatMap((protocol) =>
        ([4, 6] as const).map((family) => ({
          address: TARGETS[family],
          protocol,
          port: protocol === 'icmp' ? null : 33_434,
          mode,
        })),
      );
      const { results } = await run(requests, privileges);
      await nft('delete table inet t');
      for (const result of results) {
        const trace = traceOf(result);
        // Of an ICMPv6 datagram socket Linux forgets what became of the packet (ping_v6_sendmsg).
        if (mode === 'unprivileged' && trace.protocol === 'icmp' && trace.family === 6) {
          assert.equal(trace.end, 'silent');
          continue;
        }
        assert.equal(trace.end, 'send-failed', trace.protocol);
        assert.match(trace.note ?? '', /EPERM; a firewall rule or routing policy of this host forbids it/);
      }
    });
  }
});
