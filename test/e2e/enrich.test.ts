// What people and Prometheus see of databases and reverse DNS, from real files and a real name server; and that a
// missing file, a damaged one and a server that hangs are said and cost nothing.

import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readScenario } from '../../lab/scenario-file.ts';
import { startTunLab, type TunLab } from '../../lab/tun.ts';
import { encodeMmdb } from '../mmdb-writer.ts';
import { get, projectPath, startHopscope, temporaryFolder, untilBody } from './servers.ts';

const DATABASE = encodeMmdb(
  {
    '100.64.0.0/30': { autonomous_system_number: 64500, autonomous_system_organization: 'Access' },
    '100.64.0.4/30': { autonomous_system_number: 64501, autonomous_system_organization: 'Transit' },
    '100.64.0.8/29': { autonomous_system_number: 64501, autonomous_system_organization: 'Transit' },
    '198.18.0.0/15': { autonomous_system_number: 64511, autonomous_system_organization: 'Content' },
  },
  { databaseType: 'GeoLite2-ASN' },
);

function trace(lab: TunLab, ...args: readonly string[]): ReturnType<TunLab['run']> {
  return lab.run([process.execPath, projectPath('src/main.ts'), 'trace', '198.18.0.1', ...args]);
}

/** What programs in the namespace find as /etc/resolv.conf. */
function nameServer(lab: TunLab, line: string): Disposable {
  const folder = join('/etc/netns', lab.namespace.name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'resolv.conf'), `${line}\noptions timeout:1\n`);
  return { [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

describe('enrichment over real files and sockets', () => {
  it('shows names and AS numbers, in the table and in JSON', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/chain.json')));
    using folder = temporaryFolder();
    using _ = nameServer(lab, 'nameserver 127.0.0.1');
    const asn = join(folder.path, 'asn.mmdb');
    writeFileSync(asn, DATABASE);
    const server = lab.namespace.spawn([process.execPath, projectPath('test/dns-process.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => server.stdout?.once('data', resolve));
    const table = await trace(lab, '--asn', asn);
    assert.equal(table.exitCode, 0, table.stderr);
    assert.match(table.stdout, /^ {2}1 {2}100\.64\.0\.1 .* r1\.example\.net \[AS64500\]/m);
    assert.match(table.stdout, /^ {2}4 {2}100\.64\.0\.4 .* r4\.example\.net \[AS64501\]/m);
    assert.match(table.stdout, /^ 13 {2}198\.18\.0\.1 .* \[AS64511\]/m);
    const { stdout } = await trace(lab, '--asn', asn, '--names', '--output', 'json');
    const { hops } = JSON.parse(stdout) as { hops: { replies: { asn?: number; name?: string }[] }[] };
    assert.deepEqual(
      hops.map(({ replies }) => replies[0]?.asn),
      [...Array<number>(3).fill(64500), ...Array<number>(9).fill(64501), 64511],
    );
    assert.equal(hops[1]?.replies[0]?.name, 'r2.example.net');
    const plain = await trace(lab, '-n');
    assert.doesNotMatch(plain.stdout, /example\.net/);
  });

  it('traces without a database that is missing or damaged, and says why', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/chain.json')));
    using folder = temporaryFolder();
    const damaged = join(folder.path, 'damaged.mmdb');
    writeFileSync(damaged, DATABASE.subarray(0, 100));
    for (const [path, reason] of [
      [damaged, /unfinished/],
      [join(folder.path, 'missing.mmdb'), /does not exist/],
      [folder.path, /is a directory/],
    ] as const) {
      const { stdout, stderr, exitCode } = await trace(lab, '-n', '--asn', path);
      assert.equal(exitCode, 0);
      assert.match(stdout, /reached in 13 hops/);
      assert.match(stderr, reason);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
    }
  });

  it('gives the exporter AS paths, follows its file, and is not held up by a name server that hangs', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/chain.json')));
    using folder = temporaryFolder();
    // An address of the lab that answers nobody.
    using _ = nameServer(lab, 'nameserver 198.18.200.200');
    const asn = join(folder.path, 'asn.mmdb');
    const config = join(folder.path, 'hopscope.yml');
    writeFileSync(
      config,
      'targets: [{ host: 198.18.0.1, interval: 1s }]\nenrich: { asn: asn.mmdb }\nmetrics: { hops: true }\n',
    );
    const { output } = await startHopscope(lab.namespace, ['--config.file', config]);
    const metrics = (): Promise<string> =>
      get(lab.namespace, 'http://127.0.0.1:10434/metrics').then(({ body }) => body);
    const before = await untilBody(metrics, /^traceroute_success\{.*\} 1$/m);
    assert.doesNotMatch(before, /^traceroute_as_path_id/m);
    assert.match(output.text, /Cannot use the database .*asn\.mmdb.* does not exist.*tracing goes on/);
    const idBefore = /^traceroute_path_id\{.*\} (\d+)$/m.exec(before)?.[1];
    writeFileSync(asn, DATABASE);
    const after = await untilBody(metrics, /^traceroute_as_path_id\{.*\} \d+$/m);
    assert.match(after, /^traceroute_path_info\{.*as_path="64500 64501 64511".*\} 1$/m);
    assert.match(after, /^traceroute_hop_info\{.*hop="4",address="100\.64\.0\.4",asn="64501"\} 1$/m);
    assert.equal(/^traceroute_path_id\{.*\} (\d+)$/m.exec(after)?.[1], idBefore, 'facts enter no path id');
    writeFileSync(asn, DATABASE.subarray(0, 50));
    await untilBody(() => Promise.resolve(output.text), /unfinished.*what was read before stays in use/);
    assert.match(await metrics(), /as_path="64500 64501 64511"/);
    assert.match(
      await metrics(),
      /^traceroute_path_changes_total\{target="198\.18\.0\.1",kind="as_path"\} 0$/m,
    );
  });
});
