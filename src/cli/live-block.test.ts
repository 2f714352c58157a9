import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FakeIo, FakeScreen } from './fake-io.ts';
import { LiveBlock } from './live-block.ts';
import { type Line, piece } from './styled-text.ts';

function block(columns: number, rows: number): { io: FakeIo; live: LiveBlock } {
  const io = new FakeIo({ isTTY: true, columns, rows });
  return { io, live: new LiveBlock(io, false) };
}

const lines = (...texts: string[]): Line[] => texts.map((text) => [piece(text)]);

test('LiveBlock rewrites lines in place and leaves the last state once', () => {
  const { io, live } = block(20, 10);
  io.stdout.write('prompt\n');
  live.draw(lines('a', 'b'));
  live.draw(lines('a', 'bb', 'c'));
  live.finish(lines('a', 'x'));
  assert.deepEqual(new FakeScreen(io.out, 20, 10).lines, ['prompt', 'a', 'x']);
});

test('LiveBlock writes only lines that changed', () => {
  const { io, live } = block(20, 10);
  live.draw(lines('unchanged', 'before'));
  io.out = '';
  live.draw(lines('unchanged', 'after'));
  assert.ok(!io.out.includes('unchanged'));
  assert.ok(io.out.includes('after'));
});

test('LiveBlock taller than the terminal shows its end, and at last scrolls all of it through once', () => {
  const { io, live } = block(20, 5);
  const many = Array.from({ length: 12 }, (_, i) => `line ${i}`);
  live.draw(lines(...many.slice(0, 3)));
  live.draw(lines(...many.slice(0, 9)));
  assert.deepEqual(new FakeScreen(io.out, 20, 5).lines, many.slice(5, 9));
  live.finish(lines(...many));
  assert.equal(new FakeScreen(io.out, 20, 5).text, many.map((line) => `${line}\n`).join(''));
});

test('LiveBlock finds its top again after the terminal became narrower', () => {
  const { io, live } = block(20, 10);
  live.draw(lines('0123456789abcde', 'second'));
  // The terminal breaks the first line in two.
  io.columns = 10;
  io.out = '0123456789\nabcde\nsecond\n';
  live.draw(lines('new', 'second'));
  assert.deepEqual(new FakeScreen(io.out, 10, 10).lines, ['new', 'second']);
});

test('LiveBlock shows what was drawn last, whatever was drawn before', () => {
  const state = fc.array(fc.stringMatching(/^[a-z ]{0,12}$/), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(state, { maxLength: 6 }), state, (states, last) => {
      const { io, live } = block(16, 20);
      for (const texts of states) live.draw(lines(...texts));
      live.finish(lines(...last));
      const wanted = last.map((text) => text.trimEnd());
      while (wanted.at(-1) === '') wanted.pop();
      assert.deepEqual(new FakeScreen(io.out, 16, 20).lines, wanted);
    }),
    { seed: 3 },
  );
});
