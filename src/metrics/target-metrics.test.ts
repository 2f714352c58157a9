import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  sampleConfig,
  samplePath,
  sampleRound,
  sampleTarget,
  sampleTrace,
  unreachedRound,
  unresolvedRound,
} from '../../test/sample-rounds.ts';
import { ExpositionWriter, exposeText } from './exposition.ts';
import { createTargetMetrics, type TargetMetrics } from './target-metrics.ts';

const a = sampleTarget('a.example.org');
const b = sampleTarget('b.example.org');

function linesOf(store: TargetMetrics, start: string): string[] {
  return exposeText([store])
    .split('\n')
    .filter((line) => line.startsWith(start));
}

function assertNoDuplicates(text: string): void {
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const names = series.map((line) => line.slice(0, line.lastIndexOf(' ')));
  assert.equal(new Set(names).size, names.length);
}

test('createTargetMetrics() exposes nothing for a target before its first round but its changes, all at 0', () => {
  const series = linesOf(createTargetMetrics(sampleConfig([a])), '');
  assert.deepEqual(
    series.filter((line) => !line.startsWith('#') && line !== ''),
    ['reroute', 'as_path', 'length', 'ecmp', 'unreachable', 'recovered'].map(
      (kind) => `traceroute_path_changes_total{target="a.example.org",kind="${kind}"} 0`,
    ),
  );
});

test('the counters of changes of a target are there once, before its first round and after it', () => {
  // Two targets of the same labels, which only the first to have a round exposes.
  const twin = { ...sampleTarget('a.example.org'), key: 'another' };
  const store = createTargetMetrics(sampleConfig([a, twin, b]));
  assertNoDuplicates(exposeText([store]));
  assert.equal(linesOf(store, 'traceroute_path_changes_total').length, 12);
  store.observeRound(sampleRound(a));
  assertNoDuplicates(exposeText([store]));
  assert.equal(linesOf(store, 'traceroute_path_changes_total').length, 12);
  assert.equal(exposeText([store.sourceOf([b.key])]), '');
});

test('observeRound() leaves out a target that is not configured', () => {
  const store = createTargetMetrics(sampleConfig([a]));
  store.observeRound(sampleRound(b));
  assert.deepEqual(linesOf(store, 'traceroute_success'), []);
  assert.doesNotMatch(exposeText([store]), /b\.example\.org/);
});

test('observeRound() exposes the path id as the number its digits spell, exactly', () => {
  const store = createTargetMetrics(sampleConfig([a]));
  store.observeRound(sampleRound(a, { path: samplePath({ pathId: 'ffffffffffff' }) }));
  assert.deepEqual(linesOf(store, 'traceroute_path_id'), [
    'traceroute_path_id{target="a.example.org"} 281474976710655',
  ]);
  assert.match(linesOf(store, 'traceroute_path_info')[0] ?? '', /path_id="ffffffffffff"/);
  store.observeRound(sampleRound(a, { path: samplePath({ pathId: '00000000000a' }) }));
  assert.match(linesOf(store, 'traceroute_path_info')[0] ?? '', /path_id="00000000000a"/);
});

test('observeRound() drops the path series of a target that no longer resolves, and counts the failure', () => {
  const store = createTargetMetrics(sampleConfig([a]));
  store.observeRound(sampleRound(a));
  store.observeRound(unresolvedRound(a));
  assert.deepEqual(linesOf(store, 'traceroute_path_i'), []);
  assert.deepEqual(linesOf(store, 'traceroute_success'), ['traceroute_success{target="a.example.org"} 0']);
  assert.deepEqual(linesOf(store, 'traceroute_hops'), ['traceroute_hops{target="a.example.org"} 0']);
  assert.deepEqual(linesOf(store, 'traceroute_failures_total'), [
    'traceroute_failures_total{target="a.example.org",kind="dns"} 1',
    'traceroute_failures_total{target="a.example.org",kind="refused"} 0',
    'traceroute_failures_total{target="a.example.org",kind="engine"} 0',
  ]);
});

test('observeRound() counts probes to the destination in agreement with the loss ratio', () => {
  const store = createTargetMetrics(sampleConfig([a]));
  const reply = { flow: 0, address: '198.18.0.1', rttMs: 4, kind: 'echo-reply' } as const;
  const trace = sampleTrace({ hops: [{ ttl: 1, sent: 4, replies: [reply, reply, reply] }], hopCount: 1 });
  store.observeRound(sampleRound(a, { trace, path: samplePath({ lossRatio: 0.25 }) }));
  store.observeRound(unreachedRound(a));
  assert.deepEqual(linesOf(store, 'traceroute_probes_sent_total'), [
    'traceroute_probes_sent_total{target="a.example.org"} 5',
  ]);
  assert.deepEqual(linesOf(store, 'traceroute_probes_lost_total'), [
    'traceroute_probes_lost_total{target="a.example.org"} 2',
  ]);
  assert.deepEqual(linesOf(store, 'traceroute_rtt_seconds_count'), [
    'traceroute_rtt_seconds_count{target="a.example.org"} 3',
  ]);
});

test('observeRound() has every kind of change from the start, and the time of the last only after one', () => {
  const store = createTargetMetrics(sampleConfig([a]));
  store.observeRound(sampleRound(a));
  const kinds = linesOf(store, 'traceroute_path_changes_total');
  assert.equal(kinds.length, 6);
  for (const line of kinds) assert.match(line, / 0$/);
  assert.deepEqual(linesOf(store, 'traceroute_path_last_change'), []);
  const change = {
    kind: 'length',
    atMs: 5000,
    firstHop: 2,
    flow: 0,
    before: [],
    after: [],
    confidence: 1,
  } as const;
  store.observeRound(sampleRound(a, { path: samplePath({ changes: [change] }) }));
  assert.match(linesOf(store, 'traceroute_path_changes_total').join('\n'), /kind="length"} 1/);
  assert.match(linesOf(store, 'traceroute_path_last_change')[0] ?? '', / 5$/);
});

test('apply() takes away the series of targets that are gone and keeps the totals of the others', () => {
  const store = createTargetMetrics(sampleConfig([a, b]));
  store.observeRound(sampleRound(a));
  store.observeRound(sampleRound(b));
  store.apply(sampleConfig([{ ...b, labels: { site: 'rome' } }]));
  const text = exposeText([store]);
  assert.doesNotMatch(text, /a\.example\.org/);
  assert.match(text, /traceroute_probes_sent_total\{target="b\.example\.org",site="rome"\} 1\n/);
  store.observeRound(sampleRound(a));
  assert.doesNotMatch(exposeText([store]), /a\.example\.org/);
});

test('apply() gives a returning target fresh totals', () => {
  const store = createTargetMetrics(sampleConfig([a]));
  store.observeRound(sampleRound(a));
  store.apply(sampleConfig([]));
  store.apply(sampleConfig([b]));
  store.observeRound(sampleRound(b));
  assert.deepEqual(linesOf(store, 'traceroute_rtt_seconds_count'), [
    'traceroute_rtt_seconds_count{target="b.example.org"} 1',
  ]);
});

test('two targets with the same labels are written once, and the second takes over when the first goes', () => {
  const twin = { ...a, key: 'a.example.org tcp' };
  const store = createTargetMetrics(sampleConfig([a, twin]));
  store.observeRound(sampleRound(a));
  store.observeRound(unreachedRound(twin));
  assertNoDuplicates(exposeText([store]));
  assert.ok(store.seriesDropped > 0);
  assert.match(linesOf(store, 'traceroute_success')[0] ?? '', / 1$/);
  store.forget(a.key);
  store.observeRound(unreachedRound(twin));
  assert.match(linesOf(store, 'traceroute_success')[0] ?? '', / 0$/);
});

test('write() does not repeat or mix up series when a reload comes between two chunks', () => {
  const many = Array.from({ length: 2000 }, (_, i) => sampleTarget(`host-${i}.example.org`));
  const store = createTargetMetrics(sampleConfig(many));
  for (const target of many) store.observeRound(sampleRound(target));
  const writer = new ExpositionWriter('text');
  let text = '';
  let chunk = 0;
  for (const _ of store.write(writer)) {
    text += writer.take();
    if (++chunk === 1) {
      store.apply(sampleConfig([many[5], many[1999]].filter((target) => target !== undefined)));
      store.apply(sampleConfig(many));
      for (const target of many) store.observeRound(unreachedRound(target));
    }
  }
  assertNoDuplicates(text + writer.take());
});

test('hop series appear only when asked for', () => {
  const store = createTargetMetrics(sampleConfig([a]));
  store.observeRound(sampleRound(a));
  assert.deepEqual(linesOf(store, 'traceroute_hop_'), []);
  store.apply(sampleConfig([a], { metrics: { hops: true, seriesBudget: 50 } }));
  store.observeRound(sampleRound(a));
  assert.deepEqual(linesOf(store, 'traceroute_hop_reply_ratio'), [
    'traceroute_hop_reply_ratio{target="a.example.org",hop="1"} 1',
    'traceroute_hop_reply_ratio{target="a.example.org",hop="2"} 0',
    'traceroute_hop_reply_ratio{target="a.example.org",hop="3"} 1',
    'traceroute_hop_reply_ratio{target="a.example.org",hop="4"} 1',
  ]);
  store.apply(sampleConfig([a]));
  assert.deepEqual(linesOf(store, 'traceroute_hop_'), []);
});

test('the series budget is never exceeded, keeps the first hops, counts what it drops, and is given back', () => {
  const store = createTargetMetrics(sampleConfig([a, b], { metrics: { hops: true, seriesBudget: 13 } }));
  store.observeRound(sampleRound(a));
  assert.equal(linesOf(store, 'traceroute_hop_').length, 10);
  store.observeRound(sampleRound(b));
  assert.equal(linesOf(store, 'traceroute_hop_').length, 13);
  assert.equal(store.seriesDropped, 7);
  store.observeRound(sampleRound(b));
  assert.equal(linesOf(store, 'traceroute_hop_').length, 13);
  store.forget(a.key);
  store.observeRound(sampleRound(b));
  assert.equal(linesOf(store, 'traceroute_hop_').length, 10);
});

test('observeRound() exposes the path MTU of the latest round that has one', () => {
  const store = createTargetMetrics(sampleConfig([a]));
  store.observeRound(sampleRound(a));
  assert.deepEqual(linesOf(store, 'traceroute_mtu_bytes'), []);
  const mtu = { bytes: 1400, hop: 3, address: '100.64.0.3', exact: true };
  store.observeRound(sampleRound(a, { trace: sampleTrace({ mtu }) }));
  assert.deepEqual(linesOf(store, 'traceroute_mtu_bytes'), [
    'traceroute_mtu_bytes{target="a.example.org"} 1400',
  ]);
  store.observeRound(unresolvedRound(a));
  assert.deepEqual(linesOf(store, 'traceroute_mtu_bytes'), []);
});

test('summary() tells the latest round', () => {
  const store = createTargetMetrics(sampleConfig([a, b]));
  assert.equal(store.summary(a.key), undefined);
  store.observeRound(sampleRound(a));
  assert.deepEqual(store.summary(a.key), {
    reached: true,
    hopCount: 4,
    rttSeconds: 0.020125,
    atMs: 1_795_424_400_023.5,
    address: '198.18.0.1',
    failure: null,
  });
  store.observeRound(unresolvedRound(a));
  assert.equal(store.summary(a.key)?.reached, false);
  assert.equal(store.summary(a.key)?.address, null);
  assert.equal(store.summary(a.key)?.failure, 'dns');
});
