// Paths to routes: whole paths, and patterns whose segments in braces match any one segment.
// Invariant: a parameter is decoded once and whole; what is not valid percent-encoding is refused, never passed on.

import { RequestRefusal } from './http-error.ts';
import type { Route } from './router.ts';

export interface RouteMatch {
  readonly route: Route;
  readonly parameters: Readonly<Record<string, string>>;
}

interface Pattern {
  readonly segments: readonly string[];
  readonly route: Route;
}

export class RouteTable {
  readonly #whole = new Map<string, Route>();
  readonly #patterns: Pattern[] = [];

  constructor(routes: Iterable<readonly [string, Route]>) {
    for (const [path, route] of routes) {
      if (path.includes('{')) this.#patterns.push({ segments: path.split('/'), route });
      else this.#whole.set(path, route);
    }
  }

  /** Paths to be named where one is not found. */
  get listed(): readonly string[] {
    return [...this.#whole].filter(([, { unlisted }]) => unlisted !== true).map(([path]) => path);
  }

  /** @throws RequestRefusal with status 400. */
  find(path: string): RouteMatch | undefined {
    const whole = this.#whole.get(path);
    if (whole !== undefined) return { route: whole, parameters: {} };
    const segments = path.split('/');
    for (const pattern of this.#patterns) {
      if (fits(pattern.segments, segments)) {
        return { route: pattern.route, parameters: parametersOf(pattern.segments, segments) };
      }
    }
    return undefined;
  }
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.length !== segments.length) return false;
  return pattern.every((part, i) => (part.startsWith('{') ? segments[i] !== '' : part === segments[i]));
}

function parametersOf(pattern: readonly string[], segments: readonly string[]): Record<string, string> {
  const parameters: Record<string, string> = {};
  for (const [i, part] of pattern.entries()) {
    if (!part.startsWith('{')) continue;
    try {
      parameters[part.slice(1, -1)] = decodeURIComponent(segments[i] ?? '');
    } catch {
      throw new RequestRefusal(400, 'The path is not valid percent-encoding; encode each segment as UTF-8.');
    }
  }
  return parameters;
}
