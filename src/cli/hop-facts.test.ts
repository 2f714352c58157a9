import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CliHarness } from '../../test/cli-harness.ts';
import { FakeScreen } from './fake-io.ts';
import { factsText } from './hop-facts.ts';

const FACTS = {
  '100.64.0.1': { name: 'gateway.example.net' },
  '100.64.0.2': { asn: 64500 },
  '198.18.0.1': { asn: 64511, name: 'www.example.org' },
};

interface PrintedReply {
  readonly address: string;
  readonly asn?: number;
  readonly name?: string;
}

function repliesOf(json: string): PrintedReply[] {
  const { hops } = JSON.parse(json) as { hops: { replies: PrintedReply[] }[] };
  return hops.flatMap(({ replies }) => replies);
}

describe('hopscope trace and what is known of hops', () => {
  it('shows name and AS beside the address', async () => {
    const harness = new CliHarness({ facts: FACTS });
    assert.equal(await harness.run('trace', '198.18.0.1', '--asn', 'x.mmdb'), 0);
    const line = (address: string): string =>
      harness.io.out.split('\n').find((text) => new RegExp(` ${address} `).test(text)) ?? '';
    assert.match(line('100.64.0.1'), /gateway\.example\.net$/);
    assert.match(line('100.64.0.2'), /\d \[AS64500\]$|\d {2}\[AS64500\]$/);
    assert.match(harness.io.out, /^ 13 .*www\.example\.org \[AS64511\]$/m);
  });

  it('asks for no directory with -n alone, nor for data formats', async () => {
    let opened = 0;
    const openDirectory = (): Promise<never> => {
      opened++;
      return Promise.reject(new Error('not wanted'));
    };
    const harness = new CliHarness({ services: { openDirectory } });
    assert.equal(await harness.run('trace', '198.18.0.1', '-n'), 0);
    assert.equal(await harness.run('trace', '198.18.0.1', '--output', 'json'), 0);
    assert.equal(await harness.run('trace', '198.18.0.1', '--output', 'atlas'), 0);
    assert.equal(opened, 0);
  });

  it('waits for names that never come for 300 ms, and for all traces together no longer', async () => {
    const slow = { '100.64.0.1': { name: null } };
    const none = new CliHarness();
    await none.run('trace', '198.18.0.1', '-n');
    const harness = new CliHarness({ facts: slow });
    await harness.run('trace', '198.18.0.1', '198.18.0.1', '198.18.0.1');
    assert.ok(harness.clock.now() - none.clock.now() <= 300, `${harness.clock.now()} ms`);
    assert.equal(harness.io.out.match(/reached in 13 hops/g)?.length, 3);
  });

  it('adds asn and name to replies of --output json where they are asked for and known', async () => {
    const harness = new CliHarness({ facts: FACTS });
    assert.equal(
      await harness.run('trace', '198.18.0.1', '--output', 'json', '--asn', 'x.mmdb', '--names'),
      0,
    );
    const replies = repliesOf(harness.io.out);
    assert.equal(replies.find(({ address }) => address === '100.64.0.1')?.name, 'gateway.example.net');
    assert.equal(replies.find(({ address }) => address === '198.18.0.1')?.asn, 64511);
    assert.deepEqual(
      replies.filter((reply) => 'asn' in reply || 'name' in reply).map(({ address }) => address),
      Object.keys(FACTS),
    );
  });

  it('shows them at the end of the lines of --watch where there is room', async () => {
    for (const [columns, shown] of [
      [120, true],
      [80, false],
    ] as const) {
      const harness = new CliHarness({ facts: FACTS, isTTY: true, columns, rows: 24 });
      assert.equal(await harness.run('trace', '198.18.0.1', '--watch', '--count', '3'), 0);
      const { text } = new FakeScreen(harness.io.out, columns, 24);
      assert.equal(/www\.example\.org \[AS64511\]/.test(text), shown, text);
      for (const line of text.split('\n')) assert.ok(line.length <= columns);
    }
  });

  it('refuses options that contradict one another, or that a format has no place for', async () => {
    for (const [argv, complaint] of [
      [['-n', '--names'], /exclude one another/],
      [['--output', 'atlas', '--names'], /no place for what --names finds/],
      [['--output', 'prometheus', '--asn', 'x'], /no place for what --asn finds/],
      [['--asn', ''], /it is empty/],
    ] as const) {
      const harness = new CliHarness();
      assert.equal(await harness.run('trace', '198.18.0.1', ...argv), 2);
      assert.match(harness.io.err, complaint);
    }
  });
});

describe('factsText()', () => {
  it('leaves out what is not known', () => {
    assert.equal(factsText({ name: 'a.example', asn: 64500 }), 'a.example [AS64500]');
    assert.equal(factsText({ name: null, asn: 64500 }), '[AS64500]');
    assert.equal(factsText({ name: null, asn: null }), '');
  });
});
