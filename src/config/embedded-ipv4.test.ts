import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress, parseAddress } from '../wire/address.ts';
import { createAccessRule, DEFAULT_DENY } from './access.ts';
import { embeddedIpv4 } from './embedded-ipv4.ts';
import { parseHost } from './host.ts';

/** 169.254.169.254 in every dress that a gateway may take off. */
const METADATA = [
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b::169.254.169.254',
  '64:ff9b:1:a9fe:a9:fe00::',
  '64:ff9b:1:aa:a9:fea9:fe00:0',
  '64:ff9b:1::a9fe:a9fe',
  '2002:a9fe:a9fe::1',
  '2001:0:a9fe:a9fe::',
  '2001:0:1:1:0:0:5601:5601',
  '::169.254.169.254',
  '::ffff:0:169.254.169.254',
  '2001:db8::5efe:169.254.169.254',
  '2001:db8::200:5efe:169.254.169.254',
];

test('embeddedIpv4() finds what the gateways would', () => {
  for (const text of METADATA.slice(2)) {
    const bytes = parseAddress(text) as Uint8Array;
    const found = embeddedIpv4(bytes).map((inner) => formatAddress(inner));
    assert.ok(found.includes('169.254.169.254'), `${text}: ${found.join()}`);
  }
  for (const text of ['2001:db8::1', '::1', '192.0.2.1', '2606:4700::1111'])
    assert.deepEqual(embeddedIpv4(parseAddress(text) as Uint8Array), [], text);
});

test('AccessRule.refusal() denies an IPv4 network inside IPv6 too, whatever name led there', () => {
  const rule = createAccessRule({ allow: [], deny: DEFAULT_DENY });
  for (const text of [...METADATA, 'fe80::1', 'fd00:ec2::254', '169.254.0.1']) {
    assert.match(rule.refusal(null, text) ?? '', /probe\.deny lists/, text);
    assert.match(rule.refusal('rebinding.example', text) ?? '', /probe\.deny lists/, text);
  }
  assert.equal(rule.refusal('good.example', '127.0.0.1'), undefined);
});

test('AccessRule.refusal() does not let an allowed IPv4 network in by way of IPv6', () => {
  const rule = createAccessRule({ allow: ['198.18.0.0/15'], deny: [] });
  assert.match(rule.refusal(null, '64:ff9b::198.18.0.1') ?? '', /nothing in probe\.allow/);
  assert.equal(rule.refusal(null, '::ffff:198.18.0.1'), undefined);
});

test('AccessRule.refusal() refuses an address that it cannot read', () => {
  const rule = createAccessRule({ allow: ['*.example.org'], deny: [] });
  for (const text of ['fe80::1%eth0', '127.1', '0x7f.0.0.1', '2130706433', ''])
    assert.match(rule.refusal('a.example.org', text) ?? '', /not a plain IP address/, text);
});

test('parseHost() takes none of the spellings that some libraries take for an address', () => {
  for (const text of [
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    '127.0.0.0x1',
    '127.0.0.1.',
    '１２７.0.0.1',
    '１２７．０．０．１',
    '①②⑦.0.0.1',
    'fe80::1%eth0',
    '[fe80::1%25eth0]',
    'http://2130706433/',
  ]) {
    const parsed = parseHost(text);
    assert.ok('refused' in parsed, `${text} is taken for ${JSON.stringify(parsed)}`);
  }
});
