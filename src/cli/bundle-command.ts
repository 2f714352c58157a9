// `hopscope bundle TARGET`: what changed on the path to a target of a history, and the evidence, on standard output.

import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { DiskHistory } from '../history/disk-history.ts';
import { makeBundle } from '../report/bundle-maker.ts';
import { reportPage } from '../report/report-page.ts';
import type { Protocol } from '../trace/network.ts';
import type { CliIo, CliServices } from './cli-io.ts';
import { EXIT, type ExitStatus, UsageError } from './exit-status.ts';

export interface BundleOptionValues {
  readonly 'history.path': string;
  readonly from?: string;
  readonly to?: string;
  readonly format: string;
  readonly vantage?: string;
  readonly asn?: string;
}

const PROTOCOLS: readonly Protocol[] = ['icmp', 'udp', 'tcp'];
const DAY_MS = 86_400_000;
/** Reading throws nothing away. */
const FOR_EVER_MS = 200 * 365 * DAY_MS;
/** Times beyond this are no dates (ECMA-262, 21.4.1.1). */
const MAX_TIME_MS = 8_640_000_000_000_000;

export async function bundleCommand(
  key: string,
  values: BundleOptionValues,
  io: CliIo,
  services: Pick<CliServices, 'clock' | 'version' | 'openDirectory'>,
): Promise<ExitStatus> {
  const { format, vantage } = values;
  if (format !== 'html' && format !== 'json')
    throw new UsageError(`--format is html or json; ${JSON.stringify(format)} is not`);
  const nowMs = services.clock.epoch();
  const toMs = timeOf('--to', values.to) ?? nowMs;
  const fromMs = timeOf('--from', values.from) ?? Math.max(0, toMs - DAY_MS);
  if (fromMs > toMs) throw new UsageError('The period ends before it begins: --from is later than --to');
  const path = values['history.path'];
  if (!existsSync(path))
    throw new UsageError(`There is no history ${path}; name the file that serve or import wrote`);
  await using history = new DiskHistory({
    ...{ path, retentionMs: FOR_EVER_MS, rollUpRetentionMs: FOR_EVER_MS },
  });
  await history.opened;
  if (!history.state.healthy) {
    io.stderr.write(`hopscope: ${history.state.message}\n`);
    return EXIT.refused;
  }
  const [known] = await history.resume([key], nowMs);
  if (known === undefined)
    throw new UsageError(`The history has no target with the key ${JSON.stringify(key.slice(0, 200))}`);
  const wanted = { asn: values.asn ?? null, names: false };
  using directory = await services.openDirectory(wanted, (problem) =>
    io.stderr.write(`hopscope: ${problem}\n`),
  );
  const made = await makeBundle(
    {
      ...{ fromMs, toMs, vantagePoint: vantage ?? hostname() },
      ...{ target: targetOf(key), method: methodOf(key) },
    },
    { history, directory, nowMs, generator: `hopscope ${services.version}` },
  );
  io.stdout.write(format === 'json' ? `${JSON.stringify(made, null, 2)}\n` : reportPage(made));
  return EXIT.reached;
}

/** A key begins with the host, then the module, which bears the name of its protocol where it is none of the user's own. */
function targetOf(key: string): Parameters<typeof makeBundle>[0]['target'] {
  const [host = key] = key.split('/', 1);
  return { key, host, address: null, labels: {} };
}

function methodOf(key: string): Parameters<typeof makeBundle>[0]['method'] {
  const name = /\/(icmp|udp|tcp)/.exec(key)?.[1];
  const unknown = { port: null, intervalMs: null, flows: null, queries: null, packetLength: null };
  return { protocol: PROTOCOLS.find((protocol) => protocol === name) ?? null, ...unknown };
}

function timeOf(option: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  const ms = /^\d{1,16}$/.test(text) ? Number(text) : Date.parse(text);
  if (ms >= 0 && ms <= MAX_TIME_MS) return ms;
  throw new UsageError(
    `${option} is a date such as 2026-11-23T09:00:00Z, or epoch milliseconds; ${JSON.stringify(text.slice(0, 40))} is not`,
  );
}
