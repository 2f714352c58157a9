import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RecordedRun } from './recorded-run.ts';
import { RunPack, RunReader, runOf } from './run-pack.ts';

function plain<T>(shape: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(shape, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

const rtt = fc.integer({ min: 0, max: 60_000_000 }).map((us) => us / 1000);
const answer = fc.oneof(
  plain({ answered: fc.constant(0), rttMs: fc.constant(null) }),
  plain({ answered: fc.integer({ min: 1, max: 300 }), rttMs: rtt }),
);
const hop = plain({
  sent: fc.integer({ min: 0, max: 640 }),
  answers: fc.array(answer, { maxLength: 5 }),
});
const run = plain({
  target: fc.constant('t'),
  stepMs: fc.integer({ min: 1, max: 90_000_000 }),
  durationMs: fc.integer({ min: 0, max: 3_000_000 }).map((tenths) => tenths / 10),
  reached: fc.boolean(),
  hopCount: fc.integer({ min: 0, max: 255 }),
  paths: fc.integer({ min: 0, max: 64 }),
  rttMs: fc.option(rtt),
  lossRatio: fc.integer({ min: 0, max: 10_000 }).map((units) => units / 10_000),
  pathId: fc.option(fc.integer({ min: 0, max: 2 ** 48 - 1 }).map((id) => id.toString(16).padStart(12, '0'))),
  failure: fc.option(fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' })),
  hops: fc.array(hop, { maxLength: 30 }),
});
const runs = fc.array(run, { maxLength: 20 }).map((list) => {
  let atMs = 1_795_424_400_000;
  return list.map(({ stepMs, ...rest }): RecordedRun => {
    atMs += stepMs;
    return { ...rest, atMs };
  });
});

function packed(list: readonly RecordedRun[]): RunPack {
  const pack = new RunPack();
  for (const item of list) pack.append(item);
  return pack;
}

function read(bytes: Uint8Array): RecordedRun[] {
  const reader = new RunReader(bytes);
  const list: RecordedRun[] = [];
  while (reader.next()) list.push(runOf(reader.state, 't'));
  return list;
}

test('RunPack gives back every run as it was appended', () => {
  fc.assert(
    fc.property(runs, (list) => assert.deepEqual(read(packed(list).close().bytes), list)),
    {
      numRuns: 400,
    },
  );
});

test('RunPack.resume() grows on as if it had never been closed', () => {
  fc.assert(
    fc.property(runs, fc.nat(20), (list, cut) => {
      const resumed = RunPack.resume(packed(list.slice(0, cut)).close().bytes);
      for (const item of list.slice(cut)) resumed.append(item);
      assert.deepEqual(resumed.close(), packed(list).close());
    }),
    { numRuns: 300 },
  );
});

test('RunReader ends in a RangeError, never in a wrong run, where bytes are cut or made up', () => {
  fc.assert(
    fc.property(runs, fc.nat(), (list, seed) => {
      const { bytes } = packed(list).close();
      const cut = bytes.subarray(0, bytes.length === 0 ? 0 : seed % bytes.length);
      try {
        assert.deepEqual(read(cut), list.slice(0, read(cut).length));
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        read(bytes);
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error));
      }
    }),
  );
});

test('RunPack takes about three bytes a hop where only RTTs move', () => {
  const pack = new RunPack();
  for (let i = 0; i < 40; i++) {
    const hops = Array.from({ length: 12 }, (_, ttl) => ({
      sent: 4,
      answers: [{ answered: 4, rttMs: 2 * ttl + ((i * 7919 + ttl * 104_729) % 997) / 1000 }],
    }));
    const rttMs = hops.at(-1)?.answers[0]?.rttMs ?? null;
    pack.append({
      ...{ target: 't', atMs: 1_795_424_400_000 + i * 60_000, durationMs: 25, reached: true, hopCount: 12 },
      ...{ paths: 1, rttMs, lossRatio: 0, pathId: 'c0ffee123456', failure: null, hops },
    });
  }
  assert.ok(pack.byteLength / 40 < 36, `${pack.byteLength / 40} bytes a run`);
});
