// The log of a server: one line an event on standard error, as logfmt for people or JSON for machines.

import { type Logger, pino, stdTimeFunctions } from 'pino';
import type { TextSink } from './cli-io.ts';
import type { LogFormat, LogLevel } from './serve-options.ts';

export function createLog(level: LogLevel, format: LogFormat, sink: TextSink): Logger {
  const write = (line: string): void => sink.write(format === 'json' ? line : `${logfmt(line)}\n`);
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
}

/** One JSON object as `key=value` pairs: time, level and message first. */
function logfmt(line: string): string {
  const { time, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  return Object.entries({ time, level, msg, ...rest })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${quoted(value)}`)
    .join(' ');
}

function quoted(value: unknown): string {
  const text = typeof value === 'string' ? value : plain(value);
  return text !== '' && /^[^\s"=\\]+$/.test(text) ? text : JSON.stringify(text);
}

/** Errors by their message; the stack is for JSON. */
function plain(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'message' in value) return String(value.message);
  return JSON.stringify(value);
}
