import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualClock } from '../../lab/virtual-clock.ts';
import { MemoryDisk } from '../../test/memory-disk.ts';
import { encodeMmdb } from '../../test/mmdb-writer.ts';
import { EnrichedDirectory } from './directory.ts';
import type { PtrAnswer } from './reverse-names.ts';

const OFF = { asn: null, city: null, reverseDns: false };

function build(lookUp: (address: string) => Promise<PtrAnswer> = () => new Promise(() => {})): {
  directory: EnrichedDirectory;
  disk: MemoryDisk;
  clock: VirtualClock;
  problems: string[];
} {
  const disk = new MemoryDisk();
  const clock = new VirtualClock();
  const problems: string[] = [];
  const directory = new EnrichedDirectory({
    disk,
    clock,
    names: { lookUp, [Symbol.dispose]: () => {} },
    follow: true,
    onLoaded: () => {},
    onProblem: (message) => problems.push(message),
  });
  return { directory, disk, clock, problems };
}

const ASN = encodeMmdb({
  '198.18.0.0/15': { autonomous_system_number: 64500, autonomous_system_organization: 'Example' },
  '10.0.0.0/8': { autonomous_system_number: 64999 },
});
const CITY = encodeMmdb({
  '198.18.0.0/15': { country: { iso_code: 'AT' }, city: { names: { en: 'Vienna' } } },
  '203.0.113.0/24': { asn: 'AS64511', as_name: 'Other', country: 'CH' },
});

describe('EnrichedDirectory', () => {
  it('puts together what both databases say', async () => {
    const { directory, disk } = build();
    disk.write('/asn', ASN);
    disk.write('/city', CITY);
    await directory.apply({ ...OFF, asn: '/asn', city: '/city' });
    assert.deepEqual(directory.factsOf('198.18.0.1'), {
      asn: 64500,
      asName: 'Example',
      country: 'AT',
      city: 'Vienna',
      name: null,
    });
    assert.equal(directory.asNumberOf('203.0.113.9'), 64511);
    assert.equal(directory.asNumberOf('192.0.2.1'), null);
    assert.equal(directory.knowsAsNumbers, true);
  });

  it('has no AS for private and unspecified addresses, whatever the database says', async () => {
    const { directory, disk } = build();
    disk.write('/asn', ASN);
    await directory.apply({ ...OFF, asn: '/asn' });
    for (const address of ['10.1.1.1', '0.0.0.0', '::', 'fe80::1', 'not an address']) {
      assert.equal(directory.asNumberOf(address), null);
    }
  });

  it('answers for another file at once when the file is replaced', async () => {
    const { directory, disk, clock } = build();
    disk.write('/asn', ASN);
    await directory.apply({ ...OFF, asn: '/asn' });
    assert.equal(directory.asNumberOf('198.18.0.1'), 64500);
    disk.write('/asn', encodeMmdb({ '198.18.0.0/15': { asn: 'AS64501' } }));
    await clock.advance(1000);
    assert.equal(directory.asNumberOf('198.18.0.1'), 64501);
  });

  it('keeps its answers while another file is read, and knows nothing when there is none any more', async () => {
    const { directory, disk } = build();
    disk.write('/asn', ASN);
    disk.write('/new', encodeMmdb({ '198.18.0.0/15': { asn: 64777 } }));
    await directory.apply({ ...OFF, asn: '/asn' });
    const applied = directory.apply({ ...OFF, asn: '/new' });
    assert.equal(directory.asNumberOf('198.18.0.1'), 64500);
    await applied;
    assert.equal(directory.asNumberOf('198.18.0.1'), 64777);
    await directory.apply(OFF);
    assert.equal(directory.asNumberOf('198.18.0.1'), null);
    assert.equal(directory.knowsAsNumbers, false);
    assert.equal(disk.watchers, 0);
  });

  it('goes by the latest settings where they come faster than files are read', async () => {
    const { directory, disk } = build();
    disk.write('/asn', ASN);
    const first = directory.apply({ ...OFF, asn: '/asn' });
    const second = directory.apply(OFF);
    await Promise.all([first, second]);
    assert.equal(directory.asNumberOf('198.18.0.1'), null);
    assert.equal(disk.watchers, 0);
  });

  it('says why a file is not used and answers all the same', async () => {
    const { directory, problems } = build();
    await directory.apply({ ...OFF, asn: '/missing' });
    assert.equal(directory.asNumberOf('198.18.0.1'), null);
    assert.match(problems.join('\n'), /"\/missing": it does not exist/);
  });

  it('looks names up only where they are wanted, and a lookup that hangs holds up nothing', async () => {
    const asked: string[] = [];
    const { directory, clock } = build((address) => {
      asked.push(address);
      return address === '198.18.0.1'
        ? Promise.resolve({ kind: 'names', names: ['r1.example'] })
        : new Promise(() => {});
    });
    await directory.apply(OFF);
    directory.factsOf('198.18.0.1');
    assert.deepEqual(asked, []);
    await directory.apply({ ...OFF, reverseDns: true });
    directory.asNumberOf('198.18.0.1');
    assert.deepEqual(asked, []);
    for (const address of ['198.18.0.1', '10.0.0.1', '0.0.0.0', '198.18.0.2']) directory.factsOf(address);
    assert.deepEqual(asked, ['198.18.0.1', '10.0.0.1', '198.18.0.2']);
    await clock.advance(1);
    assert.equal(directory.factsOf('198.18.0.1').name, 'r1.example');
    assert.equal(directory.factsOf('198.18.0.2').name, null);
    await clock.runUntil(directory.namesSettled());
  });
});
