// Files that the documentation shows, judged by those who read them: hopscope, its web configuration, promtool, kustomize.
// Invariant: a block that nobody here can judge is an error, not a pass.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { parse } from 'yaml';
import { nodeFileSystem } from '../../src/config/file-system.ts';
import { loadConfig } from '../../src/config/load.ts';
import { loadWebConfig } from '../../src/http/web/web-config.ts';
import type { Fence } from './markdown.ts';

/** Writes the block into `folder` under the name in its first line, where it has one; returns the path. */
export function writeBlock({ text }: Fence, folder: string): string {
  const name = /^(?:#|\/\/) ([\w./-]+\.[a-z]+)$/.exec(text.split('\n', 1)[0] ?? '')?.[1];
  const path = join(folder, name ?? 'unnamed.yml');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

/** Has the block judged, as a file of `folder`. */
export async function judgeYaml(fence: Fence, folder: string): Promise<void> {
  const { text } = fence;
  const content: unknown = parse(text);
  const path = writeBlock(fence, folder);
  if (Array.isArray(content)) return judgeList(content, text, path);
  assert.ok(typeof content === 'object' && content !== null, 'the block is neither a mapping nor a list');
  const keys = Object.keys(content);
  if (keys.includes('scrape_configs')) return promtool('config', path);
  if (keys.includes('groups')) return promtool('rules', path);
  if (keys.includes('bases')) return kubectl(path);
  if (keys.some((key) => ['tls_server_config', 'basic_auth_users', 'rate_limit'].includes(key))) {
    await loadWebConfig(path, nodeFileSystem(), Date.now());
    return;
  }
  await loadConfig(path, { targets: [] }, nodeFileSystem());
}

/** Jobs of Prometheus, or a file of targets. */
async function judgeList(content: readonly unknown[], text: string, path: string): Promise<void> {
  const jobs = content.every((entry) => typeof entry === 'object' && entry !== null && 'job_name' in entry);
  if (jobs) {
    writeFileSync(path, `scrape_configs:\n${text}`);
    return promtool('config', path);
  }
  const main = join(dirname(path), 'of-target-file.main');
  writeFileSync(main, JSON.stringify({ targets: [{ file: basename(path) }] }));
  const { config } = await loadConfig(main, { targets: [] }, nodeFileSystem());
  assert.ok(config.targets.length > 0, 'the target file names no target');
}

/** Renders the overlay that the file is, over a configuration of its own. */
function kubectl(path: string): void {
  writeFileSync(join(dirname(path), 'hopscope.yml'), 'targets: [{ host: example.org }]\n');
  const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', dirname(path)], { encoding: 'utf8' });
  assert.equal(status, 0, `kubectl kustomize: ${stderr}`);
  assert.match(stdout, /host: example\.org/);
}

function promtool(what: 'config' | 'rules', path: string): void {
  const { status, stdout, stderr } = spawnSync('promtool', ['check', what, path], { encoding: 'utf8' });
  assert.equal(status, 0, `promtool check ${what}: ${stdout}${stderr}`);
}
