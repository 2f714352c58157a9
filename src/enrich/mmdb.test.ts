import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeMmdb } from '../../test/mmdb-writer.ts';
import { DatabaseError, openDatabase } from './mmdb.ts';

const NETWORKS = {
  '198.18.0.0/15': { autonomous_system_number: 64500, autonomous_system_organization: 'Example' },
  '198.18.4.0/24': { autonomous_system_number: 64501, autonomous_system_organization: 'Example' },
  '100.64.0.0/10': { autonomous_system_number: 64502, autonomous_system_organization: 'Access' },
  '2001:db8::/32': { autonomous_system_number: 64503, autonomous_system_organization: 'Six' },
};

function asn(record: unknown): number | undefined {
  return (record as { autonomous_system_number: number } | null)?.autonomous_system_number;
}

describe('openDatabase()', () => {
  it('answers with the most specific network, for every record size', async () => {
    for (const recordSize of [24, 28, 32] as const) {
      const database = await openDatabase(encodeMmdb(NETWORKS, { recordSize, databaseType: 'Test-ASN' }));
      assert.equal(database.databaseType, 'Test-ASN');
      assert.equal(asn(database.recordOf('198.18.3.255')), 64500);
      assert.equal(asn(database.recordOf('198.18.4.1')), 64501);
      assert.equal(asn(database.recordOf('198.18.5.0')), 64500);
      assert.equal(asn(database.recordOf('100.127.0.1')), 64502);
      assert.equal(asn(database.recordOf('2001:db8:ffff::1')), 64503);
      assert.equal(database.recordOf('192.0.2.1'), null);
      assert.equal(database.recordOf('2001:db9::1'), null);
    }
  });

  it('answers null for IPv6 from a database of IPv4 alone', async () => {
    const { '2001:db8::/32': _, ...four } = NETWORKS;
    const database = await openDatabase(encodeMmdb(four, { ipVersion: 4 }));
    assert.equal(asn(database.recordOf('198.18.4.1')), 64501);
    assert.equal(database.recordOf('c612:401::'), null);
  });

  it('refuses what is cut off, at every length', async () => {
    const whole = encodeMmdb(NETWORKS);
    for (let length = 0; length < whole.length; length++) {
      await assert.rejects(
        openDatabase(whole.subarray(0, length)),
        DatabaseError,
        `${length} of ${whole.length} bytes`,
      );
    }
  });

  it('refuses a tree that leads out of the file', async () => {
    const bytes = encodeMmdb(NETWORKS, { recordSize: 32 });
    bytes.writeUInt32BE(0x7fffffff, 8);
    await assert.rejects(openDatabase(bytes), /leads out of the file at node 1/);
  });

  it('refuses another format', async () => {
    await assert.rejects(openDatabase(Buffer.from('PK\x03\x04 an archive')), /not an MMDB file/);
    await assert.rejects(openDatabase(new Uint8Array()), /empty/);
  });

  it('answers or refuses whatever bytes are damaged, and never throws an answer', async () => {
    const whole = encodeMmdb(NETWORKS);
    const addresses = ['198.18.4.1', '100.64.0.1', '2001:db8::1', '203.0.113.1', '::1'];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        async (damages) => {
          const bytes = Buffer.from(whole);
          for (const [at, value] of damages) bytes[at] = value;
          const database = await openDatabase(bytes).catch((error: unknown) => {
            assert.ok(error instanceof DatabaseError, String(error));
            return null;
          });
          for (const address of addresses) database?.recordOf(address);
        },
      ),
      { seed: 3, numRuns: 2000 },
    );
  });

  it('answers null where the pointers of a record go in a circle, or fan out without end', async () => {
    const bytes = encodeMmdb({ '198.18.0.0/15': ['a', 'b'] });
    // An array of two, each a pointer to the array itself.
    const at = bytes.indexOf(Buffer.from([2, 4, 0x41, 0x61]));
    bytes.set([2, 4, 0x20, 0x00, 0x20, 0x00], at);
    const database = await openDatabase(bytes);
    assert.equal(database.recordOf('198.18.0.1'), null);
    assert.equal(database.recordOf('198.18.0.1'), null);
  });
});
