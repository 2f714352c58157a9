import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DEFAULT_ADDRESS, formatAddress, parseAddress, SORT_KEYS, SPANS_MS } from './page-address.ts';

test('formatAddress() of the target list as it is at first is empty', () => {
  assert.equal(formatAddress(DEFAULT_ADDRESS), '?');
  assert.deepEqual(parseAddress('?'), DEFAULT_ADDRESS);
});

test('parseAddress() gives back every part of a target view that formatAddress() wrote', () => {
  const shown = fc.record({
    target: fc.string({ minLength: 1, maxLength: 40 }),
    spanMs: fc.constantFrom(...SPANS_MS),
    endMs: fc.option(fc.nat({ max: 2e12 })),
    focus: fc.option(
      fc
        .tuple(fc.nat({ max: 1e12 }), fc.nat({ max: 1e12 }))
        .map(([a, b]) => ({ fromMs: a, toMs: a + b + 1 })),
    ),
    collapsed: fc.boolean(),
    hop: fc.option(fc.nat({ max: 255 })),
    diff: fc.option(fc.oneof(fc.nat(), fc.constant('focus' as const))),
  });
  fc.assert(
    fc.property(shown, (part) => {
      const address = { ...DEFAULT_ADDRESS, view: 'target' as const, ...part };
      assert.deepEqual(parseAddress(formatAddress(address)), address);
    }),
  );
});

test('parseAddress() gives back every part of a list, a feed and a trace that formatAddress() wrote', () => {
  const text = fc.string({ maxLength: 40 });
  fc.assert(
    fc.property(
      text,
      text,
      fc.constantFrom(...SORT_KEYS),
      fc.boolean(),
      (filter, state, sort, descending) => {
        const list = { ...DEFAULT_ADDRESS, filter, state, sort, descending };
        assert.deepEqual(parseAddress(formatAddress(list)), list);
        const feed = { ...DEFAULT_ADDRESS, view: 'changes' as const, kind: state };
        assert.deepEqual(parseAddress(formatAddress(feed)), feed);
        const trace = {
          ...DEFAULT_ADDRESS,
          view: 'trace' as const,
          trace: state,
          host: filter,
          protocol: 'tcp',
          port: '443',
        };
        assert.deepEqual(parseAddress(formatAddress(trace)), trace);
      },
    ),
  );
});

test('parseAddress() makes some view of any text, and passes over what makes no sense', () => {
  fc.assert(
    fc.property(fc.string(), (search) => {
      const address = parseAddress(search);
      assert.deepEqual(parseAddress(formatAddress(address)).view, address.view);
    }),
  );
  const odd = parseAddress(
    `?target=a&from=9&to=3&end=-1&hop=1e9&diff=x&span=100y&sort=evil&end=99999999999999999`,
  );
  assert.deepEqual(odd, { ...DEFAULT_ADDRESS, view: 'target', target: 'a' });
  assert.equal(parseAddress(`?filter=${'x'.repeat(100_000)}`).filter.length, 2048);
});
