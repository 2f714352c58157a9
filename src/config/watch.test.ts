import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LoadedConfig, loadConfig } from './load.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import { type ConfigProblem, formatProblem } from './problem.ts';
import { type ConfigWatch, type WatchClock, watchConfig } from './watch.ts';

/** One pending timer at a time is all that a watch needs. */
class OneTimer implements WatchClock {
  delayMs = -1;
  #callback: (() => void) | null = null;
  after(delayMs: number, callback: () => void): () => void {
    this.delayMs = delayMs;
    this.#callback = callback;
    return () => {
      if (this.#callback === callback) this.#callback = null;
    };
  }
  fire(): void {
    const callback = this.#callback;
    this.#callback = null;
    callback?.();
  }
}

interface Setting {
  readonly files: MemoryFileSystem;
  readonly clock: OneTimer;
  readonly watch: ConfigWatch;
  readonly changes: string[][];
  readonly problems: string[][];
}

async function watching(contents: Readonly<Record<string, string>>): Promise<Setting> {
  const files = new MemoryFileSystem(contents);
  const clock = new OneTimer();
  const changes: string[][] = [];
  const problems: string[][] = [];
  const hosts = (loaded: LoadedConfig): string[] => loaded.config.targets.map(({ host }) => host);
  const watch = watchConfig(await loadConfig('hopscope.yml', { targets: [] }, files), {
    fileSystem: files,
    clock,
    onChange: (loaded) => changes.push(hosts(loaded)),
    onProblems: (found: readonly ConfigProblem[]) => problems.push(found.map(formatProblem)),
  });
  return { files, clock, watch, changes, problems };
}

test('watchConfig() re-reads soon after the system tells of a change, and gives the writer time', async () => {
  using setting = disposable(
    await watching({ 'hopscope.yml': 'targets: [{ file: t/*.yml }]', 't/a.yml': '[a]' }),
  );
  const { files, clock, watch, changes } = setting;
  assert.deepEqual([files.watchedDirectories, clock.delayMs], [['t'], 30_000]);
  files.write('t/a.yml', '[a, b]');
  assert.equal(clock.delayMs, 200);
  clock.fire();
  await watch.refresh();
  assert.deepEqual(changes, [['a', 'b']]);
  assert.equal(clock.delayMs, 30_000);
});

test('watchConfig() reports broken content once, keeps the old, and reports when it is mended', async () => {
  using setting = disposable(
    await watching({ 'hopscope.yml': 'targets: [{ file: a.yml }]', 'a.yml': '[a]' }),
  );
  const { files, watch, changes, problems } = setting;
  files.write('a.yml', '[a, "b c"]');
  await watch.refresh();
  await watch.refresh();
  assert.deepEqual(changes, []);
  assert.deepEqual(problems, [
    ['a.yml:1:5: [1]: "b c" has a space in it; write one host name or IP address'],
  ]);
  files.write('a.yml', '[a, b]');
  await watch.refresh();
  assert.deepEqual([changes, problems.length, problems.at(-1)], [[['a', 'b']], 2, []]);
});

test('watchConfig() follows a replaced configuration and drops what was read for the old one', async () => {
  using setting = disposable(
    await watching({ 'hopscope.yml': 'targets: [{ file: t/a.yml }]', 't/a.yml': '[a]', 'u/b.yml': '[b]' }),
  );
  const { files, watch, changes } = setting;
  files.write('hopscope.yml', 'targets: [{ file: u/b.yml }]');
  files.write('t/a.yml', '[changed]');
  const next = await loadConfig('hopscope.yml', { targets: [] }, files);
  const looking = watch.refresh();
  watch.replace(next);
  files.write('u/b.yml', '[b, c]');
  await looking;
  assert.deepEqual(files.watchedDirectories, ['u']);
  assert.deepEqual(changes, [['b', 'c']]);
});

test('watchConfig() lets go of everything when disposed of', async () => {
  const { files, clock, watch, changes } = await watching({
    'hopscope.yml': 'targets: [{ file: a.yml }]',
    'a.yml': '[a]',
  });
  watch[Symbol.dispose]();
  files.write('a.yml', '[a, b]');
  clock.fire();
  await watch.refresh();
  assert.deepEqual([files.watchedDirectories, changes], [[], []]);
});

function disposable(setting: Setting): Setting & Disposable {
  return { ...setting, [Symbol.dispose]: () => setting.watch[Symbol.dispose]() };
}
