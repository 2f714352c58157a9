// The world of a soak: a simulated internet with two routes, target files that stay and target files whose targets come and
// go, the configuration, and what makes it churn. Invariant: every target is at a distance that is known.

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Scenario } from '../../lab/scenario.ts';
import { parseScenario } from '../../lab/scenario-schema.ts';

export interface WorldSize {
  readonly targets: number;
  readonly intervalMs: number;
  /** Of a push. */
  readonly pushMs: number;
}

/** Hops to every target, on either route. */
export const HOPS = 9;
/** Of all targets: asked for by name, and those that come and go. */
const NAMED_SHARE = 0.05;
const CHURNING_SHARE = 0.1;
/** Churning targets are drawn from so many times as many addresses: caches by address come to rest. */
const UNIVERSE = 8;

export function soakScenario(): Scenario {
  const names = Array.from({ length: HOPS - 1 }, (_, i) => `r${i + 1}`);
  const detour = names.map((name, i) => (i === 3 || i === 4 ? `d${i + 1}` : name));
  const routers = [...names, 'd4', 'd5'].map((name, i) => [name, { v4: `100.64.0.${i + 1}` }]);
  return parseScenario({
    name: 'soak',
    defaults: { link: { delayMs: 1, jitterMs: 0.3 } },
    routers: Object.fromEntries(routers),
    routes: { main: { steps: names }, detour: { steps: detour } },
    targets: [
      { prefix: '198.18.0.0/16', route: 'main' },
      { prefix: REROUTED, route: 'main' },
      { prefix: '198.19.0.0/16', route: 'main' },
    ],
  });
}

/** Targets whose route changes in the course of a soak. */
export const REROUTED = '198.18.1.0/27';

const address = (i: number): string => `198.18.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`;
const churning = (i: number): string => `198.19.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`;

export class SoakWorld {
  readonly configFile: string;
  readonly #folder: string;
  readonly #size: WorldSize;
  readonly #stable: readonly string[];
  readonly #churnCount: number;
  #turn = 0;
  #reloads = 0;

  constructor(folder: string, size: WorldSize) {
    this.#folder = folder;
    this.#size = size;
    this.configFile = join(folder, 'hopscope.yml');
    this.#churnCount = Math.floor(size.targets * CHURNING_SHARE);
    const named = Math.floor(size.targets * NAMED_SHARE);
    this.#stable = Array.from({ length: size.targets - this.#churnCount }, (_, i) =>
      i < named ? `${address(i).replaceAll('.', '-')}.soak.test` : address(i),
    );
    mkdirSync(join(folder, 'targets'));
    this.writeConfig();
    writeFileSync(join(folder, 'targets', 'stable.yml'), listing(this.#stable));
    this.churn();
  }

  /** Hosts that are targets all the time, by number and by name. */
  get stable(): readonly string[] {
    return this.#stable;
  }

  /** The main file, a little different each time. */
  writeConfig(): void {
    const { intervalMs, pushMs } = this.#size;
    this.#reloads++;
    const config = {
      defaults: { interval: `${intervalMs}ms`, module: 'soak' },
      modules: { soak: { protocol: 'icmp', flows: 2, timeout: '5s', wait: '1s' } },
      targets: [{ file: 'targets/*.yml', labels: { reload: String(this.#reloads % 2) } }],
      metrics: { hops: true },
      probe: { allow: ['198.18.0.0/15', '*.soak.test'], maxConcurrent: 64 },
      push: { url: 'http://127.0.0.1:9091', interval: `${pushMs}ms`, timeout: '2s' },
    };
    writeFileSync(this.configFile, JSON.stringify(config));
  }

  /** The main file as an editor may leave it for a moment. */
  spoilConfig(): void {
    writeFileSync(this.configFile, 'defaults: { interval: 10\ntargets: [');
  }

  /** Takes the main file away. */
  hideConfig(): void {
    renameSync(this.configFile, `${this.configFile}.gone`);
  }

  showConfig(): void {
    renameSync(`${this.configFile}.gone`, this.configFile);
  }

  /** A tenth of the churning targets go, and as many others come. */
  churn(): void {
    this.#turn++;
    writeFileSync(join(this.#folder, 'targets', 'churn.yml'), listing(this.#churners()));
  }

  /** The churning targets' file, cut off in the middle of an entry. */
  writeHalf(): void {
    const whole = listing(this.#churners());
    writeFileSync(
      join(this.#folder, 'targets', 'churn.yml'),
      `${whole.slice(0, whole.length / 2)}\n  - { hos`,
    );
  }

  #churners(): string[] {
    const step = Math.max(1, Math.floor(this.#churnCount / 10));
    const universe = this.#churnCount * UNIVERSE;
    return Array.from({ length: this.#churnCount }, (_, i) =>
      churning((this.#turn * step + i) % Math.max(1, universe)),
    );
  }
}

function listing(hosts: readonly string[]): string {
  return hosts.map((host) => `- { host: ${host} }\n`).join('');
}

/** What `count` clients ask for at once. */
export function stormUrls(base: string, count: number, hosts: readonly string[], turn: number): string[] {
  const host = (i: number): string => encodeURIComponent(hosts[(turn * 37 + i) % hosts.length] ?? '');
  const kinds = [
    () => `${base}/metrics`,
    (i: number) => `${base}/probe?target=198.18.200.${1 + ((turn + i) % 250)}`,
    (i: number) => `${base}/probe?target=198.18.201.${1 + (i % 5)}`,
    () => `${base}/api/v1/targets?limit=1000`,
    (i: number) => `${base}/api/v1/targets/${host(i)}/runs?limit=200`,
    (i: number) => `${base}/probe?target=198.18.202.${1 + ((turn + i) % 250)}&debug=true`,
    (i: number) => `${base}/api/v1/targets/${host(i)}/timeline`,
    () => `${base}/api/v1/changes`,
    () => `${base}/api/v1/status`,
    (i: number) => `${base}/probe?target=203.0.113.${1 + (i % 250)}`,
  ];
  return Array.from({ length: count }, (_, i) => (kinds[i % kinds.length] as (i: number) => string)(i));
}
