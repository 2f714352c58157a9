// `hopscope trace`: resolves all hosts, traces them at the same time, and reports them in the order they were given.

import type { Trace } from '../trace/trace.ts';
import type { Family } from '../wire/address.ts';
import type { CliIo, CliServices } from './cli-io.ts';
import { type Destination, type FailedLookup, findDestination, parseHosts } from './destinations.ts';
import { type ExitStatus, exitStatusOf, UsageError, worstStatus } from './exit-status.ts';
import { askForNames, awaitNames, type HopDirectory } from './hop-facts.ts';
import { LiveBlock } from './live-block.ts';
import { render } from './styled-text.ts';
import { dataText, tableOf } from './trace-report.ts';
import { hasCursor, refusalText, say, stopSignal, type TraceSession, wantsColour } from './trace-session.ts';
import {
  readTraceSettings,
  requestOf,
  type TraceOptionValues,
  type TraceSettings,
} from './trace-settings.ts';
import { traceStatus } from './trace-summary.ts';
import { watch } from './watch.ts';

/** @throws UsageError, and what the engine cannot be opened for. */
export async function traceCommand(
  hosts: readonly string[],
  values: TraceOptionValues,
  io: CliIo,
  services: CliServices,
): Promise<ExitStatus> {
  const settings = readTraceSettings(values);
  const parsed = parseHosts(hosts, settings);
  requireOneHost(parsed.length, settings);
  using stop = stopSignal(io);
  // Beside one another: each takes a while, and neither needs the other.
  const opening = openDirectory(settings, io, services);
  opening.catch(() => {});
  await using engine = await services.startEngine();
  using directory = await opening;
  const channels = engine.channels();
  const usable = new Set<Family>(
    channels.filter(({ modes }) => modes.length > 0).map(({ family }) => family),
  );
  const tools = { resolver: services.resolver, usable, clock: services.clock };
  const found = await Promise.all(
    parsed.map((host) => findDestination(host, settings.family, stop.signal, tools)),
  );
  const session: TraceSession = {
    io,
    services,
    settings,
    engine,
    channels,
    stop: stop.signal,
    colour: wantsColour(io, settings),
    directory,
  };
  // Awaited here: the engine is closed when this function is left.
  if (settings.watch === null) return await reportAll(found, session);
  const [destination] = found;
  if (destination === undefined) throw new UsageError('no host is given');
  return 'failure' in destination ? reportFailure(destination, session) : await watch(destination, session);
}

async function openDirectory(
  { asn, names }: TraceSettings,
  io: CliIo,
  services: CliServices,
): Promise<HopDirectory | null> {
  if (asn === null && !names) return null;
  return services.openDirectory({ asn, names }, (message) => say(io, message));
}

function requireOneHost(hosts: number, settings: TraceSettings): void {
  if (hosts === 1) return;
  if (settings.watch !== null) {
    throw new UsageError(`--watch shows one host and ${hosts} are given; run it once for each`);
  }
  if (settings.output === 'prometheus') {
    throw new UsageError(
      `--output prometheus is what /probe answers for one host and ${hosts} are given; run it once for each`,
    );
  }
}

async function reportAll(
  found: readonly (Destination | FailedLookup)[],
  session: TraceSession,
): Promise<ExitStatus> {
  const runs = found.map((entry) => ('failure' in entry ? entry : new Run(entry, session)));
  const statuses: ExitStatus[] = [];
  for (const [i, run] of runs.entries()) {
    if (session.settings.output === 'table' && i > 0) session.io.stdout.write('\n');
    statuses.push('failure' in run ? reportFailure(run, session) : await run.report());
  }
  return worstStatus(statuses);
}

function reportFailure({ failure, status }: FailedLookup, { io }: TraceSession): ExitStatus {
  say(io, failure);
  return status;
}

/** One trace under way, begun with its construction. */
class Run {
  readonly #destination: Destination;
  readonly #session: TraceSession;
  readonly #result: Promise<Trace | Error>;
  #partial: Trace | null = null;
  #onPartial: (() => void) | null = null;

  constructor(destination: Destination, session: TraceSession) {
    this.#destination = destination;
    this.#session = session;
    const { host, address } = destination;
    const request = requestOf(session.settings, host.label, address, host.port);
    this.#result = session.engine
      .trace(request, {
        signal: session.stop,
        onProgress: (partial) => {
          this.#partial = partial;
          askForNames(partial, session.directory);
          this.#onPartial?.();
        },
      })
      // Here, where all traces end in their own time: reports wait for one another.
      .then(async (trace) => {
        await awaitNames(trace, session);
        return trace;
      })
      .catch((error: unknown) => {
        if (exitStatusOf(error) === undefined) throw error;
        return error as Error;
      });
    // Runs are reported one by one: a failure waits for its turn.
    this.#result.catch(() => {});
  }

  async report(): Promise<ExitStatus> {
    const { io, settings } = this.#session;
    if (this.#destination.note !== null) say(io, this.#destination.note);
    if (settings.output === 'table') return this.#reportTable();
    const result = await this.#result;
    if (result instanceof Error) return this.#refuse(result);
    io.stdout.write(await dataText(result, this.#destination, this.#session));
    return traceStatus(result);
  }

  async #reportTable(): Promise<ExitStatus> {
    const { io, colour } = this.#session;
    if (!hasCursor(io)) {
      const result = await this.#result;
      if (result instanceof Error) return this.#refuse(result);
      const lines = tableOf(result, this.#session, Number.POSITIVE_INFINITY, false);
      io.stdout.write(lines.map((line) => `${render(line, false)}\n`).join(''));
      return traceStatus(result);
    }
    const block = new LiveBlock(io, colour);
    const draw = (): void => {
      if (this.#partial !== null) block.draw(tableOf(this.#partial, this.#session, io.columns, true));
    };
    this.#onPartial = draw;
    const unsubscribe = io.onResize(draw);
    draw();
    try {
      const result = await this.#result;
      block.finish(result instanceof Error ? [] : tableOf(result, this.#session, io.columns, false));
      return result instanceof Error ? this.#refuse(result) : traceStatus(result);
    } finally {
      this.#onPartial = null;
      unsubscribe();
    }
  }

  #refuse(error: Error): ExitStatus {
    say(this.#session.io, refusalText(error, this.#session));
    return exitStatusOf(error) as ExitStatus;
  }
}
