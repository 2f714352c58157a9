// How long one trace takes and what it costs in probes, beside traceroute, mtr and scamper on the same path in the same
// run. Needs root. `node bench/peers.ts`

import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTunLab, type TunLab } from '../lab/tun.ts';
import { CHAIN_TARGET, chainScenario } from './lab-scenarios.ts';
import { quantile, renderTable } from './table.ts';

const RUNS = 7;
const DELAY_MS = 1;
const ROUTERS = 11;
const RTT_MS = 2 * DELAY_MS * (ROUTERS + 1);
const HOPSCOPE = [process.execPath, join(import.meta.dirname, '../src/main.ts')];

interface Contender {
  readonly name: string;
  readonly argv: readonly string[];
  readonly runs: number;
  /** Milliseconds as the program itself reports them; else the process's life counts. */
  readonly ownMs?: (stdout: string) => number;
}

const traceMs = (stdout: string): number => (JSON.parse(stdout) as { durationMs: number }).durationMs;

const CONTENDERS: readonly Contender[] = [
  ...['raw', 'unprivileged'].flatMap((mode) =>
    ['icmp', 'udp', 'tcp'].map((protocol) => ({
      name: `hopscope ${protocol}, ${mode}`,
      argv: [...HOPSCOPE, 'trace', CHAIN_TARGET, '--protocol', protocol, '--mode', mode, '--output', 'json'],
      runs: RUNS,
      ownMs: traceMs,
    })),
  ),
  { name: 'traceroute -n -q1 -N60', argv: ['traceroute', '-n', '-q1', '-N60', CHAIN_TARGET], runs: RUNS },
  { name: 'mtr -n -c1 -r', argv: ['mtr', '-n', '-c1', '-r', CHAIN_TARGET], runs: 1 },
  {
    name: 'scamper trace -P icmp-paris -q1',
    argv: ['scamper', '-I', `trace -P icmp-paris -q 1 ${CHAIN_TARGET}`],
    runs: 1,
  },
];

async function measure(lab: TunLab, contender: Contender, logFile: string): Promise<readonly string[]> {
  const times: number[] = [];
  const wall: number[] = [];
  let probes = 0;
  for (let i = 0; i < contender.runs; i++) {
    const before = await probesLogged(lab, logFile);
    const beganAt = performance.now();
    const { stdout, exitCode, stderr } = await lab.run(contender.argv, { timeoutMs: 120_000 });
    wall.push(performance.now() - beganAt);
    if (exitCode !== 0) throw new Error(`${contender.name}: ${stderr}`);
    times.push(contender.ownMs?.(stdout) ?? (wall.at(-1) as number));
    probes = (await probesLogged(lab, logFile)) - before;
  }
  const middle = quantile(times, 0.5);
  return [
    contender.name,
    middle.toFixed(1),
    `${(middle / RTT_MS).toFixed(2)} x`,
    quantile(wall, 0.5).toFixed(0),
    String(probes),
  ];
}

async function probesLogged(lab: TunLab, logFile: string): Promise<number> {
  await lab.status();
  return readFileSync(logFile, 'utf8')
    .split('\n')
    .filter((line) => line.includes('"fate"')).length;
}

for (const silent of [[], [5, 6, 7]]) {
  const logFile = join(tmpdir(), `hopscope-bench-${process.pid}.jsonl`);
  const scenario = chainScenario({ routers: ROUTERS, delayMs: DELAY_MS, silent });
  await using lab = await startTunLab(scenario, { logFile });
  const rows: (readonly string[])[] = [];
  for (const contender of CONTENDERS) rows.push(await measure(lab, contender, logFile));
  const what = silent.length === 0 ? 'all answer' : `hops ${silent.join(', ')} silent`;
  process.stdout.write(`\n${ROUTERS + 1} hops, RTT ${RTT_MS} ms, ${what}; first trace, median of the runs\n`);
  process.stdout.write(`${renderTable(['program', 'trace ms', 'of RTT', 'process ms', 'probes'], rows)}\n`);
  rmSync(logFile, { force: true });
}
