// What is known of pushing by one way: attempts, failures, the last success, what was not delivered. Its series are there
// from the start, so that an alert on them sees zero and not nothing.

import {
  type MetricDefinition,
  PUSH_FAILURE_REASONS,
  PUSH_METRICS,
  type PushFailureReason,
} from '../metrics/catalogue.ts';
import { type ExpositionWriter, type MetricSource, renderLabels } from '../metrics/exposition.ts';
import type { SendOutcome } from './http-sender.ts';

export type PushWay = 'pushgateway' | 'remote_write';
export type DropReason = 'superseded' | 'refused' | 'queue_full' | 'too_old' | 'shutdown';

const DROP_REASONS: Readonly<Record<PushWay, readonly DropReason[]>> = {
  pushgateway: ['superseded', 'refused', 'queue_full', 'shutdown'],
  remote_write: ['refused', 'queue_full', 'too_old', 'shutdown'],
};

export class PushCounters {
  readonly way: PushWay;
  readonly #failures = new Map<PushFailureReason, number>(PUSH_FAILURE_REASONS.map((reason) => [reason, 0]));
  readonly #dropped: Map<DropReason, number>;
  attempts = 0;
  lastSuccessMs: number = Number.NaN;
  /** Samples, for remote write. */
  delivered = 0;

  constructor(way: PushWay) {
    this.way = way;
    this.#dropped = new Map(DROP_REASONS[way].map((reason) => [reason, 0]));
  }

  count(outcome: SendOutcome, atMs: number): void {
    this.attempts++;
    if (outcome.kind === 'accepted') {
      this.lastSuccessMs = atMs;
      return;
    }
    const reason = outcome.kind === 'refused' ? 'refused' : outcome.reason;
    this.#failures.set(reason, this.failures(reason) + 1);
  }

  failures(reason: PushFailureReason): number {
    return this.#failures.get(reason) ?? 0;
  }

  /** `count` groups or samples were not delivered and will not be. */
  drop(reason: DropReason, count = 1): void {
    this.#dropped.set(reason, this.dropped(reason) + count);
  }

  dropped(reason: DropReason): number {
    return this.#dropped.get(reason) ?? 0;
  }

  get droppedInAll(): number {
    return [...this.#dropped.values()].reduce((sum, count) => sum + count, 0);
  }

  get byReason(): ReadonlyMap<DropReason, number> {
    return this.#dropped;
  }

  get failuresByReason(): ReadonlyMap<PushFailureReason, number> {
    return this.#failures;
  }
}

/** The figures of a way, and how many requests wait there. */
export interface PushFigures {
  readonly counters: PushCounters;
  readonly queueLength: number;
}

/** The series of all ways together: each family once. */
export function pushMetrics(ways: () => readonly PushFigures[]): MetricSource {
  return {
    *write(writer: ExpositionWriter): Generator<void> {
      const all = ways();
      const each = (
        definition: MetricDefinition,
        values: (figures: PushFigures) => Iterable<readonly [string, number]>,
      ): void => {
        writer.family(definition);
        for (const figures of all) {
          for (const [labels, value] of values(figures)) {
            if (!Number.isNaN(value)) writer.sample(definition.name, labels, value);
          }
        }
      };
      const way = ({ counters }: PushFigures): string => renderLabels({ way: counters.way });
      each(PUSH_METRICS.attempts, (figures) => [[way(figures), figures.counters.attempts]]);
      each(PUSH_METRICS.failures, ({ counters }) =>
        [...counters.failuresByReason].map(([reason, value]) => [
          renderLabels({ way: counters.way, reason }),
          value,
        ]),
      );
      each(PUSH_METRICS.lastSuccess, (figures) => [[way(figures), figures.counters.lastSuccessMs / 1000]]);
      each(PUSH_METRICS.queueLength, (figures) => [[way(figures), figures.queueLength]]);
      each(PUSH_METRICS.dropped, drops('pushgateway'));
      each(PUSH_METRICS.samples, ({ counters }) =>
        counters.way === 'remote_write' ? [['', counters.delivered]] : [],
      );
      each(PUSH_METRICS.samplesDropped, drops('remote_write'));
      yield;
    },
  };
}

function drops(way: PushWay): (figures: PushFigures) => Iterable<readonly [string, number]> {
  return ({ counters }) =>
    counters.way === way
      ? [...counters.byReason].map(([reason, value]) => [renderLabels({ reason }), value] as const)
      : [];
}
