import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HttpError } from './http-error.ts';
import { parseListenAddress } from './listen-address.ts';

test('parseListenAddress() reads a port alone, IPv4, IPv6 in brackets and names', () => {
  const read = (text: string): [string | null, number] => {
    const { host, port } = parseListenAddress(text);
    return [host, port];
  };
  assert.deepEqual(read(':10434'), [null, 10434]);
  assert.deepEqual(read('127.0.0.1:9999'), ['127.0.0.1', 9999]);
  assert.deepEqual(read('[::1]:0'), ['::1', 0]);
  assert.deepEqual(read('[fe80::1%eth0]:80'), ['fe80::1%eth0', 80]);
  assert.deepEqual(read('localhost:65535'), ['localhost', 65535]);
  assert.deepEqual(read('[::]:1'), ['::', 1]);
});

test('parseListenAddress() refuses what it cannot bind, and says what to write', () => {
  const refusals: readonly [string, RegExp][] = [
    ['10434', /a port alone is written :10434/],
    ['', /write host:port/],
    ['localhost', /write host:port/],
    [':', /"" is not a port/],
    [':65536', /"65536" is not a port/],
    [':-1', /"-1" is not a port/],
    [':80a', /"80a" is not a port/],
    ['::1:80', /stands in brackets, as in \[::1\]:10434/],
    ['[::1]', /brackets|host:port/],
    ['[127.0.0.1]:80', /only an IPv6 address stands in brackets/],
    ['[::zz]:80', /only an IPv6 address/],
    ['[fe80::1%]:80', /only an IPv6 address/],
    ['1.2.3:80', /neither an address nor a host name/],
    ['256.0.0.1:80', /neither an address nor a host name/],
    ['a b:80', /neither an address nor a host name/],
    ['http://localhost:80', /no URL/],
  ];
  for (const [text, message] of refusals) {
    assert.throws(
      () => parseListenAddress(text),
      (error) => error instanceof HttpError && error.code === 'bad-address' && message.test(error.message),
      text,
    );
  }
});
