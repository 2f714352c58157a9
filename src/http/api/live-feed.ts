// Server-sent events: one bounded queue for each client, emptied as fast as it reads.
// Invariant: a client that does not read costs at most its queue; one that goes leaves nothing behind.

import { RequestRefusal } from '../http-error.ts';
import type { Answer } from '../response.ts';

/** Clients of one feed at a time. */
export const MAX_LIVE_CLIENTS = 256;
/** Bytes that wait for one client; past that it has to read anew. */
export const MAX_CLIENT_BYTES: number = 256 * 1024;
const HEARTBEAT_MS = 15_000;
const EVENT_STREAM = 'text/event-stream; charset=utf-8';

/** The text of one event. */
export function eventText(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

export interface LiveFeedOptions {
  readonly now: () => number;
  readonly version: string;
  readonly maxClients?: number;
}

export interface LiveEvent {
  readonly type: string;
  /** Key of the target that it is about; null: for everybody. */
  readonly target: string | null;
  readonly data: object;
}

/** One client's events that wait, oldest first. */
class LiveClient implements AsyncIterableIterator<Buffer> {
  readonly target: string | null;
  readonly #onEnd: (client: LiveClient) => void;
  #waiting: string[] = [];
  #bytes = 0;
  #dropped = 0;
  #wake: (() => void) | null = null;
  #ended = false;

  constructor(target: string | null, onEnd: (client: LiveClient) => void) {
    this.target = target;
    this.#onEnd = onEnd;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(event: string): void {
    if (this.#ended) return;
    if (this.#dropped > 0 || this.#bytes + event.length > MAX_CLIENT_BYTES) {
      this.#dropped += this.#waiting.length + 1;
      this.#waiting = [];
      this.#bytes = 0;
    } else {
      this.#waiting.push(event);
      this.#bytes += event.length;
    }
    this.#wake?.();
  }

  /** What waits is sent, then the feed ends. */
  finish(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<Buffer>> {
    while (this.#waiting.length === 0 && this.#dropped === 0) {
      if (this.#ended) {
        this.#onEnd(this);
        return { done: true, value: undefined };
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
      this.#wake = null;
    }
    const resync = this.#dropped === 0 ? '' : eventText('resync', { dropped: this.#dropped });
    const text = resync + this.#waiting.join('');
    this.#waiting = [];
    this.#bytes = 0;
    this.#dropped = 0;
    return { done: false, value: Buffer.from(text) };
  }

  /** The client has gone, or the server cuts it. */
  async return(): Promise<IteratorResult<Buffer>> {
    this.#ended = true;
    this.#waiting = [];
    this.#bytes = 0;
    this.#dropped = 0;
    this.#wake?.();
    this.#onEnd(this);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

export class LiveFeed {
  readonly #options: LiveFeedOptions;
  readonly #clients = new Set<LiveClient>();
  #heartbeat: ReturnType<typeof setInterval> | null = null;
  #closed = false;

  constructor(options: LiveFeedOptions) {
    this.#options = options;
  }

  get clients(): number {
    return this.#clients.size;
  }

  /** Over all clients; bounded by MAX_CLIENT_BYTES each. */
  get waitingBytes(): number {
    let bytes = 0;
    for (const client of this.#clients) bytes += client.bytes;
    return bytes;
  }

  /** To all who want to hear of its target. */
  publish({ type, target, data }: LiveEvent): void {
    if (this.#clients.size === 0) return;
    const text = eventText(type, data);
    for (const client of this.#clients) {
      if (target === null || client.target === null || client.target === target) client.push(text);
    }
  }

  /** An answer that lasts as long as its client. `first` are events that it begins with, after `hello`. */
  subscribe(target: string | null, signal: AbortSignal, first: readonly LiveEvent[] = []): Answer {
    const max = this.#options.maxClients ?? MAX_LIVE_CLIENTS;
    if (this.#closed) throw new RequestRefusal(503, 'hopscope is shutting down.');
    if (this.#clients.size >= max) {
      throw new RequestRefusal(503, `Too many live feeds: ${max} are open; close one, or ask again later.`, {
        'Retry-After': '10',
      });
    }
    const { now, version } = this.#options;
    const open = (): AsyncIterable<Buffer> => {
      const client = new LiveClient(target, (gone) => this.#remove(gone));
      this.#clients.add(client);
      this.#heartbeat ??= setInterval(() => this.#beat(), HEARTBEAT_MS).unref();
      client.push(`retry: 3000\n${eventText('hello', { nowMs: now(), version })}`);
      for (const { type, data } of first) client.push(eventText(type, data));
      const cut = (): void => void client.return();
      if (signal.aborted) cut();
      else signal.addEventListener('abort', cut, { once: true });
      return client;
    };
    return {
      status: 200,
      type: EVENT_STREAM,
      body: open,
      live: true,
      headers: { 'X-Accel-Buffering': 'no' },
    };
  }

  /** Ends every feed once what waits is sent; takes no new ones. */
  close(): void {
    this.#closed = true;
    this.finish();
  }

  /** Ends every feed once what waits is sent. */
  finish(): void {
    for (const client of this.#clients) client.finish();
  }

  #beat(): void {
    const text = eventText('heartbeat', { nowMs: this.#options.now() });
    for (const client of this.#clients) client.push(text);
  }

  #remove(client: LiveClient): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0 || this.#heartbeat === null) return;
    clearInterval(this.#heartbeat);
    this.#heartbeat = null;
  }
}
