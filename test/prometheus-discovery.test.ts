// How Prometheus finds targets with what deploy/prometheus ships: from files, from hopscope's /sd, and hashed over several
// exporters. promtool resolves them as Prometheus does.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { loadConfig } from '../src/config/load.ts';
import { MemoryFileSystem } from '../src/config/memory-file-system.ts';
import { serviceDiscovery } from '../src/http/service-discovery.ts';
import { projectPath, temporaryFolder } from './e2e/servers.ts';

type Labels = Readonly<Record<string, string>>;

/** What Prometheus makes of a job's targets: their labels as they are scraped, by instance. */
async function discovered(config: string): Promise<ReadonlyMap<string, Labels>> {
  // promtool waits for as long as it is told to, however soon it has the answer.
  const args = ['check', 'service-discovery', '--timeout=3s', config, 'traceroute'];
  const { stdout } = await promisify(execFile)('promtool', args);
  const found = JSON.parse(stdout) as { labels: Labels }[];
  return new Map(found.map(({ labels }) => [labels['instance'] ?? '', labels]));
}

describe('deploy/prometheus finds targets', () => {
  it('of files, with the labels and the module that stand there', async () => {
    using folder = temporaryFolder();
    cpSync(projectPath('deploy/prometheus'), folder.path, { recursive: true });
    writeFileSync(
      join(folder.path, 'targets/example.yml'),
      '[{ targets: [a.example, "2001:db8::1"], labels: { site: paris } }, { targets: [b.example], labels: { module: tcp } }]',
    );
    const targets = await discovered(join(folder.path, 'prometheus.yml'));
    assert.deepEqual([...targets.keys()].sort(), ['2001:db8::1', 'a.example', 'b.example']);
    for (const [instance, labels] of targets) {
      assert.equal(labels['__address__'], '127.0.0.1:10434');
      assert.equal(labels['__metrics_path__'], '/probe');
      assert.equal(labels['__param_target'], instance);
      assert.equal(labels['__param_module'], instance === 'b.example' ? 'tcp' : 'icmp');
    }
    assert.equal(targets.get('a.example')?.['site'], 'paris');
  });

  it('of /sd: what hopscope.yml lists, with its labels and modules', async () => {
    const files = new MemoryFileSystem({
      '/etc/hopscope.yml': `targets:
  - { host: a.example, labels: { site: paris } }
  - { host: b.example, module: tcp }
`,
    });
    const { config } = await loadConfig('/etc/hopscope.yml', { targets: [] }, files);
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'application/json').end(serviceDiscovery(config.targets));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    using folder = temporaryFolder();
    const path = join(folder.path, 'http-sd.yml');
    const shipped = readFileSync(projectPath('deploy/prometheus/examples/http-sd.yml'), 'utf8');
    const { port } = server.address() as AddressInfo;
    const changed = shipped.replace('http://127.0.0.1:10434/sd', `http://127.0.0.1:${port}/sd`);
    assert.notEqual(changed, shipped);
    writeFileSync(path, changed);
    try {
      const targets = await discovered(path);
      assert.deepEqual([...targets.keys()].sort(), ['a.example', 'b.example']);
      assert.equal(targets.get('a.example')?.['site'], 'paris');
      assert.equal(targets.get('a.example')?.['__param_module'], 'icmp');
      assert.equal(targets.get('b.example')?.['__param_module'], 'tcp');
      for (const [instance, labels] of targets) {
        assert.equal(labels['__address__'], '127.0.0.1:10434');
        assert.equal(labels['__param_target'], instance);
      }
    } finally {
      server.close();
    }
  });

  it('and spreads them over three exporters: each to one, always the same, none left out or overburdened', async () => {
    using folder = temporaryFolder();
    cpSync(projectPath('deploy/prometheus'), folder.path, { recursive: true });
    const hosts = Array.from({ length: 300 }, (_, i) => `198.18.${i >> 8}.${i & 255}`);
    writeFileSync(join(folder.path, 'targets/example.yml'), JSON.stringify([{ targets: hosts }]));
    const config = join(folder.path, 'examples/sharding.yml');
    const targets = await discovered(config);
    assert.equal(targets.size, hosts.length);
    const exporters = Map.groupBy(targets.values(), (labels) => labels['__address__']);
    assert.deepEqual([...exporters.keys()].sort(), [
      'hopscope-0:10434',
      'hopscope-1:10434',
      'hopscope-2:10434',
    ]);
    for (const [exporter, share] of exporters) assert.ok(share.length > 60 && share.length < 140, exporter);
    // What a target's series are called does not depend on who probes it.
    for (const labels of targets.values()) {
      const visible = Object.keys(labels).filter((name) => !name.startsWith('__'));
      assert.deepEqual(visible.sort(), ['instance', 'job']);
    }
    writeFileSync(join(folder.path, 'targets/example.yml'), JSON.stringify([{ targets: hosts.slice(100) }]));
    for (const [host, labels] of await discovered(config))
      assert.equal(labels['__address__'], targets.get(host)?.['__address__'], host);
  });
});
