// The first thing that a reader sees of a bundle: what happened, in sentences. Invariant: nothing is said that is not among
// the figures; an effect is called one only where the figures differ by more than they waver.

import { formatMs, formatRatio, formatUtc } from './figure-text.ts';
import type { BundleChange, BundleFigures, SupportBundle } from './support-bundle.ts';

/** Changes told one by one. */
const TOLD = 3;
/** Of the period: what begins later than this leaves a part of it without evidence. */
const LATE_SHARE = 0.05;

export function summaryOf(bundle: Omit<SupportBundle, 'summary'>): string[] {
  const { changes, otherChanges, figures, target } = bundle;
  const where = `from ${bundle.vantagePoint} to ${target.host}`;
  const when = `between ${formatUtc(bundle.fromMs)} and ${formatUtc(bundle.toMs)}`;
  if (figures.runs === 0) return [`Nothing was measured ${where} ${when}.`];
  const sentences = [
    changes.length === 0
      ? `No change of the path ${where} was confirmed ${when}.`
      : `${count(changes.length, 'change')} of the path ${where} ${changes.length === 1 ? 'was' : 'were'} confirmed ${when}.`,
    ...changes.slice(-TOLD).map(changeSentence),
  ];
  if (otherChanges > 0)
    sentences.push(`${count(otherChanges, 'other change')} not shown: earlier, or among parallel links.`);
  sentences.push(wholeSentence(bundle));
  const first = bundle.timeline.buckets[0];
  if (first !== undefined && first.atMs - bundle.fromMs > LATE_SHARE * (bundle.toMs - bundle.fromMs))
    sentences.push(`Of the period before ${formatUtc(first.atMs)} no measurements are kept.`);
  return sentences;
}

function changeSentence({ number, atMs, text, before, after }: BundleChange): string {
  const effects = [delayEffect(before, after), lossEffect(before, after)].filter((effect) => effect !== null);
  const effect =
    effects.length > 0
      ? `After it ${effects.join(', and ')}.`
      : before.runs > 0 && after.runs > 0
        ? 'Neither delay nor loss changed with it.'
        : '';
  return `Change ${number}, ${formatUtc(atMs)}: ${text}. ${effect}`.trim();
}

/** More than a tenth and more than what separates the median from the 95th percentile before. */
function delayEffect(before: BundleFigures, after: BundleFigures): string | null {
  const [old, now] = [before.rttMedianMs, after.rttMedianMs];
  if (old === null || now === null) return null;
  const wavering = Math.max(old * 0.1, (before.rttP95Ms ?? old) - old);
  if (Math.abs(now - old) <= wavering) return null;
  return `the median round-trip time was ${formatMs(now)} instead of ${formatMs(old)}`;
}

/** The difference of two shares is judged by its standard error over the runs. */
function lossEffect(before: BundleFigures, after: BundleFigures): string | null {
  const [old, now] = [before.lossRatio, after.lossRatio];
  if (old === null || now === null || before.runs === 0 || after.runs === 0) return null;
  const error = Math.sqrt((old * (1 - old)) / before.runs + (now * (1 - now)) / after.runs);
  if (Math.abs(now - old) <= Math.max(0.005, 3 * error)) return null;
  return `${formatRatio(now)} of the probes were lost instead of ${formatRatio(old)}`;
}

function wholeSentence({ figures, lossStartHop }: Omit<SupportBundle, 'summary'>): string {
  const { runs, reachedRuns, lossRatio, rttMedianMs } = figures;
  const from =
    lossStartHop === null || lossStartHop === 0 ? '' : ` The loss is seen from hop ${lossStartHop} on.`;
  return `Over the whole period: ${count(runs, 'measurement')}, the destination answered in ${reachedRuns}; loss ${formatRatio(lossRatio)}, median round-trip time ${formatMs(rttMedianMs)}.${from}`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
