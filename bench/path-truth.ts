// How true path changes are, on the simulator's packets: random topologies over many rounds of virtual time, with every
// nuisance that makes others cry wolf, and scheduled changes whose truth is known. Prints false events, how many true
// changes were reported within two rounds with the right kind at the right hop, and what became of the rest.
//
//   node bench/path-truth.ts [--rounds 100000] [--seed 1] [--style mixed|...|held-out|all] [--only EVENT] [--workers 1]
//   node bench/path-truth.ts --target 1.17.mixed [--from 100 --to 110]     one target, round by round
//
// A target is named SEED.NUMBER.STYLE; that name makes it again.

import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { AddressTable } from '../src/path/address-table.ts';
import { PATH_CHANGE_KINDS } from '../src/path/observation.ts';
import type { Trace } from '../src/trace/trace.ts';
import { EVENT_KINDS, type EventKind } from './path/events.ts';
import { type PlainScore, Score } from './path/score.ts';
import { SimulatedTarget } from './path/simulated-target.ts';
import { HELD_OUT_STYLES, STYLES, type Style } from './path/topology.ts';
import { watch } from './path/watch.ts';
import { renderTable } from './table.ts';

const ROUNDS_PER_TARGET = 500;

interface Job {
  readonly seed: number;
  readonly first: number;
  readonly step: number;
  readonly targets: number;
  readonly styles: readonly string[];
  readonly only: EventKind | null;
}

const ALL: readonly Style[] = [...STYLES, ...HELD_OUT_STYLES];

function stylesNamed(name: string): readonly Style[] {
  if (name === 'all') return ALL;
  if (name === 'held-out') return HELD_OUT_STYLES;
  const found = ALL.filter((style) => style.name === name);
  return found.length > 0 ? found : STYLES;
}

function targetOf(seed: number, number: number, style: Style, only: EventKind | null): SimulatedTarget {
  return new SimulatedTarget(seed * 1_000_003 + number, style, only);
}

export function runJob({ seed, first, step, targets, styles, only }: Job): Score {
  const score = new Score();
  const addresses = new AddressTable();
  for (let number = first; number < targets; number += step) {
    const style = ALL.find((each) => each.name === styles[number % styles.length]) as Style;
    const name = `${seed}.${number}.${style.name}`;
    watch(targetOf(seed, number, style, only), { rounds: ROUNDS_PER_TARGET, addresses, name }, score);
  }
  return score;
}

function print(score: Score, seconds: number): void {
  const rows = EVENT_KINDS.map((event) => {
    const t = score.tallies[event];
    const due = t.scheduled - t.invisible - t.ambiguous - t.dim;
    return [event, t.scheduled, t.invisible, t.ambiguous, t.dim, due, t.reported, t.rightKind, t.rightHop];
  });
  const sums = (rows[0] ?? []).map((_, i) =>
    i === 0 ? 'all' : rows.reduce((sum, row) => sum + Number(row[i]), 0),
  );
  const header = [
    'event',
    'made',
    'invisible',
    'ambiguous',
    'dim',
    'due',
    'reported',
    'right kind',
    'and hop',
  ];
  console.log(
    renderTable(
      header,
      [...rows, sums].map((row) => row.map(String)),
    ),
  );
  const kinds = PATH_CHANGE_KINDS.map((kind) => [kind, String(score.falseEvents[kind])]);
  console.log(
    `\n${renderTable(['kind', 'false events'], [...kinds, ['path id', String(score.idChanges)]])}\n`,
  );
  const share = (score.confirmingProbes / (score.probes + score.confirmingProbes)) * 100;
  console.log(
    `${score.targetRounds} target-rounds, ${score.probes} probes; ${score.confirmations} confirming traces, ` +
      `${share.toFixed(1)} % of all probes; ${seconds.toFixed(0)} s, ${(score.targetRounds / seconds).toFixed(0)} rounds/s`,
  );
  for (const line of score.falses) console.log(`FALSE ${line}`);
  for (const line of score.misses) console.log(line);
}

/** One line a TTL: what each flow met. */
function show(round: number, trace: Trace, told: string): void {
  console.log(`-- round ${round} ${told}`);
  for (const hop of trace.hops) {
    const byFlow = trace.flows.map((flow) => {
      const met = hop.replies.filter((reply) => reply.flow === flow);
      return met.map((reply) => (reply.kind === 'time-exceeded' ? reply.address : 'D')).join('|') || '*';
    });
    console.log(String(hop.ttl).padStart(4), byFlow.map((text) => text.padEnd(14)).join(' '));
  }
}

async function runAll(workers: number, job: Omit<Job, 'first' | 'step'>): Promise<Score> {
  if (workers <= 1) return runJob({ ...job, first: 0, step: 1 });
  const score = new Score();
  const parts = Array.from({ length: workers }, (_, first) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { ...job, first, step: workers } });
    return new Promise<PlainScore>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  });
  for (const part of await Promise.all(parts)) score.add(part);
  return score;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      style: { type: 'string', default: '' },
      only: { type: 'string' },
      workers: { type: 'string', default: '1' },
      target: { type: 'string' },
      from: { type: 'string', default: '0' },
      to: { type: 'string', default: String(ROUNDS_PER_TARGET) },
    },
  });
  const only = (values.only ?? null) as EventKind | null;
  if (values.target !== undefined) {
    const [seed = '', number = '', style = ''] = values.target.split('.');
    const target = targetOf(Number(seed), Number(number), stylesNamed(style)[0] as Style, only);
    const [from, to] = [Number(values.from), Number(values.to)];
    const onRound = (round: number, trace: Trace, told: string): void => {
      if (round >= from && round <= to) show(round, trace, told);
    };
    const score = new Score();
    watch(target, { rounds: to + 3, addresses: new AddressTable(), name: values.target, onRound }, score);
    return print(score, 1);
  }
  const began = performance.now();
  const targets = Math.ceil(Number(values.rounds) / ROUNDS_PER_TARGET);
  const styles = stylesNamed(values.style).map((style) => style.name);
  const score = await runAll(Number(values.workers), { seed: Number(values.seed), targets, styles, only });
  print(score, (performance.now() - began) / 1000);
  const { reroute, as_path: asPath, length } = score.falseEvents;
  process.exitCode = reroute + asPath + length > 0 ? 1 : 0;
}

if (!isMainThread && parentPort !== null) parentPort.postMessage({ ...runJob(workerData as Job) });
else if (import.meta.main) await main();
