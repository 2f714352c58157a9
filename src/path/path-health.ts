// How one way answers, hop by hop and in time: what `path/` keeps of a destination beside its route, fed with every
// trace. Invariant: it never speaks of the route; whoever knows that the route changed says so with `rerouted`.

import type { Trace } from '../trace/trace.ts';
import type { DelayReport, DelayShift } from './delay.ts';
import { delayReport, findDelayShift, hopDelays } from './delay-attribution.ts';
import { hopHealth } from './hop-health.ts';
import { flowPathsOf } from './identity.ts';
import type { HopHealth, LossReport } from './loss.ts';
import { type AddressAt, attributeLoss } from './loss-attribution.ts';
import { ReplyWindow } from './reply-window.ts';
import { DESTINATION_ROUNDS, RttWindow } from './rtt-window.ts';

export interface HealthReport {
  readonly loss: LossReport | null;
  readonly delay: DelayReport | null;
  readonly health: readonly HopHealth[];
}

/** What one trace says by itself. */
export function healthOfTrace(trace: Trace): HealthReport {
  const health = new PathHealth(trace.flows.length);
  health.observe(trace, 0);
  return health.report(trace.address, addressesOf(trace));
}

/** Who answered each flow at each TTL in this trace. */
export function addressesOf(trace: Trace): AddressAt {
  const paths = new Map(flowPathsOf(trace).map((path) => [path.flow, path.hops]));
  return (flow, ttl) => paths.get(flow)?.[ttl - 1]?.[0] ?? '';
}

export class PathHealth {
  readonly #window: ReplyWindow;
  readonly #rtts: RttWindow;
  #shift: DelayShift | null = null;
  /** Rounds that a change of the delay may be looked for in: those before the last change are another story. */
  #rounds = 0;
  /** Where the route changed, and how many rounds ago. */
  #reroutedTtl = 0;
  #roundsSinceReroute = 0;

  constructor(flows: number) {
    this.#window = new ReplyWindow(flows);
    this.#rtts = new RttWindow(flows);
  }

  /** Bytes of what is kept, objects not counted. */
  get bytes(): number {
    return this.#window.bytes + this.#rtts.bytes;
  }

  /** The latest lasting change of the delay. */
  get shift(): DelayShift | null {
    return this.#shift;
  }

  /** `atMs` in epoch milliseconds. */
  observe(trace: Trace, atMs: number): void {
    this.#window.observe(trace);
    this.#rtts.observe(trace, atMs);
    this.#rounds = Math.min(DESTINATION_ROUNDS, this.#rounds + 1);
    this.#roundsSinceReroute++;
    const rerouted = this.#roundsSinceReroute <= DESTINATION_ROUNDS / 2 ? this.#reroutedTtl : 0;
    const found = findDelayShift(this.#rtts, this.#rounds, this.#window.distance, rerouted);
    if (found === null) return;
    this.#shift = found.shift;
    this.#rounds = found.roundsAfter;
    this.#reroutedTtl = 0;
  }

  /** From `ttl` on other routers answer than did. */
  rerouted(ttl: number): void {
    this.#window.resetFrom(ttl);
    this.#rtts.resetFrom(ttl);
    this.#reroutedTtl = ttl;
    this.#roundsSinceReroute = 0;
  }

  report(destination: string, addressAt: AddressAt): HealthReport {
    const loss = attributeLoss(this.#window, addressAt);
    const delays = hopDelays(this.#rtts, this.#window.distance);
    const health = hopHealth(this.#window, loss, delays, destination, addressAt);
    return { loss, delay: delayReport(this.#rtts, delays, this.#shift), health };
  }
}
