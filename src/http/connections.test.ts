import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { Connections, MOST_PER_CLIENT } from './connections.ts';

class FakeSocket extends EventEmitter {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress = '127.0.0.1';
  readonly localPort = 10434;
  destroyed = false;

  constructor(remoteAddress: string, remotePort: number) {
    super();
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }

  destroySoon(): void {
    this.destroy();
  }
}

function socket(address: string, port: number): FakeSocket & Socket {
  return new FakeSocket(address, port) as unknown as FakeSocket & Socket;
}

test('Connections takes so many of one address, and again when some have ended', () => {
  const connections = new Connections();
  const open = Array.from({ length: MOST_PER_CLIENT }, (_, i) => socket('192.0.2.1', i));
  for (const one of open) connections.accept(one, false);
  const more = socket('192.0.2.1', 5000);
  const other = socket('192.0.2.2', 1);
  connections.accept(more, false);
  connections.accept(other, false);
  assert.deepEqual(
    [more.destroyed, other.destroyed, open.some(({ destroyed }) => destroyed)],
    [true, false, false],
  );
  open[0]?.destroy();
  const again = socket('192.0.2.1', 5001);
  connections.accept(again, false);
  assert.equal(again.destroyed, false);
});

test('Connections ends what is idle when it drains, a request with its answer, and all at a cut', () => {
  const connections = new Connections();
  const [idle, busy, shaking, stuck] = [1, 2, 3, 4].map((port) => socket('192.0.2.1', port));
  assert.ok(idle && busy && shaking && stuck);
  for (const one of [idle, busy, stuck]) connections.accept(one, false);
  connections.accept(shaking, true);
  connections.begin(busy);
  connections.begin(stuck);
  connections.drain();
  const destroyed = (): boolean[] => [idle, busy, shaking, stuck].map((one) => one.destroyed);
  assert.deepEqual(destroyed(), [true, false, true, false]);
  connections.end(busy);
  assert.deepEqual(destroyed(), [true, true, true, false]);
  connections.cut();
  assert.deepEqual(destroyed(), [true, true, true, true]);
  const late = socket('192.0.2.1', 9);
  connections.accept(late, false);
  assert.equal(late.destroyed, true);
});
