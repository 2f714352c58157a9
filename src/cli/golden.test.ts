// Whole outputs against files: a diff shows what a change does to what people read and scripts parse.
// Where a change is meant, HOPSCOPE_UPDATE_GOLDEN=1 writes the files anew.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { CliHarness, type HarnessOptions } from '../../test/cli-harness.ts';
import { FakeScreen } from './fake-io.ts';

function assertGolden(name: string, text: string): void {
  const file = new URL(`../../test/fixtures/cli/${name}`, import.meta.url);
  const { HOPSCOPE_UPDATE_GOLDEN } = process.env;
  if (HOPSCOPE_UPDATE_GOLDEN === '1') writeFileSync(file, text);
  assert.equal(text, readFileSync(file, 'utf8'));
}

interface Case {
  readonly scenario: string;
  readonly argv: readonly string[];
  readonly status: number;
  readonly options?: HarnessOptions;
}

const CASES: Readonly<Record<string, Case>> = {
  chain: { scenario: 'chain', argv: ['198.18.0.1'], status: 0 },
  'tcp-open': {
    scenario: 'chain',
    argv: ['[2001:db8:1::1]:443', '--protocol', 'tcp', '--queries', '3'],
    status: 0,
  },
  mpls: { scenario: 'mpls', argv: ['2001:db8:1::1', '--queries', '3'], status: 0 },
  nat: { scenario: 'nat', argv: ['198.18.0.1', '--protocol', 'udp'], status: 0 },
  'nat-twice': {
    scenario: 'nat-twice',
    argv: ['198.18.0.1', '--protocol', 'tcp', '--queries', '2'],
    status: 0,
  },
  'traffic-class': { scenario: 'traffic-class', argv: ['2001:db8:1::1', '--tos', '0xba'], status: 0 },
  'mtu-hole': { scenario: 'mtu', argv: ['198.18.0.1', '--mtu'], status: 0 },
  'mtu-said': { scenario: 'mtu-steps', argv: ['2001:db8:1::1', '--mtu', '--protocol', 'udp'], status: 0 },
  'silent-middle': { scenario: 'silent-middle', argv: ['198.18.0.1'], status: 0 },
  'silent-tail': { scenario: 'silent-tail', argv: ['198.18.0.1', '--queries', '2'], status: 1 },
  flows: { scenario: 'diamond-nested', argv: ['198.18.0.1', '--flows', '8'], status: 0 },
  lossy: { scenario: 'lossy-link', argv: ['198.18.0.1', '--queries', '50', '--flows', '4'], status: 0 },
  limited: { scenario: 'rate-limited', argv: ['198.18.0.1', '--queries', '50'], status: 0 },
  loop: { scenario: 'loop', argv: ['198.18.0.1', '--max-ttl', '16'], status: 1 },
  unreachable: { scenario: 'unreachable', argv: ['198.18.0.1', '198.18.0.2'], status: 1 },
  'answers-elsewhere': {
    scenario: 'answers-elsewhere',
    argv: ['example.org'],
    status: 0,
    options: { names: { 'example.org': ['198.18.0.1'] } },
  },
};

for (const [name, { scenario, argv, status, options }] of Object.entries(CASES)) {
  test(`trace --output table, no terminal: ${name}`, async () => {
    const harness = new CliHarness({ scenario, ...options });
    assert.equal(await harness.run('trace', ...argv), status);
    assertGolden(`${name}.txt`, harness.io.out);
    assert.equal(harness.io.err, '');
    assert.equal(harness.io.subscriptions, 0);
  });

  for (const columns of [80, 120]) {
    test(`trace --output table on ${columns} columns leaves the same text as no terminal, broken to fit: ${name}`, async () => {
      const harness = new CliHarness({ scenario, ...options, isTTY: true, columns, rows: 60 });
      assert.equal(await harness.run('trace', ...argv), status);
      const screen = new FakeScreen(harness.io.out, columns, 60);
      assert.ok(screen.cursorVisible);
      assertGolden(`${name}.${columns}.txt`, screen.text);
      assert.equal(harness.io.subscriptions, 0);
    });
  }
}

const ROUTES: Readonly<Record<string, string>> = {
  'route-meshed': 'diamond-meshed',
  'route-unmeshed': 'diamond-unmeshed',
  'route-nested': 'diamond-nested',
  'route-per-packet': 'per-packet',
};

for (const [name, scenario] of Object.entries(ROUTES)) {
  test(`trace --multipath draws every interface and link: ${name}`, async () => {
    const argv = ['198.18.0.1', '--multipath', '95'];
    for (const [locale, suffix] of [
      ['C.UTF-8', ''],
      ['C', '.ascii'],
    ] as const) {
      const harness = new CliHarness({ scenario, env: { LANG: locale } });
      assert.equal(await harness.run('trace', ...argv), 0);
      assertGolden(`${name}${suffix}.txt`, harness.io.out);
    }
    const terminal = new CliHarness({
      scenario,
      isTTY: true,
      columns: 80,
      rows: 80,
      env: { LANG: 'C.UTF-8' },
    });
    assert.equal(await terminal.run('trace', ...argv), 0);
    assertGolden(`${name}.80.txt`, new FakeScreen(terminal.io.out, 80, 80).text);
    const json = new CliHarness({ scenario });
    assert.equal(await json.run('trace', ...argv, '--output', 'json'), 0);
    assertGolden(`${name}.json.jsonl`, json.io.out);
  });
}

for (const output of ['json', 'atlas', 'prometheus']) {
  for (const name of [
    'mpls',
    'silent-tail',
    'flows',
    'tcp-open',
    'answers-elsewhere',
    'mtu-hole',
    'traffic-class',
  ]) {
    const { scenario, argv, status, options } = CASES[name] as Case;
    test(`trace --output ${output}: ${name}`, async () => {
      const harness = new CliHarness({ scenario, ...options });
      assert.equal(await harness.run('trace', ...argv, '--output', output), status);
      assertGolden(`${name}.${output === 'prometheus' ? 'prom' : `${output}.jsonl`}`, harness.io.out);
    });
  }
}

test('trace --output atlas and json write unreachable codes', async () => {
  for (const output of ['atlas', 'json']) {
    const harness = new CliHarness({ scenario: 'unreachable' });
    assert.equal(await harness.run('trace', '198.18.0.1', '198.18.0.2', '--output', output), 1);
    assertGolden(`unreachable.${output}.jsonl`, harness.io.out);
  }
});

for (const columns of [80, 120]) {
  test(`trace --watch on ${columns} columns`, async () => {
    const harness = new CliHarness({ scenario: 'lossy-link', isTTY: true, columns, rows: 24 });
    const running = harness.start('trace', '198.18.0.1', '--watch', '--count', '20');
    await harness.clock.advance(15_500);
    const during = new FakeScreen(harness.io.out, columns, 24);
    assert.ok(during.alternate);
    assert.ok(!during.cursorVisible);
    assertGolden(`watch.${columns}.txt`, during.lines.map((line) => `${line}\n`).join(''));
    assert.equal(await harness.clock.runUntil(running), 0);
    const after = new FakeScreen(harness.io.out, columns, 24);
    assert.ok(!after.alternate);
    assert.ok(after.cursorVisible);
    assertGolden(`watch-report.${columns}.txt`, after.text);
  });
}

test('hopscope --help and the help of each command', async () => {
  const harness = new CliHarness();
  for (const argv of [
    ['--help'],
    ['trace', '--help'],
    ['serve', '--help'],
    ['push', '--help'],
    ['check', '--help'],
  ]) {
    assert.equal(await harness.run(...argv), 0);
  }
  assertGolden('help.txt', harness.io.out);
  assert.equal(harness.engines.length, 0);
});
