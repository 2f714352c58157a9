// The exporter in the lab: time to readiness, memory with 1,000 targets, 64 probes at once beside one, and the error of
// its RTTs against the simulator's own account. Needs root.
//
//   node bench/serve.ts [exporter|alone|serving]

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTunLab, type TunLab } from '../lab/tun.ts';
import { get, startHopscope } from '../test/e2e/servers.ts';
import { chainScenario } from './lab-scenarios.ts';
import { quantile, renderTable } from './table.ts';

const TARGETS = 1000;
const ROUNDS_MS = 25_000;
const AT_ONCE = 64;
const AT_ONCE_FOR_RTT = 8;
const RTT_RUNS = 5;
const PROBES_WHILE_SERVING = 200;
const EXPORTER = 'http://127.0.0.1:10434';

const scenario = chainScenario({ routers: 11, delayMs: 1, jitterMs: 0.3, prefix: '198.18.0.0/16' });
const target = (i: number): string => `198.18.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`;

async function memoryAndReadiness(lab: TunLab): Promise<readonly (readonly string[])[]> {
  const config = join(tmpdir(), `hopscope-bench-${process.pid}.yml`);
  const hosts = Array.from({ length: TARGETS }, (_, i) => `  - { host: ${target(i)}, interval: 10s }\n`).join(
    '',
  );
  writeFileSync(config, `targets:\n${hosts}`);
  const beganAt = performance.now();
  const { child } = await startHopscope(lab.namespace, ['--config.file', config]);
  const readyMs = performance.now() - beganAt;
  await new Promise((resolve) => setTimeout(resolve, ROUNDS_MS));
  const { body } = await get(lab.namespace, `${EXPORTER}/metrics`);
  const reading = (name: string): number => Number(new RegExp(`^${name} (\\S+)`, 'm').exec(body)?.[1]);
  const succeeded = body.match(/^traceroute_success\{.*\} 1$/gm)?.length ?? 0;
  const right = body.match(/^traceroute_hops\{.*\} 12$/gm)?.length ?? 0;
  const late = reading('hopscope_rounds_late_total');
  const rssMb = reading('process_resident_memory_bytes') / 1e6;
  const cpu = reading('process_cpu_seconds_total');
  const one = await probes(lab, 1);
  const many = await probes(lab, AT_ONCE);
  child.kill('SIGTERM');
  rmSync(config);
  return [
    ['start to ready, 1,000 targets', `${readyMs.toFixed(0)} ms`],
    ['resident memory after 2 rounds', `${rssMb.toFixed(0)} MB`],
    ['processor time since the start', `${cpu.toFixed(1)} s`],
    ['targets reached / with the right hop count', `${succeeded} / ${right}`],
    ['late rounds', String(late)],
    ['one /probe', `${one.toFixed(1)} ms`],
    [`${AT_ONCE} /probe at once, the slowest`, `${many.toFixed(1)} ms`],
    ['ratio', `${(many / one).toFixed(2)} x`],
  ];
}

/** Milliseconds from the first request to the last answer, from one client process in the lab; best of five. */
async function probes(lab: TunLab, count: number): Promise<number> {
  const urls = Array.from({ length: count }, (_, i) => `${EXPORTER}/probe?target=198.18.200.${i + 1}`);
  const program = `
    const urls = ${JSON.stringify(urls)};
    const agent = new (require('node:http').Agent)({ keepAlive: true, maxSockets: 1000 });
    const get = (url) => new Promise((resolve, reject) => require('node:http').get(url, { agent }, (answer) => {
      let text = ''; answer.on('data', (chunk) => { text += chunk; });
      answer.on('end', () => /^probe_success 1$/m.test(text) ? resolve() : reject(new Error(text)));
    }).on('error', reject));
    (async () => {
      const times = [];
      for (let i = 0; i < 6; i++) {
        const began = performance.now();
        await Promise.all(urls.map(get));
        times.push(performance.now() - began);
      }
      console.log(Math.min(...times.slice(1)));
    })();`;
  const { stdout, stderr } = await lab.run([process.execPath, '-e', program]);
  if (stdout === '') throw new Error(stderr);
  return Number(stdout);
}

interface LogLine {
  readonly n: number;
  readonly atNs?: number;
  readonly destination?: string;
  readonly ttl?: number;
  readonly releasedAtNs?: number;
}

interface Traced {
  readonly address: string;
  readonly hops: readonly {
    readonly ttl: number;
    readonly sent: number;
    readonly replies: readonly { readonly rttMs: number }[];
  }[];
}

/** Absolute errors in microseconds over the hops of many traces. */
async function rttErrors(lab: TunLab, logFile: string, mode: string, protocol: string): Promise<number[]> {
  const from = readFileSync(logFile, 'utf8').length;
  const hosts = Array.from(
    { length: AT_ONCE_FOR_RTT },
    (_, i) => `198.18.${mode === 'raw' ? 100 : 101}.${i + 1}`,
  );
  const main = join(import.meta.dirname, '../src/main.ts');
  const { stdout, stderr } = await lab.run(
    [process.execPath, main, 'trace', ...hosts, '--mode', mode, '--protocol', protocol, '--output', 'json'],
    { timeoutMs: 120_000 },
  );
  await lab.status();
  const held = heldMicroseconds(readFileSync(logFile, 'utf8').slice(from));
  const errors: number[] = [];
  for (const text of stdout.trim().split('\n')) {
    if (text === '') throw new Error(stderr);
    const trace = JSON.parse(text) as Traced;
    for (const { ttl, sent: probed, replies } of trace.hops) {
      const truth = held.get(`${trace.address} ${ttl}`);
      if (truth !== undefined && !Number.isNaN(truth) && probed === 1 && replies[0] !== undefined) {
        errors.push(Math.abs(replies[0].rttMs * 1e3 - truth));
      }
    }
  }
  return errors;
}

/**
 * Absolute errors of an exporter that traces all its targets meanwhile, in microseconds: of what `/probe` measures, one
 * probe for each TTL.
 */
async function rttErrorsWhileServing(lab: TunLab, log: string): Promise<number[]> {
  const config = join(tmpdir(), `hopscope-bench-${process.pid}.yml`);
  const hosts = Array.from({ length: TARGETS }, (_, i) => `  - { host: ${target(i)}, interval: 10s }\n`);
  const modules = 'modules:\n  one: { protocol: icmp, flows: 1 }\n';
  writeFileSync(config, `${modules}targets:\n${hosts.join('')}`);
  const { child } = await startHopscope(lab.namespace, ['--config.file', config]);
  // Every target has had its first round, and all rounds are spread over their interval.
  await new Promise((resolve) => setTimeout(resolve, ROUNDS_MS));
  const measured = new Map<string, number>();
  for (let i = 0; i < PROBES_WHILE_SERVING; i++) {
    const address = `198.18.150.${i + 1}`;
    const { body } = await get(lab.namespace, `${EXPORTER}/probe?target=${address}&module=one&debug=true`);
    for (const [, ttl, rttMs] of body.matchAll(/^ *(\d+) {2}\S+ +(\d+\.\d+) ms/gm)) {
      measured.set(`${address} ${ttl}`, Number(rttMs) * 1e3);
    }
  }
  child.kill('SIGTERM');
  rmSync(config);
  await lab.status();
  const held = heldMicroseconds(readFileSync(log, 'utf8'));
  return [...measured].flatMap(([probe, us]) => {
    const truth = held.get(probe);
    return truth === undefined || Number.isNaN(truth) ? [] : [Math.abs(us - truth)];
  });
}

/** How long the simulator held each probe's reply, by destination and TTL; NaN where there were several. */
function heldMicroseconds(text: string): Map<string, number> {
  const held = new Map<string, number>();
  const sent = new Map<number, LogLine>();
  for (const one of text.split('\n')) {
    if (one === '') continue;
    const line = JSON.parse(one) as LogLine;
    if (line.releasedAtNs === undefined) sent.set(line.n, line);
    else {
      const probe = sent.get(line.n);
      const key = `${probe?.destination} ${probe?.ttl}`;
      const us = (line.releasedAtNs - (probe?.atNs ?? 0)) / 1e3;
      held.set(key, held.has(key) ? Number.NaN : us);
    }
  }
  return held;
}

const logFile = join(tmpdir(), `hopscope-bench-${process.pid}.jsonl`);
const part = process.argv[2] ?? '';
const isWanted = (name: string): boolean => part === '' || part === name;
if (isWanted('exporter')) {
  await using lab = await startTunLab(scenario);
  const rows = await memoryAndReadiness(lab);
  process.stdout.write(`\nThe exporter, ${TARGETS} targets every 10 s, 12 hops, RTT 24 ms\n`);
  process.stdout.write(`${renderTable(['what', 'figure'], rows)}\n`);
}
if (isWanted('alone')) {
  await using lab = await startTunLab(scenario, { logFile, spinUs: 300 });
  const rows: string[][] = [];
  for (const mode of ['raw', 'unprivileged']) {
    for (const protocol of ['icmp', 'udp', 'tcp']) {
      const errors: number[] = [];
      for (let i = 0; i < RTT_RUNS; i++) errors.push(...(await rttErrors(lab, logFile, mode, protocol)));
      rows.push([
        `${protocol}, ${mode}`,
        String(errors.length),
        quantile(errors, 0.5).toFixed(0),
        quantile(errors, 0.99).toFixed(0),
      ]);
    }
  }
  process.stdout.write(
    `\nRTT error against the simulator, microseconds; ${AT_ONCE_FOR_RTT} targets traced at once\n`,
  );
  process.stdout.write(`${renderTable(['probes', 'hops', 'median', 'p99'], rows)}\n`);
  rmSync(logFile, { force: true });
}
if (isWanted('serving')) {
  await using lab = await startTunLab(scenario, { logFile, spinUs: 300 });
  const errors = await rttErrorsWhileServing(lab, logFile);
  process.stdout.write(`\nRTT error while ${TARGETS} targets are traced every 10 s, microseconds\n`);
  const row = [
    'icmp, /probe',
    String(errors.length),
    quantile(errors, 0.5).toFixed(0),
    quantile(errors, 0.99).toFixed(0),
  ];
  process.stdout.write(`${renderTable(['probes', 'hops', 'median', 'p99'], [row])}\n`);
  rmSync(logFile, { force: true });
}
