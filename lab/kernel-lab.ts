// Real kernel routers in network namespaces: a chain, with a diamond in it where asked for, from a client to a host.
// What the simulator imitates, Linux does here by itself: forwarding, hashing, limiting its errors, dropping.

import {
  createNamespace,
  type Namespace,
  NamespaceError,
  type RunOptions,
  type RunResult,
  sweepNamespaces,
} from './namespaces.ts';

export interface KernelLabOptions {
  /** Routers in a row, 1 to 20. */
  readonly routers: number;
  /** So many parallel routers stand between router `after` and the next, chosen by a hash over ports too. */
  readonly diamond?: { readonly after: number; readonly width: number };
  /** Milliseconds between two ICMP errors of a router to one address (net.ipv4.icmp_ratelimit); default 0, no limit. */
  readonly icmpRatelimitMs?: number;
  /** This router drops forwarded UDP without a word. */
  readonly dropsUdp?: number;
  /** Links that take so many bytes, each named by the router in front of it; a silent one does not say so. No diamond then. */
  readonly narrow?: readonly { readonly after: number; readonly bytes: number; readonly silent?: boolean }[];
}

/** Addresses that can answer at each TTL, the host's last. */
export type KernelHops = readonly (readonly string[])[];

const TOO_BIG = ['icmp type destination-unreachable icmp code frag-needed', 'icmpv6 type packet-too-big'];
const TARGET4 = '198.18.0.1';
const TARGET6 = '2001:db8:1::1';
const TARGETS4 = '198.18.0.0/15';
const TARGETS6 = '2001:db8:1::/48';

/** A link between two nodes; its number makes its addresses. */
interface Wire {
  readonly number: number;
  readonly near: Node;
  readonly far: Node;
}

interface Node {
  readonly name: string;
  readonly namespace: Namespace;
}

/** Needs root, `ip`, `sysctl` and, for a firewall, `nft`. */
export async function startKernelLab(options: KernelLabOptions): Promise<KernelLab> {
  if (!(options.routers >= 1 && options.routers <= 20))
    throw new RangeError('a kernel lab has 1 to 20 routers');
  await sweepNamespaces();
  const builder = new Builder(options);
  try {
    return await builder.build();
  } catch (error) {
    await builder.dispose();
    throw error;
  }
}

export class KernelLab implements AsyncDisposable {
  readonly target4: string = TARGET4;
  readonly target6: string = TARGET6;
  readonly client: Namespace;
  readonly hops4: KernelHops;
  readonly hops6: KernelHops;
  readonly #nodes: readonly Node[];

  constructor(nodes: readonly Node[], hops4: KernelHops, hops6: KernelHops) {
    this.#nodes = nodes;
    this.client = (nodes[0] as Node).namespace;
    this.hops4 = hops4;
    this.hops6 = hops6;
  }

  /** A node by its name: `client`, `r1` on, `d1` on for the diamond, `host`. */
  node(name: string): Namespace {
    const node = this.#nodes.find((candidate) => candidate.name === name);
    if (node === undefined) throw new RangeError(`no node "${name}"`);
    return node.namespace;
  }

  /** Runs a program on the client; see lab/namespaces.ts. */
  run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
    return this.client.run(argv, options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#nodes.map(({ namespace }) => namespace[Symbol.asyncDispose]()));
  }
}

class Builder {
  readonly #options: KernelLabOptions;
  readonly #nodes: Node[] = [];
  readonly #wires: Wire[] = [];
  /** `ip` lines by node. */
  readonly #lines = new Map<Node, string[]>();

  constructor(options: KernelLabOptions) {
    this.#options = options;
  }

  async build(): Promise<KernelLab> {
    const layers = await this.#layers();
    for (let i = 0; i + 1 < layers.length; i++) {
      for (const near of layers[i] as Node[])
        for (const far of layers[i + 1] as Node[]) this.#wire(near, far);
    }
    for (const { number, near, far } of this.#wires) {
      await near.namespace.ip([
        `link add v${number} type veth peer name v${number} netns ${far.namespace.name}`,
      ]);
    }
    this.#address();
    for (const [i, layer] of layers.entries()) this.#route(layer, layers[i + 1], layers[i - 1]);
    await Promise.all(this.#nodes.map((node) => this.#configure(node)));
    if (this.#options.dropsUdp !== undefined) {
      await this.#drop(`r${this.#options.dropsUdp}`, 'forward', ['meta l4proto udp']);
    }
    for (const { after, silent } of this.#options.narrow ?? []) {
      if (silent === true) await this.#drop(`r${after}`, 'output', TOO_BIG);
    }
    // Links come up in their own time, IPv6 on them up to a second later.
    await Promise.all(this.#wires.map((wire) => answers(wire.near, far6(wire))));
    await Promise.all([TARGET4, TARGET6].map((target) => answers(layers[0]?.[0], target)));
    const inner = layers.slice(1, -1);
    return new KernelLab(
      this.#nodes,
      [...inner.map((layer) => this.#facing(layer, far4)), [TARGET4]],
      [...inner.map((layer) => this.#facing(layer, far6)), [TARGET6]],
    );
  }

  async dispose(): Promise<void> {
    await Promise.all(this.#nodes.map(({ namespace }) => namespace[Symbol.asyncDispose]()));
  }

  async #layers(): Promise<Node[][]> {
    const { routers, diamond } = this.#options;
    const layers: Node[][] = [[await this.#node('client')]];
    for (let i = 1; i <= routers; i++) {
      layers.push([await this.#node(`r${i}`)]);
      if (diamond?.after !== i) continue;
      const lanes: Node[] = [];
      for (let lane = 1; lane <= diamond.width; lane++) lanes.push(await this.#node(`d${lane}`));
      layers.push(lanes);
    }
    layers.push([await this.#node('host')]);
    return layers;
  }

  async #node(name: string): Promise<Node> {
    const node = { name, namespace: await createNamespace(name) };
    this.#nodes.push(node);
    this.#lines.set(node, []);
    // While a link-local address is being checked for duplicates, a second long, no neighbour can be asked for.
    await node.namespace.sysctl({
      'net.ipv6.conf.default.accept_dad': 0,
      'net.ipv6.conf.default.dad_transmits': 0,
    });
    return node;
  }

  #wire(near: Node, far: Node): void {
    this.#wires.push({ number: this.#wires.length + 1, near, far });
  }

  #address(): void {
    for (const wire of this.#wires) {
      for (const [node, v4, v6] of [
        [wire.near, near4(wire), near6(wire)],
        [wire.far, far4(wire), far6(wire)],
      ] as const) {
        this.#say(
          node,
          `addr add ${v4}/30 dev v${wire.number}`,
          `addr add ${v6}/64 dev v${wire.number} nodad`,
          `link set v${wire.number} up${this.#mtuOf(wire)}`,
        );
      }
    }
  }

  /** Without a diamond, the link after router n has the number n + 1. */
  #mtuOf({ number }: Wire): string {
    const narrow = this.#options.narrow?.find(({ after }) => after + 1 === number);
    return narrow === undefined ? '' : ` mtu ${narrow.bytes}`;
  }

  /** Forward to the targets over every next router, back to the client over the first. */
  #route(layer: Node[], next: Node[] | undefined, before: Node[] | undefined): void {
    for (const node of layer) {
      const onward = this.#wires.filter((wire) => wire.near === node);
      if (next === undefined) {
        this.#say(node, `addr add ${TARGET4}/32 dev lo`, `addr add ${TARGET6}/128 dev lo nodad`);
      } else {
        const hops4 = onward.map((wire) => `nexthop via ${far4(wire)}`).join(' ');
        const hops6 = onward.map((wire) => `nexthop via ${far6(wire)}`).join(' ');
        this.#say(node, `route add ${TARGETS4} ${hops4}`, `route add ${TARGETS6} ${hops6}`);
      }
      if (before === undefined) continue;
      const back = this.#back(node);
      this.#say(node, `route add default via ${near4(back)}`, `route add ::/0 via ${near6(back)}`);
    }
  }

  async #configure(node: Node): Promise<void> {
    await node.namespace.sysctl({
      'net.ipv4.ip_forward': 1,
      'net.ipv6.conf.all.forwarding': 1,
      'net.ipv4.conf.all.rp_filter': 0,
      'net.ipv4.conf.default.rp_filter': 0,
      'net.ipv4.icmp_errors_use_inbound_ifaddr': 1,
      'net.ipv4.icmp_ratelimit': this.#options.icmpRatelimitMs ?? 0,
      'net.ipv6.icmp.ratelimit': this.#options.icmpRatelimitMs ?? 0,
      'net.ipv4.fib_multipath_hash_policy': 1,
      'net.ipv6.fib_multipath_hash_policy': 1,
      'net.ipv4.ping_group_range': '0 2147483647',
    });
    await node.namespace.ip(this.#lines.get(node) ?? []);
  }

  /** Lets router `name` drop what matches any of `matches`, in nftables' language. */
  async #drop(name: string, hook: 'forward' | 'output', matches: readonly string[]): Promise<void> {
    const node = this.#nodes.find((candidate) => candidate.name === name);
    if (node === undefined) throw new RangeError(`no router "${name}"`);
    const rules = [
      'add table inet lab',
      `add chain inet lab ${hook} { type filter hook ${hook} priority 0 ; policy accept ; }`,
      ...matches.map((match) => `add rule inet lab ${hook} ${match} drop`),
    ];
    const result = await node.namespace.run(['nft', '-f', '-'], { input: `${rules.join('\n')}\n` });
    if (result.exitCode !== 0)
      throw new Error(`Cannot set up the firewall of ${name}: ${result.stderr.trim()}`);
  }

  /** The wire towards the client. */
  #back(node: Node): Wire {
    return this.#wires.find((wire) => wire.far === node) as Wire;
  }

  #facing(layer: readonly Node[], side: (wire: Wire) => string): string[] {
    return this.#wires.filter((wire) => layer.includes(wire.far)).map(side);
  }

  #say(node: Node, ...lines: string[]): void {
    this.#lines.get(node)?.push(...lines);
  }
}

/** Waits until an address answers; throws when it does not within five seconds. */
async function answers(node: Node | undefined, address: string): Promise<void> {
  const result = await node?.namespace.run(['ping', '-q', '-c', '1', '-i', '0.1', '-w', '5', address]);
  if (result?.exitCode !== 0) throw new NamespaceError(`${address} does not answer ${node?.name}`);
}

const near4 = ({ number }: Wire): string => `100.64.${number}.1`;
const far4 = ({ number }: Wire): string => `100.64.${number}.2`;
const near6 = ({ number }: Wire): string => `2001:db8:0:${number.toString(16)}::1`;
const far6 = ({ number }: Wire): string => `2001:db8:0:${number.toString(16)}::2`;
