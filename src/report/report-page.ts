// A support bundle as one HTML file that needs nothing else: no script, no image, no font, nothing from elsewhere, and a
// policy in it that allows nothing but its own style. Invariant: whatever a name holds is text.

import { formatMs, formatRatio, formatSpan, formatUtc, utcSecond } from './figure-text.ts';
import type { AlignedHop } from './hop-alignment.ts';
import { html, type Markup, verbatim } from './markup.ts';
import { reportChart } from './report-chart.ts';
import { REPORT_POLICY, REPORT_STYLE } from './report-style.ts';
import type { BundleChange, BundleFigures, BundlePath, BundleRun, SupportBundle } from './support-bundle.ts';
import { traceText } from './trace-text.ts';

export function reportPage(bundle: SupportBundle): string {
  const { target } = bundle;
  const title = `Network path report: ${target.host}`;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${REPORT_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${verbatim(REPORT_STYLE)}</style>
</head>
<body>
<h1>${title}</h1>
<p class="sub">${formatUtc(bundle.fromMs)} to ${formatUtc(bundle.toMs)}. All times are UTC.</p>
<section class="summary" aria-label="Summary"><ul>${bundle.summary.map((sentence) => html`<li>${sentence}</li>`)}</ul></section>
${[whoAndHow(bundle), course(bundle), changes(bundle), paths(bundle), notes()]}
<footer>Made by ${bundle.generator} at ${formatUtc(bundle.generatedAtMs)}. The same is to be had as data (JSON).</footer>
</body>
</html>
`;
  return page.html;
}

function whoAndHow({ vantagePoint, target, method }: SupportBundle): Markup {
  const { protocol, port, intervalMs, flows, queries, packetLength } = method;
  const labels = Object.entries(target.labels).map(([name, value]) => `${name}=${value}`);
  const each = [
    intervalMs === null ? null : `every ${formatSpan(intervalMs)}`,
    flows === null ? null : `${flows} flow${flows === 1 ? '' : 's'} with constant header fields`,
    queries === null ? null : `${queries} probe${queries === 1 ? '' : 's'} for each hop and flow`,
    packetLength ? `packets of ${packetLength} bytes` : null,
  ].filter((part) => part !== null);
  const rows: readonly (readonly [string, string])[] = [
    ['Vantage point', vantagePoint],
    [
      'Destination',
      target.address === null || target.address === target.host
        ? target.host
        : `${target.host} (${target.address})`,
    ],
    ...(protocol === null
      ? []
      : [['Probes', `${protocol.toUpperCase()}${port === null ? '' : ` to port ${port}`}`] as const]),
    ...(each.length === 0 ? [] : [['Measured', each.join(', ')] as const]),
    ...(labels.length === 0 ? [] : [['Labels', labels.join(', ')] as const]),
  ];
  return html`<h2>Who measured what</h2>
<dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

function course(bundle: SupportBundle): Markup {
  if (bundle.figures.runs === 0) return html``;
  return html`<h2>Course</h2>
<figure>${reportChart(bundle)}<figcaption>One value for each ${formatSpan(bundle.timeline.stepMs)}. Letters name the paths of the table below; numbers are the changes. Times: month-day hour:minute, UTC.</figcaption></figure>`;
}

function changes(bundle: SupportBundle): Markup {
  if (bundle.changes.length === 0) return html``;
  return html`<h2>What changed</h2>
${bundle.changes.map((change) => changeSection(change, bundle))}`;
}

function changeSection(change: BundleChange, bundle: SupportBundle): Markup {
  const { number, atMs, text, confidence, kinds, hops } = change;
  const moved = kinds.some((kind) => kind !== 'unreachable' && kind !== 'recovered');
  return html`<h3>Change ${number}: ${formatUtc(atMs)}</h3>
<p>${capital(text)}. Confidence ${formatRatio(confidence)}.</p>
${[
  figuresTable(change),
  moved && hops.length > 0 ? hopTable(hops, change, bundle) : html``,
  runSection('Last measurement before', change.runBefore, bundle),
  runSection('First measurement after', change.runAfter, bundle),
]}`;
}

function figuresTable({ before, after }: BundleChange): Markup {
  const row = (name: string, figures: BundleFigures): Markup => {
    const { fromMs, toMs, runs, reachedRuns, rttMinMs, rttMedianMs, rttP95Ms, lossRatio } = figures;
    if (runs === 0) return html`<tr><td>${name}</td><td colspan="6" class="none">nothing measured</td></tr>`;
    return html`<tr><td>${name}</td><td>${utcSecond(fromMs)} to ${utcSecond(toMs)}</td><td class="num">${reachedRuns} of ${runs}</td><td class="num">${formatMs(rttMinMs)}</td><td class="num">${formatMs(rttMedianMs)}</td><td class="num">${formatMs(rttP95Ms)}</td><td class="num">${formatRatio(lossRatio)}</td></tr>`;
  };
  return html`<table><thead><tr><th></th><th>Measured (UTC)</th><th class="num">Answered</th><th class="num">RTT least</th><th class="num">median</th><th class="num">95 %</th><th class="num">Loss</th></tr></thead><tbody>${[row('Before', before), row('After', after)]}</tbody></table>`;
}

const MARKS: Readonly<Record<AlignedHop['mark'], string>> = {
  kept: '= same',
  changed: '≠ other',
  removed: '− gone',
  added: '+ new',
  unknown: '? silent',
};

function hopTable(
  hops: readonly AlignedHop[],
  { beforePathId, afterPathId }: BundleChange,
  bundle: SupportBundle,
): Markup {
  const rows = hops.map(({ ttlBefore, ttlAfter, before, after, mark }) => {
    const differs = mark === 'kept' || mark === 'unknown' ? '' : 'differs';
    return html`<tr class="${differs}"><td class="ttl num">${ttlBefore ?? ''}</td><td>${ttlBefore === null ? html`` : hop(before, bundle)}</td><td class="sign">${MARKS[mark]}</td><td class="ttl num">${ttlAfter ?? ''}</td><td>${ttlAfter === null ? html`` : hop(after, bundle)}</td></tr>`;
  });
  const name = (id: string | null): string => (id === null ? '' : ` (${id})`);
  return html`<h4>Path before and after</h4>
<table><thead><tr><th class="num">TTL</th><th>Before${name(beforePathId)}</th><th></th><th class="num">TTL</th><th>After${name(afterPathId)}</th></tr></thead><tbody>${rows}</tbody></table>`;
}

function hop(address: string | null, { addresses }: SupportBundle): Markup {
  if (address === null || address === '') return html`<span class="none">no answer</span>`;
  const facts = addresses[address];
  const as = facts?.asn == null ? null : `AS${facts.asn}${facts.asName === null ? '' : ` ${facts.asName}`}`;
  const more = [facts?.name ?? null, as].filter((part) => part !== null);
  return html`<span class="address">${address}</span>${more.length === 0 ? html`` : html`<span class="facts">${more.join(', ')}</span>`}`;
}

function runSection(title: string, run: BundleRun | null, bundle: SupportBundle): Markup {
  if (run === null) return html``;
  return html`<h4>${title}</h4>
<pre>${traceText(run, bundle)}</pre>`;
}

function paths(bundle: SupportBundle): Markup {
  if (bundle.paths.length === 0) return html``;
  const row = ({
    letter,
    pathId,
    runs,
    prevalence,
    firstSeenMs,
    lastSeenMs,
    rttMedianMs,
    hops,
  }: BundlePath): Markup =>
    html`<tr><td>${letter}</td><td class="address id">${pathId}</td><td class="num">${runs} (${formatRatio(prevalence)})</td><td>${utcSecond(firstSeenMs)}</td><td>${utcSecond(lastSeenMs)}</td><td class="num">${formatMs(rttMedianMs)}</td><td>${asPathOf(hops, bundle)}</td></tr>`;
  return html`<h2>Paths of the period</h2>
<table><thead><tr><th></th><th>Path</th><th class="num">Measurements</th><th>First seen (UTC)</th><th>Last seen (UTC)</th><th class="num">Median RTT</th><th>Hops, AS path</th></tr></thead><tbody>${bundle.paths.map(row)}</tbody></table>`;
}

function asPathOf(hops: BundlePath['hops'], { addresses }: SupportBundle): string {
  const numbers: number[] = [];
  for (const address of hops.flat()) {
    const asn = addresses[address]?.asn ?? null;
    if (asn !== null && numbers.at(-1) !== asn) numbers.push(asn);
  }
  return [`${hops.length} hops`, ...numbers.map((asn) => `AS${asn}`)].join(' ');
}

const NOTES = [
  'Probes of one flow keep all header fields that routers balance on, so a change of path is not a balancer at work: flows that move among parallel links are not counted as changes.',
  'A change is recorded when the new path contradicts the remembered one and is seen again: probed anew at once, or in the measurements that follow. The time given is that of the confirmation; the change itself lies between the measurement before and that one.',
  'A router that does not answer is not at fault: routers limit such replies. Loss is of probes to the destination itself; a hop is named only where what is lost there is missing at every hop behind it too.',
  'Addresses are those that answered, on the way there. The way back may be another and is in the round-trip times.',
  'Names are from reverse DNS and autonomous systems from a database, as known when this report was made.',
] as const;

function notes(): Markup {
  return html`<h2>How to read this</h2>
<ul class="notes">${NOTES.map((note) => html`<li>${note}</li>`)}</ul>`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
