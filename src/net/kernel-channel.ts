// What every channel of the kernel's network has beyond the tracer's view of it.

import type { Probe, ProbeChannel } from '../trace/network.ts';
import { ERRNO } from './net-error.ts';
import type { NetworkContext } from './network-context.ts';
import type { Launcher } from './outbox.ts';
import type { StampSource } from './socket-options.ts';

export interface KernelChannel extends ProbeChannel, Launcher {
  /** Which clock stamps its packets. */
  readonly stamps: StampSource;
  /** Sends what send() queued. */
  flush(): void;
  /** Closes what has not been used for long or waits in vain; returns when to be called again, or Infinity. */
  expire(nowNs: number): number;
  close(): void;
}

/** What send() of every channel does: the probe is copied and waits for flush(). */
export function queueProbe(context: NetworkContext, channel: KernelChannel, probe: Probe): void {
  if (!context.outbox.add(channel, probe)) context.failures.refused(probe.handle, ERRNO.ENOBUFS);
}
