// Starts that cannot be, and those that can only in part: one sentence each, and the status that says whose fault it is.

import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createNamespace } from '../../lab/namespaces.ts';
import { Agent } from '../soak/agent.ts';
import { Figures } from '../soak/exposition-figures.ts';
import { projectPath, startHopscope, temporaryFolder } from './servers.ts';

const NOBODY = 65_534;

interface BadStart {
  readonly name: string;
  readonly status: number;
  readonly says: RegExp;
  arguments(folder: string): readonly string[];
}

const BAD_STARTS: readonly BadStart[] = [
  {
    name: 'the port is taken',
    arguments: () => ['198.18.1.1', '--web.listen-address', '127.0.0.1:9091'],
    status: 3,
    says: /^hopscope: Cannot listen on 127\.0\.0\.1:9091: the port is in use; stop the program that has it/,
  },
  {
    name: 'the configuration may not be read',
    arguments: (folder) => {
      writeFileSync(join(folder, 'secret.yml'), 'targets: []\n', { mode: 0 });
      return ['--config.file', join(folder, 'secret.yml')];
    },
    status: 2,
    says: /secret\.yml: cannot read the file: EACCES, permission denied; let the user that runs hopscope read it/,
  },
  {
    name: 'the configuration is cut off half-way',
    arguments: (folder) => {
      writeFileSync(join(folder, 'half.yml'), 'targets:\n  - { host: 198.18.1.1, inter');
      return ['--config.file', join(folder, 'half.yml')];
    },
    status: 2,
    says: /half\.yml:2:\d+: /,
  },
  {
    name: 'the web configuration names a key that may not be read',
    arguments: (folder) => {
      writeFileSync(join(folder, 'key.pem'), 'secret', { mode: 0 });
      const tls = { cert_file: 'key.pem', key_file: 'key.pem' };
      writeFileSync(join(folder, 'web.yml'), JSON.stringify({ tls_server_config: tls }));
      return ['198.18.1.1', '--web.config.file', join(folder, 'web.yml')];
    },
    status: 2,
    says: /web\.yml:1:\d+: .*key\.pem.*permission denied/,
  },
];

describe('an exporter that cannot start', () => {
  for (const { name, status, says, arguments: argumentsOf } of BAD_STARTS) {
    it(`says so in a sentence and leaves with status ${status} where ${name}`, async () => {
      using folder = temporaryFolder();
      chmodSync(folder.path, 0o755);
      await using namespace = await createNamespace('bad');
      await new Agent(namespace).serve();
      const argv = [projectPath('bin/hopscope'), 'serve', ...argumentsOf(folder.path)];
      const { exitCode, stderr } = await namespace.run(argv, { uid: NOBODY });
      assert.equal(exitCode, status, stderr);
      assert.match(stderr, says);
      assert.doesNotMatch(stderr, /\n {4}at |Error:/);
    });
  }
});

describe('an exporter that may not do all it is to do', () => {
  it('starts and says once each what it may not: open sockets, write its history', async () => {
    using folder = temporaryFolder();
    chmodSync(folder.path, 0o755);
    await using namespace = await createNamespace('less');
    const agent = new Agent(namespace);
    const history = join(folder.path, 'history.db');
    writeFileSync(history, '', { mode: 0o444 });
    const config = join(folder.path, 'second.yml');
    writeFileSync(config, JSON.stringify({ defaults: { interval: '1s', flows: 1, timeout: '800ms' } }));
    const args = ['127.0.0.1', '--history.path', history, '--config.file', config];
    const { output } = await startHopscope(namespace, args, { uid: NOBODY });
    const failed = 'traceroute_failures_total{target="127.0.0.1",kind="refused"}';
    const figures = async (): Promise<Figures> =>
      new Figures((await agent.fetch('http://127.0.0.1:10434/metrics')).body);
    while (!((await figures()).of(failed) >= 2)) await sleep(100);
    assert.equal((await figures()).of('hopscope_history_up'), 0);
    const { text } = output;
    assert.equal(text.match(/may not be written; give hopscope write permission/g)?.length, 1, text);
    assert.equal(text.match(/widen net\.ipv4\.ping_group_range/g)?.length, 1, text);
  });
});
