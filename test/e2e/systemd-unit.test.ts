// The systemd unit as systemd itself judges it, with and without its drop-in.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectPath, temporaryFolder } from './servers.ts';

/** A root folder with the unit installed. */
function install(root: string, dropIns: readonly string[]): void {
  const units = join(root, 'etc/systemd/system');
  mkdirSync(join(units, 'hopscope.service.d'), { recursive: true });
  copyFileSync(projectPath('deploy/systemd/hopscope.service'), join(units, 'hopscope.service'));
  for (const name of dropIns)
    copyFileSync(projectPath('deploy/systemd', name), join(units, 'hopscope.service.d', name));
  for (const program of ['usr/bin/hopscope', 'bin/kill']) {
    mkdirSync(join(root, program, '..'), { recursive: true });
    writeFileSync(join(root, program), '#!/bin/sh\n', { mode: 0o755 });
  }
}

function analyze(...args: readonly string[]): { output: string; status: number | null } {
  const { stdout, stderr, status } = spawnSync('systemd-analyze', args, {
    encoding: 'utf8',
    env: { ...process.env, SYSTEMD_PAGER: '', LANG: 'C.UTF-8' },
  });
  return { output: stdout + stderr, status };
}

describe('the systemd unit', () => {
  for (const dropIns of [[], ['unprivileged.conf']]) {
    const name = dropIns.length === 0 ? 'with raw sockets' : 'without a capability';
    it(`exposes no more than 2.0, ${name}`, () => {
      using folder = temporaryFolder();
      install(folder.path, dropIns);
      const { output } = analyze('security', '--offline=true', `--root=${folder.path}`, 'hopscope.service');
      const exposure = /Overall exposure level for hopscope\.service: (\d+\.\d)/.exec(output)?.[1];
      assert.ok(Number(exposure) <= 2, output);
      const ambient = /([✓✗]) AmbientCapabilities=/.exec(output)?.[1];
      assert.equal(ambient, dropIns.length === 0 ? '✗' : '✓', output);
    });
  }

  it('is understood by systemd without a complaint', () => {
    using folder = temporaryFolder();
    install(folder.path, ['unprivileged.conf']);
    const { output, status } = analyze('verify', `--root=${folder.path}`, 'hopscope.service');
    // The root folder has no other units, which is all there may be to say.
    const complaints = output
      .split('\n')
      .filter((line) => line.includes('hopscope') && !line.includes('sysinit.target not found'));
    assert.deepEqual(complaints, [], output);
    assert.ok(status !== null);
  });
});
