import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { explainReadError, nodeFileSystem } from './file-system.ts';
import { matchesWildcard, patternProblem } from './glob.ts';

async function directory(context: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'hs-config-'));
  context.after(() => rm(path, { recursive: true }));
  return path;
}

test('nodeFileSystem() reads at most one byte past the limit', async (context) => {
  const path = join(await directory(context), 'a.yml');
  await writeFile(path, 'x'.repeat(5000));
  assert.equal((await nodeFileSystem().read(path, 10_000)).length, 5000);
  assert.equal((await nodeFileSystem().read(path, 4000)).length, 4001);
  assert.equal((await nodeFileSystem().read('/dev/zero', 4000)).length, 4001);
});

test('nodeFileSystem() fails with codes that explainReadError() puts into a sentence', async (context) => {
  const path = await directory(context);
  const reason = (wanted: string): Promise<string> =>
    nodeFileSystem()
      .read(wanted, 9)
      .then(() => 'read', explainReadError);
  assert.match(await reason(path), /it is a directory/);
  assert.match(await reason(join(path, 'none')), /it does not exist/);
  assert.match(await reason(join(path, 'x'.repeat(300))), /its name is too long/);
});

test('nodeFileSystem() tells of changes in a watched directory, and cannot watch one that is not there', async (context) => {
  const path = await directory(context);
  const files = nodeFileSystem();
  const { promise, resolve } = Promise.withResolvers<string | null>();
  using watcher = files.watch(path, resolve);
  assert.ok(watcher);
  // The watcher does not keep the process alive; something else must, as the server does.
  const alive = setInterval(() => {}, 1000);
  await writeFile(join(path, 'b.yml'), '[]');
  assert.equal(await promise, 'b.yml');
  clearInterval(alive);
  assert.equal(
    files.watch(join(path, 'none'), () => {}),
    undefined,
  );
});

test('matchesWildcard() matches * and ?, and hidden files only where the dot is written', () => {
  const cases: [string, string, boolean][] = [
    ['*.yml', 'a.yml', true],
    ['*.yml', 'a.yaml', false],
    ['a?c.*', 'abc.json', true],
    ['a?c.*', 'ac.json', false],
    ['*', '.hidden', false],
    ['.*', '.hidden', true],
    ['*a*b*', 'xxaxxbxx', true],
    ['*a*b*', 'xxbxxaxx', false],
    [`${'*a'.repeat(40)}b`, 'a'.repeat(5000), false],
    ['a.yml', 'axyml', false],
  ];
  for (const [pattern, name, matches] of cases)
    assert.equal(matchesWildcard(pattern, name), matches, `${pattern} ${name}`);
});

test('patternProblem() accepts wildcards in the last part alone', () => {
  assert.equal(patternProblem('a/b/*.yml'), undefined);
  assert.equal(patternProblem('a.JSON'), undefined);
  assert.match(patternProblem('a/*/b.yml') ?? '', /only the last part/);
  assert.match(patternProblem(' ') ?? '', /the path is empty/);
});
