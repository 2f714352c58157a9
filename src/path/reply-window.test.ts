import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DESTINATION_ROW, ReplyWindow } from './reply-window.ts';
import { syntheticTrace } from './synthetic-trace.ts';

function windowOf(flows: number, rounds: readonly (readonly string[])[]): ReplyWindow {
  const window = new ReplyWindow(flows);
  for (const round of rounds) window.observe(syntheticTrace(round));
  return window;
}

function tallyOf(window: ReplyWindow, row: number, mask = 0xffff): string {
  const tally = { sent: 0, lost: 0 };
  const heard = window.tally(row, mask, tally);
  return heard ? `${tally.lost}/${tally.sent}` : 'silent';
}

describe('ReplyWindow', () => {
  it('counts each hop and the destination in rows of their own', () => {
    const window = windowOf(1, [['A B D'], ['A * D'], ['A B D']]);
    assert.deepEqual(
      [1, 2, 3, DESTINATION_ROW].map((row) => tallyOf(window, row)),
      ['0/3', '1/3', 'silent', '0/3'],
    );
    assert.equal(window.distance, 3);
  });

  it('counts a miss of the destination even when only its next TTL answered, and before its distance was known', () => {
    assert.equal(tallyOf(windowOf(1, [['A B D'], ['A B * D']]), DESTINATION_ROW), '1/3');
    const learnt = windowOf(1, [['A B * D'], ['A B D']]);
    assert.equal(tallyOf(learnt, DESTINATION_ROW), '1/3');
    assert.equal(tallyOf(learnt, 3), 'silent');
  });

  it('counts probes for a destination that nobody beyond the last responder answered', () => {
    const window = windowOf(1, [['A B C E F G H D'], ['A B * *']]);
    assert.equal(tallyOf(window, DESTINATION_ROW), '1/2');
    assert.equal(tallyOf(window, 3), '1/2');
  });

  it('does not count a probe that a router refused as one that the destination lost', () => {
    assert.equal(tallyOf(windowOf(1, [['A B D'], ['A B U']]), DESTINATION_ROW), '0/1');
  });

  it('leaves flows that never answer at a hop out of it', () => {
    const window = windowOf(2, [
      ['A B D', 'A * D'],
      ['A B D', 'A * D'],
    ]);
    assert.equal(tallyOf(window, 2), '0/2');
    assert.equal(tallyOf(window, 2, 2), 'silent');
  });

  it('says nothing of traces that were cut off', () => {
    const window = new ReplyWindow(1);
    window.observe(syntheticTrace(['A B D']));
    window.observe(syntheticTrace(['A * *'], { end: 'cancelled' }));
    window.observe(syntheticTrace(['A * *'], { end: 'deadline', durationMs: 200 }));
    assert.equal(tallyOf(window, 2), '0/1');
  });

  it('keeps some 256 probes of a hop, and its size', () => {
    const window = windowOf(
      4,
      Array.from({ length: 500 }, () => ['A B D', 'A B D', 'A B D', 'A B D']),
    );
    const tally = { sent: 0, lost: 0 };
    window.tally(1, 15, tally);
    assert.ok(tally.sent >= 256 && tally.sent <= 420, `${tally.sent}`);
    assert.equal(window.bytes, 3 * 52);
  });

  it('forgets what was before a credible change of the loss', () => {
    const lossy = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? ['A * *'] : ['A B D']));
    const clean = Array.from({ length: 64 }, () => ['A B D']);
    const window = windowOf(1, [...lossy, ...clean]);
    assert.match(tallyOf(window, DESTINATION_ROW), /^\d\//);
  });

  it('forgets the hops from a reroute on, and keeps those before', () => {
    const window = windowOf(1, [['A B D'], ['A B D']]);
    window.resetFrom(2);
    assert.deepEqual(
      [1, 2, DESTINATION_ROW].map((row) => tallyOf(window, row)),
      ['0/2', 'silent', 'silent'],
    );
  });

  it('survives any trace: no hops, TTLs to 255, more flows than it has, more probes than a cell holds', () => {
    const window = new ReplyWindow(2);
    window.observe(syntheticTrace([]));
    window.observe(syntheticTrace(['*']));
    window.observe(syntheticTrace(['A', 'B', 'C', 'D'], {}, 255));
    window.observe(syntheticTrace([`${new Array(600).fill('A').join('|')} D`]));
    assert.equal(tallyOf(window, 1, 1), '0/255');
  });
});
