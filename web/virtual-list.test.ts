import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rove } from './roving.ts';
import { scrollToRow, visibleSlice } from './virtual-list.ts';

test('visibleSlice() holds every row in view and a bounded number around, within the list', () => {
  for (const scrollTop of [0, 17, 4600, 460_000, 1e9]) {
    const { from, to } = visibleSlice(10_000, 46, scrollTop, 900);
    assert.ok(0 <= from && from <= to && to <= 10_000);
    assert.ok(to - from < 60);
    const first = Math.floor(scrollTop / 46);
    if (first < 10_000) assert.ok(from <= first && to >= Math.min(10_000, first + 20));
  }
  assert.deepEqual(visibleSlice(0, 46, 0, 900), { from: 0, to: 0 });
});

test('scrollToRow() moves no further than it must', () => {
  assert.equal(scrollToRow(3, 10, 0, 100), 0);
  assert.equal(scrollToRow(12, 10, 0, 100), 30);
  assert.equal(scrollToRow(2, 10, 50, 100), 20);
});

test('rove() stays within the row and leaves other keys alone', () => {
  assert.equal(rove('ArrowDown', 4, 5), 4);
  assert.equal(rove('ArrowUp', 0, 5), 0);
  assert.equal(rove('End', 0, 5), 4);
  assert.equal(rove('PageDown', 1, 100, 7), 8);
  assert.equal(rove('a', 1, 5), null);
  assert.equal(rove('Home', 0, 0), null);
});
