// bin/hopscope in small fake installations: a checkout and a package, with and without a Node.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

const LAUNCHER = new URL('../../bin/hopscope', import.meta.url).pathname;

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** An installation made of files (a text that begins with #! is a program), removed after the test. */
class Installation implements Disposable {
  readonly root: string = mkdtempSync(join(tmpdir(), 'hs-launcher-'));

  constructor(files: Readonly<Record<string, string>>) {
    for (const [path, text] of Object.entries(files)) this.write(path, text);
    mkdirSync(join(this.root, 'package/bin'), { recursive: true });
    copyFileSync(LAUNCHER, join(this.root, 'package/bin/hopscope'));
    chmodSync(join(this.root, 'package/bin/hopscope'), 0o755);
    // The tools that the launcher itself needs, and no node.
    mkdirSync(join(this.root, 'tools'), { recursive: true });
    for (const tool of ['sh', 'readlink', 'dirname']) {
      symlinkSync(
        spawnSync('/bin/sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim(),
        join(this.root, 'tools', tool),
      );
    }
  }

  write(path: string, text: string): void {
    const file = join(this.root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    if (text.startsWith('#!')) chmodSync(file, 0o755);
  }

  run(argv: readonly string[], command = 'package/bin/hopscope'): Outcome {
    const path = `${join(this.root, 'onpath')}:${join(this.root, 'tools')}`;
    return spawnSync(join(this.root, command), argv, { encoding: 'utf8', env: { PATH: path }, cwd: '/' });
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}

/** A node that tells its version, or what it was asked to run; Node's own options are the launcher's business. */
function node(name: string, version: string): string {
  return `#!/bin/sh\nif [ "$1" = --version ]; then echo "${version}"; exit; fi\nwhile case $1 in --*) ;; *) false ;; esac; do shift; done\necho "${name}: $*"\n`;
}

const CHECKOUT = {
  'package/src/main.ts': '',
  'package/node_modules/commander/package.json': '{}',
  'package/node_modules/node/bin/node': node('pinned', 'v24.0.0'),
  'onpath/node': node('path', 'v20.0.0'),
};
const PACKAGE = { 'package/dist/src/main.js': '', 'onpath/node': node('path', 'v22.18.0') };

test('bin/hopscope in a checkout runs the sources on the pinned Node, whatever is on PATH', () => {
  using installation = new Installation(CHECKOUT);
  const { status, stdout } = installation.run(['trace', 'a b']);
  assert.equal(status, 0);
  assert.equal(stdout, `pinned: ${installation.root}/package/src/main.ts trace a b\n`);
});

test('bin/hopscope of a package runs what was built on the Node of PATH', () => {
  using installation = new Installation(PACKAGE);
  assert.equal(
    installation.run(['--help']).stdout,
    `path: ${installation.root}/package/dist/src/main.js --help\n`,
  );
});

test('bin/hopscope follows symbolic links, relative ones and chains too', () => {
  using installation = new Installation(PACKAGE);
  mkdirSync(join(installation.root, 'a dir'));
  symlinkSync('../package/bin/hopscope', join(installation.root, 'a dir/first'));
  symlinkSync(join(installation.root, 'a dir/first'), join(installation.root, 'second'));
  const wanted = `path: ${installation.root}/package/dist/src/main.js x\n`;
  assert.equal(installation.run(['x'], 'a dir/first').stdout, wanted);
  assert.equal(installation.run(['x'], 'second').stdout, wanted);
});

test('bin/hopscope says what to do in one line when something is missing or too old, with status 3', () => {
  const { 'onpath/node': _, ...withoutNode } = PACKAGE;
  const { 'package/node_modules/commander/package.json': __, ...notInstalled } = CHECKOUT;
  const cases: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
    [notInstalled, /its packages are not installed; run "npm ci" in \/.*\/package$/],
    [withoutNode, /there is no node on PATH; hopscope needs Node 22\.18 or newer/],
    [
      { ...PACKAGE, 'onpath/node': node('path', 'v22.17.1') },
      /node on PATH is v22\.17\.1; hopscope needs Node 22\.18/,
    ],
    [{ ...PACKAGE, 'onpath/node': node('path', 'v9.99.0') }, /node on PATH is v9\.99\.0; /],
    [{ ...PACKAGE, 'onpath/node': node('path', 'nonsense') }, /says its version is "nonsense"/],
    [{ ...PACKAGE, 'onpath/node': '#!/bin/sh\nexit 1\n' }, /node on PATH does not run/],
    [{ 'onpath/node': node('path', 'v24.0.0') }, /is incomplete, .*dist\/src\/main\.js is missing/],
  ];
  for (const [files, sentence] of cases) {
    using installation = new Installation(files);
    const { status, stdout, stderr } = installation.run(['trace', 'x']);
    assert.equal(status, 3);
    assert.equal(stdout, '');
    assert.match(stderr, /^hopscope: [^\n]+\n$/);
    assert.match(stderr.trimEnd(), sentence);
  }
});

test('bin/hopscope takes Node 22.18 and everything after it', () => {
  for (const version of ['v22.18.0', 'v22.20.1', 'v23.0.0', 'v100.1.0']) {
    using installation = new Installation({ ...PACKAGE, 'onpath/node': node('path', version) });
    assert.equal(installation.run([]).status, 0, version);
  }
});

test('bin/hopscope in a checkout without the pinned Node takes one of PATH that is new enough', () => {
  const { 'package/node_modules/node/bin/node': _, ...files } = CHECKOUT;
  using old = new Installation(files);
  assert.match(old.run([]).stderr, /node on PATH is v20\.0\.0/);
  using fresh = new Installation({ ...files, 'onpath/node': node('path', 'v24.1.0') });
  assert.match(fresh.run([]).stdout, /^path: .*\/src\/main\.ts\n$/);
});

test('bin/hopscope hands on the exit status', () => {
  using installation = new Installation({
    ...PACKAGE,
    'onpath/node': '#!/bin/sh\n[ "$1" = --version ] && echo v24.0.0 && exit\nexit 2\n',
  });
  assert.equal(installation.run([]).status, 2);
});
