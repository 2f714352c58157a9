// Every command and every file in the documentation, run for real in the order in which a reader meets them: each page in
// a working copy of its own, inside a network namespace whose hosts are those that the documentation names.

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createNamespace, type Namespace } from '../../lab/namespaces.ts';
import { Output, projectPath, temporaryFolder } from '../e2e/servers.ts';
import { addSecrets, CommandLab, makeCheckout } from './command-lab.ts';
import { judgeYaml, writeBlock } from './configurations.ts';
import type { Fence, MarkdownPage } from './markdown.ts';
import { NOT_RUN, reasonNotToRun } from './not-run.ts';
import { documentationPages } from './pages.ts';
import { commandsOf, isServer, isShell, type ShellCommand } from './shell-commands.ts';

const PAGES = documentationPages();
/** Blocks that are neither run nor judged here: drawings and output, what other tests read, other people's formats. */
const SHOWN = new Set(['text', 'promql', 'json', 'console', 'toml', 'jsonnet']);
const PATH = `PATH=${projectPath('bin')}:${process.env['PATH'] ?? ''}`;

let lab: CommandLab | undefined;
const folder = temporaryFolder();

before(async () => {
  lab = await CommandLab.start(folder.path);
});

after(async () => {
  await lab?.[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

describe('the documentation, as a reader follows it', { concurrency: 2 }, () => {
  for (const page of PAGES) {
    if (!page.fences.some((fence) => isShell(fence) || fence.language === 'yaml')) continue;
    it(page.path, async () => {
      const checkout = join(folder.path, page.path.replaceAll('/', '-'));
      makeCheckout(checkout);
      addSecrets(checkout, checkout);
      for (const fence of page.fences) await follow(fence, checkout, page);
    });
  }
});

describe('the list of commands that are not run', () => {
  it('has only patterns that some command fits', () => {
    const commands = PAGES.flatMap(({ fences }) => fences.filter(isShell).flatMap(commandsOf));
    for (const { pattern, page } of NOT_RUN) {
      if (page !== undefined && !PAGES.some(({ path }) => path === page)) continue;
      assert.ok(
        commands.some(({ text }) => pattern.test(text)),
        `${pattern} fits no command any more`,
      );
    }
  });
});

async function follow(fence: Fence, checkout: string, { path }: MarkdownPage): Promise<void> {
  const where = `${path}:${fence.line}`;
  if (fence.language === 'yaml') return judged(judgeYaml(fence, checkout), where);
  if (fence.language === 'jsonnet') writeBlock(fence, checkout);
  if (!isShell(fence)) {
    assert.ok(SHOWN.has(fence.language), `${where}: what is a block of "${fence.language}"?`);
    return;
  }
  for (const command of commandsOf(fence)) {
    if (reasonNotToRun(command.text, path) !== undefined) continue;
    if (isServer(command)) await serves(command, checkout, where);
    else await succeeds(command, checkout, where);
  }
}

async function judged(verdict: Promise<void>, where: string): Promise<void> {
  await verdict.catch((error: unknown) => {
    throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`);
  });
}

/** The namespace has mounts of its own: what a command writes to the system's Prometheus stays in the working copy. */
function inShell({ text, directory }: ShellCommand, checkout: string): string[] {
  const script = `mount --bind "$2" /etc/prometheus && cd "$1" && ${text}`;
  const folders = [join(checkout, directory), join(checkout, 'etc-prometheus')];
  return ['env', PATH, 'bash', '-o', 'pipefail', '-c', script, 'reader', ...folders];
}

async function succeeds(command: ShellCommand, checkout: string, where: string): Promise<void> {
  assert.ok(lab !== undefined);
  const { exitCode, stdout, stderr } = await lab.namespace.run(inShell(command, checkout));
  assert.equal(exitCode, 0, `${where}: ${command.text}\n${stdout.slice(-2000)}${stderr.slice(-2000)}`);
}

/** Started in a namespace of its own, where its port is free; it must listen, and end when it is told to. */
async function serves(command: ShellCommand, checkout: string, where: string): Promise<void> {
  await using namespace: Namespace = await createNamespace('docs');
  // The shell makes way for the program, so that the signal reaches it.
  const argv = inShell({ ...command, text: `exec ${command.text}` }, checkout);
  const child = namespace.spawn(argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = new Output(child);
  await listening(child, output, `${where}: ${command.text}`);
  // Closed once nobody holds its output any more: npm's child has ended too.
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  const [status, signal] = (await closed) as [number | null, string | null];
  const good = status === 0 || (signal === 'SIGTERM' && command.text.startsWith('npm '));
  assert.ok(good, `${where}: ${command.text} ended with ${status ?? signal}\n${output.text}`);
}

async function listening(child: ChildProcess, output: Output, what: string): Promise<void> {
  const giveUpAt = Date.now() + 60_000;
  while (!/msg="?Listening/.test(output.text)) {
    assert.equal(child.exitCode, null, `${what}\n${output.text}`);
    assert.ok(Date.now() < giveUpAt, `${what} does not listen\n${output.text}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
