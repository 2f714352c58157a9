// Makes test/fixtures/captures.ts anew: three network namespaces of kernel routers, ping and traceroute in the
// first, tcpdump on its link, and the first packet of each kind kept. Run as root, by hand:
// `node test/capture-packets.ts`. It needs iproute2, ethtool, tcpdump, traceroute, iputils-ping and python3.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp' };
const NODES = ['source', 'near', 'far', 'target'] as const;
const namespace = (node: string): string => `hs-wire-${node}`;

function run(node: string, command: string): void {
  execFileSync('ip', ['netns', 'exec', namespace(node), 'sh', '-c', command], { stdio: 'pipe' });
}

/** Runs what may fail: a trace of an unreachable target exits with an error and is wanted all the same. */
function attempt(node: string, command: string): void {
  try {
    run(node, command);
  } catch (error) {
    process.stderr.write(`${command}: ${String((error as { stderr?: unknown }).stderr ?? error).trim()}\n`);
  }
}

/** source (100.64.0.2) - near - far - target (198.18.0.1, 2001:db8:f::1); the link near - far has MTU 1400. */
function buildTopology(): void {
  for (const node of NODES) execFileSync('ip', ['netns', 'add', namespace(node)]);
  for (const [i, left] of NODES.slice(0, -1).entries()) {
    const right = NODES[i + 1] as string;
    const mtu = i === 1 ? 'mtu 1400' : '';
    run(left, `ip link add right ${mtu} type veth peer name left ${mtu} netns ${namespace(right)}`);
    run(left, `ip addr add 100.64.${i}.2/24 dev right; ip addr add 2001:db8:${i}::2/64 dev right nodad`);
    run(right, `ip addr add 100.64.${i}.1/24 dev left; ip addr add 2001:db8:${i}::1/64 dev left nodad`);
  }
  for (const node of NODES) {
    // Left on, offloading would show checksums that the kernel has not finished computing.
    for (const link of ['left', 'right']) attempt(node, `ethtool -K ${link} tx off rx off gso off tso off`);
    run(node, 'echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit');
    run(node, 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding');
    run(node, 'ip link set lo up; for l in left right; do ip link set $l up 2>/dev/null; done; true');
  }
  run('source', 'ip route add default via 100.64.0.1; ip -6 route add default via 2001:db8:0::1');
  for (const [node, hop] of [
    ['near', 1],
    ['far', 2],
  ] as const) {
    run(
      node,
      `ip route add 198.18.0.0/24 via 100.64.${hop}.1; ip route add 2001:db8:f::/64 via 2001:db8:${hop}::1`,
    );
  }
  for (const [node, hop] of [
    ['far', 1],
    ['target', 2],
  ] as const) {
    run(node, `ip route add default via 100.64.${hop}.2; ip -6 route add default via 2001:db8:${hop}::2`);
  }
  run('near', 'ip route add prohibit 203.0.113.0/24; ip -6 route add prohibit 2001:db8:dead::/64');
  run('target', 'ip addr add 198.18.0.1/32 dev lo; ip addr add 2001:db8:f::1/128 dev lo nodad');
}

const DESTINATION_OPTIONS_PROBE = `python3 -c "
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, bytes([0, 0, 1, 4, 0, 0, 0, 0]))
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 1)
s.sendto(b'hopscope', ('2001:db8:f::1', 33434))
"`;

function makeTraffic(): void {
  for (const target of ['198.18.0.1', '2001:db8:f::1']) {
    attempt('source', `ping -n -c 1 -Q 0x48 -p c0ffee ${target}`);
    attempt('source', `ping -n -c 1 -M do -s 1380 ${target}`);
    attempt('source', `traceroute -n -q 1 -N 1 -I -t 0x48 ${target}`);
    attempt('source', `traceroute -n -q 1 -N 1 --sport=40000 -t 0x48 ${target} 72`);
    attempt('source', `traceroute -n -q 1 -N 1 -T --sport=40001 -p 81 -t 0x48 ${target}`);
    attempt('source', `traceroute -n -q 1 -N 1 -T --sport=40002 -p 80 -t 0x48 ${target}`);
  }
  attempt('source', 'ping -n -c 1 -t 1 -R 198.18.0.1');
  attempt('source', DESTINATION_OPTIONS_PROBE);
  attempt('source', 'ping -n -c 1 -W 1 203.0.113.1; ping -n -c 1 -W 1 2001:db8:dead::1');
}

/** A name for the kind of the IP packet, or undefined when the kind is not wanted. */
function kindOf(packet: Uint8Array): string | undefined {
  const at = (index: number): number => packet[index] ?? 0;
  const version = at(0) >> 4;
  const icmpErrors: Readonly<Record<number, string>> =
    version === 4
      ? { 3: 'unreachable', 11: 'time-exceeded' }
      : { 1: 'unreachable', 2: 'packet-too-big', 3: 'time-exceeded' };
  const echoes: Readonly<Record<number, string>> =
    version === 4
      ? { 8: 'echo-request', 0: 'echo-reply' }
      : { 128: 'echo-request', 129: 'echo-reply', 135: 'neighbour-solicitation' };
  const upper = version === 4 ? (at(0) & 15) * 4 : 40;
  const protocol = PROTOCOLS[at(version === 4 ? 9 : 6)];
  if (protocol === 'udp') return `ipv${version}-udp`;
  if (protocol === 'tcp') {
    const flags = at(upper + 13) & 0x16;
    return `ipv${version}-tcp-${{ 2: 'syn', 18: 'syn-ack', 4: 'rst', 20: 'rst' }[flags] ?? 'other'}`;
  }
  if (protocol !== 'icmp') return undefined;
  const type = at(upper);
  const echo = echoes[type];
  if (echo !== undefined) return `ipv${version}-icmp-${echo}`;
  const error = icmpErrors[type];
  if (error === undefined) return undefined;
  const quote = upper + 8;
  const options = version === 4 && at(quote) > 0x45 ? '-with-options' : '';
  const quoted = PROTOCOLS[at(quote + (version === 4 ? 9 : 6))] ?? 'destination-options';
  const code = error === 'unreachable' ? `-${at(upper + 1)}` : '';
  return `ipv${version}-icmp-${error}${code}-quoting-${quoted}${options}`;
}

/** IP packets of a pcap file with Ethernet frames (libpcap savefile format, little-endian). */
function* packetsOf(pcap: Buffer): Generator<Uint8Array> {
  for (let at = 24; at + 16 <= pcap.length; ) {
    const length = pcap.readUInt32LE(at + 8);
    const frame = pcap.subarray(at + 16, at + 16 + length);
    const etherType = frame.readUInt16BE(12);
    if (etherType === 0x0800) yield frame.subarray(14, 14 + frame.readUInt16BE(16));
    if (etherType === 0x86dd) yield frame.subarray(14, 54 + frame.readUInt16BE(18));
    at += 16 + length;
  }
}

/** Waits for `text` on the child's standard error. */
async function until(child: ChildProcess, text: string): Promise<void> {
  for await (const chunk of child.stderr?.iterator({ destroyOnReturn: false }) ?? []) {
    if (String(chunk).includes(text)) return;
  }
  throw new Error(`the child ended before it said "${text}"`);
}

async function capture(file: string): Promise<void> {
  const exec = ['netns', 'exec'];
  const server = spawn('ip', [
    ...exec,
    namespace('target'),
    process.execPath,
    '-e',
    'require("net").createServer().listen(80, () => console.error("listening"))',
  ]);
  const tcpdump = spawn('ip', [
    ...exec,
    namespace('source'),
    'tcpdump',
    '--immediate-mode',
    '-U',
    '-i',
    'right',
    '-w',
    file,
  ]);
  try {
    await Promise.all([until(server, 'listening'), until(tcpdump, 'listening')]);
    makeTraffic();
  } finally {
    server.kill();
    tcpdump.kill('SIGINT');
    await Promise.all([once(server, 'exit'), once(tcpdump, 'exit')]);
  }
}

function write(pcap: Buffer): void {
  const kinds = new Map<string, string>();
  for (const packet of packetsOf(pcap)) {
    const kind = kindOf(packet);
    if (kind !== undefined && !kinds.has(kind)) kinds.set(kind, Buffer.from(packet).toString('hex'));
  }
  const entries = [...kinds].sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = entries.map(([kind, hex]) => `  '${kind}': '${hex}',`);
  writeFileSync(
    new URL('./fixtures/captures.ts', import.meta.url),
    `// IP packets as tcpdump saw them beside a Linux kernel's routers; written by test/capture-packets.ts.\n// Tests assert on their fields: taking them anew means reading those off \`tcpdump -v\` anew.\n\nexport const CAPTURES = {\n${lines.join('\n')}\n} as const;\n`,
  );
}

const directory = mkdtempSync(join(tmpdir(), 'hopscope-capture-'));
try {
  buildTopology();
  const file = process.argv[2] ?? join(directory, 'link.pcap');
  await capture(file);
  write(readFileSync(file));
} finally {
  for (const node of NODES) execFileSync('ip', ['netns', 'del', namespace(node)]);
  rmSync(directory, { recursive: true });
}
