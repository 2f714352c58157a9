import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualClock } from '../../lab/virtual-clock.ts';
import { MemoryDisk } from '../../test/memory-disk.ts';
import { encodeMmdb } from '../../test/mmdb-writer.ts';
import { DatabaseFile } from './database-file.ts';

const PATH = '/data/asn.mmdb';

function databaseOf(asn: number): Buffer {
  return encodeMmdb({ '198.18.0.0/15': { asn } }, { databaseType: `AS${asn}` });
}

function follow(disk: MemoryDisk): {
  file: DatabaseFile;
  clock: VirtualClock;
  loaded: string[];
  problems: string[];
} {
  const clock = new VirtualClock();
  const loaded: string[] = [];
  const problems: string[] = [];
  const file = new DatabaseFile(PATH, {
    disk,
    clock,
    onLoaded: (_, { databaseType }) => loaded.push(databaseType),
    onProblem: (message) => problems.push(message),
  });
  file.follow();
  return { file, clock, loaded, problems };
}

describe('DatabaseFile', () => {
  it('reads a file once, and again when it changes', async () => {
    const disk = new MemoryDisk();
    disk.write(PATH, databaseOf(64500));
    const { file, clock, loaded } = follow(disk);
    await file.refresh();
    await clock.advance(120_000);
    assert.equal(disk.reads, 1);
    disk.write(PATH, databaseOf(64501));
    await clock.advance(1000);
    assert.deepEqual(loaded, ['AS64500', 'AS64501']);
    assert.deepEqual(file.database?.recordOf('198.18.0.1'), { asn: 64501 });
  });

  it('finds a change by itself where the system does not tell', async () => {
    const disk = new MemoryDisk();
    disk.tells = false;
    disk.write(PATH, databaseOf(64500));
    const { file, clock, loaded } = follow(disk);
    await file.refresh();
    disk.write(PATH, databaseOf(64501));
    await clock.advance(31_000);
    assert.deepEqual(loaded, ['AS64500', 'AS64501']);
  });

  it('says once that a file is missing, and reads it when it comes', async () => {
    const disk = new MemoryDisk();
    const { file, clock, loaded, problems } = follow(disk);
    await file.refresh();
    await clock.advance(100_000);
    assert.deepEqual(problems, [
      'Cannot use the database "/data/asn.mmdb": it does not exist; check the path; tracing goes on without it, and it is read as soon as it can be',
    ]);
    assert.equal(file.database, null);
    disk.write(PATH, databaseOf(64500));
    await clock.advance(1000);
    assert.deepEqual(loaded, ['AS64500']);
  });

  it('keeps what it has over a file that is unfinished, damaged or gone, and says why', async () => {
    const disk = new MemoryDisk();
    disk.write(PATH, databaseOf(64500));
    const { file, clock, loaded, problems } = follow(disk);
    await file.refresh();
    const next = databaseOf(64501);
    for (const bytes of [next.subarray(0, 40), Buffer.alloc(0), null]) {
      disk.write(PATH, bytes);
      await clock.advance(100_000);
      assert.deepEqual(file.database?.recordOf('198.18.0.1'), { asn: 64500 });
    }
    assert.equal(problems.length, 3);
    for (const problem of problems) assert.match(problem, /what was read before stays in use$/);
    disk.write(PATH, next);
    await clock.advance(1000);
    assert.deepEqual(loaded, ['AS64500', 'AS64501']);
  });

  it('takes a file that changes while it is read only when it stands still', async () => {
    const disk = new MemoryDisk();
    disk.tells = false;
    const whole = databaseOf(64500);
    disk.write(PATH, whole);
    let changes = 5;
    disk.onRead = () => {
      if (changes-- > 0) disk.write(PATH, whole.subarray(0, whole.length - changes));
    };
    const { file, clock, loaded, problems } = follow(disk);
    await file.refresh();
    assert.deepEqual(loaded, []);
    assert.match(problems[0] ?? '', /it is being written/);
    disk.write(PATH, whole);
    await clock.advance(100_000);
    assert.deepEqual(loaded, ['AS64500']);
  });

  it('leaves no timer and no watcher when it is disposed of', async () => {
    const disk = new MemoryDisk();
    disk.write(PATH, databaseOf(64500));
    const { file, clock, loaded } = follow(disk);
    await file.refresh();
    file[Symbol.dispose]();
    assert.equal(disk.watchers, 0);
    disk.write(PATH, databaseOf(64501));
    await clock.advance(100_000);
    await file.refresh();
    assert.equal(loaded.length, 1);
  });
});
