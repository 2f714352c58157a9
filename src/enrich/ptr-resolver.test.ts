import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startDnsServer } from '../../test/dns-server.ts';
import { PtrResolver, reverseName } from './ptr-resolver.ts';

test('reverseName() writes both families', () => {
  assert.equal(reverseName('198.18.0.1'), '1.0.18.198.in-addr.arpa');
  assert.equal(
    reverseName('2001:db8::1'),
    '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa',
  );
  assert.equal(reverseName('x'), null);
});

test('PtrResolver tells a name, no name, and a server that fails or hangs from one another', async () => {
  await using server = await startDnsServer({
    [reverseName('198.18.0.1') as string]: { ptr: ['r1.example.net'] },
    [reverseName('198.18.0.2') as string]: 'no-such-name',
    [reverseName('198.18.0.3') as string]: 'servfail',
    [reverseName('198.18.0.4') as string]: 'silent',
    [reverseName('198.18.0.5') as string]: { ptr: ['evil\x1b[2J.example', '<b>.example'] },
  });
  using resolver = new PtrResolver({ servers: [server.address], now: () => 0 });
  assert.deepEqual(await resolver.lookUp('198.18.0.1'), { kind: 'names', names: ['r1.example.net'] });
  assert.deepEqual(await resolver.lookUp('198.18.0.2'), { kind: 'none' });
  assert.deepEqual(await resolver.lookUp('198.18.0.3'), { kind: 'failed' });
  assert.deepEqual(await resolver.lookUp('no address'), { kind: 'none' });
  // c-ares may refuse such names or spell them: it must not take the process down.
  await resolver.lookUp('198.18.0.5');
  const hanging = resolver.lookUp('198.18.0.4');
  resolver[Symbol.dispose]();
  assert.deepEqual(await hanging, { kind: 'failed' });
});
