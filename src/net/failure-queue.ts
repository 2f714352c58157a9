// Probes that could not be sent, until the tracer can be told: never from within its own call to send(), where it would
// have to expect its probe to have failed before it has noted it. Bounded by the probes sent between two deliveries.

import type { ProbeEvents, SendFailure } from '../trace/network.ts';
import { explain, reasonOf } from './send-failure.ts';

interface Failure {
  readonly handle: number;
  readonly reason: SendFailure;
  readonly detail: string;
}

export class FailureQueue {
  #failures: Failure[] = [];

  /** The system refused the probe `handle` with `errno`. */
  refused(handle: number, errno: number): void {
    this.add(handle, reasonOf(errno), explain(errno));
  }

  add(handle: number, reason: SendFailure, detail: string): void {
    this.#failures.push({ handle, reason, detail });
  }

  deliver(events: ProbeEvents): void {
    if (this.#failures.length === 0) return;
    const failures = this.#failures;
    this.#failures = [];
    for (const { handle, reason, detail } of failures) events.sendFailed(handle, reason, detail);
  }
}
