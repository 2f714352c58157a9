import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressScope } from './address-scope.ts';

test('addressScope() tells private addresses and those that are nobody’s from all others', () => {
  const expected = {
    none: [
      '0.0.0.0',
      '127.0.0.1',
      '169.254.1.1',
      '224.0.0.5',
      '255.255.255.255',
      '::',
      '::1',
      'fe80::1',
      'ff02::1',
      'x',
    ],
    private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fd12::1'],
    global: [
      '100.64.0.1',
      '198.18.0.1',
      '172.32.0.1',
      '192.169.0.1',
      '8.8.8.8',
      '2001:db8::1',
      '2620::1',
      '::2',
    ],
  } as const;
  for (const [scope, addresses] of Object.entries(expected)) {
    for (const address of addresses) assert.equal(addressScope(address), scope, address);
  }
});
