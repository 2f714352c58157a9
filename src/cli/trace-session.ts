// What the ways of tracing share: the engine, the settings, where results go, and being told to stop.
// Invariant: once told to stop, nothing new is begun, and what was begun ends early with what it has.

import { type EngineChannel, type TraceEngine, TraceRefusal } from '../trace/trace.ts';
import type { CliIo, CliServices } from './cli-io.ts';
import type { HopDirectory } from './hop-facts.ts';
import type { TraceSettings } from './trace-settings.ts';

export interface TraceSession {
  readonly io: CliIo;
  readonly services: CliServices;
  readonly settings: TraceSettings;
  readonly engine: TraceEngine;
  readonly channels: readonly EngineChannel[];
  /** Aborted by a signal, or when nobody reads the results any more. */
  readonly stop: AbortSignal;
  readonly colour: boolean;
  /** Null where nothing of addresses is wanted but themselves. */
  readonly directory: HopDirectory | null;
}

/** Colour goes to terminals that know it, unless it is declined (no-color.org). */
export function wantsColour(io: CliIo, settings: Pick<TraceSettings, 'colour'>): boolean {
  return settings.colour && hasCursor(io) && (io.env['NO_COLOR'] ?? '') === '';
}

/** Whether text on standard output can be rewritten. */
export function hasCursor(io: CliIo): boolean {
  return io.isTTY && io.env['TERM'] !== 'dumb';
}

/** An abort signal for Ctrl-C, a polite kill and a reader that has gone. */
export function stopSignal(io: CliIo): { readonly signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  const subscriptions = [
    io.onSignal('SIGINT', abort),
    io.onSignal('SIGTERM', abort),
    io.onSignal('SIGHUP', abort),
    io.onBrokenPipe(abort),
  ];
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const unsubscribe of subscriptions) unsubscribe();
    },
  };
}

/** One sentence for the user, on standard error. */
export function say(io: CliIo, sentence: string): void {
  io.stderr.write(`hopscope: ${sentence}\n`);
}

/** The engine's refusal, and what would be allowed instead where that is another protocol. */
export function refusalText(error: Error, { settings, channels }: TraceSession): string {
  if (!(error instanceof TraceRefusal) || error.code !== 'privilege' || settings.mode !== 'auto')
    return error.message;
  const allowed = channels
    .filter(({ family, modes }) => family === (settings.family ?? 4) && modes.length > 0)
    .map(({ protocol }) => protocol);
  if (allowed.length === 0) return error.message;
  return `${error.message}; --protocol ${[...new Set(allowed)].join(' and ')} would be allowed`;
}

/** Error messages are sentences already, and may be several lines (a configuration's problems). */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
