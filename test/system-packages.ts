// What the tests need of the system beside Node: Debian packages, by a command that each brings.
// Installing them leaves no service running.

import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Debian package by the command that it brings. */
const PACKAGES = {
  ip: 'iproute2',
  nft: 'nftables',
  ping: 'iputils-ping',
  setpriv: 'util-linux',
  traceroute: 'traceroute',
  mtr: 'mtr-tiny',
  scamper: 'scamper',
  tcpdump: 'tcpdump',
  curl: 'curl',
  jq: 'jq',
  sysctl: 'procps',
  prometheus: 'prometheus',
  promtool: 'prometheus',
  jsonnet: 'jsonnet',
  kubectl: 'kubernetes-client',
  'prometheus-alertmanager': 'prometheus-alertmanager',
  'prometheus-pushgateway': 'prometheus-pushgateway',
  'prometheus-node-exporter': 'prometheus-node-exporter',
  'victoria-metrics': 'victoria-metrics',
  'systemd-analyze': 'systemd',
  openssl: 'openssl',
  buildah: 'buildah',
  podman: 'podman',
  netavark: 'netavark',
  'aardvark-dns': 'aardvark-dns',
  'podman-compose': 'podman-compose',
  'docker-compose': 'docker-compose',
  busybox: 'busybox',
  runc: 'runc',
  skopeo: 'skopeo',
  mmdebstrap: 'mmdebstrap',
  iptables: 'iptables',
  'qemu-arm-static': 'qemu-user-static',
  'docker-registry': 'docker-registry',
  htpasswd: 'apache2-utils',
  keytool: 'default-jre-headless',
  chromium: 'chromium',
} as const;

// The last is where podman's own programs are.
const PLACES = [
  '/usr/local/sbin',
  '/usr/local/bin',
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
  '/usr/lib/podman',
];

function missingPackages(): string[] {
  const missing = Object.entries(PACKAGES)
    .filter(([command]) => !PLACES.some((place) => existsSync(join(place, command))))
    .map(([, name]) => name);
  return [...new Set(missing)];
}

/**
 * Installs what is missing when this is root on a system with apt-get.
 * @returns a sentence that says what to install, where that could not be done; else undefined.
 */
export function ensureSystemPackages(say: (line: string) => void): string | undefined {
  const missing = missingPackages();
  if (missing.length === 0) return undefined;
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    return `The tests need programs that this machine lacks. As root: ${command}`;
  }
  say(`Installing what the tests need: ${missing.join(' ')}`);
  const failed = withoutServices(() => {
    run(['update', '-qq']);
    return !run(['install', '-y', '-qq', '--no-install-recommends', ...missing]);
  });
  return failed || missingPackages().length > 0
    ? `Cannot install what the tests need: ${command} failed`
    : undefined;
}

function run(args: readonly string[]): boolean {
  const { status } = spawnSync('apt-get', args, {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return status === 0;
}

/** Runs `body` while packages may start no services (invoke-rc.d asks policy-rc.d; 101 forbids). */
function withoutServices(body: () => boolean): boolean {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return body();
  writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return body();
  } finally {
    rmSync(policy, { force: true });
  }
}
