// `hopscope trace --watch`: round after round until it is told to stop, with running figures for each hop; on a
// terminal on a screen of its own, and at the end the final figures where they stay.

import { addressesOf, type HealthReport, PathHealth } from '../path/path-health.ts';
import type { Trace } from '../trace/trace.ts';
import { AlternateScreen } from './alternate-screen.ts';
import type { Destination } from './destinations.ts';
import { EXIT, type ExitStatus } from './exit-status.ts';
import { askForNames, awaitNames, factsText } from './hop-facts.ts';
import { modeText } from './mode-text.ts';
import { type Line, piece, render, wrap } from './styled-text.ts';
import { dataText } from './trace-report.ts';
import { hasCursor, say, type TraceSession } from './trace-session.ts';
import { requestOf } from './trace-settings.ts';
import { healthText, traceStatus } from './trace-summary.ts';
import { titleLine } from './trace-table.ts';
import { WatchStatistics } from './watch-statistics.ts';
import { watchTable } from './watch-table.ts';

/** Rejects with what the engine refuses; the screen has been given back by then. */
export async function watch(destination: Destination, session: TraceSession): Promise<ExitStatus> {
  if (destination.note !== null) say(session.io, destination.note);
  return new Watch(destination, session).run();
}

class Watch {
  readonly #destination: Destination;
  readonly #session: TraceSession;
  readonly #statistics = new WatchStatistics();
  #health: PathHealth;
  readonly #quit = new AbortController();
  #screen: AlternateScreen | null = null;
  #latest: Trace | null = null;
  #partial: Trace | null = null;
  #paused = false;
  /** Rounds before a reset count towards --count too. */
  #rounds = 0;
  #everReached = false;
  /** Wakes run() when a key has changed something. */
  #wake: () => void = () => {};

  constructor(destination: Destination, session: TraceSession) {
    this.#destination = destination;
    this.#session = session;
    this.#health = new PathHealth(session.settings.flows);
  }

  async run(): Promise<ExitStatus> {
    const { io, settings, colour, stop } = this.#session;
    const onStop = (): void => this.#stop();
    stop.addEventListener('abort', onStop);
    if (stop.aborted) this.#stop();
    const full = settings.output === 'table' && hasCursor(io);
    const keys = full ? io.onKey((key) => this.#key(key)) : undefined;
    const resize = io.onResize(() => this.#draw());
    try {
      using screen = full ? new AlternateScreen(io, colour) : null;
      this.#screen = screen;
      this.#draw();
      await this.#loop();
    } finally {
      this.#screen = null;
      resize();
      keys?.();
      stop.removeEventListener('abort', onStop);
    }
    if (settings.output === 'table') this.#finalReport(full ? io.columns : Number.POSITIVE_INFINITY);
    if (this.#everReached) return EXIT.reached;
    return this.#latest === null ? EXIT.unreached : traceStatus(this.#latest);
  }

  async #loop(): Promise<void> {
    const { services, settings } = this.#session;
    const { intervalMs, count } = settings.watch ?? { intervalMs: 1000, count: 1 };
    while (!this.#quit.signal.aborted) {
      const beganAt = services.clock.now();
      if (!(await this.#round())) return;
      if (count !== null && this.#rounds >= count) return;
      await this.#restUntil(beganAt + intervalMs);
    }
  }

  /** False when it was interrupted. */
  async #round(): Promise<boolean> {
    const { engine, settings, io, services } = this.#session;
    const { host, address } = this.#destination;
    const request = requestOf(settings, host.label, address, host.port);
    const distanceHint = this.#statistics.distance > 0 ? this.#statistics.distance : null;
    const trace = await engine.trace(
      { ...request, distanceHint },
      {
        signal: this.#quit.signal,
        onProgress: (partial) => {
          this.#partial = partial;
          askForNames(partial, this.#session.directory);
          this.#draw();
        },
      },
    );
    this.#partial = null;
    if (trace.end === 'cancelled') return false;
    this.#rounds++;
    this.#latest = trace;
    this.#everReached ||= trace.reached;
    this.#statistics.add(trace);
    this.#health.observe(trace, services.clock.epoch());
    if (settings.output !== 'table') {
      await awaitNames(trace, this.#session);
      io.stdout.write(await dataText(trace, this.#destination, this.#session, this.#report(trace)));
    }
    this.#draw();
    return true;
  }

  /** Returns at that time, and not while paused; at once when told to stop. */
  async #restUntil(timeMs: number): Promise<void> {
    const { clock } = this.#session.services;
    while (!this.#quit.signal.aborted && (this.#paused || clock.now() < timeMs)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        if (this.#paused) return;
        const cancel = clock.after(timeMs - clock.now(), resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#wake = () => {};
  }

  #reset(): void {
    this.#statistics.reset();
    this.#health = new PathHealth(this.#session.settings.flows);
  }

  #report(trace: Trace): HealthReport {
    return this.#health.report(trace.address, addressesOf(trace));
  }

  #stop(): void {
    this.#quit.abort();
    this.#wake();
  }

  #key(key: string): void {
    // A terminal in raw mode sends Ctrl-C and Ctrl-D as characters.
    if (key === 'q' || key === 'Q' || key === '\x03' || key === '\x04') this.#stop();
    else if (key === 'p' || key === 'P' || key === ' ') this.#paused = !this.#paused;
    else if (key === 'r' || key === 'R') this.#reset();
    else return;
    this.#wake();
    this.#draw();
  }

  #draw(): void {
    const { io } = this.#session;
    this.#screen?.draw(this.#lines(io.columns, this.#partial), [
      piece('q', 'bold'),
      piece(' quit  '),
      piece('p', 'bold'),
      piece(this.#paused ? ' go on  ' : ' pause  '),
      piece('r', 'bold'),
      piece(' reset   '),
      piece(this.#paused ? 'paused' : '', 'warning'),
    ]);
  }

  #lines(columns: number, partial: Trace | null): Line[] {
    const trace = partial ?? this.#latest;
    if (trace === null) {
      const { label } = this.#destination.host;
      return [[piece(`trace to ${label} (${this.#destination.address}): waiting for the first reply`)]];
    }
    return [
      titleLine(trace, this.#session.settings.maxTtl),
      this.#stateLine(),
      ...watchTable(this.#statistics.rows(partial), columns, (address) => this.#known(address)),
      ...healthText(this.#report(trace), columns),
      ...this.#legend(trace, columns),
    ];
  }

  #known(address: string): string {
    const facts = this.#session.directory?.factsOf(address);
    return facts === undefined ? '' : factsText(facts);
  }

  #stateLine(): Line {
    const { rounds, reachedRounds, distance } = this.#statistics;
    const round = `${rounds} round${rounds === 1 ? '' : 's'}`;
    if (rounds === 0) return [piece('first round', 'dim')];
    if (reachedRounds === 0) return [piece(`${round}, `), piece('not reached', 'bad')];
    const away = `${distance} hop${distance === 1 ? '' : 's'} away`;
    const reached = reachedRounds === rounds ? 'reached in all' : `reached in ${reachedRounds}`;
    return [
      piece(`${round}, `),
      piece(reached, reachedRounds === rounds ? 'good' : 'warning'),
      piece(`, ${away}`),
    ];
  }

  #legend(trace: Trace, columns: number): Line[] {
    const { settings, channels } = this.#session;
    const texts = [
      'loss% persists to the destination; answ% is how often the hop itself replied; times in ms',
      `mode ${trace.mode}: ${modeText(trace, settings.mode, channels)}`,
    ];
    const lines = texts.flatMap((text) => wrap(text, columns).map((line): Line => [piece(line, 'dim')]));
    if (trace.note !== undefined) {
      lines.push(...wrap(`note: ${trace.note}`, columns).map((line): Line => [piece(line, 'warning')]));
    }
    return lines;
  }

  #finalReport(columns: number): void {
    const { io, colour } = this.#session;
    if (this.#latest === null) {
      say(io, `stopped before the first round to ${this.#destination.host.label} was over`);
      return;
    }
    const lines = this.#lines(columns, null);
    io.stdout.write(lines.map((line) => `${render(line, colour)}\n`).join(''));
  }
}
