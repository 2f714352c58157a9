// A machine for containers of its own: a network namespace, and a mount namespace where what podman keeps in /run for all of
// a machine (its name server's configuration, its addresses) is empty.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createNamespace, type Namespace } from '../../lab/namespaces.ts';
import { ContainerEngine } from './container-engine.ts';

const OWN_FOLDERS = ['/run/containers', '/run/libpod'];

export class ContainerHost implements AsyncDisposable {
  readonly namespace: Namespace;
  readonly engine: ContainerEngine;
  readonly #holder: ChildProcess;

  private constructor(namespace: Namespace, holder: ChildProcess) {
    this.namespace = namespace;
    this.#holder = holder;
    this.engine = new ContainerEngine(['nsenter', `--target=${holder.pid}`, '--mount', '--net', '--']);
  }

  static async start(): Promise<ContainerHost> {
    const namespace = await createNamespace('containers');
    for (const folder of OWN_FOLDERS) mkdirSync(folder, { recursive: true });
    // Not `ip netns exec`, which hides /sys/fs/cgroup. It lasts until its standard input ends, as this process does.
    const mounts = OWN_FOLDERS.map((folder) => `mount -t tmpfs tmpfs ${folder}`).join(' && ');
    const enter = [`--net=/run/netns/${namespace.name}`, 'unshare', '--mount', '--propagation=private'];
    const holder = spawn('nsenter', [...enter, 'sh', '-c', `${mounts} && echo ready && exec cat`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(holder.stdout as NonNullable<typeof holder.stdout>, 'data');
    return new ContainerHost(namespace, holder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.engine[Symbol.dispose]();
    const exit = once(this.#holder, 'exit');
    this.#holder.kill('SIGKILL');
    await exit;
    await this.namespace[Symbol.asyncDispose]();
  }
}
