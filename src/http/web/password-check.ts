// Checks passwords against bcrypt hashes, which is slow on purpose: in a thread of its own, one at a time, each pair of
// name and password once. Invariant: no password is kept, only a keyed digest; what waits is bounded; a wrong name takes
// as long as a wrong password.

import { createHmac, randomBytes } from 'node:crypto';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { RecentMap } from '../../monitor/recent-map.ts';

/** Right ones remembered, and wrong ones: a scraper that was misconfigured asks the same again and again. */
const MOST_RIGHT = 1024;
const MOST_WRONG = 256;
const MOST_WAITING = 16;
/** The thread ends when it had nothing to do for so long. */
const IDLE_MS = 30_000;

/** Compares a password with a hash; slow. */
export interface Comparer extends Disposable {
  compare(password: string, hash: string): Promise<boolean>;
}

export class PasswordCheck implements Disposable {
  readonly #comparer: Comparer;
  readonly #key = randomBytes(32);
  readonly #right = new RecentMap<string, true>(MOST_RIGHT);
  readonly #wrong = new RecentMap<string, true>(MOST_WRONG);
  readonly #underWay = new Map<string, Promise<boolean>>();

  constructor(comparer: Comparer = new WorkerComparer()) {
    this.#comparer = comparer;
  }

  /** What is known already, or undefined. */
  known(user: string, password: string, hash: string | undefined): boolean | undefined {
    const digest = this.#digest(user, password, hash ?? '');
    if (this.#right.get(digest) === true) return true;
    return this.#wrong.get(digest) === true ? false : undefined;
  }

  /** @param hash that of the user, or undefined where there is no such user: `like` then is one of the cost of others */
  async check(
    user: string,
    password: string,
    hash: string | undefined,
    like: string,
  ): Promise<boolean | 'busy'> {
    const digest = this.#digest(user, password, hash ?? '');
    const current = this.#underWay.get(digest);
    if (current !== undefined) return current;
    if (this.#underWay.size >= MOST_WAITING) return 'busy';
    const comparing = this.#comparer
      .compare(password, hash ?? unguessable(like))
      .then((same) => same && hash !== undefined)
      .finally(() => this.#underWay.delete(digest));
    this.#underWay.set(digest, comparing);
    const right = await comparing;
    (right ? this.#right : this.#wrong).set(digest, true);
    return right;
  }

  [Symbol.dispose](): void {
    this.#comparer[Symbol.dispose]();
  }

  /** The hash is part of it: another password for a user makes what is known of the old one useless. */
  #digest(user: string, password: string, hash: string): string {
    const hmac = createHmac('sha256', this.#key);
    for (const part of [user, hash, password]) hmac.update(`${Buffer.byteLength(part)}:${part}`);
    return hmac.digest('base64');
  }
}

/** A hash of the same cost that no password has: every one of its last characters would have to come out alike. */
function unguessable(like: string): string {
  return `${like.slice(0, 7)}${'.'.repeat(53)}`;
}

class WorkerComparer implements Comparer {
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | undefined;
  #nextId = 1;
  readonly #pending = new Map<number, { resolve: (same: boolean) => void; reject: (error: Error) => void }>();

  compare(password: string, hash: string): Promise<boolean> {
    clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    this.#pending.set(id, { resolve, reject });
    this.#worker.postMessage({ id, password, hash });
    return promise;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#idle);
    void this.#worker?.terminate();
    this.#worker = null;
  }

  #start(): Worker {
    const url = new URL(`./bcrypt-worker${extname(import.meta.url)}`, import.meta.url);
    const worker = new Worker(url, { name: 'bcrypt', execArgv: [], env: {} });
    worker.unref();
    worker.on('message', ({ id, same }: { id: number; same: boolean }) => {
      this.#pending.get(id)?.resolve(same);
      this.#pending.delete(id);
      if (this.#pending.size > 0) return;
      this.#idle = setTimeout(() => this[Symbol.dispose](), IDLE_MS);
      this.#idle.unref();
    });
    worker.on('error', (error) => this.#broken(worker, error));
    worker.on('exit', () => this.#broken(worker, new Error('The password thread ended')));
    return worker;
  }

  #broken(worker: Worker, error: Error): void {
    if (this.#worker === worker) this.#worker = null;
    else if (this.#worker !== null) return;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
