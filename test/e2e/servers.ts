// Real servers for tests, run inside a network namespace of the test and ended with it.

import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Namespace } from '../../lab/namespaces.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The repository's root folder. */
export function projectPath(...parts: readonly string[]): string {
  return join(ROOT, ...parts);
}

/** A folder that is gone after the test. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'hopscope-test-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Everything that a started program printed, for a failed test's message. */
export class Output {
  text = '';
  constructor(child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.text = (this.text + chunk.toString()).slice(-20_000);
      });
    }
  }
}

/** GET from inside the namespace: status and body. `headers` as `Name: value`. */
export async function get(
  namespace: Namespace,
  url: string,
  headers: readonly string[] = [],
): Promise<{ status: number; body: string }> {
  const { stdout, exitCode, stderr } = await namespace.run([
    'curl',
    '--silent',
    '--show-error',
    '--max-time',
    '30',
    '--write-out',
    '\n%{http_code}',
    ...headers.flatMap((header) => ['--header', header]),
    url,
  ]);
  if (exitCode !== 0) return { status: 0, body: stderr };
  const end = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
}

/** Resolves once `url` answers 200; rejects with what the program printed when it ends first or takes too long. */
export async function untilReady(
  namespace: Namespace,
  url: string,
  child: ChildProcess,
  output: Output,
): Promise<void> {
  const giveUpAt = Date.now() + 60_000;
  while (Date.now() < giveUpAt) {
    if ((await get(namespace, url)).status === 200) return;
    if (child.exitCode !== null) break;
  }
  throw new Error(`${url} is not ready: ${output.text}`);
}

/** Starts the exporter of this checkout in the namespace and waits until it is ready. */
export async function startHopscope(
  namespace: Namespace,
  args: readonly string[],
  privileges: { readonly uid?: number } = {},
): Promise<{ child: ChildProcess; output: Output }> {
  const child = namespace.spawn(
    [projectPath('bin/hopscope'), 'serve', ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
    privileges,
  );
  const output = new Output(child);
  await untilReady(namespace, 'http://127.0.0.1:10434/-/ready', child, output);
  return { child, output };
}

/** Reads again until the text matches; rejects with the last one after `limitMs`. */
export async function untilBody(
  read: () => Promise<string>,
  pattern: RegExp,
  limitMs = 60_000,
): Promise<string> {
  const giveUpAt = Date.now() + limitMs;
  let last = '';
  while (Date.now() < giveUpAt) {
    last = await read();
    if (pattern.test(last)) return last;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${pattern} never matched; last: ${last}`);
}

/** Runs an instant PromQL query against a Prometheus in the namespace. */
export async function query(
  namespace: Namespace,
  expression: string,
): Promise<{ metric: Record<string, string>; value: number }[]> {
  const url = `http://127.0.0.1:9090/api/v1/query?query=${encodeURIComponent(expression)}`;
  const { status, body } = await get(namespace, url);
  if (status !== 200) throw new Error(`query ${expression}: ${status} ${body}`);
  const parsed = JSON.parse(body) as {
    data: { result: { metric: Record<string, string>; value: [number, string] }[] };
  };
  return parsed.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
}

/** Asks `expression` again until `good` says yes of its result; rejects with the last result after `limitMs`. */
export async function untilQuery(
  namespace: Namespace,
  expression: string,
  good: (result: { metric: Record<string, string>; value: number }[]) => boolean,
  limitMs = 90_000,
): Promise<{ metric: Record<string, string>; value: number }[]> {
  const giveUpAt = Date.now() + limitMs;
  let last: { metric: Record<string, string>; value: number }[] = [];
  while (Date.now() < giveUpAt) {
    last = await query(namespace, expression);
    if (good(last)) return last;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`${expression} never came out as expected; last: ${JSON.stringify(last)}`);
}
