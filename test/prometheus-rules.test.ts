// What deploy/prometheus ships is sound: promtool accepts it, the alerts fire and stay silent as their unit tests say, and
// everything that they name exists.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import * as catalogue from '../src/metrics/catalogue.ts';

const ROOT = join(import.meta.dirname, '..');
const FOLDER = join(ROOT, 'deploy/prometheus');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const RULE_FILES = readdirSync(join(FOLDER, 'rules')).map((name) => join(FOLDER, 'rules', name));
const RULES: readonly Rule[] = RULE_FILES.flatMap((file) => {
  const { groups } = parse(readFileSync(file, 'utf8')) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
});

function promtool(...args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  assert.equal(status, 0, `promtool ${args.join(' ')}: ${stdout}${stderr}`);
}

/** Every metric of the catalogue. */
function knownMetrics(): Set<string> {
  const names = new Set<string>();
  for (const group of Object.values(catalogue)) {
    if (typeof group !== 'object' || Array.isArray(group)) continue;
    for (const definition of Object.values(group) as { readonly name?: unknown }[]) {
      if (typeof definition.name === 'string') names.add(definition.name);
    }
  }
  return names;
}

describe('deploy/prometheus', () => {
  it('passes promtool, and its alerts fire and stay silent as their unit tests say', () => {
    promtool('check', 'config', join(FOLDER, 'prometheus.yml'));
    promtool('check', 'rules', ...RULE_FILES);
    const tests = readdirSync(join(FOLDER, 'tests')).map((name) => join(FOLDER, 'tests', name));
    assert.ok(tests.length > 0);
    promtool('test', 'rules', ...tests);
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
      const found = RULES.filter(({ labels }) => labels['source'] === source).map(({ alert }) => alert);
      assert.deepEqual(found, alerts, source);
    }
    for (const { alert, labels, annotations } of RULES) {
      assert.match(labels['severity'] ?? '', /^(critical|warning)$/, alert);
      assert.match(annotations['summary'] ?? '', /\{\{ \$labels\./, alert);
      assert.ok((annotations['description'] ?? '').length > 80, alert);
      const path = /\/(docs\/runbooks\/\w+\.md)$/.exec(annotations['runbook_url'] ?? '')?.[1];
      assert.equal(path, `docs/runbooks/${alert}.md`);
      assert.ok(existsSync(join(ROOT, path)), `${path} is missing`);
    }
  });

  it('asks for metrics that hopscope has, in alerts and in their words', () => {
    const known = knownMetrics();
    for (const { alert, expr, annotations } of RULES) {
      const text = `${expr} ${annotations['description']}`;
      for (const [name] of text.matchAll(/\b(?:probe|traceroute|hopscope)_[a-z_]+\b/g)) {
        assert.ok(known.has(name), `${alert} names ${name}, which does not exist`);
      }
    }
  });
});
