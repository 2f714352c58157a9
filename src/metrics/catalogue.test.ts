import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RESERVED_LABELS } from '../config/labels.ts';
import {
  DURATION_BUCKETS,
  type MetricDefinition,
  PROBE_METRICS,
  PUSH_METRICS,
  PUSHED_METRICS,
  RTT_BUCKETS,
  SELF_METRICS,
  TARGET_METRICS,
  WEB_METRICS,
} from './catalogue.ts';

const all: readonly MetricDefinition[] = [
  ...Object.values(PROBE_METRICS),
  ...Object.values(TARGET_METRICS),
  ...Object.values(PUSHED_METRICS),
  ...Object.values(PUSH_METRICS),
  ...Object.values(WEB_METRICS),
  ...Object.values(SELF_METRICS),
];

test('the catalogue names every metric once', () => {
  assert.equal(new Set(all.map((definition) => definition.name)).size, all.length);
});

test('the catalogue puts _total on counters alone and _info on info metrics alone', () => {
  for (const { name, type } of all) {
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    assert.equal(name.endsWith('_info'), type === 'info', name);
  }
});

test('the catalogue ends each name with its unit, before _total', () => {
  for (const { name, unit } of all) {
    const family = name.replace(/_total$/, '');
    if (unit !== undefined) assert.ok(family.endsWith(`_${unit}`), name);
    else assert.doesNotMatch(family, /_(seconds|bytes|ratio)$/);
  }
});

test('the catalogue gives every metric a help sentence and no label called type', () => {
  for (const { name, help, labels } of all) {
    assert.match(help, /^[A-Z].*\.$/, name);
    assert.ok(!(labels ?? []).includes('type'), name);
  }
});

test('the bucket bounds rise', () => {
  for (const bounds of [RTT_BUCKETS, DURATION_BUCKETS]) {
    for (let i = 1; i < bounds.length; i++) assert.ok((bounds[i] as number) > (bounds[i - 1] as number));
  }
});

test('the catalogue uses no label on target series that config/ would let a user set', () => {
  const own = Object.values<MetricDefinition>(TARGET_METRICS).flatMap(
    (definition) => definition.labels ?? [],
  );
  for (const label of ['target', 'le', ...own]) assert.ok(RESERVED_LABELS.includes(label), label);
});
