// Where in the URL space the endpoints are: `--web.route-prefix` and `--web.external-url`, as Prometheus has them.
// Invariant: a prefix is empty or begins with a slash and ends without one.

import { HttpError } from './http-error.ts';

const MAX_PREFIX_LENGTH = 256;

/**
 * The prefix in force: the route prefix if given, else the path of the external URL, else none.
 * @throws HttpError `bad-prefix` or `bad-external-url`.
 */
export function routePrefix(given: string | undefined, externalUrl: string | undefined): string {
  const external = externalUrl === undefined ? undefined : parseExternalUrl(externalUrl);
  const text = given ?? external?.pathname ?? '';
  const prefix = `/${text}`.replaceAll(/\/+/g, '/').replace(/\/$/, '');
  if (
    prefix.length > MAX_PREFIX_LENGTH ||
    !/^(\/[a-zA-Z0-9._~-]+)*$/.test(prefix) ||
    /\/\.\.?(\/|$)/.test(prefix)
  ) {
    throw new HttpError(
      'bad-prefix',
      `Cannot use "${text}" as --web.route-prefix: write a path of letters, digits and ._~- such as /hopscope`,
    );
  }
  return prefix;
}

/** @throws HttpError `bad-external-url`. */
export function parseExternalUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new HttpError(
      'bad-external-url',
      `Cannot use "${text}" as --web.external-url: write a URL such as https://monitor.example.org/hopscope/`,
    );
  }
  if (url.search !== '' || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw new HttpError(
      'bad-external-url',
      `Cannot use "${text}" as --web.external-url: leave out user name, password, query and fragment`,
    );
  }
  return url;
}
