// The image as it is built, run and published: three architectures from one build, the lab traced by each, a private
// registry over HTTPS that takes them from whoever trusts and logs in, and from nobody else.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readScenario } from '../../lab/scenario-file.ts';
import { startTunLab } from '../../lab/tun.ts';
import { ContainerEngine } from './container-engine.ts';
import { get, Output, projectPath, untilReady } from './servers.ts';

const IMAGE = 'localhost/hopscope:test';
const CHAIN = readScenario(projectPath('test/scenarios/chain.json'));
/** Ordinary user of the image. */
const UID = 65_532;
const MOST_COMPRESSED_BYTES = 80_000_000;

const engine = new ContainerEngine();
const path = engine.path.bind(engine);
const run = engine.run.bind(engine);
const succeed = engine.succeed.bind(engine);

before(() => {
  succeed(projectPath('deploy/container/build'), [IMAGE]);
});

after(() => engine[Symbol.dispose]());

describe('the image', () => {
  it('is there for amd64, arm64 and arm/v7 under one manifest', () => {
    const { manifests } = JSON.parse(succeed('buildah', ['manifest', 'inspect', IMAGE])) as {
      manifests: { platform: { os: string; architecture: string; variant?: string } }[];
    };
    const platforms = manifests.map(({ platform: { os, architecture, variant } }) =>
      [os, architecture, variant].filter((part) => part !== undefined).join('/'),
    );
    assert.deepEqual(platforms.sort(), ['linux/amd64', 'linux/arm/v7', 'linux/arm64']);
  });

  it('says how it wants to be run', () => {
    const [image] = JSON.parse(
      succeed('podman', ['image', 'inspect', '--format', 'json', imageFor('amd64')]),
    ) as {
      Config: { User: string; ExposedPorts: object; StopSignal: string };
      Healthcheck: { Test: string[] };
    }[];
    assert.equal(image?.Config.User, `${UID}:${UID}`);
    assert.deepEqual(image?.Config.ExposedPorts, { '10434/tcp': {} });
    assert.equal(image?.Config.StopSignal, 'SIGTERM');
    assert.equal(image?.Healthcheck.Test[0], 'CMD');
  });

  it('gives its volume to its user, and tells scanners which packages are left in it', () => {
    const print =
      'const fs = require("fs"); const { uid } = fs.statSync("/var/lib/hopscope"); console.log(uid + "\\n" + fs.readFileSync("/var/lib/dpkg/status", "utf8"))';
    const volume = ['--volume', 'state:/var/lib/hopscope', '--entrypoint', '/usr/bin/node'];
    const confined = ['--network=none', '--read-only', '--cap-drop=all'];
    const said = succeed('podman', ['run', '--rm', ...volume, ...confined, imageFor('amd64'), '-e', print]);
    assert.match(said, /^65532\n/);
    const packages = [...said.matchAll(/^Package: (.*)$/gm)].map(([, name]) => name);
    for (const name of ['base-files', 'libc6', 'libstdc++6', 'tzdata'])
      assert.ok(packages.includes(name), name);
    assert.ok(!packages.includes('mawk'), 'nothing of mawk is left');
    assert.match(said, /^Status: install ok installed$/m);
    assert.match(said, /^Version: 2\./m);
  });

  it('traces with a read-only root, no capability and an ordinary user, is healthy and ends on SIGTERM', async () => {
    await using lab = await startTunLab(CHAIN);
    const { namespace } = lab;
    await namespace.sysctl({ 'net.ipv4.ping_group_range': '0 2147483647' });
    const container = `${namespace.name}-image`;
    const child = spawn(
      'podman',
      [
        ...['run', '--rm', '--name', container, `--network=ns:/run/netns/${namespace.name}`],
        ...['--read-only', '--cap-drop=all', '--security-opt=no-new-privileges', imageFor('amd64')],
        ...['serve', '198.18.0.1'],
      ],
      { env: engine.environment(), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const output = new Output(child);
    const exit = once(child, 'exit');
    try {
      await untilReady(namespace, 'http://127.0.0.1:10434/-/ready', child, output);
      for (const module of ['icmp', 'udp', 'tcp']) {
        const { body } = await get(
          namespace,
          `http://127.0.0.1:10434/probe?target=198.18.0.1&module=${module}`,
        );
        assert.match(body, /^probe_traceroute_hops 13$/m, `${module}: ${body}${output.text}`);
      }
      succeed('podman', ['healthcheck', 'run', container]);
      const print = 'console.log(require("fs").readFileSync("/proc/1/status","utf8"))';
      const status = succeed('podman', ['exec', container, '/usr/bin/node', '-e', print]);
      assert.match(status, /^Uid:\t65532\t65532\t65532\t65532$/m);
      assert.match(status, /^CapBnd:\t0+$/m);
      assert.match(status, /^NoNewPrivs:\t1$/m);
    } finally {
      run('podman', ['stop', '--time', '10', container]);
    }
    assert.equal((await exit)[0], 0, output.text);
  });

  for (const [architecture, emulator] of [
    ['arm64', 'qemu-aarch64-static'],
    ['armv7', 'qemu-arm-static'],
  ] as const) {
    it(`for ${architecture} starts under emulation and traces the lab in every protocol`, async () => {
      await using lab = await startTunLab(CHAIN);
      const root = path('context', architecture);
      const hopscope = [
        emulator,
        '-L',
        root,
        join(root, 'usr/bin/node'),
        join(root, 'opt/hopscope/dist/src/main.js'),
      ];
      for (const protocol of ['icmp', 'udp', 'tcp']) {
        const args = ['trace', '--protocol', protocol, '--mode', 'raw', '--output', 'json', '198.18.0.1'];
        const { stdout, stderr } = await lab.namespace.run([...hopscope, ...args]);
        const trace = JSON.parse(stdout || 'null') as {
          hopCount: number;
          hops: { replies: { address: string }[] }[];
        } | null;
        assert.equal(trace?.hopCount, 13, stderr);
        const answered = trace.hops.map(({ replies }) => replies[0]?.address);
        const expected = Array.from({ length: 12 }, (_, i) => `100.64.0.${i + 1}`);
        assert.deepEqual(answered, [...expected, '198.18.0.1'], `${protocol} on ${architecture}`);
      }
    });
  }
});

/** Id of the image for one architecture. */
function imageFor(architecture: string): string {
  const { manifests } = JSON.parse(succeed('buildah', ['manifest', 'inspect', IMAGE])) as {
    manifests: { digest: string; platform: { architecture: string } }[];
  };
  const wanted = manifests.find(({ platform }) => platform.architecture === architecture)?.digest;
  const images = JSON.parse(succeed('podman', ['images', '--all', '--format', 'json'])) as {
    Id: string;
    Digest: string;
  }[];
  const id = images.find(({ Digest }) => Digest === wanted)?.Id;
  assert.ok(id !== undefined, `no local image with digest ${wanted}`);
  return id;
}

describe('the private registry', () => {
  let registry: ChildProcess;
  let host = '';
  let digest = '';

  before(async () => {
    mkdirSync(path('registry'));
    const made = succeed(projectPath('deploy/registry/make-certificates'), [
      path('registry/certificates'),
      'registry.example.org',
      '192.0.2.10',
      '2001:db8::10',
    ]);
    assert.match(made, /keystore\.jks/);
    const users = path('registry/users/htpasswd');
    succeed(projectPath('deploy/registry/add-user'), ['site', users], { input: 'a good password\n' });
    for (const name of ['trust', 'stranger']) mkdirSync(path(name));
    copyFileSync(path('registry/certificates/ca.crt'), path('trust/ca.crt'));
    const port = await freePort();
    host = `localhost:${port}`;
    const log = openSync(path('registry.log'), 'w');
    registry = spawn('docker-registry', ['serve', projectPath('deploy/registry/config.yml')], {
      cwd: path('registry'),
      // Variables named REGISTRY_* are its configuration.
      env: { PATH: process.env['PATH'], REGISTRY_HTTP_ADDR: `127.0.0.1:${port}` },
      // Not a pipe: nobody reads one while a command is waited for.
      stdio: ['ignore', log, log],
    });
    const ca = path('trust/ca.crt');
    const answers = (): boolean =>
      run('curl', ['--silent', '--cacert', ca, '--max-time', '5', `https://${host}/v2/`]).status === 0;
    const giveUpAt = Date.now() + 60_000;
    while (!answers()) {
      // The registry's end is heard in between.
      await new Promise((resolve) => setImmediate(resolve));
      assert.ok(
        Date.now() < giveUpAt && registry.exitCode === null,
        `the registry is not ready: ${readFileSync(path('registry.log'), 'utf8')}`,
      );
    }
  });

  after(async () => {
    if (registry.exitCode !== null) return;
    const exit = once(registry, 'exit');
    registry.kill('SIGTERM');
    await exit;
  });

  it('has a certificate for every name that clients use, and a keystore that opens', () => {
    const text = succeed('openssl', [
      'x509',
      '-in',
      path('registry/certificates/server.crt'),
      '-noout',
      '-text',
    ]);
    for (const name of [
      'DNS:localhost',
      'IP Address:127.0.0.1',
      'DNS:registry.example.org',
      'IP Address:192.0.2.10',
    ])
      assert.ok(text.includes(name), name);
    const keystore = [
      ...['-list', '-keystore', path('registry/certificates/keystore.jks')],
      ...['-storepass:file', path('registry/certificates/keystore-password')],
    ];
    assert.match(succeed('keytool', keystore), /jetty, .*PrivateKeyEntry/);
    succeed(projectPath('deploy/registry/nexus/prepare'), [path('registry/certificates')], {
      env: { NEXUS_ETC: path('nexus') },
    });
    const password = readFileSync(path('registry/certificates/keystore-password'), 'utf8').trim();
    assert.ok(readFileSync(path('nexus/jetty/jetty-https.xml'), 'utf8').includes(`>${password}<`));
    assert.ok(existsSync(path('nexus/ssl/keystore.jks')));
  });

  it('keeps its authority when certificates are made again', () => {
    const ca = readFileSync(path('registry/certificates/ca.crt'), 'utf8');
    chmodSync(path('registry/certificates'), 0o700);
    const copy = path('again');
    succeed('cp', ['-r', path('registry/certificates'), copy]);
    succeed(projectPath('deploy/registry/make-certificates'), [copy, 'other.example.org']);
    assert.equal(readFileSync(join(copy, 'ca.crt'), 'utf8'), ca);
    succeed('openssl', ['verify', '-CAfile', join(copy, 'ca.crt'), join(copy, 'server.crt')]);
  });

  it('refuses a client without trust', () => {
    const login = ['login', '--cert-dir', path('stranger'), '--username', 'site', '--password-stdin', host];
    const refused = run('buildah', login, { input: 'a good password\n' });
    assert.notEqual(refused.status, 0);
    assert.match(refused.text, /certificate signed by unknown authority/);
  });

  it('refuses a client that has not logged in, and a wrong password', () => {
    const publish = run(projectPath('deploy/registry/publish'), [`${host}/hopscope:test`, IMAGE], {
      env: { CERTIFICATES: path('trust') },
    });
    assert.notEqual(publish.status, 0);
    assert.match(publish.text, /authentication required|unauthorized/i);
    const login = ['login', '--cert-dir', path('trust'), '--username', 'site', '--password-stdin', host];
    assert.notEqual(run('buildah', login, { input: 'a wrong password\n' }).status, 0);
  });

  it('takes all three images from one who may', () => {
    const login = ['login', '--cert-dir', path('trust'), '--username', 'site', '--password-stdin', host];
    succeed('buildah', login, { input: 'a good password\n' });
    const published = succeed(projectPath('deploy/registry/publish'), [`${host}/hopscope:test`, IMAGE], {
      env: { CERTIFICATES: path('trust') },
    });
    assert.match(published, /@sha256:[0-9a-f]{64}\n$/);
    digest = published.trim();
  });

  it('gives each architecture its image by digest, each at most 80 MB compressed', () => {
    for (const [architecture, ...variant] of [['amd64'], ['arm64'], ['arm', '--override-variant=v7']]) {
      const where = ['--cert-dir', path('trust'), `docker://${digest}`];
      const choice = ['--override-os=linux', `--override-arch=${architecture}`, ...variant];
      const { Architecture } = JSON.parse(succeed('skopeo', [...choice, 'inspect', ...where])) as {
        Architecture: string;
      };
      assert.equal(Architecture, architecture);
      const copy = path('copies', `${architecture}`);
      mkdirSync(copy, { recursive: true });
      succeed('skopeo', [
        ...choice,
        'copy',
        '--src-cert-dir',
        path('trust'),
        `docker://${digest}`,
        `dir:${copy}`,
      ]);
      const { layers } = JSON.parse(readFileSync(join(copy, 'manifest.json'), 'utf8')) as {
        layers: { size: number }[];
      };
      const bytes = layers.reduce((sum, { size }) => sum + size, 0);
      assert.ok(bytes <= MOST_COMPRESSED_BYTES, `${architecture}: ${bytes} bytes`);
    }
    const pull = ['pull', '--quiet', '--cert-dir', path('trust'), '--arch', 'arm', '--variant', 'v7', digest];
    succeed('podman', pull);
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
