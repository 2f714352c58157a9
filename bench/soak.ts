// The exporter soaked: 1,000 targets that come and go, a reload every ten seconds, storms of 200 clients, and one fault
// after the other (test/soak/soak-faults.ts), for an hour. Needs root. Exits with 1 when a promise was broken.
//
//   node bench/soak.ts [MINUTES] [TARGETS] [INTERVAL_SECONDS] [WARM_UP_MINUTES]

import { appendFileSync } from 'node:fs';
import { type Sample, type Slope, theilSen, windowMinima } from '../test/soak/slope.ts';
import { type ProcessSample, runSoak, type SoakResult } from '../test/soak/soak-run.ts';
import { quantile, renderTable } from './table.ts';

const [minutes = 60, targets = 1000, intervalSeconds = 30, warmUpMinutes = minutes / 3] = process.argv
  .slice(2)
  .map(Number);
const MINUTE_MS = 60_000;
const MB = 1e6;
/** A window has at least one whole collection of the old generation as a rule. */
const WINDOW_MS = Math.max(10_000, (minutes * MINUTE_MS) / 40);
const MOST_MB_PER_HOUR = 1;
const FAULT_MS = Math.min(40_000, (minutes * MINUTE_MS) / 20);

const MEASURES = {
  'resident memory': ({ rss }) => rss,
  'of it anonymous': ({ anonymous }) => anonymous,
  'JavaScript heap, main thread': ({ heapUsed }) => heapUsed,
  'outside of the heap, main thread': ({ external }) => external,
} satisfies Record<string, (sample: ProcessSample) => number>;

interface Trend {
  readonly name: string;
  readonly slope: Slope;
  readonly first: number;
  readonly last: number;
}

function trends(samples: readonly ProcessSample[]): Trend[] {
  const begin = (samples[0]?.atMs ?? 0) + warmUpMinutes * MINUTE_MS;
  return Object.entries(MEASURES).map(([name, measure]) => {
    const all: Sample[] = samples.map((sample) => ({ atMs: sample.atMs, value: measure(sample) / MB }));
    const minima = windowMinima(
      all.filter(({ atMs }) => atMs >= begin),
      WINDOW_MS,
    );
    return {
      name,
      slope: theilSen(minima),
      first: minima[0]?.value ?? Number.NaN,
      last: minima.at(-1)?.value ?? Number.NaN,
    };
  });
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function report({ samples, checks, restingFds, storms, faults, reloads }: SoakResult): boolean {
  const found = trends(samples);
  say(
    `\n${targets} targets every ${intervalSeconds} s for ${minutes} min, ${reloads} reloads, ${faults.length} turns of fortune`,
  );
  const row = ({ name, slope, first, last }: Trend): string[] => [
    name,
    `${first.toFixed(1)} to ${last.toFixed(1)}`,
    slope.perHour.toFixed(2),
    `${slope.low.toFixed(2)} to ${slope.high.toFixed(2)}`,
    String(slope.points),
  ];
  const header = ['memory, MB, after the warm-up', 'least of windows', 'MB/h', '95 %', 'windows'];
  say(renderTable(header, found.map(row)));
  const lag = samples.map(({ loopLagMaxMs }) => loopLagMaxMs);
  const threads = samples.map((sample) => sample.threads);
  const last = samples.at(-1);
  say('');
  say(
    renderTable(
      ['process', 'figure'],
      [
        ['descriptors at rest, at first and at last', restingFds.join(', ')],
        ['most descriptors seen', String(Math.max(...samples.map(({ fds }) => fds)))],
        ['threads, least and most', `${Math.min(...threads)}, ${Math.max(...threads)}`],
        ['longest delay of the loop, median of samples', `${quantile(lag, 0.5).toFixed(0)} ms`],
        ['longest of all', `${Math.max(...lag).toFixed(0)} ms`],
        ['processor time', `${last?.cpuSeconds.toFixed(0)} s`],
        ['turns late', String(last?.late)],
        ['answers in storms, by status', JSON.stringify(storms)],
      ],
    ),
  );
  say('');
  for (const { promise, seen, kept } of checks) say(`${kept ? 'kept  ' : 'BROKEN'}  ${promise}: ${seen}`);
  const memory = found[0];
  const grows = memory === undefined || !(memory.slope.low < MOST_MB_PER_HOUR);
  const told = memory !== undefined && memory.slope.high < MOST_MB_PER_HOUR;
  const verdict = grows ? 'BROKEN' : told ? 'kept  ' : 'open  ';
  say(
    `${verdict}  resident memory grows by less than ${MOST_MB_PER_HOUR} MB/h (open: the interval has it on both sides)`,
  );
  return !grows && checks.every(({ kept }) => kept);
}

const result = await runSoak({
  ...{ targets, intervalMs: intervalSeconds * 1000, durationMs: minutes * MINUTE_MS },
  ...{ pushMs: 60_000, sampleMs: 10_000, reloadMs: 10_000, stormMs: 60_000, stormClients: 200 },
  ...{ faultMs: FAULT_MS, diskBytes: 64 * 2 ** 20 },
  say: (line) => say(`${new Date().toISOString()} ${line}`),
});
const { SOAK_SAMPLES, SOAK_LOG } = process.env;
if (SOAK_SAMPLES !== undefined)
  for (const sample of result.samples) appendFileSync(SOAK_SAMPLES, `${JSON.stringify(sample)}\n`);
if (SOAK_LOG !== undefined) appendFileSync(SOAK_LOG, result.log);
process.exitCode = report(result) ? 0 : 1;
