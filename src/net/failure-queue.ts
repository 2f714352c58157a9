// Probes that could not be sent, until the tracer can be told: never from within its own call to send(), where it would
// have to expect its probe to have failed before it has noted it. Bounded by the probes sent between two deliveries.

import type { ProbeEvents, SendFailure } from '../trace/network.ts';
import { explain, reasonOf } from './send-failure.ts';

interface Failure {
  readonly handle: number;
  readonly reason: SendFailure;
  readonly detail: string;
  readonly limit: number;
}

export class FailureQueue {
  #failures: Failure[] = [];

  /** The system refused the probe `handle` with `errno`; `limit` is the longest packet that would have done, 0 if unknown. */
  refused(handle: number, errno: number, limit = 0): void {
    this.add(handle, reasonOf(errno), explain(errno), limit);
  }

  add(handle: number, reason: SendFailure, detail: string, limit = 0): void {
    this.#failures.push({ handle, reason, detail, limit });
  }

  deliver(events: ProbeEvents): void {
    if (this.#failures.length === 0) return;
    const failures = this.#failures;
    this.#failures = [];
    for (const { handle, reason, detail, limit } of failures)
      events.sendFailed(handle, reason, detail, limit);
  }
}
