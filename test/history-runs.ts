// Runs made up for tests and benches of the history: a target's days, with jitter, loss, reroutes and a balancer.

import type { RecordedPath, RecordedRun } from '../src/history/recorded-run.ts';

export interface MadeRun {
  readonly run: RecordedRun;
  readonly path: RecordedPath;
}

export interface RunMakerOptions {
  readonly target: string;
  readonly hops?: number;
  readonly flows?: number;
  /** Runs after which the target moves to its other path, and back. */
  readonly rerouteEvery?: number;
  /** One in so many probes goes unanswered; 0 for none. */
  readonly lossOneIn?: number;
}

/** Deterministic: the same options and times give the same runs. */
export class RunMaker {
  readonly #options: Required<RunMakerOptions>;
  readonly #paths: readonly RecordedPath[];
  #seed: number;
  #made = 0;

  constructor(options: RunMakerOptions) {
    this.#options = { hops: 12, flows: 4, rerouteEvery: 700, lossOneIn: 200, ...options };
    let hash = 17;
    for (const letter of options.target) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) >>> 0;
    this.#seed = hash;
    this.#paths = [0, 1].map((variant) => madePath(hash, variant, this.#options.hops));
  }

  next(atMs: number): MadeRun {
    const { target, flows, rerouteEvery, lossOneIn } = this.#options;
    const path = this.#paths[Math.floor(this.#made / rerouteEvery) % 2] as RecordedPath;
    this.#made++;
    const hops = path.hops.map((addresses, i) => {
      const answers = addresses.map(() => {
        let answered = 0;
        for (let probe = 0; probe < flows / addresses.length; probe++) {
          if (lossOneIn === 0 || this.#random(lossOneIn) > 0) answered++;
        }
        const rttMs = answered === 0 ? null : (2000 * (i + 1) + this.#random(900)) / 1000;
        return { answered, rttMs };
      });
      return { sent: flows, answers };
    });
    const last = hops.at(-1)?.answers[0];
    const answered = last?.answered ?? 0;
    const run: RecordedRun = {
      ...{ target, atMs, durationMs: 20 + this.#random(80) / 10, reached: answered > 0, paths: 2 },
      hopCount: answered > 0 ? hops.length : 0,
      rttMs: last?.rttMs ?? null,
      lossRatio: 1 - answered / flows,
      pathId: path.id,
      failure: null,
      hops,
    };
    return { run, path };
  }

  #random(below: number): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#seed / 2 ** 32) * below);
  }
}

/** Two routers at the third hop; the two variants differ in the middle. */
function madePath(hash: number, variant: number, length: number): RecordedPath {
  const hops = Array.from({ length }, (_, i) => {
    const own = i >= 4 && i < 7 ? variant : 0;
    const address = `100.${64 + own}.${(hash >>> 8) & 255}.${i + 1}`;
    return i === 2 ? [address, address.replace('100.64', '100.96')] : [address];
  });
  const destination = `198.18.${(hash >>> 8) & 255}.${hash & 255}`;
  hops[length - 1] = [destination];
  const id = ((hash % 0xff_ff_ff) * 2 + variant).toString(16).padStart(12, '0');
  const links = hops.slice(1).flatMap((to, i) => {
    return (hops[i] ?? []).flatMap((from) => to.map((address) => ({ ttl: i + 1, from, to: address })));
  });
  return { id, hops, destination, links, mpls: {} };
}
