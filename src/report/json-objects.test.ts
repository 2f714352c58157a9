import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { JsonObjects, MAX_OBJECT_LENGTH } from './json-objects.ts';

function read(...chunks: string[]): { objects: unknown[]; dropped: number } {
  const reader = new JsonObjects();
  const objects = chunks.flatMap((chunk) => [...reader.take(chunk)].map((text) => JSON.parse(text)));
  reader.end();
  return { objects, dropped: reader.dropped };
}

test('JsonObjects finds the objects of an array, of lines and of what is written together', () => {
  const objects = [{ a: 1 }, { b: { c: ['}', '{', '"', '\\'] } }, {}];
  const texts = objects.map((object) => JSON.stringify(object));
  for (const text of [
    JSON.stringify(objects),
    JSON.stringify(objects, null, 2),
    texts.join('\n'),
    texts.join(''),
  ])
    assert.deepEqual(read(text), { objects, dropped: 0 });
});

test('JsonObjects gives the same wherever a file is cut into chunks', () => {
  fc.assert(
    fc.property(
      fc.array(fc.dictionary(fc.string(), fc.jsonValue()), { maxLength: 5 }),
      fc.array(fc.nat(200), { maxLength: 5 }),
      (objects, cuts) => {
        const text = JSON.stringify(objects);
        const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
        const chunks = places.slice(1).map((end, i) => text.slice(places[i], end));
        assert.deepEqual(read(...chunks), { objects: JSON.parse(text), dropped: 0 });
      },
    ),
  );
});

test('JsonObjects passes over strings and numbers outside of objects', () => {
  assert.deepEqual(read('["{", 1, null, {"a":"{"}, "}"]').objects, [{ a: '{' }]);
});

test('JsonObjects drops what is too long, too deep or cut off, and goes on with the next line', () => {
  const long = `{"a":"${'x'.repeat(MAX_OBJECT_LENGTH)}"}\n`;
  const deep = `${'{"a":'.repeat(100)}1${'}'.repeat(100)}\n`;
  assert.deepEqual(read(long, '{"b":1}\n'), { objects: [{ b: 1 }], dropped: 1 });
  assert.deepEqual(read(deep, '{"b":1}\n'), { objects: [{ b: 1 }], dropped: 1 });
  assert.deepEqual(read('{"b":1}\n{"c":'), { objects: [{ b: 1 }], dropped: 1 });
});

test('JsonObjects holds no more than one object of text that never ends', () => {
  const reader = new JsonObjects();
  for (let i = 0; i < 64; i++) assert.deepEqual([...reader.take('{"a":['.padEnd(100_000, '1,'))], []);
  assert.ok(reader.dropped >= 1);
});
