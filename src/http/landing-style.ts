// The style of the landing page, and its hash for the Content-Security-Policy: the page carries all it needs.

import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import type { PageFile } from './built-page.ts';

export const LANDING_STYLE: string = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f5; --surface: #ffffff; --line: #d9ddd6; --text: #1a211d; --soft: #58635c;
  --accent: #0b6b52; --on-accent: #ffffff; --ok: #1a7f45; --bad: #b3261e; --wait: #6b6f00; --field: #ffffff;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, Consolas, monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #111613; --surface: #19201c; --line: #323c36; --text: #e6ece8; --soft: #a0ada5;
    --accent: #58d3aa; --on-accent: #06251b; --ok: #63d68f; --bad: #ff8a80; --wait: #d8d06a; --field: #111613;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
}
.wrap { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem; }
a { color: var(--accent); text-underline-offset: .2em; }
a:focus-visible, input:focus-visible, select:focus-visible, button:focus-visible, .scroll:focus-visible {
  outline: 3px solid var(--accent); outline-offset: 2px;
}
.skip { position: absolute; left: -99rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--surface); padding: .5rem 1rem; }
header { border-bottom: 1px solid var(--line); background: var(--surface); }
header .wrap { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1rem; padding-block: 1rem; }
.mark { width: 3.4rem; height: 1.7rem; color: var(--accent); flex: none; }
h1 { font-size: 1.35rem; line-height: 1.2; margin: 0; letter-spacing: -.01em; }
.version { font-family: var(--mono); font-size: .85rem; color: var(--soft); }
.tag { color: var(--soft); margin: 0; flex: 1 1 16rem; }
main.wrap { padding-block: 1.75rem 1rem; }
section { margin-bottom: 2.25rem; }
h2 { font-size: 1.05rem; margin: 0 0 .75rem; }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: .6rem; padding: 1.1rem 1.25rem; }
form { display: grid; grid-template-columns: minmax(12rem, 1fr) 12rem auto auto; gap: .9rem 1rem; align-items: end; }
.field { display: grid; gap: .3rem; font-size: .88rem; color: var(--soft); }
input[type=text], select, button {
  font: inherit; width: 100%; min-height: 2.75rem; border-radius: .4rem; padding: .4rem .75rem;
  color: var(--text); background: var(--field); border: 1px solid var(--soft);
}
button { background: var(--accent); color: var(--on-accent); border-color: var(--accent); font-weight: 600; cursor: pointer; padding-inline: 1.5rem; }
button:hover { filter: brightness(1.08); }
input::placeholder { color: var(--soft); opacity: 1; }
.check { display: flex; align-items: center; gap: .5rem; min-height: 2.75rem; white-space: nowrap; }
.check input { width: 1.15rem; height: 1.15rem; accent-color: var(--accent); margin: 0; }
.hint { color: var(--soft); font-size: .88rem; margin: .8rem 0 0; }
.counts { display: flex; flex-wrap: wrap; gap: .4rem 1.5rem; margin: 0 0 .75rem; padding: 0; list-style: none; }
.counts b { font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; padding: 0; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .82rem; white-space: nowrap; }
th, td { padding: .55rem 1.25rem .55rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child { padding-left: 1.25rem; }
tbody tr:last-child > * { border-bottom: 0; }
.num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.host a { text-decoration-thickness: 1px; text-decoration-color: color-mix(in srgb, currentColor 45%, transparent); }
.host a:hover { text-decoration-color: currentColor; }
.host { font-weight: 600; overflow-wrap: anywhere; color: inherit; font-size: inherit; white-space: normal; min-width: 15rem; }
.labels { display: block; font-weight: 400; font-family: var(--mono); font-size: .78rem; color: var(--soft); overflow-wrap: anywhere; }
.state { white-space: nowrap; font-weight: 600; }
.state svg { width: .85rem; height: .85rem; margin-right: .45rem; vertical-align: -.08em; }
.ok { color: var(--ok); } .bad { color: var(--bad); } .wait { color: var(--wait); }
.columns { display: grid; grid-template-columns: 1fr 1fr; gap: 1.5rem; align-items: start; }
dl { margin: 0; display: grid; grid-template-columns: auto 1fr; gap: .5rem 1.25rem; font-size: .93rem; }
dt { font-family: var(--mono); font-size: .85rem; padding-top: .08rem; overflow-wrap: anywhere; }
dd { margin: 0; color: var(--soft); overflow-wrap: anywhere; min-width: 0; }
dd code { font-family: var(--mono); font-size: .85rem; color: var(--text); }
footer { color: var(--soft); font-size: .85rem; border-top: 1px solid var(--line); padding-block: 1rem 2rem; }
@media (max-width: 44rem) {
  form { grid-template-columns: 1fr 1fr; }
  .field:first-child { grid-column: 1 / -1; }
  form button { grid-column: 1 / -1; }
}
@media (max-width: 52rem) {
  .columns { grid-template-columns: 1fr; }
}
@media (max-width: 56rem) {
  table, tbody, th.host, td { display: block; }
  thead { position: absolute; left: -99rem; }
  tr { display: flex; flex-wrap: wrap; gap: .15rem 1rem; padding: .75rem 1.25rem; border-bottom: 1px solid var(--line); }
  tbody tr:last-child { border-bottom: 0; }
  th, td, th:first-child, td:first-child { padding: 0; border: 0; }
  .host { flex: 1 0 100%; min-width: 0; }
  td[data-name] { color: var(--soft); text-align: left; }
  td[data-name=Hops]::after { content: " hops"; }
  td.none { display: none; }
}
@media (max-width: 36rem) {
  .wrap, main.wrap { padding-inline: 1rem; }
  tr { padding-inline: 1rem; }
  .card { padding-inline: 1rem; }
  .scroll { padding: 0; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { padding-bottom: .6rem; }
}
`;

/** For `style-src`: the browser applies this very text and no other. */
export const LANDING_STYLE_HASH: string = `sha256-${createHash('sha256').update(LANDING_STYLE).digest('base64')}`;

/** The same text as a file, for the page's own policy, which allows no style in the document. */
export const LANDING_STYLE_FILE: PageFile = {
  type: 'text/css; charset=utf-8',
  plain: Buffer.from(LANDING_STYLE),
  gzipped: gzipSync(LANDING_STYLE),
};

export const LANDING_STYLE_PATH: string = `assets/landing-${createHash('sha256').update(LANDING_STYLE).digest('hex').slice(0, 8)}.css`;
