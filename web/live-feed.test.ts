import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ApiLiveEvent } from '../src/http/api-shapes.ts';
import { type FeedSource, type FeedState, LiveFeed } from './live-feed.ts';

class FakeSource implements FeedSource {
  closed = false;
  readonly #listeners = new Map<string, (event: { readonly data?: unknown }) => void>();

  addEventListener(type: string, listener: (event: { readonly data?: unknown }) => void): void {
    this.#listeners.set(type, listener);
  }

  close(): void {
    this.closed = true;
  }

  say(type: string, data?: string): void {
    this.#listeners.get(type)?.({ data });
  }
}

function start() {
  const sources: FakeSource[] = [];
  const timers: { ms: number; callback: () => void; cancelled: boolean }[] = [];
  const states: string[] = [];
  const events: ApiLiveEvent[] = [];
  const feed = new LiveFeed(
    {
      open: () => {
        const source = new FakeSource();
        sources.push(source);
        return source;
      },
      after: (ms, callback) => {
        const timer = { ms, callback, cancelled: false };
        timers.push(timer);
        return () => {
          timer.cancelled = true;
        };
      },
      random: () => 1,
    },
    {
      onEvent: (event) => events.push(event),
      onState: (state: FeedState, { retryInMs, again }) =>
        states.push(`${state}${retryInMs > 0 ? ` ${retryInMs}` : ''}${again ? ' again' : ''}`),
    },
  );
  const armed = () => timers.filter(({ cancelled }) => !cancelled);
  const fire = (): void => {
    const timer = armed()[0];
    assert.ok(timer !== undefined);
    timer.cancelled = true;
    timer.callback();
  };
  return { feed, sources, states, events, armed, fire };
}

test('LiveFeed passes events on with their type, and drops what is not JSON', () => {
  const { sources, events, states } = start();
  sources[0]?.say('open');
  sources[0]?.say('hello', '{"nowMs":5,"version":"1"}');
  sources[0]?.say('run', '{broken');
  assert.deepEqual(events, [{ type: 'hello', nowMs: 5, version: '1' }]);
  assert.deepEqual(states, ['connecting', 'live']);
});

test('LiveFeed comes back after growing pauses, and says that something may have been missed', () => {
  const { sources, states, fire } = start();
  sources[0]?.say('open');
  for (let i = 0; i < 7; i++) {
    sources[i]?.say('error');
    fire();
  }
  sources[7]?.say('open');
  assert.deepEqual(
    states.filter((state) => state.startsWith('waiting')),
    [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000].map((ms) => `waiting ${ms}`),
  );
  assert.equal(states.at(-1), 'live again');
  assert.ok(sources.slice(0, 7).every(({ closed }) => closed));
});

test('LiveFeed takes a long silence for the end of the connection', () => {
  const { sources, states, armed, fire } = start();
  sources[0]?.say('open');
  sources[0]?.say('heartbeat', '{"nowMs":1}');
  assert.equal(armed().length, 1);
  fire();
  assert.ok(sources[0]?.closed);
  assert.equal(states.at(-1), 'waiting 1000');
});

test('LiveFeed leaves no connection and no timer behind once it is closed', () => {
  const { feed, sources, states, armed } = start();
  sources[0]?.say('open');
  feed.close();
  assert.ok(sources[0]?.closed);
  assert.deepEqual(armed(), []);
  assert.equal(states.at(-1), 'closed');
});

test('LiveFeed.retryNow() opens one connection at most', () => {
  const { feed, sources } = start();
  feed.retryNow();
  assert.equal(sources.length, 1);
  sources[0]?.say('error');
  feed.retryNow();
  assert.equal(sources.length, 2);
});
