// Why a trace went out in the mode it did, in one clause.

import type { Protocol } from '../trace/network.ts';
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
  const why = channel?.notes[0]?.split(';', 1)[0];
  return why === undefined ? 'the best that this process may use' : `${why}; ${GAIN[trace.protocol]}`;
}

/** What raw sockets would add. */
const GAIN: Readonly<Record<Protocol, string>> = {
  icmp: 'ICMP loses nothing by it',
  udp: 'with CAP_NET_RAW address translation would show, and routers that quote little would not slow it',
  tcp: 'with CAP_NET_RAW all hops would be probed at once',
};
