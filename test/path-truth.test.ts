import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT_KINDS } from '../bench/path/events.ts';
import { Score } from '../bench/path/score.ts';
import { SimulatedTarget } from '../bench/path/simulated-target.ts';
import { STYLES, type Style } from '../bench/path/topology.ts';
import { watch } from '../bench/path/watch.ts';
import { AddressTable } from '../src/path/address-table.ts';

const ROUNDS = 400;

/** A short run of bench/path-truth.ts, which does the million. */
function run(style: Style, targets: number, seed: number): Score {
  const score = new Score();
  const addresses = new AddressTable();
  for (let number = 0; number < targets; number++) {
    const target = new SimulatedTarget(seed * 1_000_003 + number, style);
    watch(target, { rounds: ROUNDS, addresses, name: `${seed}.${number}.${style.name}` }, score);
  }
  assert.equal(addresses.size, 0, 'every address was given back');
  return score;
}

for (const [name, targets] of [
  ['plain chain', 30],
  ['mixed', 20],
] as const) {
  test(`createPathTracker() tells the truth over simulated packets: ${name}`, () => {
    const style = STYLES.find((each) => each.name === name) as Style;
    const score = run(style, targets, 4);
    const { reroute, as_path: asPath, length } = score.falseEvents;
    assert.deepEqual([reroute, asPath, length, score.idChanges], [0, 0, 0, 0], score.falses.join('\n'));
    // A balancer's single member that comes or goes can look like a renamed one.
    const missed = score.misses.filter((line) => !/ (member added|member removed|rehash): /.test(line));
    assert.deepEqual(missed, []);
    const made = EVENT_KINDS.reduce((sum, kind) => sum + score.tallies[kind].scheduled, 0);
    assert.ok(made > 100, `${made} changes were made`);
  });
}
