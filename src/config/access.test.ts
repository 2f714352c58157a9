import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAccessRule, parseAccessPattern } from './access.ts';

test('parseAccessPattern() refuses networks with stray bits, bad lengths and what is neither network nor name', () => {
  const cases: [string, RegExp][] = [
    ['198.18.0.1/15', /write 198\.18\.0\.0\/15/],
    ['2001:db8::1/32', /write 2001:db8::\/32/],
    ['10.0.0.0/33', /the length is 0 to 32/],
    ['10.0.0.0/', /the length is 0 to 32/],
    ['10.0.0.0/8/8', /the length/],
    ['10.0.0', /not an IP address or network/],
    ['exa mple', /neither a network/],
    ['a.*.org', /neither a network/],
    ['', /neither a network/],
  ];
  for (const [text, reason] of cases) assert.match(String(parseAccessPattern(text)), reason, text);
});

test('AccessRule.refusal() lets everything pass with empty lists', () => {
  const rule = createAccessRule({ allow: [], deny: [] });
  assert.equal(rule.refusal('example.org', null), undefined);
  assert.equal(rule.refusal(null, '198.18.0.1'), undefined);
});

test('AccessRule.refusal() lets deny win over allow, by name and by address', () => {
  const rule = createAccessRule({
    allow: ['198.18.0.0/15', '*.example.org'],
    deny: ['198.18.7.0/24', 'x.example.org'],
  });
  assert.equal(rule.refusal(null, '198.19.255.255'), undefined);
  assert.match(rule.refusal(null, '198.18.7.9') ?? '', /probe\.deny lists "198\.18\.7\.0\/24"/);
  assert.match(rule.refusal(null, '198.20.0.0') ?? '', /nothing in probe\.allow covers it/);
  assert.equal(rule.refusal('a.example.org', '203.0.113.1'), undefined);
  assert.match(rule.refusal('x.example.org', null) ?? '', /probe\.deny/);
  assert.match(
    rule.refusal('a.example.org', '198.18.7.1') ?? '',
    /probe\.deny/,
    'a name that resolves into a denied net',
  );
  assert.match(
    rule.refusal('example.org', '203.0.113.1') ?? '',
    /nothing/,
    'the domain itself is not below itself',
  );
});

test('AccessRule.refusal() waits for the address of a name only where an allowed network could cover it', () => {
  assert.equal(
    createAccessRule({ allow: ['198.18.0.0/15'], deny: [] }).refusal('other.test', null),
    undefined,
  );
  assert.match(
    createAccessRule({ allow: ['*.example.org'], deny: [] }).refusal('other.test', null) ?? '',
    /nothing/,
  );
});

test('AccessRule.refusal() keeps families apart, the mapped form included', () => {
  const rule = createAccessRule({ allow: [], deny: ['::/0'] });
  assert.equal(rule.refusal(null, '198.18.0.1'), undefined);
  assert.match(rule.refusal(null, '2001:db8::1') ?? '', /deny/);
  const four = createAccessRule({ allow: [], deny: ['0.0.0.0/0'] });
  assert.match(four.refusal(null, '198.18.0.1') ?? '', /deny/);
  assert.match(four.refusal(null, '::ffff:198.18.0.1') ?? '', /deny/);
  assert.equal(four.refusal(null, '2001:db8::1'), undefined);
});
