// Keeps a Pushgateway as the targets are: one group for each host, put there anew when it was measured, deleted when it
// goes. Invariant: at most one request for a group is under way and one waits, which sends the newest values there are;
// what was measured and not delivered is counted.

import type { Config, TargetConfig } from '../config/config.ts';
import type { GatewayConfig } from '../config/push.ts';
import { PUSHED_METRICS } from '../metrics/catalogue.ts';
import { type ExpositionWriter, exposeText, type MetricSource } from '../metrics/exposition.ts';
import type { TargetMetrics } from '../metrics/target-metrics.ts';
import { targetLabels } from '../metrics/target-state.ts';
import type { Clock } from '../monitor/clock.ts';
import { Backoff } from './backoff.ts';
import { groupUrl } from './group-url.ts';
import type { HttpSender } from './http-sender.ts';
import { PushCounters, type PushFigures } from './push-counters.ts';
import { OutageLog, type PushLog } from './push-log.ts';

/** Requests under way at a time. */
const MOST_IN_FLIGHT = 4;
/** Groups that may wait: as many as there can be targets, and deletions. What is past it is counted and left there. */
const MOST_QUEUED = 200_000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** Deleting at shutdown is given so long in all. */
export const FAREWELL_MS = 5000;

export interface GatewayServices {
  readonly metrics: Pick<TargetMetrics, 'sourceOf' | 'summary'>;
  readonly sender: HttpSender;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: PushLog;
}

type Operation = 'put' | 'delete';

/** What the Pushgateway knows, or is to know, by one value of `instance`. */
interface Group {
  readonly instance: string;
  targets: readonly TargetConfig[];
  /** Measured since it was last handed to the queue. */
  fresh: boolean;
  /** It may exist at the Pushgateway. */
  pushed: boolean;
  inFlight: boolean;
}

export class GatewayPusher implements PushFigures {
  readonly counters: PushCounters = new PushCounters('pushgateway');
  readonly #config: GatewayConfig;
  readonly #services: GatewayServices;
  readonly #backoff: Backoff;
  readonly #outage: OutageLog;
  readonly #groups = new Map<string, Group>();
  readonly #instanceOf = new Map<string, string>();
  /** What waits, in the order it will be sent. */
  readonly #queue = new Map<Group, Operation>();
  readonly #inFlight = new Set<Promise<void>>();
  #cancelTick: () => void = () => {};
  #cancelPause: (() => void) | null = null;
  #stopped = false;

  constructor(config: GatewayConfig, services: GatewayServices) {
    this.#config = config;
    this.#services = services;
    this.#backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS, services.random);
    this.#outage = new OutageLog(services.log, 'to the Pushgateway');
    this.#scheduleTick();
  }

  get queueLength(): number {
    return this.#queue.size;
  }

  /** Takes a configuration's targets: groups that have none any more are deleted. */
  apply({ targets }: Pick<Config, 'targets'>): void {
    const byInstance = Map.groupBy(targets, ({ host }) => host);
    this.#instanceOf.clear();
    for (const target of targets) this.#instanceOf.set(target.key, target.host);
    for (const [instance, members] of byInstance) {
      const group = this.#groups.get(instance);
      if (group === undefined) {
        const { metrics } = this.#services;
        this.#groups.set(instance, {
          instance,
          targets: members,
          fresh: members.some(({ key }) => metrics.summary(key) !== undefined),
          pushed: false,
          inFlight: false,
        });
        continue;
      }
      // One of several targets of a host went: what is there of it goes with the next push.
      if (group.pushed && members.length < group.targets.length) group.fresh = true;
      group.targets = members;
      if (this.#queue.get(group) === 'delete') this.#queue.delete(group);
    }
    for (const [instance, group] of this.#groups) {
      if (byInstance.has(instance)) continue;
      group.targets = [];
      this.#discard(group);
    }
    this.#pump();
  }

  /** A target was measured. */
  measured(key: string): void {
    const group = this.#groups.get(this.#instanceOf.get(key) ?? '');
    if (group !== undefined) group.fresh = true;
  }

  /**
   * Deletes every group that may be there, within `FAREWELL_MS`; then nothing is sent any more. With `handover` another
   * pusher keeps the same groups from now on, and they stay.
   */
  async stop(handover: boolean): Promise<void> {
    if (this.#stopped) return;
    this.#cancelTick();
    this.#queue.clear();
    if (handover) this.#groups.clear();
    for (const group of this.#groups.values()) {
      if (group.fresh) this.counters.drop('shutdown');
      group.targets = [];
      this.#discard(group);
    }
    this.#resume();
    const { clock, sender, log } = this.#services;
    let left = true;
    const cancel = clock.after(FAREWELL_MS, () => {
      left = false;
      this.#stopped = true;
      // Ends what is under way.
      sender[Symbol.dispose]();
    });
    while (left && this.#inFlight.size > 0) await Promise.race(this.#inFlight);
    cancel();
    this.#stopped = true;
    this.#cancelPause?.();
    if (this.#queue.size > 0)
      log.warn(
        { groups: this.#queue.size },
        'Groups stay at the Pushgateway: they could not be deleted in time',
      );
    sender[Symbol.dispose]();
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#services.clock.after(this.#config.intervalMs, () => {
      this.#scheduleTick();
      this.#tick();
    });
  }

  #tick(): void {
    for (const group of this.#groups.values()) {
      if (!group.fresh) continue;
      group.fresh = false;
      // What waits will send the newer values in their place.
      if (this.#queue.has(group)) this.counters.drop('superseded');
      else this.#queue.set(group, 'put');
    }
    this.#pump();
  }

  #discard(group: Group): void {
    group.fresh = false;
    this.#queue.delete(group);
    if (!group.pushed && !group.inFlight) {
      this.#groups.delete(group.instance);
      return;
    }
    if (this.#queue.size >= MOST_QUEUED) {
      this.#groups.delete(group.instance);
      this.counters.drop('queue_full');
      return;
    }
    this.#queue.set(group, 'delete');
  }

  #resume(): void {
    this.#cancelPause?.();
    this.#cancelPause = null;
    this.#pump();
  }

  #pump(): void {
    if (this.#cancelPause !== null || this.#stopped) return;
    for (const [group, operation] of this.#queue) {
      if (this.#inFlight.size >= MOST_IN_FLIGHT) return;
      if (group.inFlight) continue;
      this.#queue.delete(group);
      const sent = this.#send(group, operation).finally(() => {
        this.#inFlight.delete(sent);
        this.#pump();
      });
      this.#inFlight.add(sent);
    }
  }

  async #send(group: Group, operation: Operation): Promise<void> {
    const { sender, clock } = this.#services;
    const { endpoint, job } = this.#config;
    group.inFlight = true;
    if (operation === 'put') group.pushed = true;
    const body = operation === 'put' ? Buffer.from(this.#bodyOf(group)) : null;
    const outcome = await sender.send({
      method: operation === 'put' ? 'PUT' : 'DELETE',
      url: groupUrl(endpoint.url, job, group.instance),
      headers: body === null ? {} : { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' },
      body,
    });
    group.inFlight = false;
    this.counters.count(outcome, clock.epoch());
    this.#outage.heard(outcome, clock.now());
    if (outcome.kind === 'accepted') {
      this.#backoff.succeeded();
      if (operation === 'delete') this.#deleted(group);
      return;
    }
    if (outcome.kind === 'refused') {
      this.counters.drop('refused');
      if (operation === 'delete') this.#deleted(group);
      return;
    }
    // A newer wish for the group takes the place of this one.
    if (!this.#queue.has(group)) this.#queue.set(group, operation);
    // Those under way together fail together, which is one failure.
    if (this.#cancelPause === null || outcome.retryAfterMs !== null)
      this.#pause(this.#backoff.failed(outcome.retryAfterMs));
  }

  #pause(ms: number): void {
    if (this.#stopped) return;
    this.#cancelPause?.();
    this.#cancelPause = this.#services.clock.after(ms, () => this.#resume());
  }

  #deleted(group: Group): void {
    group.pushed = false;
    if (group.targets.length === 0 && this.#groups.get(group.instance) === group)
      this.#groups.delete(group.instance);
  }

  #bodyOf(group: Group): string {
    const { metrics, clock } = this.#services;
    return pushBody(metrics, group.targets, clock.epoch(), this.#config.intervalMs);
  }
}

/** A group's series as a Pushgateway takes them: without the labels of the group, without timestamps. */
export function pushBody(
  metrics: Pick<TargetMetrics, 'sourceOf' | 'summary'>,
  targets: readonly TargetConfig[],
  nowMs: number,
  intervalMs: number,
): string {
  const measured = targets.filter(({ key }) => metrics.summary(key) !== undefined);
  const byLabels = new Map(measured.map((target) => [targetLabels(target), target]));
  const { pushedAt, pushInterval } = PUSHED_METRICS;
  const freshness: MetricSource = {
    *write(writer: ExpositionWriter): Generator<void> {
      writer.family(pushedAt);
      for (const labels of byLabels.keys()) writer.sample(pushedAt.name, labels, nowMs / 1000);
      writer.family(pushInterval);
      for (const [labels, target] of byLabels) {
        // Pushed once, by cron, nobody knows when the next is due.
        const dueMs = Math.max(intervalMs, target.intervalMs);
        if (dueMs > 0) writer.sample(pushInterval.name, labels, dueMs / 1000);
      }
      yield;
    },
  };
  return exposeText([metrics.sourceOf(measured.map(({ key }) => key)), freshness]);
}
