// Where the commands of the documentation run: a network namespace that leads into the simulated internet, with the names
// of the documentation, an exporter, a Pushgateway and a Prometheus; and a working copy of the repository to run in.

import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseScenario } from '../../lab/scenario-schema.ts';
import { startTunLab, type TunLab } from '../../lab/tun.ts';
import { Authority } from '../certificates.ts';
import { Output, projectPath, startHopscope, untilReady } from '../e2e/servers.ts';

/** Names and addresses that the documentation traces (RFC 2606, RFC 5737, RFC 3849), all of them hosts here. */
const HOSTS = `127.0.0.1 localhost
::1 localhost
198.18.0.1 example.org
2001:db8:1::1 example.org
198.18.0.2 example.net
127.0.0.1 registry.example.org
`;

function scenario(): unknown {
  const routers = Object.fromEntries(
    Array.from({ length: 6 }, (_, i) => [`r${i + 1}`, { v4: `100.64.0.${i + 1}`, v6: `2001:db8::${i + 1}` }]),
  );
  const prefixes = ['198.18.0.0/15', '192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24', '2001:db8:1::/112'];
  return {
    name: 'documentation',
    defaults: { host: { tcpPorts: { '443': 'syn-ack' } } },
    routers,
    routes: { main: { steps: ['r1', ['r2', 'r3'], 'r4', 'r5'] } },
    targets: prefixes.map((prefix) => ({ prefix, route: 'main' })),
  };
}

export class CommandLab implements AsyncDisposable {
  readonly #lab: TunLab;
  readonly #folder: string;
  readonly #netns: string;

  private constructor(lab: TunLab, folder: string, netns: string) {
    this.#lab = lab;
    this.#folder = folder;
    this.#netns = netns;
  }

  get namespace(): TunLab['namespace'] {
    return this.#lab.namespace;
  }

  /** @param folder for what it needs on disk; gone with whoever made it. */
  static async start(folder: string): Promise<CommandLab> {
    const lab = await startTunLab(parseScenario(scenario()));
    const netns = join('/etc/netns', lab.namespace.name);
    const commands = new CommandLab(lab, folder, netns);
    try {
      mkdirSync(netns, { recursive: true });
      writeFileSync(join(netns, 'hosts'), HOSTS);
      writeFileSync(join(netns, 'resolv.conf'), 'nameserver 127.0.0.1\noptions timeout:1\n');
      await commands.#startServers();
      return commands;
    } catch (error) {
      await commands[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #startServers(): Promise<void> {
    const config = join(this.#folder, 'lab.yml');
    writeFileSync(
      config,
      'defaults: { interval: 1s }\ntargets: [{ host: example.org }, { host: 192.0.2.1 }]\n',
    );
    const names = this.namespace.spawn([process.execPath, projectPath('test/dns-process.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => names.stdout?.once('data', resolve));
    await Promise.all([
      startHopscope(this.namespace, ['--config.file', config]),
      this.#startServer('http://127.0.0.1:9091/-/ready', ['prometheus-pushgateway', '--persistence.file=']),
    ]);
  }

  async #startServer(ready: string, argv: readonly string[]): Promise<void> {
    const child = this.namespace.spawn(argv, { stdio: ['ignore', 'pipe', 'pipe'] });
    await untilReady(this.namespace, ready, child, new Output(child));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lab[Symbol.asyncDispose]();
    rmSync(this.#netns, { recursive: true, force: true });
  }
}

/** A folder that looks like a checkout to who works in it, and whose changes are its own. */
export function makeCheckout(path: string): void {
  mkdirSync(join(path, 'etc-prometheus'), { recursive: true });
  for (const name of readdirSync(projectPath())) {
    if (name === 'deploy') cpSync(projectPath(name), join(path, name), { recursive: true });
    else if (!name.startsWith('.git') && name !== 'docs') symlinkSync(projectPath(name), join(path, name));
  }
}

/** What configurations of the documentation name: certificates and a password. */
export function addSecrets(path: string, parent: string): void {
  const authority = new Authority(parent, 'authority');
  const { cert, key } = authority.issue('server', { names: 'DNS:localhost,IP:127.0.0.1' });
  cpSync(cert, join(path, 'server.crt'));
  cpSync(key, join(path, 'server.key'));
  cpSync(authority.cert, join(path, 'ca.crt'));
  writeFileSync(join(path, 'password'), 'secret\n');
}
