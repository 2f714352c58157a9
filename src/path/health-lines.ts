// Loss, limits and delay in words, the same for the terminal, /probe's debugging text and whoever else tells people.
// Invariant: what is not certain is said to be so, and replies that a router leaves out are said to be no loss.

import type { DelayReport } from './delay.ts';
import type { HopHealth, HopVerdict, LossReport } from './loss.ts';
import type { HealthReport } from './path-health.ts';

export interface HealthLine {
  readonly about: 'loss' | 'doubtful-loss' | 'replies' | 'delay';
  readonly text: string;
}

/** Nothing where there is nothing to report: no loss, every hop answers, no link stands out. */
export function healthLines({ loss, delay, health }: HealthReport): HealthLine[] {
  const lines: HealthLine[] = [];
  const destinationLimits = health.at(-1)?.verdict === 'rate-limited';
  if (loss !== null && (destinationLimits ? loss.startHop > 0 : loss.lost > 0)) lines.push(lossLine(loss));
  const limited = hopsThatAre('rate-limited', health);
  if (limited !== '')
    lines.push({
      about: 'replies',
      text: `${limited} ${limited.startsWith('hops') ? 'their' : 'its'} replies: no loss`,
    });
  const quiet = hopsThatAre('quiet', health);
  if (quiet !== '') lines.push({ about: 'replies', text: `${quiet} replies at random: no loss` });
  if (delay !== null) lines.push(...delayLines(delay));
  return lines;
}

function lossLine(loss: LossReport): HealthLine {
  const { startHop, cleanHop, lossRatio, lossProbability, sent, lost, interval, flows } = loss;
  const measure = `${lost} of ${sent} probes, ${percent(interval.low)} to ${percent(interval.high)} %`;
  if (startHop > 0) {
    const where =
      cleanHop < startHop - 1
        ? `that begins after hop ${cleanHop} and shows from hop ${startHop} on`
        : `from hop ${startHop} on`;
    const branch =
      flows === null ? '' : `, on ${flows.length === 1 ? 'flow' : 'flows'} ${runsOf(flows)} alone`;
    return { about: 'loss', text: `loss ${percent(lossRatio)} % ${where}${branch} (${measure})` };
  }
  if (lossProbability >= 0.9) {
    const text = `loss ${percent(lossRatio)} % (${measure}), too few probes to tell from which hop on`;
    return { about: 'loss', text };
  }
  return {
    about: 'doubtful-loss',
    text: `${lost} of ${sent} probes to the destination unanswered, too few to call it loss`,
  };
}

function delayLines({ slowestHop, slowestHopAddsMs, rttMedianMs, shift }: DelayReport): HealthLine[] {
  const lines: HealthLine[] = [];
  // A link that adds less than half stands out from nothing.
  if (slowestHop > 1 && slowestHopAddsMs > rttMedianMs / 2) {
    lines.push({
      about: 'delay',
      text: `hop ${slowestHop} adds ${slowestHopAddsMs.toFixed(1)} ms of ${rttMedianMs.toFixed(1)} ms`,
    });
  }
  if (shift !== null) {
    const { beforeMs, afterMs, atMs, fromHop } = shift;
    const where = fromHop > 0 ? `, from hop ${fromHop} on` : '';
    const when = new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
    const text = `round-trip time ${beforeMs.toFixed(1)} ms became ${afterMs.toFixed(1)} ms at ${when}${where}`;
    lines.push({ about: 'delay', text });
  }
  return lines;
}

/** `hop 3 limits`, `hops 3-5,8 limit`; the verb of the verdict. */
function hopsThatAre(verdict: HopVerdict, health: readonly HopHealth[]): string {
  const ttls = health.flatMap((hop) => (hop.verdict === verdict ? [hop.ttl] : []));
  if (ttls.length === 0) return '';
  const verb = verdict === 'quiet' ? 'leave out' : 'limit';
  const one = verdict === 'quiet' ? 'leaves out' : 'limits';
  return ttls.length === 1 ? `hop ${ttls[0]} ${one}` : `hops ${runsOf(ttls)} ${verb}`;
}

/** `3-5,8` of ascending numbers. */
function runsOf(numbers: readonly number[]): string {
  const runs: string[] = [];
  for (let i = 0; i < numbers.length; ) {
    let last = i;
    while (numbers[last + 1] === (numbers[last] as number) + 1) last++;
    runs.push(last === i ? `${numbers[i]}` : `${numbers[i]}-${numbers[last]}`);
    i = last + 1;
  }
  return runs.join(',');
}

function percent(ratio: number): string {
  return (100 * ratio).toFixed(1);
}
