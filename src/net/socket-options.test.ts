import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layoutFor, SO, SOL_SOCKET } from './abi.ts';
import { type Libc, loadLibc } from './libc.ts';
import { SocketOptions } from './socket-options.ts';

/** A C library that refuses some socket-level options, as old kernels and emulators do, and notes those it took. */
function refusing(arch: string, refused: readonly number[]): { libc: Libc; taken: number[] } {
  const taken: number[] = [];
  const setsockopt = (_fd: number, level: number, option: number): number => {
    if (level === SOL_SOCKET && refused.includes(option)) return -1;
    taken.push(option);
    return 0;
  };
  return { libc: { ...loadLibc(), layout: layoutFor(arch), setsockopt }, taken };
}

for (const [refused, source, option] of [
  [[], 'timestamping', SO.timestamping],
  [[SO.timestamping], 'timestamp-ns', SO.timestampNs],
  [[SO.timestamping, SO.timestampNs], 'timestamp', SO.timestamp],
] as const) {
  test(`enableStamps() falls back to ${source} when ${refused.length} better options are refused`, () => {
    const { libc, taken } = refusing('x64', refused);
    assert.equal(new SocketOptions(libc).enableStamps(3, true), source);
    assert.deepEqual(taken, [option]);
  });
}

test('enableStamps() says "clock" when every option is refused', () => {
  const { libc } = refusing('x64', [SO.timestamping, SO.timestampNs, SO.timestamp]);
  assert.equal(new SocketOptions(libc).enableStamps(3, true), 'clock');
});

test('enableStamps() asks for 64-bit seconds first where pointers have 32 bits', () => {
  const { libc, taken } = refusing('arm', []);
  new SocketOptions(libc).enableStamps(3, false);
  assert.deepEqual(taken, [SO.timestampingNew]);
  const older = refusing('arm', [SO.timestampingNew]);
  new SocketOptions(older.libc).enableStamps(3, false);
  assert.deepEqual(older.taken, [SO.timestamping]);
});
