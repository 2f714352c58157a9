// Runs of a period out of the history, oldest first, each with the addresses of its path. Invariant: no more than a page of
// runs is held, and who asks for more than MAX_RUNS is told so before anything is read out.

import type { PathHistory, Period, RouteAt } from '../history/path-history.ts';
import type { RecordedRun } from '../history/recorded-run.ts';

/** Five weeks of a run a minute. */
export const MAX_RUNS = 50_000;
const PAGE = 1000;
/** Paths whose addresses are remembered; a target that has more is asked for them again. */
const MAX_ROUTES = 512;

export type Route = readonly (readonly string[])[];

export type RunSource = Pick<PathHistory, 'runs' | 'routeAt' | 'prevalence'>;

/** The addresses of the paths of one target. */
export class RouteBook {
  readonly #history: RunSource;
  readonly #target: string;
  readonly #routes = new Map<string, Route>();

  constructor(history: RunSource, target: string) {
    this.#history = history;
    this.#target = target;
  }

  /** Learns the paths most seen in a period at once. */
  async learn(period: Period): Promise<void> {
    const { paths } = await this.#history.prevalence(this.#target, period);
    for (const { pathId, hops } of paths) this.#routes.set(pathId, hops);
  }

  /** By TTL from 1 on; empty where the path is not known. */
  async routeOf(run: RecordedRun): Promise<Route> {
    const { pathId } = run;
    if (pathId === null) return [];
    const known = this.#routes.get(pathId);
    if (known !== undefined) return known;
    const found: RouteAt | null = await this.#history.routeAt(this.#target, run.atMs);
    const route = found?.run.pathId === pathId ? found.hops : [];
    if (this.#routes.size >= MAX_ROUTES) this.#routes.clear();
    this.#routes.set(pathId, route);
    return route;
  }
}

/** Begins of the pages of a period, the latest first; null where it has more than MAX_RUNS runs. */
export async function pagesOf(
  history: RunSource,
  target: string,
  period: Period,
): Promise<readonly (number | null)[] | null> {
  const pages: (number | null)[] = [];
  let beforeMs: number | null = null;
  do {
    if (pages.length >= MAX_RUNS / PAGE) return null;
    pages.push(beforeMs);
    const page: Awaited<ReturnType<RunSource['runs']>> = await history.runs({
      ...period,
      target,
      limit: PAGE,
      beforeMs,
    });
    beforeMs = page.next;
  } while (beforeMs !== null);
  return pages;
}

/** The runs of the pages that `pagesOf` found, oldest first. */
export async function* runsOf(
  history: RunSource,
  target: string,
  period: Period,
  pages: readonly (number | null)[],
): AsyncGenerator<RecordedRun> {
  for (const beforeMs of pages.toReversed()) {
    const { items } = await history.runs({ ...period, target, limit: PAGE, beforeMs });
    yield* items.toReversed();
  }
}

/** The address traced: that at the end of a run that arrived, else the one that is known otherwise. */
export function destinationOf(run: RecordedRun, route: Route, known: string | null): string | null {
  const last = run.reached ? (route[run.hopCount - 1] ?? []) : [];
  if (known !== null && last.includes(known)) return known;
  return (last.length === 1 ? last[0] : undefined) ?? known;
}
