import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { clip, lineWidth, padEnd, padStart, piece, printable, render, widthOf, wrap } from './styled-text.ts';

test('printable() lets no control, formatting or separating character through', () => {
  assert.equal(printable('a\x1b[2Jb\r\n\u009b\u202e\u2028c\ud800'), 'a?[2Jb?????c?');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.doesNotMatch(piece(text).text, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
    }),
    { seed: 1 },
  );
});

test('widthOf() counts two cells for wide characters and none for combining marks', () => {
  assert.equal(widthOf('bücher.example'), 14);
  assert.equal(widthOf('例え.jp'), 7);
  assert.equal(widthOf('e\u0301'), 1);
});

test('padEnd() and padStart() fill to a number of cells and never cut', () => {
  assert.equal(padEnd('例', 4), '例  ');
  assert.equal(padStart('7', 3), '  7');
  assert.equal(padEnd('abcdef', 3), 'abcdef');
});

test('clip() keeps a line that fits and marks one that does not', () => {
  const line = [piece('hop '), piece('address', 'bold')];
  assert.equal(clip(line, 11), line);
  assert.equal(render(clip(line, 8), false), 'hop add>');
  assert.equal(render(clip([piece('例例例')], 4), false), '例>');
});

test('clip() never yields more cells than asked for', () => {
  const pieces = fc.array(fc.string({ unit: 'grapheme', maxLength: 12 }), { maxLength: 5 });
  fc.assert(
    fc.property(pieces, fc.integer({ min: 0, max: 40 }), (texts, width) => {
      assert.ok(
        lineWidth(
          clip(
            texts.map((text) => piece(text)),
            width,
          ),
        ) <= width,
      );
    }),
    { seed: 2 },
  );
});

test('render() writes colour only where it is wanted, and no blanks at the end', () => {
  const line = [piece('a '), piece('b', 'good'), piece('   ')];
  assert.equal(render(line, false), 'a b');
  assert.equal(render(line, true), 'a \x1b[32mb\x1b[0m');
});

test('wrap() breaks between words and gives a long word its own line', () => {
  assert.deepEqual(wrap('one two three', 7), ['one two', 'three']);
  assert.deepEqual(wrap('a incomprehensible b', 5), ['a', 'incomprehensible', 'b']);
  assert.deepEqual(wrap('as it is', Number.POSITIVE_INFINITY), ['as it is']);
});
