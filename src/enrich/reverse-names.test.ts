import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualClock } from '../../lab/virtual-clock.ts';
import { chooseName, type PtrAnswer, printableName, ReverseNames } from './reverse-names.ts';

/** A server under the test's command. */
class FakeServer {
  readonly asked: string[] = [];
  readonly open = new Map<string, (answer: PtrAnswer) => void>();
  most = 0;

  lookUp = (address: string): Promise<PtrAnswer> => {
    this.asked.push(address);
    return new Promise((resolve) => {
      this.open.set(address, resolve);
      this.most = Math.max(this.most, this.open.size);
    });
  };

  answer(address: string, answer: PtrAnswer): void {
    this.open.get(address)?.(answer);
    this.open.delete(address);
  }
}

function names(...given: string[]): PtrAnswer {
  return { kind: 'names', names: given };
}

describe('ReverseNames', () => {
  it('answers null at once, and the name when it has come', async () => {
    const [server, clock] = [new FakeServer(), new VirtualClock()];
    const reverse = new ReverseNames({ lookUp: server.lookUp, clock });
    assert.equal(reverse.nameOf('198.18.0.1'), null);
    assert.equal(reverse.nameOf('198.18.0.1'), null);
    assert.deepEqual(server.asked, ['198.18.0.1']);
    const settled = reverse.settled();
    server.answer('198.18.0.1', names('b.example.', 'A.example.'));
    await settled;
    assert.equal(reverse.nameOf('198.18.0.1'), 'a.example');
  });

  it('remembers that there is no name, and asks again when that is old', async () => {
    const [server, clock] = [new FakeServer(), new VirtualClock()];
    const reverse = new ReverseNames({ lookUp: server.lookUp, clock });
    reverse.nameOf('198.18.0.1');
    server.answer('198.18.0.1', { kind: 'none' });
    await clock.advance(500_000);
    assert.equal(reverse.nameOf('198.18.0.1'), null);
    assert.equal(server.asked.length, 1);
    await clock.advance(200_000);
    reverse.nameOf('198.18.0.1');
    assert.equal(server.asked.length, 2);
  });

  it('keeps a name over failures, and drops it where there is none any more', async () => {
    const [server, clock] = [new FakeServer(), new VirtualClock()];
    const reverse = new ReverseNames({ lookUp: server.lookUp, clock });
    reverse.nameOf('198.18.0.1');
    server.answer('198.18.0.1', names('a.example'));
    await clock.advance(3_700_000);
    assert.equal(reverse.nameOf('198.18.0.1'), 'a.example');
    server.answer('198.18.0.1', { kind: 'failed' });
    await clock.advance(61_000);
    assert.equal(reverse.nameOf('198.18.0.1'), 'a.example');
    server.answer('198.18.0.1', { kind: 'none' });
    await clock.advance(0);
    assert.equal(reverse.nameOf('198.18.0.1'), null);
  });

  it('gives a server that hangs its deadline and no more, with so many questions at a time', async () => {
    const [server, clock] = [new FakeServer(), new VirtualClock()];
    const reverse = new ReverseNames({ lookUp: server.lookUp, clock, concurrency: 4, deadlineMs: 2000 });
    for (let i = 0; i < 100; i++) assert.equal(reverse.nameOf(`198.18.0.${i}`), null);
    assert.equal(server.asked.length, 4);
    await clock.advance(2000);
    assert.equal(server.asked.length, 8);
    await clock.advance(100_000);
    assert.equal(server.asked.length, 100);
    await reverse.settled();
    // What comes after its deadline changes nothing.
    server.answer('198.18.0.1', names('late.example'));
    await clock.advance(0);
    assert.equal(reverse.nameOf('198.18.0.1'), null);
  });

  it('bounds what waits and what it remembers', async () => {
    const [server, clock] = [new FakeServer(), new VirtualClock()];
    const reverse = new ReverseNames({ lookUp: server.lookUp, clock, cacheLimit: 10 });
    for (let i = 0; i < 10_000; i++) reverse.nameOf(`100.64.${i >> 8}.${i & 255}`);
    await clock.advance(2_000_000);
    assert.equal(server.asked.length, 16 + 4096);
    server.asked.length = 0;
    reverse.nameOf('100.64.0.0');
    assert.deepEqual(server.asked, ['100.64.0.0']);
  });

  it('begins nothing when it was stopped, and a lookup that rejects is one that failed', async () => {
    const clock = new VirtualClock();
    let asked = 0;
    const lookUp = (): Promise<PtrAnswer> => {
      asked++;
      return Promise.reject(new Error('broken'));
    };
    const reverse = new ReverseNames({ lookUp, clock, concurrency: 1 });
    reverse.nameOf('198.18.0.1');
    reverse.nameOf('198.18.0.2');
    reverse.stop();
    await reverse.settled();
    reverse.nameOf('198.18.0.3');
    assert.equal(asked, 1);
  });
});

describe('printableName()', () => {
  it('leaves host names alone and makes everything else harmless', () => {
    assert.equal(printableName('Core-1_a.Example.NET.'), 'core-1_a.example.net');
    assert.equal(printableName('a\x1b[2J\n<script>"\u202e.example'), 'a??2j??script???.example');
    assert.equal(printableName(''), null);
    assert.equal(printableName('.'), null);
    assert.equal(printableName('a'.repeat(254)), null);
  });
});

describe('chooseName()', () => {
  it('takes the same name in whatever order they come, and none that is the address again', () => {
    assert.equal(chooseName(['b.example', 'a.example'], '198.18.0.1'), 'a.example');
    assert.equal(chooseName(['198.18.0.1'], '198.18.0.1'), null);
    assert.equal(chooseName([], '198.18.0.1'), null);
  });
});
