// Why a trace went out in the mode it did, in one clause.

import type { EngineChannel, Trace } from '../trace/trace.ts';
import type { TraceSettings } from './trace-settings.ts';

export function modeText(
  trace: Pick<Trace, 'protocol' | 'family' | 'mode'>,
  asked: TraceSettings['mode'],
  channels: readonly EngineChannel[],
): string {
  if (asked !== 'auto') return `as asked with --mode ${asked}`;
  if (trace.mode === 'raw') return 'the best that this process may use';
  const channel = channels.find(
    ({ protocol, family }) => protocol === trace.protocol && family === trace.family,
  );
  const why = channel?.notes[0];
  return why ?? 'ordinary sockets, the best that this process may use';
}
