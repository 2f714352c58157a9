import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAgo, formatCount, formatMs, formatRatio, shorten } from './figure-text.ts';

test('formatRatio() never says 0 of what is not 0, nor 100 of what is less', () => {
  assert.deepEqual([null, 0, 1e-9, 0.004, 0.0999, 0.12, 0.999, 1].map(formatRatio), [
    '–',
    '0 %',
    '< 0.1 %',
    '0.4 %',
    '10.0 %',
    '12 %',
    '99 %',
    '100 %',
  ]);
});

test('formatMs() keeps three digits', () => {
  assert.deepEqual([null, 0.123, 9.994, 12.34, 123.4].map(formatMs), [
    '–',
    '0.12 ms',
    '9.99 ms',
    '12.3 ms',
    '123 ms',
  ]);
});

test('formatAgo() says seconds, minutes, hours, days, and nothing of the future', () => {
  const ages = [-5000, 0, 12_000, 150_000, 7_200_000, 40 * 3_600_000, 5 * 86_400_000];
  assert.deepEqual(
    ages.map((age) => formatAgo(1e12 - age, 1e12)),
    ['just now', 'just now', '12 s ago', '3 min ago', '2 h ago', '40 h ago', '5 d ago'],
  );
});

test('formatCount() knows one from many', () => {
  assert.equal(formatCount(1, 'target'), '1 target');
  assert.equal(formatCount(1234, 'entry', 'entries'), '1,234 entries');
});

test('shorten() leaves out the middle and keeps to the length', () => {
  assert.equal(shorten('100.64.3.1', 10), '100.64.3.1');
  assert.equal(shorten('2001:db8:ffff:1234::42', 11), '2001:…4::42');
  for (let length = 3; length < 30; length++) assert.ok(shorten('x'.repeat(25), length).length <= length);
});
