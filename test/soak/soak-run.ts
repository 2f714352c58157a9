// One soak: the real exporter with everything on, over the simulated internet, while things go wrong one after the other.
// Invariant: what is asserted of it are counts that must agree, never times.

import type { ChildProcess } from 'node:child_process';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTunLab, type TunLab } from '../../lab/tun.ts';
import { type Output, startHopscope } from '../e2e/servers.ts';
import {
  type Check,
  finalChecks,
  parseLifeAccount,
  pushCheck,
  readRecorded,
  roundsCheck,
} from './accounts.ts';
import { Agent, type StormOutcome } from './agent.ts';
import { Figures } from './exposition-figures.ts';
import { SOAK_FAULTS } from './soak-faults.ts';
import { SoakWorld, soakScenario, stormUrls, type WorldSize } from './soak-world.ts';

export interface SoakSettings extends WorldSize {
  readonly durationMs: number;
  readonly sampleMs: number;
  readonly reloadMs: number;
  readonly stormMs: number;
  readonly stormClients: number;
  /** A fault lasts so long, and is followed by as long a rest. */
  readonly faultMs: number;
  readonly diskBytes: number;
  readonly say: (line: string) => void;
}

/** The process at one moment. */
export interface ProcessSample {
  readonly atMs: number;
  readonly rss: number;
  readonly anonymous: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly fds: number;
  readonly threads: number;
  readonly loopLagMaxMs: number;
  readonly loopLagP99Ms: number;
  readonly cpuSeconds: number;
  readonly late: number;
}

export interface SoakResult {
  readonly samples: readonly ProcessSample[];
  readonly checks: readonly Check[];
  /** Descriptors at rest: after the first rounds, and at the end. */
  readonly restingFds: readonly [number, number];
  readonly storms: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
  readonly reloads: number;
  readonly log: string;
}

const EXPORTER = 'http://127.0.0.1:10434';
/** Live feeds, and those among them that never read. */
const FEEDS = 12;
const DEAF_FEEDS = 4;
/** Descriptors that come and go with connections kept open: to the Pushgateway, name servers, files being read. */
export const FD_PLAY = 16;

export async function runSoak(settings: SoakSettings): Promise<SoakResult> {
  const folder = mkdtempSync(join(tmpdir(), 'hopscope-soak-'));
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  mount(['-t', 'tmpfs', '-o', `size=${settings.diskBytes}`, 'tmpfs', disk]);
  try {
    await using lab = await startTunLab(soakScenario());
    using _ = nameServer(lab);
    const agent = await startAround(lab);
    const clients = new Agent(lab.namespace);
    const world = new SoakWorld(folder, settings);
    const history = join(disk, 'history.db');
    const { child, output } = await startHopscope(lab.namespace, [
      ...['--config.file', world.configFile, '--history.path', history],
      ...['--web.listen-address', '127.0.0.1:10434'],
    ]);
    const soak = new Soak({ settings, lab, agent, clients, world, disk, child, output });
    const result = await soak.run();
    const recorded = readRecorded(history);
    const stable = world.stable.map((host) => `${host}/soak`);
    const checks = finalChecks(parseLifeAccount(output.text), recorded, stable, settings.intervalMs);
    return { ...result, checks: [...result.checks, ...checks], log: output.text };
  } finally {
    spawnSync('umount', [disk]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function mount(args: readonly string[]): void {
  const { status, stderr } = spawnSync('mount', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`Cannot mount a small file system: ${stderr.trim()}; it takes root`);
}

function nameServer(lab: TunLab): Disposable {
  const folder = join('/etc/netns', lab.namespace.name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'resolv.conf'), 'nameserver 127.0.0.1\noptions timeout:1\n');
  return { [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The Pushgateway behind its door, and the name server. */
async function startAround({ namespace }: TunLab): Promise<Agent> {
  namespace.spawn(['prometheus-pushgateway', '--web.listen-address=127.0.0.1:9092', '--persistence.file='], {
    stdio: 'ignore',
  });
  const agent = new Agent(namespace);
  await agent.serve();
  while ((await agent.fetch('http://127.0.0.1:9092/-/ready')).status !== 200) await sleep(50);
  return agent;
}

interface Cast {
  readonly settings: SoakSettings;
  readonly lab: TunLab;
  readonly agent: Agent;
  readonly clients: Agent;
  readonly world: SoakWorld;
  readonly disk: string;
  readonly child: ChildProcess;
  readonly output: Output;
}

class Soak {
  readonly #cast: Cast;
  readonly #samples: ProcessSample[] = [];
  readonly #checks: Check[] = [];
  readonly #storms: Record<string, number> = {};
  readonly #faults: string[] = [];
  #broken: Check | null = null;
  #complaint: string | null = null;
  #reloads = 0;
  #ends = false;

  constructor(cast: Cast) {
    this.#cast = cast;
  }

  async run(): Promise<Omit<SoakResult, 'log'>> {
    const { settings, clients, child } = this.#cast;
    await clients.listen(`${EXPORTER}/api/v1/live`, FEEDS, DEAF_FEEDS);
    await sleep(Math.min(settings.intervalMs, settings.durationMs / 10));
    const before = await this.#restingFds();
    const work = [this.#sampling(), this.#reloading(), this.#storming(), this.#failing()];
    await sleep(settings.durationMs);
    this.#ends = true;
    await Promise.all(work);
    const after = await this.#restingFds();
    await this.#settlePush();
    this.#closeChecks([before, after]);
    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    const [code] = (await exit) as [number | null];
    this.#checks.push({ promise: 'SIGTERM ends it with status 0', seen: String(code), kept: code === 0 });
    return {
      samples: this.#samples,
      checks: this.#checks,
      restingFds: [before, after],
      storms: this.#storms,
      faults: this.#faults,
      reloads: this.#reloads,
    };
  }

  /** Does `what` each so often until the soak ends; a turn missed is not made up for. */
  async #every(ms: number, what: (turn: number) => Promise<void>): Promise<void> {
    for (let turn = 1; !this.#ends; turn++) {
      const next = performance.now() + ms;
      await what(turn);
      while (!this.#ends && performance.now() < next) await sleep(Math.min(200, ms));
    }
  }

  #sampling(): Promise<void> {
    return this.#every(this.#cast.settings.sampleMs, async () => {
      const figures = await this.#figures();
      const check = roundsCheck(figures);
      if (!check.kept) this.#broken = check;
      this.#samples.push(sampleOf(figures, this.#cast.child.pid ?? 0));
    });
  }

  #reloading(): Promise<void> {
    const { settings, world, clients } = this.#cast;
    return this.#every(settings.reloadMs, async (turn) => {
      if (this.#faults.at(-1)?.startsWith('target file') !== true) world.churn();
      if (!this.#configIsBroken()) world.writeConfig();
      const { status } = await clients.fetch(`${EXPORTER}/-/reload`, turn % 2 === 0 ? 'POST' : 'PUT');
      this.#reloads++;
      if (status === 0) this.#complaint = 'a reload got no answer';
    });
  }

  #configIsBroken(): boolean {
    return this.#faults.at(-1)?.startsWith('configuration') === true;
  }

  #storming(): Promise<void> {
    const { settings, clients, world } = this.#cast;
    return this.#every(settings.stormMs, async (turn) => {
      const keys = world.stable.map((host) => `${host}/soak`);
      this.#count(await clients.storm(stormUrls(EXPORTER, settings.stormClients, keys, turn)));
    });
  }

  #count({ statuses, failed }: StormOutcome): void {
    for (const [status, count] of Object.entries(statuses))
      this.#storms[status] = (this.#storms[status] ?? 0) + count;
    if (failed !== null) this.#complaint = failed;
  }

  async #failing(): Promise<void> {
    const { settings } = this.#cast;
    await sleep(settings.faultMs);
    for (let i = 0; !this.#ends; i++) {
      const fault = SOAK_FAULTS[i % SOAK_FAULTS.length];
      if (fault === undefined) return;
      settings.say(`fault: ${fault.name}`);
      this.#faults.push(fault.name);
      await fault.begin(this.#cast);
      await this.#pause(settings.faultMs);
      await fault.end(this.#cast);
      this.#faults.push(`${fault.name}, over`);
      await this.#pause(settings.faultMs);
    }
  }

  async #pause(ms: number): Promise<void> {
    const until = performance.now() + ms;
    while (!this.#ends && performance.now() < until) await sleep(Math.min(100, ms));
  }

  async #figures(): Promise<Figures> {
    const { body } = await this.#cast.clients.fetch(`${EXPORTER}/metrics`);
    return new Figures(body);
  }

  /** The least of a few looks: lookups and pushes under way have descriptors of their own. */
  async #restingFds(): Promise<number> {
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 10; i++) {
      least = Math.min(least, (await this.#figures()).of('process_open_fds'));
      await sleep(100);
    }
    return least;
  }

  /** Pushing comes to rest between two pushes: the counts of both sides are compared there. */
  async #settlePush(): Promise<void> {
    const { agent, settings } = this.#cast;
    const giveUpAt = performance.now() + 4 * settings.pushMs + 90_000;
    for (;;) {
      const before = await agent.counts();
      const figures = await this.#figures();
      const after = await agent.counts();
      const check = pushCheck(figures, after.door);
      const still = JSON.stringify(before.door) === JSON.stringify(after.door);
      if ((still && check.kept) || performance.now() > giveUpAt) {
        this.#checks.push(check);
        return;
      }
      await sleep(Math.min(250, settings.pushMs / 8));
    }
  }

  #closeChecks([before, after]: readonly [number, number]): void {
    const last = this.#broken ?? { promise: 'rounds due = ended + late + running', seen: '', kept: true };
    const looks = this.#samples.length;
    this.#checks.push({ ...last, seen: last.kept ? `in each of ${looks} scrapes` : last.seen });
    this.#checks.push({
      promise: `descriptors at rest: no more than ${FD_PLAY} above those at the start`,
      seen: `${before}, then ${after}`,
      kept: after <= before + FD_PLAY,
    });
    const unanswered = (this.#storms['0'] ?? 0) + (this.#storms['500'] ?? 0);
    this.#checks.push({
      promise: 'every request of a storm is answered: 200, or a refusal with its reason (403, 429, 503)',
      seen: `${JSON.stringify(this.#storms)}${this.#complaint === null ? '' : `; ${this.#complaint}`}`,
      kept: unanswered === 0 && this.#complaint === null,
    });
  }
}

function sampleOf(figures: Figures, pid: number): ProcessSample {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
  return {
    atMs: performance.now(),
    rss: kib('VmRSS') * 1024,
    anonymous: kib('RssAnon') * 1024,
    heapUsed: figures.of('nodejs_heap_size_used_bytes'),
    external: figures.of('nodejs_external_memory_bytes'),
    fds: figures.of('process_open_fds'),
    threads: kib('Threads'),
    loopLagMaxMs: figures.of('nodejs_eventloop_lag_max_seconds') * 1000,
    loopLagP99Ms: figures.of('nodejs_eventloop_lag_p99_seconds') * 1000,
    cpuSeconds: figures.of('process_cpu_seconds_total'),
    late: figures.of('hopscope_rounds_late_total'),
  };
}
