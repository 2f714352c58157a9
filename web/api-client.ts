// Reads the JSON API below the page's own URL. Invariant: an answer that is not what was asked for becomes an
// ApiFailure with one sentence to show; nobody else looks at status codes.

import type { ApiError } from '../src/http/api-shapes.ts';

const API = 'api/v1/';

export class ApiFailure extends Error {
  /** 0 where no answer came. */
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type Query = Readonly<Record<string, string | number | null | undefined>>;

export function apiUrl(path: string, query: Query = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== '') parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return `${API}${path}${text === '' ? '' : `?${text}`}`;
}

export function targetPath(key: string, what: string): string {
  return `targets/${encodeURIComponent(key)}/${what}`;
}

export function readApi<T>(path: string, query: Query, signal: AbortSignal): Promise<T> {
  return ask<T>(apiUrl(path, query), { signal });
}

export function postApi<T>(path: string, body: object, signal: AbortSignal): Promise<T> {
  return ask<T>(apiUrl(path), {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json' },
    signal,
  });
}

async function ask<T>(url: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers: { Accept: 'application/json', ...init.headers } });
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    throw new ApiFailure(0, 'hopscope does not answer: it may be restarting, or the network to it is down.');
  }
  if (!response.ok) throw new ApiFailure(response.status, await messageOf(response));
  try {
    return (await response.json()) as T;
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    throw new ApiFailure(response.status, 'hopscope answered with something that is not JSON.');
  }
}

async function messageOf(response: Response): Promise<string> {
  const text = (await response.text().catch(() => '')).slice(0, 2000);
  try {
    const { error } = JSON.parse(text) as ApiError;
    return error.message;
  } catch {
    if (response.status === 404)
      return 'This exporter does not have that: it keeps no history, or it is an older version.';
    return `hopscope answered with status ${response.status}.`;
  }
}
