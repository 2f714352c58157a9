// From what the house knows to what the API says. Invariant: pure; names and AS numbers are those known now.

import type { RecordedChange, RecordedGroup, RouteAt } from '../../history/path-history.ts';
import type { RecordedRun } from '../../history/recorded-run.ts';
import { type LatestRun, standingOf, type TargetEntry } from '../../history/target-board.ts';
import type { AddressDirectory } from '../../path/address-facts.ts';
import { changeWords, groupWords } from '../../report/change-words.ts';
import type {
  ApiAddress,
  ApiChange,
  ApiChangeGroup,
  ApiDiff,
  ApiRun,
  ApiRunEvent,
  ApiTarget,
} from '../api-shapes.ts';
import { apiAddress, asNumbersOf } from './address-facts.ts';
import type { ApiServices } from './api-services.ts';

type Facts = Pick<ApiServices, 'board' | 'directory'>;

export function apiTarget(entry: TargetEntry, { board, directory }: Facts, nowMs: number): ApiTarget {
  const { target, latest, lastChange } = entry;
  return {
    key: target.key,
    host: target.host,
    labels: target.labels,
    module: target.module.name,
    protocol: target.module.protocol,
    port: target.module.port,
    intervalMs: target.intervalMs,
    expectedHops: target.expectedHops,
    ...standingOf(entry, nowMs),
    address: latest?.address ?? null,
    lastRunAtMs: latest?.atMs ?? null,
    ...figures(latest),
    lastChange: lastChange === null ? null : apiChange(lastChange, directory),
    recent: board.recent(target.key, nowMs),
  };
}

export function apiRunEvent(entry: TargetEntry, latest: LatestRun, nowMs: number): ApiRunEvent {
  const { state, reason } = standingOf({ ...entry, latest }, nowMs);
  return { atMs: latest.atMs, state, reason, address: latest.address, ...figures(latest) };
}

type Figures = Pick<ApiTarget, 'hops' | 'rttMs' | 'lossRatio' | 'paths' | 'pathId' | 'asPath'>;

function figures(latest: LatestRun | null): Figures {
  return {
    hops: latest?.hops ?? null,
    rttMs: latest?.rttMs ?? null,
    lossRatio: latest?.lossRatio ?? null,
    paths: latest?.paths ?? null,
    pathId: latest?.pathId ?? null,
    asPath: latest?.asPath ?? [],
  };
}

export function apiRun(run: RecordedRun): ApiRun {
  return {
    atMs: run.atMs,
    durationMs: run.durationMs,
    reached: run.reached,
    hops: run.hopCount,
    rttMs: run.rttMs,
    lossRatio: run.lossRatio,
    pathId: run.pathId,
    failure: run.failure,
    perHop: run.hops.map(({ sent, answers }) => {
      const rtts = answers.map(({ rttMs }) => rttMs).filter((rttMs) => rttMs !== null);
      return {
        sent,
        answered: answers.reduce((sum, { answered }) => sum + answered, 0),
        rttMs: rtts.length === 0 ? null : Math.min(...rtts),
      };
    }),
  };
}

export function apiChange(change: RecordedChange, directory: AddressDirectory | null): ApiChange {
  const addresses = (hops: readonly (string | null)[]): (ApiAddress | null)[] =>
    hops.map((address) => (address === null ? null : apiAddress(address, directory)));
  return {
    id: change.id,
    target: change.target,
    host: change.host,
    atMs: change.atMs,
    kind: change.kind,
    firstHop: change.firstHop,
    flow: change.flow,
    confidence: change.confidence,
    before: addresses(change.before),
    after: addresses(change.after),
    beforePathId: change.beforePathId,
    afterPathId: change.afterPathId,
    text: changeWords(change, asNumbersOf(directory)),
    group: change.group,
  };
}

export function apiChangeGroup(
  group: RecordedGroup,
  directory: AddressDirectory | null,
  hostOf: (key: string) => string | undefined,
): ApiChangeGroup {
  return {
    id: group.id,
    cause: group.cause === null ? null : apiAddress(group.cause, directory),
    firstAtMs: group.firstAtMs,
    lastAtMs: group.lastAtMs,
    kinds: group.kinds,
    targets: group.targets,
    targetCount: group.targetCount,
    text: groupWords(group, hostOf),
  };
}

/** What two routes have in common, hop by hop. Where one is not known its side is empty. */
export function apiDiff(
  a: { readonly atMs: number; readonly route: RouteAt | null },
  b: { readonly atMs: number; readonly route: RouteAt | null },
  directory: AddressDirectory | null,
): ApiDiff {
  const left = a.route?.hops ?? [];
  const right = b.route?.hops ?? [];
  const facts = (addresses: readonly string[]): ApiAddress[] =>
    addresses.map((address) => apiAddress(address, directory));
  const rows = Array.from({ length: Math.max(left.length, right.length) }, (_, i) => {
    const old = left[i] ?? [];
    const now = right[i] ?? [];
    return {
      ttl: i + 1,
      kept: facts(old.filter((address) => now.includes(address))),
      removed: facts(old.filter((address) => !now.includes(address))),
      added: facts(now.filter((address) => !old.includes(address))),
    };
  });
  return { a: diffSide(a), b: diffSide(b), rows };
}

function diffSide({ atMs, route }: { readonly atMs: number; readonly route: RouteAt | null }): ApiDiff['a'] {
  const run = route?.run;
  return {
    atMs: run?.atMs ?? atMs,
    pathId: run?.pathId ?? null,
    hops: run?.reached ? run.hopCount : null,
    rttMs: run?.rttMs ?? null,
  };
}
