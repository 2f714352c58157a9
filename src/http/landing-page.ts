// The landing page: what this is, what it is doing, and a form to trace something now. Plain HTML, no script.
// Invariant: at most MAX_ROWS targets are listed, those in trouble first, however many there are.

import type { Config, TargetConfig } from '../config/config.ts';
import type { TargetSummary } from '../metrics/target-metrics.ts';
import { html, type Markup, type MarkupPart, verbatim } from '../report/markup.ts';
import type { HttpServices } from './http-services.ts';
import { LANDING_STYLE, LANDING_STYLE_HASH } from './landing-style.ts';
import { type Answer, HTML } from './response.ts';

const MAX_ROWS = 100;
const MAX_LABELS_SHOWN = 8;
const MAX_MODULES_SHOWN = 200;

export type LandingServices = Pick<HttpServices, 'about' | 'config' | 'targets' | 'now'>;

export const ICON: string =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='7' fill='%230b6b52'/%3E%3Cpath d='M5 22q5.5-14 11 0q5.5-14 11 0' fill='none' stroke='white' stroke-width='2.6' stroke-linecap='round'/%3E%3C/svg%3E";

/** The whole document, for an exporter whose page has not been built. */
export function landingPage(services: LandingServices): Answer {
  const style = html`<style>${verbatim(LANDING_STYLE)}</style>`;
  const note = html`<p class="hint">Paths, timelines and changes have a page of their own, which has not been built in this checkout: <code>npm start</code> builds it.</p>`;
  const document = html`<!doctype html>
<html lang="en">
<head>
${documentHead()}
${style}
</head>
<body>
${landingBody(services, note)}
</body>
</html>
`;
  return {
    status: 200,
    type: HTML,
    body: document.html,
    headers: {
      'Content-Security-Policy': `default-src 'none'; style-src '${LANDING_STYLE_HASH}'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
    },
  };
}

/** What every document of ours says of itself. */
export function documentHead(): Markup {
  return html`<meta charset="utf-8">
<title>hopscope</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="description" content="Network path monitor for Prometheus">
<link rel="icon" href="${ICON}">`;
}

/** Header, targets, form and endpoints; `note` is a sentence for the reader, or empty. */
export function landingBody(services: LandingServices, note: Markup): Markup {
  const { about } = services;
  const config = services.config();
  return html`<a class="skip" href="#content">Skip to content</a>
<header><div class="wrap">
${LOGO}
<h1>hopscope</h1>
<span class="version">${about.version}</span>
<p class="tag">Traces network paths and tells Prometheus</p>
</div></header>
<main id="content" class="wrap">
${config === null ? html`<section class="card">No configuration has been applied yet.</section>` : content(config, services)}
<div class="columns">
${endpoints()}
${argumentsInForce(about.arguments)}
</div>
${note}
</main>
<footer><div class="wrap">As of <time datetime="${iso(services.now())}">${utc(services.now())}</time>. Reload the page for newer figures.</div></footer>`;
}

const LOGO: Markup = html`<svg class="mark" viewBox="0 0 68 34" fill="none" aria-hidden="true">
<path d="M6 27Q17 3 28 27Q36 9 44 27Q52 13 60 27" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/>
<g fill="currentColor"><circle cx="6" cy="27" r="4"/><circle cx="28" cy="27" r="4"/><circle cx="44" cy="27" r="4"/><circle cx="60" cy="27" r="5.5"/></g>
</svg>`;

function content(config: Config, services: LandingServices): Markup {
  return html`${probeForm(config)}
${targets(config.targets, services)}`;
}

function probeForm(config: Config): Markup {
  const names = [...config.modules.keys()].slice(0, MAX_MODULES_SHOWN);
  const options = names.map((name) =>
    name === config.defaultModule ? html`<option selected>${name}</option>` : html`<option>${name}</option>`,
  );
  return html`<section aria-labelledby="probe">
<h2 id="probe">Trace now</h2>
<div class="card">
<form action="probe" method="get">
<label class="field">Target
<input type="text" name="target" required maxlength="2048" placeholder="example.org or 192.0.2.1" autocomplete="off" autocapitalize="none" spellcheck="false"></label>
<label class="field">Module
<select name="module">${options}</select></label>
<label class="check"><input type="checkbox" name="debug" value="true" checked>Show hops</label>
<button type="submit">Trace</button>
</form>
<p class="hint">Answers with the metrics that a scrape would get; with hops also the log and the hop table.</p>
</div>
</section>`;
}

interface Row {
  readonly target: TargetConfig;
  readonly summary: TargetSummary | undefined;
}

function targets(all: readonly TargetConfig[], services: LandingServices): Markup {
  if (all.length === 0) {
    return html`<section aria-labelledby="targets"><h2 id="targets">Targets</h2>
<div class="card">None are configured. Name them in <code>hopscope.yml</code> or as arguments, or scrape <code>/probe</code> with targets of your own.</div></section>`;
  }
  const failing: Row[] = [];
  const waiting: Row[] = [];
  const reached: Row[] = [];
  for (const target of all) {
    const summary = services.targets.summary(target.key);
    const rows = summary === undefined ? waiting : summary.reached ? reached : failing;
    rows.push({ target, summary });
  }
  const shown = [...failing, ...waiting, ...reached].slice(0, MAX_ROWS);
  const nowMs = services.now();
  return html`<section aria-labelledby="targets">
<h2 id="targets">Targets</h2>
<ul class="counts">
<li class="bad"><b>${failing.length}</b> not reached</li>
<li class="wait"><b>${waiting.length}</b> waiting for the first round</li>
<li class="ok"><b>${reached.length}</b> reached</li>
</ul>
<div class="card scroll" tabindex="0" role="group" aria-labelledby="targets">
<table>
<thead><tr><th scope="col">Target</th><th scope="col">State</th><th scope="col" class="num">Hops</th><th scope="col" class="num">RTT</th><th scope="col">Address</th><th scope="col">Module</th><th scope="col">Last round</th></tr></thead>
<tbody>
${shown.map((row) => targetRow(row, nowMs))}
</tbody>
</table>
</div>
${all.length > shown.length ? html`<p class="hint">${shown.length} of ${all.length} targets are listed; <a href="metrics">metrics</a> has them all.</p>` : html``}
</section>`;
}

function targetRow({ target, summary }: Row, nowMs: number): Markup {
  const trace = `probe?${new URLSearchParams({ target: target.host, module: target.module.name, debug: 'true' })}`;
  const figures = summary?.reached ? summary : undefined;
  const cells = [
    cell('Hops', figures?.hopCount, 'num'),
    cell('RTT', figures && rtt(figures), 'num'),
    cell('Address', summary?.address ?? undefined),
    cell('Module', target.module.name),
    cell('Last round', summary === undefined ? undefined : since(summary.atMs, nowMs)),
  ];
  return html`<tr><th scope="row" class="host"><a href="${trace}">${target.host}</a>${labels(target)}</th><td class="state">${state(summary)}</td>${cells}</tr>
`;
}

/** `name` tells the value apart where the page is too narrow for columns. */
function cell(name: string, content: MarkupPart | undefined, kind = ''): Markup {
  const classes = content === undefined ? `${kind} none`.trim() : kind;
  return html`<td class="${classes}" data-name="${name}">${content ?? '–'}</td>`;
}

function labels(target: TargetConfig): Markup {
  const entries = Object.entries(target.labels);
  if (entries.length === 0) return html``;
  const shown = entries.slice(0, MAX_LABELS_SHOWN).map(([name, value]) => `${name}=${value}`);
  return html`<span class="labels">${shown.join('  ')}${entries.length > MAX_LABELS_SHOWN ? ' …' : ''}</span>`;
}

const FAILURE_TEXT = {
  dns: 'Does not resolve',
  refused: 'Not permitted',
  engine: 'Not traced',
} as const;

/** Never by colour alone: a shape and a word too. */
function state(summary: TargetSummary | undefined): Markup {
  if (summary === undefined) {
    return html`<span class="wait"><svg viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="4.6" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2.4 2"/></svg>Waiting</span>`;
  }
  if (summary.reached) {
    return html`<span class="ok"><svg viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="5" fill="currentColor"/></svg>Reached</span>`;
  }
  const words = summary.failure === null ? 'Not reached' : FAILURE_TEXT[summary.failure];
  return html`<span class="bad"><svg viewBox="0 0 12 12" aria-hidden="true"><path d="M2 2l8 8M10 2l-8 8" stroke="currentColor" stroke-width="2.4" stroke-linecap="round"/></svg>${words}</span>`;
}

function rtt(summary: TargetSummary): string | undefined {
  if (summary.rttSeconds === null) return undefined;
  const ms = summary.rttSeconds * 1000;
  return `${ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

function since(atMs: number, nowMs: number): Markup {
  return html`<time datetime="${iso(atMs)}">${duration(Math.max(0, nowMs - atMs))} ago</time>`;
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function utc(ms: number): string {
  return `${iso(ms).slice(0, 19).replace('T', ' ')} UTC`;
}

const ENDPOINTS: readonly (readonly [string, string])[] = [
  ['metrics', 'static targets and the exporter itself, for Prometheus'],
  ['sd', 'the targets for Prometheus’ HTTP service discovery'],
  ['config', 'the configuration in force'],
  ['-/healthy', 'answers while the process does'],
  ['-/ready', 'answers 200 once a configuration is applied'],
];

function endpoints(): Markup {
  return html`<section aria-labelledby="endpoints">
<h2 id="endpoints">Endpoints</h2>
<div class="card"><dl>
${ENDPOINTS.map(
  ([path, what]) => html`<dt><a href="${path}">/${path}</a></dt><dd>${what}</dd>
`,
)}<dt>/probe</dt><dd>one trace now: <code>?target=&amp;module=&amp;debug=</code></dd>
<dt>/-/reload</dt><dd>POST: reads the configuration anew</dd>
</dl></div>
</section>`;
}

function argumentsInForce(given: ReadonlyMap<string, string>): Markup {
  const rows = [...given].map(
    ([name, value]) => html`<dt>--${name}</dt><dd><code>${value}</code></dd>
`,
  );
  return html`<section aria-labelledby="arguments">
<h2 id="arguments">Arguments in force</h2>
<div class="card">${rows.length === 0 ? html`None.` : html`<dl>${rows}</dl>`}</div>
</section>`;
}
