// A diamond of widths 4, 4, 8 behind 13 hops, found through a TUN device by hopscope and by scamper's tracelb on the same
// simulated internet: how long it takes, what it costs, what is found. Needs root. `node bench/multipath-peers.ts [quick]`

import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readScenario } from '../lab/scenario-file.ts';
import { graphOf } from '../lab/truth.ts';
import { startTunLab, type TunLab } from '../lab/tun.ts';
import type { Trace } from '../src/trace/trace.ts';
import { renderTable } from './table.ts';

const TARGET = '198.18.0.1';
const HOPSCOPE = [
  process.execPath,
  join(import.meta.dirname, '../src/main.ts'),
  'trace',
  TARGET,
  '--output',
  'json',
];
const TIMEOUT_MS = 300_000;

interface Contender {
  readonly name: string;
  readonly argv: readonly string[];
}

function hopscope(confidence: 95 | 99, protocol: string, mode: string): Contender {
  const argv = [
    ...HOPSCOPE,
    '--multipath',
    String(confidence),
    '--protocol',
    protocol,
    '--mode',
    mode,
    '--timeout',
    '30s',
  ];
  return { name: `hopscope ${confidence} % ${protocol}, ${mode}`, argv };
}

/** `wait` is between probes, in hundredths of a second; scamper's own default is 25. */
function tracelb(confidence: 95 | 99, method: string, wait: number): Contender {
  const command = `tracelb -c ${confidence} -P ${method} -W ${wait} ${TARGET}`;
  return {
    name: `scamper ${command.replace(` ${TARGET}`, '')}`,
    argv: ['scamper', '-p', '1000', '-I', command],
  };
}

const HOPSCOPES: readonly Contender[] = ([95, 99] as const).flatMap((confidence) =>
  ['icmp', 'udp', 'tcp'].flatMap((protocol) =>
    ['raw', 'unprivileged'].map((mode) => hopscope(confidence, protocol, mode)),
  ),
);
const SCAMPERS: readonly Contender[] = [
  tracelb(95, 'icmp-echo', 25),
  tracelb(95, 'icmp-echo', 15),
  tracelb(95, 'udp-dport', 15),
  tracelb(99, 'icmp-echo', 15),
];

/** Distinct links by address, as scamper counts them, and whether all is there. */
function foundBy(stdout: string, isHopscope: boolean): Set<string> {
  if (isHopscope) return new Set((JSON.parse(stdout) as Trace).links.map(({ from, to }) => `${from} ${to}`));
  const links = new Set<string>();
  for (const line of stdout.split('\n')) {
    const [from, ...to] = line.split(/ -> |, | \(|\)/).map((part) => part.trim());
    for (const one of to) if (/^[0-9.]+$/.test(one)) links.add(`${from} ${one}`);
  }
  return links;
}

async function probesLogged(lab: TunLab, logFile: string): Promise<number> {
  await lab.status();
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"fate"')).length;
}

async function measure(
  lab: TunLab,
  contender: Contender,
  logFile: string,
  truth: ReadonlySet<string>,
): Promise<string[]> {
  const before = await probesLogged(lab, logFile);
  const beganAt = performance.now();
  const { stdout, stderr, exitCode } = await lab.run(contender.argv, { timeoutMs: TIMEOUT_MS });
  const wallMs = performance.now() - beganAt;
  if (exitCode !== 0) throw new Error(`${contender.name}: ${stderr}`);
  const probes = (await probesLogged(lab, logFile)) - before;
  const isHopscope = contender.name.startsWith('hopscope');
  const links = foundBy(stdout, isHopscope);
  const found = [...truth].filter((link) => links.has(link)).length;
  const own = isHopscope ? (JSON.parse(stdout) as Trace).durationMs : wallMs;
  const note = isHopscope ? ((JSON.parse(stdout) as Trace).multipath?.note ?? '') : '';
  return [
    contender.name,
    (own / 1000).toFixed(2),
    (wallMs / 1000).toFixed(2),
    String(probes),
    `${found} of ${truth.size}`,
    String([...links].filter((link) => !truth.has(link)).length),
    note === '' ? '' : 'cut short',
  ];
}

const quick = process.argv[2] === 'quick';
for (const name of ['diamond-unmeshed', 'diamond-meshed']) {
  const scenario = readScenario(join(import.meta.dirname, `../test/scenarios/${name}.json`));
  const logFile = join(tmpdir(), `hopscope-multipath-${process.pid}.log`);
  const truth = new Set(
    graphOf(scenario, { target: TARGET, protocol: 'icmp' }).links.map(({ from, to }) => `${from} ${to}`),
  );
  await using lab = await startTunLab(scenario, { logFile });
  const rows: string[][] = [];
  for (const contender of quick ? HOPSCOPES : [...HOPSCOPES, ...SCAMPERS]) {
    rows.push(await measure(lab, contender, logFile, truth));
  }
  rmSync(logFile, { force: true });
  process.stdout.write(`${name}, widths 4, 4, 8 behind 13 hops, 40 ms to the widest\n\n`);
  process.stdout.write(
    `${renderTable(['', 'seconds', 'process', 'probes', 'links', 'false', ''], rows)}\n\n`,
  );
}
