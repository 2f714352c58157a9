import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { destinationRefusal, MAX_NAME_LENGTH, type ParsedHost, parseHost } from './host.ts';

function understood(text: string): ParsedHost {
  const host = parseHost(text);
  assert.ok(!('refused' in host), 'refused' in host ? host.refused : '');
  return host;
}

function refusal(text: string): string {
  const host = parseHost(text);
  assert.ok('refused' in host, `${text} was understood`);
  return host.refused;
}

test('parseHost() understands a name, folds its case and drops the final dot', () => {
  const name = { address: null, family: null, port: null };
  assert.deepEqual(understood('example.org'), { ...name, name: 'example.org', label: 'example.org' });
  assert.deepEqual(understood(' WWW.Example.ORG. '), {
    ...name,
    name: 'www.example.org',
    label: 'WWW.Example.ORG',
  });
  assert.equal(understood('_srv.ex_ample.org').name, '_srv.ex_ample.org');
  assert.equal(understood('router1').name, 'router1');
});

test('parseHost() turns an IDN into ASCII and keeps the label as written', () => {
  assert.deepEqual(understood('bücher.example'), {
    name: 'xn--bcher-kva.example',
    label: 'bücher.example',
    address: null,
    family: null,
    port: null,
  });
});

test('parseHost() understands addresses of both families in any spelling', () => {
  assert.equal(understood('198.18.0.1').address, '198.18.0.1');
  assert.equal(understood('2001:DB8:0::1').address, '2001:db8::1');
  assert.deepEqual(understood('[2001:db8::1]:443'), {
    name: '2001:db8::1',
    address: '2001:db8::1',
    family: 6,
    port: 443,
    label: '2001:db8::1',
  });
  assert.equal(understood('[2001:db8::1]').port, null);
  assert.equal(understood('::ffff:198.18.0.1').family, 4);
});

test('parseHost() takes host and port of host:port and of URLs', () => {
  assert.deepEqual(
    [understood('example.org:8443').name, understood('example.org:8443').port],
    ['example.org', 8443],
  );
  const cases: [string, string, number | null][] = [
    ['https://example.org/x?y#z', 'example.org', 443],
    ['http://Example.org', 'example.org', 80],
    ['https://example.org:8443/x', 'example.org', 8443],
    ['https://[2001:db8::1]/', '2001:db8::1', 443],
    ['tcp://198.18.0.1:22', '198.18.0.1', 22],
    ['icmp://198.18.0.1', '198.18.0.1', null],
  ];
  for (const [text, name, port] of cases) {
    assert.deepEqual([understood(text).name, understood(text).port], [name, port], text);
  }
});

test('parseHost() refuses what names no host, in one sentence that says what to write', () => {
  const cases: [string, RegExp][] = [
    ['', /a target is empty; write a host name/],
    ['   ', /a target is empty/],
    ['a b', /"a b" has a space/],
    ['a\u0000b', /"a\\u0000b" has a control character/],
    ['a\u0085b', /"a\\u0085b" has a control character/],
    ['10.0.0.0/8', /has a "\/"/],
    ['example.org/path', /write the host name or IP address alone/],
    ['user@example.org', /has an "@"/],
    ['https://user:secret@example.org/', /user name or password/],
    ['gopher://example.org', /"gopher:\/\/" is not a scheme/],
    ['http:///x', /names no host/],
    ['example.org:0', /"0" is not a port; ports are 1 to 65535/],
    ['example.org:65536', /not a port/],
    ['example.org:', /"" is not a port/],
    ['example.org:http', /not a port/],
    ['[example.org]:80', /only IPv6 addresses are written in brackets/],
    ['[2001:db8::1', /unbalanced brackets/],
    ['[2001:db8::1]x', /unbalanced brackets/],
    ['2001:db8::g', /not an IPv6 address/],
    ['1:2:3', /not an IPv6 address/],
    ['fe80::1%eth0', /has a zone/],
    ['fe80::1', /link-local/],
    ['256.1.1.1', /not an IPv4 address; write four numbers from 0 to 255/],
    ['010.0.0.1', /not an IPv4 address/],
    ['1.2.3', /not an IPv4 address/],
    ['2130706433', /not an IPv4 address/],
    ['0x7f.1', /not an IPv4 address/],
    ['example.0x7f', /not an IPv4 address/],
    ['0.0.0.0', /names no host/],
    ['::', /names no host/],
    ['224.0.0.1', /multicast/],
    ['ff02::1', /multicast/],
    ['255.255.255.255', /broadcast/],
    ['a..b', /empty part/],
    ['.example.org', /empty part/],
    ['-rf', /not a host name/],
    ['a-.example', /not a host name/],
    ['exa!mple.org', /"exa!mple" is no valid part/],
    ['*', /not a host name/],
    [`${'a'.repeat(64)}.org`, /a part of 64 characters/],
    [`${'abcdefgh.'.repeat(29)}org`, new RegExp(`264 characters, at most ${MAX_NAME_LENGTH}`)],
    ['a'.repeat(5000), /5000 characters long/],
  ];
  for (const [text, reason] of cases) {
    const refused = refusal(text);
    assert.match(refused, reason, text);
    assert.ok(refused.length < 220, refused);
  }
  assert.doesNotMatch(refusal('https://user:secret@example.org/'), /secret/);
});

test('parseHost() ends with a clean ASCII name, an address, or a refusal for any text', () => {
  const fragments = fc.constantFrom(
    'example',
    '.',
    ':',
    '[',
    ']',
    '%',
    '/',
    '://',
    'ü',
    ' ',
    '1',
    '::',
    '\u0000',
    '-',
  );
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.array(fragments).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(text, (given) => {
      const host = parseHost(given);
      if ('refused' in host) return /^[^\n]{10,}$/.test(host.refused);
      if (host.address !== null)
        return host.name === host.address && destinationRefusal(host.address) === undefined;
      return host.name.length <= MAX_NAME_LENGTH && /^[a-z0-9_][a-z0-9._-]*$/.test(host.name);
    }),
    { seed: 7, numRuns: 5000 },
  );
});

test('destinationRefusal() refuses what is not one host and accepts what is', () => {
  assert.equal(destinationRefusal('198.18.0.1'), undefined);
  assert.equal(destinationRefusal('127.0.0.1'), undefined);
  assert.equal(destinationRefusal('2001:db8::1'), undefined);
  assert.match(destinationRefusal('febf::1') ?? '', /link-local/);
  assert.match(destinationRefusal('example.org') ?? '', /not an IP address/);
});
