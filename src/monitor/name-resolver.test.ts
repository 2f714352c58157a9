import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AddressWish, chooseAddress } from './name-resolver.ts';

const EITHER: AddressWish = { family: null, preferFamily: 4, usable: new Set([4, 6]), previous: null };

function address(answers: readonly string[], wish: Partial<AddressWish> = {}): string {
  const chosen = chooseAddress(answers, { ...EITHER, ...wish });
  return typeof chosen === 'string' ? `none: ${chosen}` : chosen.address;
}

test('chooseAddress() takes the least address, whatever order the answers come in', () => {
  assert.equal(address(['198.18.0.9', '198.18.0.10', '198.18.0.2']), '198.18.0.2');
  assert.equal(address(['198.18.0.2', '198.18.0.10', '198.18.0.9']), '198.18.0.2');
});

test('chooseAddress() stays with the address used before while it is among the answers', () => {
  const answers = ['198.18.0.1', '198.18.0.2', '2001:db8::1'];
  assert.equal(address(answers, { previous: '198.18.0.2' }), '198.18.0.2');
  assert.equal(address(answers, { previous: '198.18.0.7' }), '198.18.0.1');
  assert.equal(address(answers, { previous: '2001:db8::1' }), '198.18.0.1', 'the preferred family came back');
  assert.equal(address(['2001:DB8:0::1'], { previous: '2001:db8::1' }), '2001:db8::1');
});

test('chooseAddress() honours the family wanted, then the one preferred, then what the host can probe in', () => {
  const answers = ['198.18.0.1', '2001:db8::1'];
  assert.equal(address(answers, { family: 6 }), '2001:db8::1');
  assert.equal(address(answers, { preferFamily: 6 }), '2001:db8::1');
  assert.equal(address(answers, { preferFamily: 6, usable: new Set([4]) }), '198.18.0.1');
  assert.equal(
    address(['2001:db8::1'], { usable: new Set([4]) }),
    '2001:db8::1',
    'the engine says best why it cannot',
  );
});

test('chooseAddress() says why there is none', () => {
  assert.equal(address([]), 'none: the name has no address');
  assert.equal(address(['198.18.0.1'], { family: 6 }), 'none: the name has no IPv6 address');
  assert.match(address(['0.0.0.0', '224.0.0.1']), /none: 0\.0\.0\.0 names no host/);
  assert.equal(address(['0.0.0.0', '198.18.0.1']), '198.18.0.1');
  assert.equal(address(['nonsense', 'fe80::1%eth0']), 'none: the name has no address');
});
