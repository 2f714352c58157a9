import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransmitStamps } from './transmit-stamps.ts';

test('take() gives each number to its probe, once', () => {
  const stamps = new TransmitStamps(8);
  for (let i = 0; i < 5; i++) stamps.note(100 + i, 1e6);
  assert.equal(stamps.take(3, 1.1e6), 103);
  assert.equal(stamps.take(3, 1.1e6), -1);
  assert.equal(stamps.take(0, 1.1e6), 100);
});

test('take() knows neither numbers not yet given nor those forgotten', () => {
  const stamps = new TransmitStamps(8);
  assert.equal(stamps.take(0, 1), -1);
  for (let i = 0; i < 20; i++) stamps.note(i, 0);
  assert.equal(stamps.take(20, 1), -1);
  assert.equal(stamps.take(11, 1), -1);
  assert.equal(stamps.take(12, 1), 12);
});

test('take() refuses a stamp earlier than the call that sent the packet, as numbers from before a restart are', () => {
  const stamps = new TransmitStamps(8);
  stamps.note(1, 5e6);
  stamps.restart();
  stamps.note(2, 9e6);
  assert.equal(stamps.take(0, 5.01e6), -1);
  assert.equal(stamps.take(0, 9.01e6), 2);
});
