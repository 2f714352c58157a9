// The JSON API over a real server, with a record that a test fills.

import { parseListenAddress } from '../src/http/listen-address.ts';
import { startHttpServer } from '../src/http/server.ts';
import { PathRecord, type PathRecordOptions } from '../src/path-record.ts';
import { type FakeServices, type FakeSettings, fakeServices } from './fake-http-services.ts';
import { sampleConfig, sampleTarget } from './sample-rounds.ts';

/** Where the fake services' clock stands: 2026-11-23T09:01:00Z. */
export const NOW_MS = 1_795_424_460_000;

export interface ApiServer extends AsyncDisposable {
  readonly services: FakeServices;
  readonly record: PathRecord;
  /** Of the server, with a slash at its end. */
  readonly url: string;
  readonly port: number;
  get(path: string): Promise<ApiReply>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<ApiReply>;
}

export interface ApiReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the API says.
  readonly json: any;
}

export async function startApiServer(
  settings: FakeSettings & { readonly record?: Partial<PathRecordOptions> } = {},
): Promise<ApiServer> {
  const config =
    settings.config ?? sampleConfig([sampleTarget('a.example.org', { site: 'paris' }), sampleTarget('b')]);
  const bare = fakeServices({ ...settings, config });
  const record = new PathRecord({
    version: '0.1.0',
    probes: bare.probes,
    now: () => NOW_MS,
    ...settings.record,
  });
  record.apply(config.targets);
  const services: FakeServices = Object.assign(bare, { api: record.api });
  const server = await startHttpServer(services, { listen: [parseListenAddress('127.0.0.1:0')], prefix: '' });
  const bound = server.addresses[0];
  if (bound === undefined) throw new Error('The server has no address');
  const ask = async (path: string, init: RequestInit): Promise<ApiReply> => {
    const response = await fetch(new URL(path, bound.url), init);
    const text = await response.text();
    const { status, headers } = response;
    const isJson = headers.get('content-type')?.startsWith('application/json') === true;
    return { status, headers, text, json: isJson ? JSON.parse(text) : null };
  };
  return {
    services,
    record,
    url: bound.url,
    port: bound.port,
    get: (path) => ask(path, {}),
    post: (path, body, headers = { 'content-type': 'application/json' }) =>
      ask(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), headers }),
    [Symbol.asyncDispose]: async () => {
      record.close();
      await server.close(0);
      await record[Symbol.asyncDispose]();
    },
  };
}
