import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createNetworkSet } from '../config/access.ts';
import { clientAddress, clientKey } from './client-address.ts';

const TRUSTED = createNetworkSet(['10.0.0.0/8', '2001:db8:f::/48']);

test('clientAddress() believes a trusted proxy, and nobody else', () => {
  assert.equal(clientAddress('10.1.1.1', '192.0.2.7', TRUSTED), '192.0.2.7');
  assert.equal(clientAddress('::ffff:10.1.1.1', '192.0.2.7', TRUSTED), '192.0.2.7');
  assert.equal(clientAddress('2001:db8:f::1', '2001:db8::5', TRUSTED), '2001:db8::5');
  assert.equal(clientAddress('192.0.2.1', '192.0.2.7', TRUSTED), '192.0.2.1');
  assert.equal(clientAddress('10.1.1.1', undefined, TRUSTED), '10.1.1.1');
  assert.equal(clientAddress('10.1.1.1', '192.0.2.7', createNetworkSet([])), '10.1.1.1');
});

test('clientAddress() reads from the end, for the client wrote the beginning', () => {
  assert.equal(clientAddress('10.1.1.1', '203.0.113.9, 192.0.2.7', TRUSTED), '192.0.2.7');
  assert.equal(clientAddress('10.1.1.1', '203.0.113.9, 192.0.2.7, 10.2.2.2', TRUSTED), '192.0.2.7');
  assert.equal(clientAddress('10.1.1.1', '10.3.3.3, 10.2.2.2', TRUSTED), '10.3.3.3');
});

test('clientAddress() stops at what is no address, and takes ports and brackets off', () => {
  assert.equal(clientAddress('10.1.1.1', 'unknown, 10.2.2.2', TRUSTED), '10.2.2.2');
  assert.equal(clientAddress('10.1.1.1', '', TRUSTED), '10.1.1.1');
  assert.equal(clientAddress('10.1.1.1', '[2001:db8::5]:443', TRUSTED), '2001:db8::5');
  assert.equal(clientAddress('10.1.1.1', '192.0.2.7:5000', TRUSTED), '192.0.2.7');
});

test('clientKey() takes an IPv6 /64 for one client, and IPv4 however it is written', () => {
  assert.equal(clientKey('2001:db8:1:2:a:b:c:d'), '2001:db8:1:2::/64');
  assert.equal(clientKey('fe80::1%eth0'), 'fe80::/64');
  assert.equal(clientKey('::ffff:192.0.2.1'), '192.0.2.1');
});
