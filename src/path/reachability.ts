// Whether the destination answers: when it fell silent for good, and when it answers again. Invariant: it is gone only
// where chance does not explain the silence, given how it used to answer; a path that leads elsewhere is not its silence.

import { isDestination } from '../trace/probe-record.ts';
import type { Trace } from '../trace/trace.ts';
import type { DestinationMemory } from './destination-memory.ts';
import { expectedHops } from './expected-paths.ts';
import type { PathChange } from './observation.ts';
import type { SeenPath } from './seen-path.ts';

/** Probability that chance alone makes an answering destination seem gone. */
const UNREACHABLE_ALPHA = 1e-8;
/** Times that a silent destination is asked again at once, and flows that it is asked with. */
const SILENT_TRACES = 3;
const SILENT_FLOWS = 8;

/** Rounds in a row after which ways of different length are no more. */
const CALM_ROUNDS = 20;

/** Where to ask a silent destination again: one TTL. */
export interface SilenceQuestion {
  readonly flows: number;
  readonly ttl: number;
  readonly attempts: number;
}

export class Reachability {
  #traces = 0;
  /** Where the destination was when it fell silent: a loop takes the place of the way to it. */
  #ttl = 0;

  /** Another destination: what was asked of the one before is void. */
  forget(): void {
    this.#traces = 0;
    this.#ttl = 0;
  }

  /** What should be asked now, or null. */
  wanted(flows: number): SilenceQuestion | null {
    if (this.#traces === 0 || this.#ttl === 0) return null;
    // Nobody answers, so every ask lasts as long as a probe may: others are asked along, which costs no time.
    return { flows: Math.max(flows, SILENT_FLOWS), ttl: this.#ttl, attempts: this.#traces };
  }

  /** Takes in a round's trace; returns a change that it proves. */
  observe(
    memory: DestinationMemory,
    paths: readonly SeenPath[],
    trace: Trace,
    atMs: number,
  ): PathChange | null {
    this.forget();
    const arrived = paths.find((path) => path.reachedTtl > 0);
    if (memory.everReached && !memory.unreachable) tallyDestination(memory, trace);
    if (arrived !== undefined) {
      memory.lastEnd = Math.max(...paths.map((path) => path.reachedTtl));
      noteCalm(memory, paths);
      // What wavered while it was gone has found its way.
      if (memory.unreachable) memory.endMuddle();
      memory.destinationMisses = 0;
      memory.everReached = true;
      const recovered = memory.unreachable;
      memory.unreachable = false;
      return recovered ? reachabilityChange(memory, 'recovered', arrived.flow, atMs) : null;
    }
    if (!memory.everReached || memory.unreachable || paths.length === 0) return null;
    this.#traces = SILENT_TRACES;
    this.#ttl = memory.lastEnd;
    return this.#judge(memory, atMs);
  }

  /** The answer to what was wanted. */
  answer(memory: DestinationMemory, trace: Trace, atMs: number): PathChange | null {
    if (this.#traces === 0) return null;
    this.#traces--;
    if (trace.reached) {
      this.#traces = 0;
      memory.destinationMisses = 0;
      return null;
    }
    const asked = trace.hops.reduce((sum, hop) => sum + hop.sent, 0);
    memory.tallyDestination(Math.max(asked, trace.flows.length), 0);
    return this.#judge(memory, atMs);
  }

  #judge(memory: DestinationMemory, atMs: number): PathChange | null {
    if (!memory.destinationSilenceIsImprobable(memory.destinationMisses, UNREACHABLE_ALPHA)) return null;
    memory.unreachable = true;
    this.#traces = 0;
    return reachabilityChange(memory, 'unreachable', 0, atMs);
  }
}

/** A muddle in which every flow meets the destination where it did before, for long, is none any more. */
function noteCalm(memory: DestinationMemory, paths: readonly SeenPath[]): void {
  const ends = paths.map((path) => path.reachedTtl);
  const calm = ends.every((end, i) => end === 0 || (memory.ends[i] ?? 0) === 0 || end === memory.ends[i]);
  memory.ends = ends.map((end, i) => end || (memory.ends[i] ?? 0));
  memory.calmRounds = calm ? memory.calmRounds + 1 : 0;
  if (memory.unevenFrom > 0 && memory.calmRounds >= CALM_ROUNDS) memory.endMuddle();
}

/** Probes with a TTL at which some flow expects the destination, and how many of them it answered. */
function tallyDestination(memory: DestinationMemory, trace: Trace): void {
  if (!trace.reached) {
    // Routers that answer where the destination used to are misses too.
    const ends = trace.hops.filter((hop) => endsAt(memory, hop.ttl));
    const tries = ends.reduce((sum, hop) => sum + hop.sent, 0);
    memory.tallyDestination(Math.max(tries, trace.flows.length), 0);
    return;
  }
  for (const hop of trace.hops) {
    if (!endsAt(memory, hop.ttl)) continue;
    const answered = hop.replies.filter((reply) => isDestination(reply.kind)).length;
    // Met beyond alone it may have moved: whether these were misses is not settled yet.
    if (answered === 0) continue;
    // Where longer ways pass a silent router, its misses cannot be told from the destination's.
    const passes = (flow: number): boolean =>
      flow < memory.flows &&
      memory.lengthOf(flow) > hop.ttl &&
      !hop.replies.some((reply) => reply.flow === flow);
    if (trace.flows.some(passes)) continue;
    memory.tallyDestination(hop.sent - (hop.replies.length - answered), answered);
  }
}

function endsAt(memory: DestinationMemory, ttl: number): boolean {
  for (let flow = 0; flow < memory.flows; flow++) if (memory.lengthOf(flow) === ttl) return true;
  return false;
}

function reachabilityChange(
  memory: DestinationMemory,
  kind: 'unreachable' | 'recovered',
  flow: number,
  atMs: number,
): PathChange {
  const hops = expectedHops(memory, flow);
  // An answer is proof; a silence is as good as the bound that it had to pass.
  const confidence = kind === 'recovered' ? 1 : 0.9999;
  return { kind, atMs, firstHop: 0, flow, before: hops, after: hops, confidence };
}
