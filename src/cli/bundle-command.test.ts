import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CliHarness } from '../../test/cli-harness.ts';
import { temporaryFolder } from '../../test/e2e/servers.ts';
import { syntheticTrace } from '../path/synthetic-trace.ts';
import { atlasLines } from '../report/atlas-writer.ts';
import { runCli } from './program.ts';

const START_MS = Date.UTC(2026, 10, 23, 8);
const CONTEXT = { sourceAddress: null, lookupMs: null, queries: 1, packetLength: 0 };

async function run(...argv: string[]): Promise<{ status: number; out: string; err: string }> {
  const { io, services } = new CliHarness();
  return { status: await runCli(argv, io, services), out: io.out, err: io.err };
}

test('hopscope bundle reports what hopscope import brought in', async () => {
  using folder = temporaryFolder();
  const history = ['--history.path', join(folder.path, 'h.db')];
  const file = join(folder.path, 'results.json');
  const lines = Array.from({ length: 40 }, (_, i) => {
    const startedAt = new Date(START_MS + i * 60_000).toISOString();
    const flows = [i < 25 ? 'a b c D' : 'a x y D'];
    return atlasLines(syntheticTrace(flows, { target: 'example.org', startedAt }), CONTEXT);
  });
  writeFileSync(file, lines.join(''));
  assert.equal((await run('import', file, ...history)).status, 0);
  const period = ['--from', '2026-11-23T07:00:00Z', '--to', '2026-11-23T09:00:00Z'];
  const json = await run('bundle', 'example.org/icmp', ...history, ...period, '--format', 'json');
  assert.equal(json.status, 0, json.err);
  const { target, method, changes, figures } = JSON.parse(json.out);
  assert.deepEqual(
    [target.host, method.protocol, figures.runs, changes.length],
    ['example.org', 'icmp', 40, 1],
  );
  const html = await run('bundle', 'example.org/icmp', ...history, ...period, '--vantage', 'here <b>');
  assert.match(html.out, /^<!doctype html>/);
  assert.ok(html.out.includes('here &lt;b&gt;'));
});

test('hopscope bundle says in one sentence what it cannot report', async () => {
  using folder = temporaryFolder();
  const history = ['--history.path', join(folder.path, 'h.db')];
  writeFileSync(join(folder.path, 'nothing.json'), '[]');
  await run('import', join(folder.path, 'nothing.json'), ...history);
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [['x/icmp', ...history], /no target with the key "x\/icmp"/],
    [['x/icmp', '--history.path', '/nowhere/h.db'], /There is no history \/nowhere\/h\.db/],
    [['x/icmp', ...history, '--format', 'pdf'], /--format is html or json; "pdf" is not/],
    [['x/icmp', ...history, '--from', 'yesterday'], /--from is a date such as/],
    [['x/icmp', ...history, '--from', '2', '--to', '1'], /ends before it begins/],
    [['x/icmp'], /--history\.path/],
  ];
  for (const [argv, message] of wrong) {
    const { status, out, err } = await run('bundle', ...argv);
    assert.deepEqual([status, out], [2, ''], err);
    assert.match(err, /^hopscope: [^\n]+\n$/);
    assert.match(err, message);
  }
});
