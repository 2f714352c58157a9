// The style of the report, and its hash for the Content-Security-Policy: the file carries all it needs, and allows itself
// nothing else. Made for A4 as much as for a screen.

import { createHash } from 'node:crypto';

export const REPORT_STYLE: string = `
@page { size: A4; margin: 14mm 13mm 16mm; }
:root { --line: #c9cfc8; --soft: #4f5a53; --text: #16201a; --ground: #f4f6f3; --mark: #b3261e; --good: #1a6b3c; }
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 60rem; padding: 1.5rem; color: var(--text); background: #fff;
  font: 14px/1.45 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
  -webkit-print-color-adjust: exact; print-color-adjust: exact;
}
h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 .2rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 1.8rem 0 .5rem; padding-bottom: .2rem; border-bottom: 2px solid var(--text); }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
h4 { font-size: .9rem; margin: 1rem 0 .25rem; }
p { margin: .3rem 0; }
.sub { color: var(--soft); margin: 0 0 1rem; overflow-wrap: anywhere; }
.summary { border: 1px solid var(--line); border-left: 5px solid var(--text); background: var(--ground); padding: .6rem 1rem; }
.summary li { margin: .25rem 0; }
.summary ul { margin: 0; padding-left: 1.1rem; }
dl { display: grid; grid-template-columns: 11rem 1fr; gap: .15rem 1rem; margin: .5rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; margin: .4rem 0; }
th { text-align: left; color: var(--soft); font-weight: 600; border-bottom: 1px solid var(--text); }
th, td { padding: .2rem .6rem .2rem 0; vertical-align: top; }
td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th.num, td.num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.ttl { white-space: nowrap; width: 2.2rem; }
td.sign { width: 5.5rem; white-space: nowrap; }
tr.differs td { background: #fdf1ef; } tr.differs td.sign { color: var(--mark); font-weight: 600; }
.address { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .95em; }
.id { white-space: nowrap; }
.facts { color: var(--soft); display: block; font-size: .92em; }
.none { color: var(--soft); }
pre {
  font: 11px/1.4 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; background: var(--ground);
  border: 1px solid var(--line); padding: .5rem .7rem; margin: .3rem 0; white-space: pre-wrap; overflow-wrap: anywhere;
}
figure { margin: .6rem 0; } svg { width: 100%; height: auto; display: block; } figcaption { color: var(--soft); font-size: .86rem; }
.notes li { margin: .25rem 0; }
footer { margin-top: 2rem; padding-top: .5rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .82rem; }
@media (max-width: 40rem) { body { padding: 1rem; } dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .4rem; } }
@media print {
  body { padding: 0; max-width: none; font-size: 9.5pt; }
  h2, h3, h4 { break-after: avoid; } tr, .summary, figure, dl { break-inside: avoid; } thead { display: table-header-group; }
  pre { font-size: 7.5pt; }
}
`;

const HASH = createHash('sha256').update(REPORT_STYLE).digest('base64');

/** In the document itself, since it is passed on as a file, and with the answer of the server. */
export const REPORT_POLICY: string = `default-src 'none'; style-src 'sha256-${HASH}'; base-uri 'none'; form-action 'none'`;
