// What deploy/prometheus ships is sound: promtool accepts it, the alerts fire and stay silent as their unit tests say, and
// everything that they name exists.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import * as catalogue from '../src/metrics/catalogue.ts';
import { temporaryFolder } from './e2e/servers.ts';

const ROOT = join(import.meta.dirname, '..');
const FOLDER = join(ROOT, 'deploy/prometheus');

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Alert extends Required<Omit<Rule, 'record'>> {}

function readRules(file: string): readonly Rule[] {
  const { groups } = parse(readFileSync(file, 'utf8')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

const RULE_FILES = readdirSync(join(FOLDER, 'rules')).map((name) => join(FOLDER, 'rules', name));
const RULES = RULE_FILES.flatMap(readRules);
const ALERTS = RULES.filter((rule): rule is Alert => rule.alert !== undefined);

function succeed(program: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout;
}

/** Every metric of the catalogue; a histogram's series too. */
function knownMetrics(): Set<string> {
  const names = new Set<string>();
  for (const group of Object.values(catalogue)) {
    if (typeof group !== 'object' || Array.isArray(group)) continue;
    for (const { name, type } of Object.values(group) as { readonly name?: unknown; type?: unknown }[]) {
      if (typeof name !== 'string') continue;
      names.add(name);
      if (type === 'histogram') for (const part of ['bucket', 'count', 'sum']) names.add(`${name}_${part}`);
    }
  }
  return names;
}

describe('deploy/prometheus', () => {
  it('passes promtool and amtool, and its rules come to what their unit tests say', () => {
    for (const file of ['prometheus.yml', 'examples/http-sd.yml', 'examples/sharding.yml'])
      succeed('promtool', 'check', 'config', join(FOLDER, file));
    succeed('promtool', 'check', 'rules', ...RULE_FILES);
    const tests = readdirSync(join(FOLDER, 'tests')).map((name) => join(FOLDER, 'tests', name));
    assert.equal(tests.length, RULE_FILES.length);
    succeed('promtool', 'test', 'rules', ...tests);
    succeed('amtool', 'check-config', join(FOLDER, 'alertmanager.yml'));
  });

  it('has rules that are what its mixin renders', () => {
    using rendered = temporaryFolder();
    succeed(join(FOLDER, 'mixin/render'), rendered.path);
    assert.deepEqual(readdirSync(rendered.path), readdirSync(join(FOLDER, 'rules')));
    for (const name of readdirSync(rendered.path)) {
      const [fresh, committed] = [rendered.path, join(FOLDER, 'rules')].map((folder) =>
        readFileSync(join(folder, name), 'utf8'),
      );
      assert.equal(committed, fresh, `${name} is stale: run deploy/prometheus/mixin/render`);
    }
  });

  it('has a mixin that takes thresholds, selectors, labels and the place of runbooks from outside', () => {
    using folder = temporaryFolder();
    const overrides = join(folder.path, 'ours.libsonnet');
    writeFileSync(
      overrides,
      `{ _config+:: {
        runbookBase: 'https://wiki.example.org/', runbookSuffix: '', lossRatio: 0.2, lossWindow: '1h',
        targetSelector: 'team="network"', probeSelector: 'job=~"probes-.*"', groupLabels: ['region', 'provider'],
      } }`,
    );
    const out = join(folder.path, 'rules');
    succeed(join(FOLDER, 'mixin/render'), out, overrides);
    const files = readdirSync(out).map((name) => join(out, name));
    succeed('promtool', 'check', 'rules', ...files);
    const rules = files.flatMap(readRules);
    const loss = rules.find(
      ({ alert, labels }) => alert === 'DestinationLoss' && labels?.['source'] === 'target',
    );
    assert.match(loss?.expr ?? '', /traceroute_probes_lost_total\{team="network"\}\[1h\].* > 0\.2/);
    assert.match(loss?.annotations?.['description'] ?? '', /^Over the last 1 hour /);
    assert.equal(loss?.annotations?.['runbook_url'], 'https://wiki.example.org/DestinationLoss');
    const recorded = rules.map(({ record }) => record);
    for (const label of ['region', 'provider'])
      assert.ok(recorded.includes(`${label}:traceroute_loss:ratio_rate5m`), label);
    assert.ok(!recorded.some((record) => record?.startsWith('site:')));
    for (const { expr } of rules) {
      for (const [series] of expr.matchAll(/\btraceroute_\w+(?:\{[^}]*\})?/g))
        assert.match(series, /team="network"/);
      for (const [series] of expr.matchAll(/\bprobe_\w+(?:\{[^}]*\})?/g))
        assert.match(series, /job=~"probes-/);
    }
  });

  it('has a mixin with every dashboard of deploy/grafana', () => {
    const shown = `(import '${join(FOLDER, 'mixin/mixin.libsonnet')}').grafanaDashboards`;
    const dashboards = JSON.parse(succeed('jsonnet', '--exec', shown)) as Record<string, { uid: string }>;
    const files = readdirSync(join(ROOT, 'deploy/grafana/json')).sort();
    assert.deepEqual(Object.keys(dashboards).sort(), files);
    for (const [file, { uid }] of Object.entries(dashboards)) assert.equal(`${uid}.json`, file);
  });

  it('has every alert for static targets and for probes, each with words, a severity and a runbook that is there', () => {
    const alerts = [
      'PathChanged',
      'ASPathChanged',
      'DestinationLoss',
      'LatencyShift',
      'DestinationUnreachable',
      'DataStale',
    ];
    for (const source of ['target', 'probe']) {
      const found = ALERTS.filter(({ labels }) => labels['source'] === source).map(({ alert }) => alert);
      assert.deepEqual(found, alerts, source);
    }
    for (const { alert, labels, annotations } of ALERTS) {
      assert.match(labels['severity'] ?? '', /^(critical|warning)$/, alert);
      assert.match(annotations['summary'] ?? '', /\{\{ \$labels\./, alert);
      assert.ok((annotations['description'] ?? '').length > 80, alert);
      assert.equal(annotations['runbook_url'], `docs/runbooks/${alert}.md`);
    }
    const pages = readdirSync(join(ROOT, 'docs/runbooks')).map((name) => name.replace(/\.md$/, ''));
    assert.deepEqual(pages.sort(), [...new Set(ALERTS.map(({ alert }) => alert))].sort());
    for (const page of pages) {
      const text = readFileSync(join(ROOT, `docs/runbooks/${page}.md`), 'utf8');
      for (const part of [`# ${page}\n`, '**What it means.**', '**What to look at.**', '**What to do.**'])
        assert.ok(text.includes(part), `${page}: ${part}`);
    }
  });

  it('asks for metrics that hopscope has, in rules, in their words and in runbooks', () => {
    const known = knownMetrics();
    const texts = RULES.map(({ expr, annotations }) => `${expr} ${annotations?.['description'] ?? ''}`);
    for (const name of readdirSync(join(ROOT, 'docs/runbooks')))
      texts.push(readFileSync(join(ROOT, 'docs/runbooks', name), 'utf8'));
    for (const text of texts) {
      for (const [name] of text.matchAll(/(?<!:)\b(?:probe|traceroute|hopscope)_[a-z_]+\b(?!:)/g)) {
        assert.ok(known.has(name), `${name} does not exist: ${text}`);
      }
    }
  });

  it('has an Alertmanager configuration that calls people sooner for what is critical, and keeps quiet about effects', () => {
    const config = join(FOLDER, 'alertmanager.yml');
    const routes = succeed('amtool', 'config', 'routes', 'show', `--config.file=${config}`);
    assert.match(routes, /severity="critical"/);
    const { inhibit_rules: rules } = parse(readFileSync(config, 'utf8')) as {
      inhibit_rules: { source_matchers: string[]; target_matchers: string[]; equal: string[] }[];
    };
    const names = new Set(ALERTS.map(({ alert }) => alert));
    for (const { source_matchers, target_matchers, equal } of rules) {
      const matchers = [...source_matchers, ...target_matchers];
      for (const matcher of matchers.filter((text) => text.startsWith('alertname')))
        for (const name of matcher.replace(/^alertname=~?"|"$/g, '').split('|'))
          assert.ok(names.has(name), name);
      assert.equal(equal[0], matchers.includes('source="target"') ? 'target' : 'instance');
    }
  });
});
