// What the documentation says agrees with the program: generated pages and drawings are what the program makes today,
// every configuration is accepted by who reads it, every query parses and names metrics that exist, every link leads.

import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, it } from 'node:test';
import { parser } from '@prometheus-io/lezer-promql';
import * as catalogue from '../../src/metrics/catalogue.ts';
import { startApiServer } from '../api-server.ts';
import { CliHarness } from '../cli-harness.ts';
import { labSession } from './lab-sessions.ts';
import { type MarkdownPage, readMarkdown } from './markdown.ts';
import { documentationPages, ROOT } from './pages.ts';
import { referencePages } from './reference-pages.ts';

const PAGES = documentationPages();
const METRICS = metricNames();
/** Pages that name other programs' metrics, in the first column of their tables. */
const COMPARING = 'docs/migration.md';
const METRIC = /^(?:probe|traceroute|hopscope)_[a-z0-9_]+/;

function metricNames(): Set<string> {
  const names = new Set<string>();
  for (const group of Object.values(catalogue)) {
    if (typeof group !== 'object' || Array.isArray(group)) continue;
    for (const definition of Object.values(group) as Partial<catalogue.MetricDefinition>[]) {
      if (typeof definition.name !== 'string') continue;
      names.add(definition.name);
      if (definition.type !== 'histogram') continue;
      for (const part of ['bucket', 'sum', 'count']) names.add(`${definition.name}_${part}`);
    }
  }
  return names;
}

function fencesOf(language: string): { readonly where: string; readonly text: string }[] {
  return PAGES.flatMap(({ path, fences }) =>
    fences
      .filter((fence) => fence.language === language)
      .map(({ line, text }) => ({ where: `${path}:${line}`, text })),
  );
}

describe('generated documentation', () => {
  it('is what docs/generate.ts makes of the program today', async () => {
    for (const [path, text] of await referencePages()) {
      const written = readFileSync(join(ROOT, 'docs', path), 'utf8');
      assert.equal(written, text, `docs/${path} is not up to date: run docs/generate.ts`);
    }
  });

  it('has every metric of the catalogue', () => {
    const { text } = readMarkdown(join(ROOT, 'docs/reference/metrics.md'));
    for (const name of METRICS) {
      const whole = name.replace(/_(bucket|sum|count)$/, '');
      assert.ok(text.includes(`\`${name}\``) || text.includes(`\`${whole}\``), `${name} is missing`);
    }
  });

  it('shows terminal sessions as the program prints them', async () => {
    const sessions = PAGES.flatMap(({ path, fences }) =>
      fences.filter(({ settings }) => settings.has('lab')).map((fence) => ({ path, fence })),
    );
    assert.ok(sessions.length > 0);
    for (const { path, fence } of sessions) {
      const where = `${path}:${fence.line}`;
      assert.equal(fence.text, await labSession(fence), `${where} is not up to date: run docs/generate.ts`);
    }
  });
});

describe('queries and data in the documentation', () => {
  it('parse, and name metrics that exist', () => {
    const queries = fencesOf('promql');
    assert.ok(queries.length > 0);
    for (const { where, text } of queries) {
      for (const query of text.trim().split('\n')) assertQuery(query, where);
    }
  });

  it('in JSON parse line by line', () => {
    for (const { where, text } of fencesOf('json')) {
      assert.doesNotThrow(() => JSON.parse(text), where);
    }
  });
});

function assertQuery(query: string, where: string): void {
  parser.parse(query).iterate({
    enter: (node) => {
      assert.ok(!node.type.isError, `${where}: PromQL does not parse at ${node.from}: ${query}`);
    },
  });
  for (const [name] of query.matchAll(/\b(?:probe|traceroute|hopscope)_[a-z0-9_]+\b/g)) {
    assert.ok(METRICS.has(name), `${where}: there is no metric ${name}`);
  }
}

describe('names in the documentation', () => {
  it('of metrics exist', () => {
    for (const page of PAGES) {
      for (const { text, line } of page.codeSpans) {
        const name = METRIC.exec(text)?.[0];
        if (name === undefined || isForeign(page, line, text)) continue;
        assert.ok(METRICS.has(name), `${page.path}:${line}: there is no metric ${name}`);
      }
    }
  });

  it('of files exist', () => {
    for (const { path, codeSpans } of PAGES) {
      for (const { text, line } of codeSpans) {
        if (!/^(?:bench|bin|deploy|docs|lab|src|test|web)\/[\w./*-]+$/.test(text)) continue;
        const found = globSync(text, { cwd: ROOT }).length > 0;
        assert.ok(found || existsSync(join(ROOT, text)), `${path}:${line}: there is no ${text}`);
      }
    }
  });

  it('of options are those that hopscope has', async () => {
    const options = await optionNames();
    for (const { path, codeSpans } of PAGES) {
      for (const { text, line } of codeSpans) {
        const own = /^(?:bin\/)?hopscope /.test(text);
        if (!own && (path === COMPARING || !/^--?[a-z]/.test(text))) continue;
        for (const [, option = ''] of text.matchAll(/(?:^|\s)(--?[a-z][a-z0-9.-]*)/gi)) {
          const known = options.has(option) || FOREIGN_OPTIONS.has(option);
          assert.ok(known, `${path}:${line}: there is no option ${option}`);
        }
      }
    }
  });

  it('of pages, files and headings are led to by their links', () => {
    for (const page of PAGES) {
      for (const { target, line } of page.links) assertLink(page, target, `${page.path}:${line}`);
    }
  });
});

describe('endpoints in docs/http-api.md', () => {
  it('are all that the API describes, and no others', async () => {
    await using server = await startApiServer();
    const { paths } = (await server.get('api/v1/openapi.json')).json as { paths: Record<string, object> };
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const page = PAGES.find(({ path }) => path === 'docs/http-api.md');
    const said = page?.codeSpans.map(({ text }) => text).filter((text) => /^[A-Z]+ \/api\//.test(text));
    assert.deepEqual(said?.sort(), described.sort());
  });
});

describe('messages in docs/troubleshooting.md', () => {
  it('are those that the program has', () => {
    const page = PAGES.find(({ path }) => path === 'docs/troubleshooting.md');
    const files = globSync(['src/**/*.ts', 'bin/*'], { cwd: ROOT }).filter(
      (name) => !name.endsWith('.test.ts'),
    );
    const sources = files.map((name) => readFileSync(join(ROOT, name), 'utf8')).join('\n');
    const messages = [...(page?.prose ?? [])].flatMap(([line, text]) => {
      const message = /^\| `([^`]+)`(?: and the like)? \|/.exec(text)?.[1];
      return message === undefined ? [] : [{ message, line }];
    });
    assert.ok(messages.length > 20);
    for (const { message, line } of messages) {
      for (const part of message.split(/\.\.\.|; |: /)) {
        const words = part.trim();
        const known = words.length < 6 || sources.replaceAll('\\"', '"').includes(words);
        assert.ok(known, `docs/troubleshooting.md:${line}: the program never says "${words}"`);
      }
    }
  });
});

/** The first column of a table in the page that compares. */
function isForeign({ path, prose }: MarkdownPage, line: number, span: string): boolean {
  if (path !== COMPARING) return false;
  const [, first = ''] = (prose.get(line) ?? '').split(/(?<!\\)\|/);
  return first.includes(`\`${span}\``);
}

/** Options of other programs that the documentation names. */
const FOREIGN_OPTIONS = new Set([
  '--cap-add',
  '--cap-drop',
  '--cert-dir',
  '--enable-feature',
  '--max-semi-space-size',
  '--network',
  '--optimize-for-size',
  '--sysctl',
  '--web.enable-remote-write-receiver',
]);

async function optionNames(): Promise<Set<string>> {
  const names = new Set<string>();
  for (const command of ['', 'trace', 'serve', 'push', 'import', 'bundle', 'check']) {
    const { io, run } = harness();
    await run(...(command === '' ? [] : [command]), '--help');
    for (const [option] of io.out.matchAll(/(?<![\w.-])--?[a-z0-9][a-z0-9.-]*/gi)) names.add(option);
  }
  return names;
}

function harness(): { io: CliHarness['io']; run: CliHarness['run'] } {
  const cli = new CliHarness();
  return { io: cli.io, run: (...argv) => cli.run(...argv) };
}

function assertLink(page: MarkdownPage, target: string, where: string): void {
  if (/^[a-z]+:/.test(target)) return;
  const [path = '', anchor] = target.split('#', 2);
  const file = path === '' ? page.path : normalize(join(dirname(page.path), path));
  assert.ok(existsSync(join(ROOT, file)), `${where}: the link leads nowhere: ${target}`);
  if (anchor === undefined) return;
  const { anchors } = readMarkdown(join(ROOT, file));
  assert.ok(anchors.has(anchor), `${where}: ${file} has no heading for #${anchor}`);
}
