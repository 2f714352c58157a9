// The exporter under a web configuration as sites run it: a real Prometheus that logs in over TLS with a client
// certificate; strangers, slow clients and rebinding names turned away.

import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { hashSync } from 'bcryptjs';
import { readScenario } from '../../lab/scenario-file.ts';
import { startTunLab } from '../../lab/tun.ts';
import { Authority } from '../certificates.ts';
import { get, Output, projectPath, temporaryFolder, untilQuery, untilReady } from './servers.ts';

const TARGET = '198.18.0.1';

function serve(...args: readonly string[]): string[] {
  return [process.execPath, projectPath('src/main.ts'), 'serve', ...args];
}

async function until(good: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await good())) await new Promise((resolve) => setTimeout(resolve, 100));
}

describe('hopscope serve under a web configuration', () => {
  it('is scraped by a Prometheus with certificate and password, and takes a new certificate while it runs', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/chain.json')));
    using folder = temporaryFolder();
    const { namespace } = lab;
    const ca = new Authority(folder.path, 'ca');
    const stranger = new Authority(folder.path, 'stranger');
    const client = ca.issue('prometheus');
    const foreign = stranger.issue('foreign');
    const file = (name: string): string => join(folder.path, name);
    const present = (name: string): void => {
      const { cert, key } = ca.issue(name);
      // The key first: for a moment they do not match, and what is in force stays.
      for (const [from, to] of [
        [key, 'server.key'],
        [cert, 'server.pem'],
      ] as const) {
        copyFileSync(from, file(`${to}.new`));
        renameSync(file(`${to}.new`), file(to));
      }
    };
    present('first');
    writeFileSync(
      file('web.yml'),
      JSON.stringify({
        tls_server_config: {
          cert_file: 'server.pem',
          key_file: 'server.key',
          client_auth_type: 'RequireAndVerifyClientCert',
          client_ca_file: ca.cert,
        },
        basic_auth_users: { prometheus: hashSync('geheim', 6) },
      }),
    );
    const child = namespace.spawn(serve(TARGET, '--web.config.file', file('web.yml')), {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const output = new Output(child);
    await until(() => output.text.includes('Listening') || child.exitCode !== null);
    writeFileSync(file('password'), 'geheim\n');
    writeFileSync(
      file('prometheus.yml'),
      `global: { scrape_interval: 1s }
scrape_configs:
  - job_name: hopscope
    scheme: https
    basic_auth: { username: prometheus, password_file: ${file('password')} }
    tls_config: { ca_file: ${ca.cert}, cert_file: ${client.cert}, key_file: ${client.key} }
    static_configs: [{ targets: ["127.0.0.1:10434"] }]
`,
    );
    const prometheus = namespace.spawn(
      [
        'prometheus',
        `--config.file=${file('prometheus.yml')}`,
        `--storage.tsdb.path=${file('data')}`,
        '--web.listen-address=127.0.0.1:9090',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    await untilReady(namespace, 'http://127.0.0.1:9090/-/ready', prometheus, new Output(prometheus));
    const hops = await untilQuery(
      namespace,
      `traceroute_hops{target="${TARGET}"}`,
      (result) => result.length === 1,
    );
    assert.equal(hops[0]?.value, 13);

    const curl = (...args: readonly string[]) =>
      namespace.run([
        'curl',
        '--silent',
        '--show-error',
        '--write-out',
        '%{http_code} %{certs}',
        '--output',
        '/dev/null',
        '--cacert',
        ca.cert,
        ...args,
        'https://127.0.0.1:10434/-/healthy',
      ]);
    const own = ['--cert', client.cert, '--key', client.key];
    assert.match((await curl(...own)).stdout, /^401 /);
    assert.match((await curl(...own, '--user', 'prometheus:falsch')).stdout, /^401 /);
    assert.notEqual((await curl('--user', 'prometheus:geheim')).exitCode, 0, 'without a certificate');
    const other = ['--cert', foreign.cert, '--key', foreign.key];
    assert.notEqual((await curl(...other, '--user', 'prometheus:geheim')).exitCode, 0, "a stranger's");

    present('second');
    await until(async () =>
      (await curl(...own, '--user', 'prometheus:geheim')).stdout.includes('CN = second'),
    );
    const up = await untilQuery(namespace, 'min_over_time(up[30s])', (result) => result.length === 1);
    assert.equal(up[0]?.value, 1, 'no scrape failed');
  });

  it('says with file and line what is wrong, with status 2, and listens nowhere', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/chain.json')));
    using folder = temporaryFolder();
    const file = join(folder.path, 'web.yml');
    const problemOf = async (yaml: string): Promise<string> => {
      writeFileSync(file, yaml);
      const { exitCode, stderr } = await lab.namespace.run(serve('--web.config.file', file));
      assert.equal(exitCode, 2, stderr);
      return stderr;
    };
    assert.match(
      await problemOf('basic_auth_users:\n  alice: geheim\n'),
      /web\.yml:2:10: basic_auth_users\.alice: not a bcrypt hash/,
    );
    const key = join(folder.path, 'secret.key');
    writeFileSync(key, '');
    chmodSync(key, 0);
    const ca = new Authority(folder.path, 'ca');
    const { cert } = ca.issue('server');
    const tls = `tls_server_config:\n  cert_file: ${cert}\n  key_file: none.key\n`;
    assert.match(
      await problemOf(tls),
      /web\.yml:3:13: tls_server_config\.key_file: "none\.key": cannot read the file/,
    );
  });
});

describe('hopscope serve and strangers', () => {
  it('refuses denied addresses in every disguise, and names that lead to what is not allowed', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/chain.json')));
    using folder = temporaryFolder();
    const { namespace } = lab;
    writeFileSync(join(folder.path, 'hopscope.yml'), 'probe: { allow: ["198.18.0.0/15"] }\n');
    const child = namespace.spawn(serve('--config.file', join(folder.path, 'hopscope.yml')), {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    await untilReady(namespace, 'http://127.0.0.1:10434/-/ready', child, new Output(child));
    const ask = (target: string) =>
      get(namespace, `http://127.0.0.1:10434/probe?target=${encodeURIComponent(target)}`);
    assert.equal((await ask(TARGET)).status, 200);
    for (const target of [
      '169.254.169.254',
      '::ffff:169.254.169.254',
      '64:ff9b::a9fe:a9fe',
      '2002:a9fe:a9fe::1',
    ]) {
      const { status, body } = await ask(target);
      assert.equal(status, 403, target);
      assert.match(body, /probe\.deny lists "169\.254\.0\.0\/16"/);
    }
    const local = await ask('localhost');
    assert.equal(local.status, 403);
    assert.match(local.body, /nothing in probe\.allow covers it/);
    for (const target of ['2130706433', '0x7f.1', '0177.0.0.1', '127.1', 'fe80::1%lo'])
      assert.equal((await ask(target)).status, 400, target);
    const { body } = await get(namespace, 'http://127.0.0.1:10434/metrics');
    assert.match(body, /^hopscope_probe_requests_total\{result="forbidden"\} 5$/m);
  });

  it('cuts off who sends a request drop by drop, while others are served', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/chain.json')));
    const { namespace } = lab;
    const child = namespace.spawn(serve(), { stdio: ['ignore', 'pipe', 'pipe'] });
    await untilReady(namespace, 'http://127.0.0.1:10434/-/ready', child, new Output(child));
    const slow = `
      const sockets = Array.from({ length: 200 }, () => {
        const socket = require('net').connect(10434, '127.0.0.1', () => socket.write('GET / HTTP/1.1\\r\\n'));
        const drip = setInterval(() => socket.write('X-A: b\\r\\n'), 1000);
        socket.on('error', () => {});
        return new Promise((resolve) => {
          let answer = '';
          socket.on('data', (data) => { answer += data; });
          socket.on('close', () => { clearInterval(drip); resolve(answer.slice(0, 12)); });
        });
      });
      Promise.all(sockets).then((answers) => console.log([...new Set(answers)].join()));`;
    const dripping = namespace.run([process.execPath, '--eval', slow]);
    assert.equal((await get(namespace, 'http://127.0.0.1:10434/metrics')).status, 200);
    const { stdout } = await dripping;
    assert.match(stdout, /^HTTP\/1\.1 408\n$/);
  });

  it('turns a client away with 429 and Retry-After, and believes a proxy that it trusts', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/chain.json')));
    using folder = temporaryFolder();
    const { namespace } = lab;
    const file = join(folder.path, 'hopscope.yml');
    writeFileSync(file, 'probe: { maxRatePerClient: 1, trustedProxies: ["127.0.0.1"] }\n');
    const child = namespace.spawn(serve('--config.file', file), { stdio: ['ignore', 'pipe', 'pipe'] });
    await untilReady(namespace, 'http://127.0.0.1:10434/-/ready', child, new Output(child));
    const probe = (client: string) =>
      get(namespace, `http://127.0.0.1:10434/probe?target=${TARGET}`, [`X-Forwarded-For: ${client}`]);
    const statuses = (await Promise.all(Array.from({ length: 12 }, () => probe('192.0.2.1')))).map(
      ({ status }) => status,
    );
    assert.ok(statuses.filter((status) => status === 200).length >= 5, statuses.join());
    assert.ok(statuses.includes(429), statuses.join());
    assert.equal((await probe('192.0.2.2')).status, 200);
  });
});
