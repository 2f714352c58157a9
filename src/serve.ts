// The exporter put together: engine, monitor, metrics and HTTP around one configuration.
// Invariant: a reload puts a whole new configuration in force, or nothing of it.

import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { RunningServer, TextSink } from './cli/cli-io.ts';
import { createLog } from './cli/log.ts';
import type { ServeOptions } from './cli/serve-options.ts';
import type { Config } from './config/config.ts';
import { type ConfigFileSystem, nodeFileSystem } from './config/file-system.ts';
import { type LoadedConfig, loadConfig } from './config/load.ts';
import { ConfigError, formatProblem } from './config/problem.ts';
import { type ConfigWatch, watchConfig } from './config/watch.ts';
import type { EnrichedDirectory } from './enrich/directory.ts';
import { systemDirectory } from './enrich/system-directory.ts';
import { loadBuiltPage } from './http/built-page.ts';
import { parseListenAddress } from './http/listen-address.ts';
import { ProbeLimits } from './http/probe-limits.ts';
import { routePrefix } from './http/route-prefix.ts';
import { type HttpServer, startHttpServer } from './http/server.ts';
import { openWebGuard, type WebGuard } from './http/web/web-guard.ts';
import { createProcessReader } from './metrics/process-readings.ts';
import { createSelfMetrics, type RoundReadings } from './metrics/self-metrics.ts';
import { createTargetMetrics } from './metrics/target-metrics.ts';
import { systemClock } from './monitor/clock.ts';
import { createMonitor, type Monitor } from './monitor/monitor.ts';
import { SystemResolver } from './monitor/system-resolver.ts';
import { startEngine } from './net/engine.ts';
import { AddressTable } from './path/address-table.ts';
import { createPathTracker } from './path/tracker.ts';
import { type DiskSettings, PathRecord } from './path-record.ts';
import { createPusher, type Pusher } from './push/pusher.ts';
import type { TraceEngine } from './trace/trace.ts';

/** Open requests may take so long after SIGTERM. */
const DRAIN_MS = 3000;
/** Databases are waited for so long, for the first rounds to have AS numbers; a disk may hang. */
const DATABASES_MS = 3000;

/** What the exporter stands on beside its options. */
export interface Surroundings {
  readonly version: string;
  /** Where the log goes. */
  readonly stderr: TextSink;
  /** In place of the kernel; the exporter closes it. */
  readonly engine?: TraceEngine;
  /** Give up privileges once sockets are open; for good, so only where nothing else goes on in this process. */
  readonly confine?: boolean;
  /** In place of the disk. */
  readonly fileSystem?: ConfigFileSystem;
}

/** Flows beyond these are traced, not remembered. */
const MOST_TRACKED_FLOWS = 16;

type Log = ReturnType<typeof createLog>;

/**
 * Starts the exporter.
 * @throws ConfigError, HttpError or NetError when it cannot start; nothing is left running then.
 */
export async function serve(options: ServeOptions, surroundings: Surroundings): Promise<RunningServer> {
  const { version, stderr } = surroundings;
  const log = createLog(options.logLevel, options.logFormat, stderr);
  const fileSystem = surroundings.fileSystem ?? nodeFileSystem();
  const overrides = { targets: options.targets };
  const { webConfigFile } = options;
  const read = async (): Promise<LoadedConfig> => {
    await guard?.refresh();
    return loadConfig(options.configFile, overrides, fileSystem);
  };
  const listen = options.listenAddresses.map((text) => parseListenAddress(text));
  const prefix = routePrefix(options.routePrefix, options.externalUrl);
  const guard = webConfigFile === undefined ? null : await openWebGuard(webConfigFile, { log });
  const engineReady =
    surroundings.engine ??
    startEngine({ onCrash: (err) => log.error({ err }, 'The probing thread crashed') });
  const [loaded, engine] = await bothOrNeither(read(), Promise.resolve(engineReady));
  const exporter = new Exporter(loaded, engine, log, version, options);
  try {
    await exporter.learn();
    const http = await startHttpServer(exporter.services(read, guard), { listen, prefix, guard });
    if (surroundings.confine === true) await confine(log);
    exporter.run(http, watchConfig(loaded, exporter.watching(fileSystem)));
  } catch (error) {
    guard?.[Symbol.dispose]();
    await exporter.stop();
    throw error;
  }
  return {
    reload: () => exporter.reload(read),
    close: () => exporter.close(),
    ended: exporter.ended,
  };
}

async function confine(log: Log): Promise<void> {
  const { confineProcess } = await import('./net/least-privilege.ts');
  const { filter, effective } = confineProcess();
  const root = process.getuid?.() === 0;
  log.debug({ filter, effective }, 'Privileges given up');
  if (filter !== 'in force') log.info({ filter }, 'System calls are not filtered');
  if (root) log.info('hopscope runs as root and needs no more than CAP_NET_RAW; see SECURITY.md');
}

/** Both results; when one fails, the engine does not outlive it. */
async function bothOrNeither(
  config: Promise<LoadedConfig>,
  engine: Promise<TraceEngine>,
): Promise<[LoadedConfig, TraceEngine]> {
  const [loaded, started] = await Promise.allSettled([config, engine]);
  if (loaded.status === 'fulfilled' && started.status === 'fulfilled') return [loaded.value, started.value];
  if (started.status === 'fulfilled') await started.value[Symbol.asyncDispose]();
  throw loaded.status === 'rejected' ? loaded.reason : (started as PromiseRejectedResult).reason;
}

/** Where the history is kept: the command line comes before the file. */
function diskSettings({ history }: Config, option: string | undefined): DiskSettings | null {
  const path = option ?? history.path;
  if (path === null || path === '') return null;
  return { path, retentionMs: history.retentionMs, rollUpRetentionMs: history.rollUpRetentionMs };
}

/** Beside the sources in a checkout, beside the compiled ones in a package. */
function pageFolder(): string {
  const here = import.meta.dirname;
  return basename(dirname(here)) === 'dist' ? join(here, '../page') : join(here, '../dist/page');
}

class Exporter {
  readonly ended: Promise<void>;
  readonly #engine: TraceEngine;
  readonly #log: Log;
  readonly #directory: EnrichedDirectory;
  readonly #monitor: Monitor;
  readonly #probes: ProbeLimits;
  readonly #targetMetrics: ReturnType<typeof createTargetMetrics>;
  readonly #record: PathRecord;
  readonly #selfMetrics: ReturnType<typeof createSelfMetrics>;
  readonly #pusher: Pusher;
  readonly #process = createProcessReader();
  readonly #resolver = new SystemResolver({ now: () => performance.now() });
  readonly #about: { version: string; arguments: ReadonlyMap<string, string> };
  readonly #settleEnded: () => void;
  #config: Config;
  #http: HttpServer | null = null;
  #watch: ConfigWatch | null = null;
  #reloading: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;
  #bringing: Promise<void> = Promise.resolve();

  constructor(
    loaded: LoadedConfig,
    engine: TraceEngine,
    log: Log,
    version: string,
    options: Pick<ServeOptions, 'arguments' | 'historyPath'>,
  ) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ended = promise;
    this.#settleEnded = resolve;
    this.#engine = engine;
    this.#log = log;
    this.#about = { version, arguments: options.arguments };
    this.#config = loaded.config;
    this.#directory = systemDirectory({
      clock: systemClock(),
      follow: true,
      onLoaded: (path, { databaseType, builtAtMs }) =>
        log.info({ path, databaseType, built: new Date(builtAtMs).toISOString() }, 'Database read'),
      onProblem: (message) => log.warn(message),
    });
    const directory = this.#directory;
    this.#targetMetrics = createTargetMetrics(loaded.config, directory);
    const targetMetrics = this.#targetMetrics;
    const addresses = new AddressTable();
    this.#probes = new ProbeLimits(
      { probe: (...asked) => this.#monitor.probe(...asked) },
      () => this.#config.probe,
      () => performance.now(),
    );
    this.#record = new PathRecord({
      version,
      probes: this.#probes,
      now: () => Date.now(),
      vantagePoint: hostname(),
      directory,
      asDatabase: () => this.#config.enrich.asn !== null,
      disk: diskSettings(loaded.config, options.historyPath),
      onHistory: (message) => this.#sayHistory(message),
    });
    this.#monitor = createMonitor({
      engine,
      resolver: this.#resolver,
      clock: systemClock(),
      newPathMemory: (target) =>
        this.#record.adopt(
          target,
          createPathTracker({
            flows: Math.min(target.module.flows, MOST_TRACKED_FLOWS),
            addresses,
            asNumberOf: (address) => directory.asNumberOf(address),
          }),
        ),
      log,
      onRound: (round) => {
        targetMetrics.observeRound(round);
        this.#record.observe(round);
        this.#pusher.measured(round.target.key);
      },
    });
    this.#selfMetrics = createSelfMetrics({
      version,
      nodeVersion: process.version,
      engine: () => engine.counters(),
      rounds: () => this.#rounds(),
      targets: () => targetMetrics.targetCount,
      seriesDropped: () => targetMetrics.seriesDropped,
      history: () => this.#record.diskState,
      process: () => this.#process.read(),
    });
    this.#pusher = createPusher({
      version,
      metrics: targetMetrics,
      own: () => [this.#selfMetrics, this.#pusher.metrics],
      clock: systemClock(),
      random: Math.random,
      log,
    });
    this.#warn(loaded);
  }

  services(read: () => Promise<LoadedConfig>, guard: WebGuard | null): Parameters<typeof startHttpServer>[0] {
    return {
      about: this.#about,
      log: this.#log,
      config: () => this.#config,
      reload: () => this.reload(read),
      probes: this.#probes,
      targets: this.#targetMetrics,
      metrics: [
        this.#targetMetrics,
        this.#selfMetrics,
        this.#pusher.metrics,
        ...(guard === null ? [] : [guard]),
      ],
      countProbeRequest: (result) => this.#selfMetrics.countProbeRequest(result),
      api: this.#record.api,
      page: loadBuiltPage(pageFolder()),
      now: () => Date.now(),
    };
  }

  watching(fileSystem: ReturnType<typeof nodeFileSystem>): Parameters<typeof watchConfig>[1] {
    return {
      fileSystem,
      clock: systemClock(),
      onChange: (loaded) => {
        void this.#bring(loaded.config);
        this.#log.info({ targets: loaded.config.targets.length }, 'Target files changed');
      },
      onProblems: (problems) => {
        for (const problem of problems)
          this.#log.warn(`A target file is not usable: ${formatProblem(problem)}`);
      },
    };
  }

  /** Databases are read before the first round, if they can be soon. */
  async learn(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const cancel = systemClock().after(DATABASES_MS, resolve);
    await Promise.race([this.#directory.apply(this.#config.enrich), late]);
    cancel();
    await this.#record.learn(this.#config.targets);
  }

  /** The server listens: targets are traced from now on. */
  run(http: HttpServer, watch: ConfigWatch): void {
    this.#http = http;
    this.#watch = watch;
    this.#apply(this.#config);
    this.#sayModes();
    for (const { url } of http.addresses) this.#log.info({ url }, 'Listening');
    if (this.#config.targets.length > 0) {
      this.#log.info({ targets: this.#config.targets.length }, 'Tracing static targets');
      return;
    }
    this.#log.info(
      'No static targets. Give them as arguments or in hopscope.yml; Prometheus can ask for any with /probe?target=HOST',
    );
  }

  /** One reload at a time; those that ask meanwhile share its outcome. */
  reload(read: () => Promise<LoadedConfig>): Promise<void> {
    this.#reloading ??= this.#reload(read).finally(() => {
      this.#reloading = null;
    });
    return this.#reloading;
  }

  async #reload(read: () => Promise<LoadedConfig>): Promise<void> {
    try {
      const loaded = await read();
      this.#warn(loaded);
      this.#watch?.replace(loaded);
      await this.#bring(loaded.config);
      // Behind the reload's back: a database that is slow or bad holds up nothing.
      void this.#directory.apply(loaded.config.enrich);
      this.#log.info({ targets: loaded.config.targets.length }, 'Configuration reloaded');
    } catch (error) {
      this.#selfMetrics.reloadFailed();
      if (error instanceof ConfigError) {
        for (const problem of error.problems) this.#log.error(formatProblem(problem));
      } else {
        this.#log.error({ err: error }, 'Cannot reload the configuration');
      }
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#log.info('Ending: no new rounds, requests in progress may finish');
    this.#record.close();
    await this.#http?.close(DRAIN_MS);
    await this.stop();
  }

  /** Ends everything but the HTTP server. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#watch?.[Symbol.dispose]();
    await this.#monitor.stop();
    await this.#record[Symbol.asyncDispose]();
    await this.#pusher.stop();
    await this.#engine[Symbol.asyncDispose]();
    this.#resolver[Symbol.dispose]();
    this.#directory[Symbol.dispose]();
    this.#process[Symbol.dispose]();
    if (this.#http !== null) this.#sayAccount();
    this.#settleEnded();
  }

  /** Brings a configuration into force, one after the other, once what was known of its new targets is read. */
  #bring(config: Config): Promise<void> {
    this.#bringing = this.#bringing.then(async () => {
      await this.#record.learn(config.targets);
      this.#apply(config);
    });
    return this.#bringing;
  }

  #rounds(): RoundReadings {
    const { roundsDue, roundsRunning, roundsLate, roundsEnded } = this.#monitor.counters();
    return { due: roundsDue, running: roundsRunning, late: roundsLate, ended: roundsEnded };
  }

  /** The account of a life: what was due and what became of it, what of it was written and what was lost. */
  #sayAccount(): void {
    const { due, running, late, ended } = this.#rounds();
    const history = this.#record.diskState;
    const written = history && { recorded: history.recordedRuns, dropped: history.droppedRuns };
    this.#log.info({ due, ...ended, late, running, ...written }, 'Ended');
  }

  #sayHistory(message: string | null): void {
    if (message === null) this.#log.info('The history is in order');
    else this.#log.error(`${message}. Tracing goes on without it`);
  }

  #apply(config: Config): void {
    this.#config = config;
    this.#targetMetrics.apply(config);
    this.#record.apply(config.targets);
    this.#record.keep(config.history);
    for (const { key } of config.targets) {
      const atMs = this.#record.lastChangeAtMs(key);
      if (atMs !== null) this.#targetMetrics.resume(key, atMs);
    }
    this.#monitor.apply(config);
    this.#pusher.apply(config);
    this.#selfMetrics.reloadSucceeded(Date.now());
  }

  #warn(loaded: LoadedConfig): void {
    for (const warning of loaded.warnings) this.#log.warn(formatProblem(warning));
  }

  /** How each protocol is probed; what a missing privilege costs is said once. */
  #sayModes(): void {
    const said = new Set<string>();
    for (const { protocol, family, modes, notes } of this.#engine.channels()) {
      this.#log.debug({ protocol, family, modes }, 'Probing');
      if (modes.length > 0) continue;
      for (const note of notes) said.add(note);
    }
    for (const note of said) this.#log.warn(note);
  }
}
