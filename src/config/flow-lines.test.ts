import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse } from 'yaml';
import { readDocument } from './document.ts';
import { LEAST_FLOW_LINES, parseFlowMapping, takeFlowLines } from './flow-lines.ts';

const many = (line: string): string => `${line}\n`.repeat(LEAST_FLOW_LINES);

test('parseFlowMapping() reads simple scalars and one level of mappings', () => {
  assert.deepEqual(parseFlowMapping('{ host: a.example.org, interval: 30s, n: 7 ,l: { x: "1 2", y: b } }'), {
    host: 'a.example.org',
    interval: '30s',
    n: 7,
    l: { x: '1 2', y: 'b' },
  });
  assert.deepEqual(parseFlowMapping('{a: 198.18.0.1}'), { a: '198.18.0.1' });
});

test('parseFlowMapping() leaves to the parser whatever could mean something else', () => {
  const doubtful = [
    '{}',
    '{ a }',
    '{ a:b }',
    '{ a: true }',
    '{ a: Null }',
    '{ a: 1.5 }',
    '{ a: 010 }',
    '{ a: *x }',
    '{ a: b c }',
  ];
  const more = [
    '{ a: b, a: c }',
    "{ a: 'b' }",
    '{ a: "\\n" }',
    '{ a: b, }',
    '{ a: [b] }',
    '{ a: b } # c',
    '{ a: b }}',
    '{ a: a:1 }',
  ];
  const deep = [
    '{ a: { b: { c: d } } }',
    '{ __proto__: x }',
    '{ constructor: x }',
    '{ a: b#c }',
    '{ a: }',
    '{ a: b',
    '{ <<: x }',
  ];
  for (const text of [...doubtful, ...more, ...deep]) assert.equal(parseFlowMapping(text), undefined, text);
});

test('takeFlowLines() takes lists long enough, and no text with its own mark in it', () => {
  assert.equal(takeFlowLines(many('- { a: b }').slice(11)), undefined);
  assert.equal(takeFlowLines(many('- { a: b }'))?.count, LEAST_FLOW_LINES);
  assert.equal(takeFlowLines(`${many('- { a: b }')}- "\uf8ff0"`), undefined);
});

test('readDocument() reads lines inside block scalars and quotes as the text that they are', () => {
  const item = '  - { a: b }\n'.repeat(LEAST_FLOW_LINES);
  for (const text of [
    `x: |\n${item}`,
    `x: >\n${item}`,
    `x: "\n${item}  "`,
    `- |\n  - { a: b }\n${many('- { a: b }')}`,
  ]) {
    const { document } = readDocument('x', new TextEncoder().encode(text));
    assert.deepEqual(document?.value, parse(text), text.slice(0, 20));
  }
});

test('readDocument() yields what the YAML parser yields, or its refusal, for any mixture of lines', () => {
  const scalar = fc.constantFrom(
    'a',
    'b-1.c',
    '30s',
    '7',
    '198.18.0.1',
    '"x y"',
    'true',
    '1e3',
    '0x1',
    '*a',
    'null',
    "'q'",
    'a:1',
    '',
  );
  const key = fc.constantFrom('host', 'labels', 'k', 'a');
  const pair = fc.tuple(key, scalar).map(([name, value]) => `${name}: ${value}`);
  const nested = fc
    .tuple(key, fc.array(pair, { maxLength: 2 }))
    .map(([name, pairs]) => `${name}: { ${pairs.join(', ')} }`);
  const mapping = fc
    .array(fc.oneof(pair, nested), { maxLength: 4 })
    .map((pairs) => `- { ${pairs.join(', ')} }`);
  const line = fc.oneof(
    { weight: 5, arbitrary: mapping },
    fc.constantFrom('- x', '- |', '- "', '# c', '', '- &a y', '  - { a: b }', '- [', ']', '-', '  k: v'),
  );
  const text = fc.tuple(fc.array(line, { maxLength: 12 }), fc.nat(12)).map(([lines, at]) => {
    return [
      ...lines.slice(0, at),
      ...Array<string>(LEAST_FLOW_LINES).fill('- { host: a, k: 5s }'),
      ...lines.slice(at),
    ].join('\n');
  });
  let compared = 0;
  fc.assert(
    fc.property(text, (given) => {
      const reading = readDocument('x', new TextEncoder().encode(given));
      let expected: unknown;
      try {
        expected = parse(given, { uniqueKeys: false, stringKeys: true, merge: true, logLevel: 'error' });
      } catch {
        return reading.problems.length > 0;
      }
      if (reading.document === null) return false;
      compared++;
      assert.deepEqual(reading.document.value, expected);
      return true;
    }),
    { seed: 7, numRuns: 1000 },
  );
  assert.ok(compared > 200, `only ${compared} texts were YAML`);
});

test('readDocument() finds the places in a text whose lines were taken out', () => {
  const { document } = readDocument(
    'x',
    new TextEncoder().encode(`targets:\n${many('  - { host: a, k: 5s }')}`),
  );
  const { line, column } = document?.problemAt(['targets', 9, 'k'], 'm') ?? {};
  assert.deepEqual([line, column], [11, 19]);
});
