import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashSync } from 'bcryptjs';
import { type Comparer, PasswordCheck } from './password-check.ts';

class CountingComparer implements Comparer {
  readonly hashes: string[] = [];
  answer: (same: boolean) => void = () => {};

  compare(password: string, hash: string): Promise<boolean> {
    this.hashes.push(hash);
    return new Promise((resolve) => {
      this.answer = resolve;
      if (password !== 'slow') resolve(password === 'right');
    });
  }

  [Symbol.dispose](): void {}
}

const HASH = '$2b$04$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyz12345';

test('PasswordCheck compares each pair of name and password once, right or wrong', async () => {
  const comparer = new CountingComparer();
  const check = new PasswordCheck(comparer);
  assert.equal(check.known('a', 'right', HASH), undefined);
  assert.equal(await check.check('a', 'right', HASH, HASH), true);
  assert.equal(await check.check('a', 'wrong', HASH, HASH), false);
  assert.deepEqual([check.known('a', 'right', HASH), check.known('a', 'wrong', HASH)], [true, false]);
  assert.equal(check.known('b', 'right', HASH), undefined);
  assert.equal(
    check.known('a', 'right', HASH.replace('a', 'b')),
    undefined,
    'another hash, another password',
  );
  assert.equal(comparer.hashes.length, 2);
});

test('PasswordCheck takes as long for an unknown name, and never lets it in', async () => {
  const comparer = new CountingComparer();
  const check = new PasswordCheck(comparer);
  assert.equal(await check.check('nobody', 'right', undefined, HASH), false);
  assert.match(comparer.hashes[0] ?? '', /^\$2b\$04\$\.{53}$/);
  assert.equal(check.known('nobody', 'right', undefined), false);
});

test('PasswordCheck shares a comparison under way, and bounds how many there are', async () => {
  const comparer = new CountingComparer();
  const check = new PasswordCheck(comparer);
  const same = [check.check('a', 'slow', HASH, HASH), check.check('a', 'slow', HASH, HASH)];
  assert.equal(comparer.hashes.length, 1);
  const finish = comparer.answer;
  for (let i = 1; i < 16; i++) void check.check(`user${i}`, 'slow', HASH, HASH);
  assert.equal(await check.check('one more', 'slow', HASH, HASH), 'busy');
  finish(true);
  assert.deepEqual(await Promise.all(same), [true, true]);
});

test('PasswordCheck compares with bcrypt in its thread', async () => {
  using check = new PasswordCheck();
  const hash = hashSync('geheim', 4);
  const prefixed = (prefix: string): string => hash.replace(/^\$2b/, prefix);
  for (const prefix of ['$2a', '$2b', '$2y'])
    assert.equal(await check.check('a', 'geheim', prefixed(prefix), hash), true, prefix);
  assert.equal(await check.check('a', 'falsch', hash, hash), false);
  assert.equal(await check.check('b', 'geheim', undefined, hash), false);
});
