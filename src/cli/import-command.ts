// `hopscope import FILE`: traceroute results of RIPE Atlas become runs of a target in a history file, with paths and
// changes found as they would have been found live. Invariant: a file of any size and content is read in bounded memory;
// what is in the history already, or is older than that, is not written again.

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { DiskHistory } from '../history/disk-history.ts';
import { readAtlasResult } from '../report/atlas-reader.ts';
import { JsonObjects } from '../report/json-objects.ts';
import { AtlasImport, type ImportedTarget } from './atlas-import.ts';
import type { CliIo, CliServices } from './cli-io.ts';
import { EXIT, type ExitStatus, UsageError } from './exit-status.ts';

export interface ImportOptionValues {
  readonly 'history.path'?: string;
  readonly target?: string;
  readonly probe?: string;
}

/** Runs handed to the history before it is waited for. */
const FLUSH_RUNS = 5000;
/** Nothing that was imported is thrown away here; `serve` keeps what its configuration says. */
const FOR_EVER_MS = 200 * 365 * 86_400_000;
const MAX_SHOWN_TARGETS = 20;

export async function importCommand(
  file: string,
  values: ImportOptionValues,
  io: CliIo,
  services: Pick<CliServices, 'clock'>,
): Promise<ExitStatus> {
  const path = values['history.path'];
  if (path === undefined) throw new UsageError('Say which history to import into: --history.path FILE');
  const probe = probeNumber(values.probe);
  const input = await open(file);
  await using history = new DiskHistory({ path, retentionMs: FOR_EVER_MS, rollUpRetentionMs: FOR_EVER_MS });
  await history.opened;
  if (!history.state.healthy) {
    io.stderr.write(`hopscope: ${history.state.message}\n`);
    return EXIT.refused;
  }
  const wanted = { key: values.target ?? null, probe };
  const importing = new AtlasImport(history, wanted, services.clock.epoch());
  const objects = new JsonObjects();
  let unflushed = 0;
  for await (const chunk of input as AsyncIterable<string>) {
    for (const text of objects.take(chunk)) {
      await importing.take(read(text));
      if (++unflushed < FLUSH_RUNS) continue;
      unflushed = 0;
      await history.flush();
    }
  }
  objects.end();
  await importing.end();
  await history.flush();
  const { healthy, message, droppedRuns } = history.state;
  report(file, importing, objects.dropped, io);
  if (healthy && droppedRuns === 0) return importing.targets.length === 0 ? EXIT.unreached : EXIT.reached;
  io.stderr.write(`hopscope: ${message ?? `the history lost ${droppedRuns} runs`}\n`);
  return EXIT.refused;
}

function read(text: string): ReturnType<typeof readAtlasResult> {
  try {
    return readAtlasResult(JSON.parse(text));
  } catch {
    return { kind: 'refused', reason: 'it is no JSON' };
  }
}

function probeNumber(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(
    `--probe takes the number of an Atlas probe, not ${JSON.stringify(text.slice(0, 40))}`,
  );
}

/** A dash is standard input. */
async function open(file: string): Promise<Readable> {
  if (file === '-') return process.stdin.setEncoding('utf8');
  try {
    const facts = await stat(file);
    if (facts.isDirectory()) throw new UsageError(`Cannot import ${file}: it is a folder`);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`Cannot import ${file}: ${(error as NodeJS.ErrnoException).code ?? error}`);
  }
  return createReadStream(file, { encoding: 'utf8' });
}

function report(file: string, importing: AtlasImport, dropped: number, io: CliIo): void {
  const { targets, refused, others } = importing;
  for (const target of targets.slice(0, MAX_SHOWN_TARGETS)) io.stdout.write(`${line(target)}\n`);
  if (targets.length > MAX_SHOWN_TARGETS)
    io.stdout.write(`and ${targets.length - MAX_SHOWN_TARGETS} more targets\n`);
  const says = (text: string): unknown => io.stderr.write(`hopscope: ${file}: ${text}\n`);
  if (dropped > 0) says(`${count(dropped, 'object')} cut off, too long or too deep`);
  for (const [reason, times] of refused) says(`${count(times, 'object')} left out: ${reason}`);
  if (others > 0) says(`${count(others, 'result')} of other probes left out`);
  if (targets.length === 0) says('nothing was imported');
}

function line({ key, runs, paths, changes, old, firstAtMs, lastAtMs }: ImportedTarget): string {
  const period =
    runs === 0 ? '' : `, ${new Date(firstAtMs).toISOString()} to ${new Date(lastAtMs).toISOString()}`;
  const known = old === 0 ? '' : `; ${count(old, 'result')} older than what is there left out`;
  return `${key}: ${count(runs, 'run')}, ${count(paths, 'path')}, ${count(changes, 'change')}${period}${known}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
