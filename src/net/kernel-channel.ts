// What every channel of the kernel's network has beyond the tracer's view of it.

import type { ProbeChannel } from '../trace/network.ts';
import type { StampSource } from './socket-options.ts';

export interface KernelChannel extends ProbeChannel {
  /** Which clock stamps its packets. */
  readonly stamps: StampSource;
  /** Sends what send() queued. */
  flush(): void;
  /** Closes what has not been used for long or waits in vain; returns when to be called again, or Infinity. */
  expire(nowNs: number): number;
  close(): void;
}
