// What the tests of the documentation read of a Markdown file: fenced blocks, code spans, headings and links, with lines.
// Invariant: what is inside a fenced block is in no other list.

import { readFileSync } from 'node:fs';

export interface Fence {
  /** First word of the info string; empty where there is none. */
  readonly language: string;
  /** `lab=mpls` and other `name=value` words after the language. */
  readonly settings: ReadonlyMap<string, string>;
  readonly text: string;
  /** Line of the opening fence, from 1 on. */
  readonly line: number;
}

export interface MarkdownPage {
  readonly path: string;
  readonly text: string;
  readonly fences: readonly Fence[];
  /** Everything but fenced blocks, by line from 1 on. */
  readonly prose: ReadonlyMap<number, string>;
  readonly codeSpans: readonly { readonly text: string; readonly line: number }[];
  readonly links: readonly { readonly target: string; readonly line: number }[];
  /** What `#...` of a link may name. */
  readonly anchors: ReadonlySet<string>;
}

export function readMarkdown(path: string): MarkdownPage {
  return parseMarkdown(path, readFileSync(path, 'utf8'));
}

export function parseMarkdown(path: string, text: string): MarkdownPage {
  const fences: Fence[] = [];
  const prose = new Map<number, string>();
  const lines = text.split('\n');
  for (let i = 0; i < lines.length; i++) {
    const opening = /^(\s*)(`{3,})(.*)$/.exec(lines[i] ?? '');
    if (opening === null) {
      prose.set(i + 1, lines[i] ?? '');
      continue;
    }
    const [, indent = '', ticks = '', info = ''] = opening;
    const end = lines.findIndex((line, at) => at > i && line.trim() === ticks);
    if (end === -1) throw new Error(`${path}:${i + 1}: this block never ends`);
    const body = lines.slice(i + 1, end).map((line) => line.slice(Math.min(indent.length, line.length)));
    fences.push({ ...infoOf(info), text: body.map((line) => `${line}\n`).join(''), line: i + 1 });
    i = end;
  }
  return { path, text, fences, prose, ...inlineOf(prose) };
}

function infoOf(info: string): Pick<Fence, 'language' | 'settings'> {
  const [language = '', ...words] = info.trim().split(/\s+/);
  const settings = new Map<string, string>();
  for (const word of words) {
    const [name = '', value = ''] = word.split('=', 2);
    settings.set(name, value);
  }
  return { language, settings };
}

function inlineOf(prose: ReadonlyMap<number, string>): Pick<MarkdownPage, 'codeSpans' | 'links' | 'anchors'> {
  const codeSpans: { text: string; line: number }[] = [];
  const links: { target: string; line: number }[] = [];
  const anchors = new Set<string>();
  for (const [line, content] of prose) {
    for (const [, , text = ''] of content.matchAll(/(`+)(.+?)\1(?!`)/g)) codeSpans.push({ text, line });
    const bare = content.replace(/(`+).+?\1(?!`)/g, '');
    for (const [, target = ''] of bare.matchAll(/\]\(([^)\s]+)\)/g)) links.push({ target, line });
    const heading = /^#{1,6} (.*)$/.exec(content)?.[1];
    if (heading !== undefined) anchors.add(anchorOf(heading));
  }
  return { codeSpans, links, anchors };
}

/** The anchor that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}
