// Sends one request to a server that takes measurements, and says in three words what became of it.
// Invariant: it ends by its deadline whatever the server does, and holds at most a few kilobytes of an answer.

import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { PushEndpoint } from '../config/push.ts';
import type { PushFailureReason } from '../metrics/catalogue.ts';
import { type EndpointFiles, readEndpointFiles } from './endpoint-files.ts';

/** Of an answer so much is kept for a message... */
const MOST_SHOWN_BYTES = 2048;
/** ...and so much read, so that the connection can be used again. */
const MOST_READ_BYTES = 64 * 1024;
const MOST_SOCKETS = 8;
/** A server may not make us wait longer than this. */
const MOST_RETRY_AFTER_MS = 300_000;

export interface SendRequest {
  readonly method: 'PUT' | 'POST' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
}

/** `retry`: the same may well succeed later. `refused`: it will not. `message` is one sentence. */
export type SendOutcome =
  | { readonly kind: 'accepted' }
  | {
      readonly kind: 'retry';
      readonly reason: Exclude<PushFailureReason, 'refused'>;
      readonly message: string;
      readonly retryAfterMs: number | null;
    }
  | { readonly kind: 'refused'; readonly message: string };

export interface HttpSender extends Disposable {
  /** Never rejects. */
  send(request: SendRequest): Promise<SendOutcome>;
}

export interface SenderOptions {
  readonly endpoint: PushEndpoint;
  /** `hopscope/1.2.3`. */
  readonly userAgent: string;
  /** Epoch milliseconds, for Retry-After dates. */
  readonly now: () => number;
}

/** A sender with connections of its own, kept open between requests. */
export function createHttpSender(options: SenderOptions): HttpSender {
  return new EndpointSender(options);
}

class EndpointSender implements HttpSender {
  readonly #options: SenderOptions;
  #agent: HttpAgent | HttpsAgent | null = null;
  #files: EndpointFiles | null = null;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  async send(request: SendRequest): Promise<SendOutcome> {
    const { endpoint } = this.#options;
    const read = await readEndpointFiles(endpoint, this.#files);
    if (typeof read === 'string')
      return { kind: 'retry', reason: 'setup', message: `Cannot push: ${read}`, retryAfterMs: null };
    if (this.#agent === null || read.tlsStamp !== this.#files?.tlsStamp) this.#renewAgent(request.url, read);
    this.#files = read;
    return this.#exchange(request, read);
  }

  [Symbol.dispose](): void {
    this.#agent?.destroy();
    this.#agent = null;
  }

  #renewAgent(url: string, files: EndpointFiles): void {
    this.#agent?.destroy();
    const { tls } = this.#options.endpoint;
    const common = { keepAlive: true, maxSockets: MOST_SOCKETS, maxFreeSockets: MOST_SOCKETS };
    this.#agent = url.startsWith('https:')
      ? new HttpsAgent({
          ...common,
          ...(files.ca === null ? {} : { ca: files.ca }),
          ...(files.cert === null ? {} : { cert: files.cert }),
          ...(files.key === null ? {} : { key: files.key }),
          ...(tls.serverName === null ? {} : { servername: tls.serverName }),
          rejectUnauthorized: !tls.insecureSkipVerify,
          minVersion: 'TLSv1.2',
        })
      : new HttpAgent(common);
  }

  #exchange(asked: SendRequest, files: EndpointFiles): Promise<SendOutcome> {
    const { endpoint, userAgent, now } = this.#options;
    const { promise, resolve } = Promise.withResolvers<SendOutcome>();
    const start = asked.url.startsWith('https:') ? httpsRequest : httpRequest;
    const failed = (reason: 'timeout' | 'network' | 'setup', why: string): void =>
      resolve({
        kind: 'retry',
        reason,
        message: `Cannot push to ${shownUrl(asked.url)}: ${why}`,
        retryAfterMs: null,
      });
    let request: ReturnType<typeof httpRequest>;
    try {
      request = start(asked.url, {
        method: asked.method,
        agent: this.#agent as HttpAgent,
        headers: {
          ...endpoint.headers,
          ...asked.headers,
          'User-Agent': userAgent,
          ...(files.authorization === null ? {} : { Authorization: files.authorization }),
          ...(asked.body === null ? {} : { 'Content-Length': asked.body.length }),
        },
      });
    } catch (error) {
      // A key that does not match its certificate, for one.
      failed('setup', messageOf(error));
      return promise;
    }
    const timer = setTimeout(() => {
      failed(
        'timeout',
        `no answer within ${endpoint.timeoutMs / 1000} s; check that it is up, or raise timeout`,
      );
      request.destroy();
    }, endpoint.timeoutMs);
    request.on('error', (error) => failed('network', explain(error)));
    request.on('response', (response) => {
      readAnswer(
        response,
        (text) => resolve(judge(asked.url, response, text, now())),
        (why) => failed('network', why),
      );
    });
    // An answer may come, and the connection end, before the whole body is out.
    request.on('close', () => failed('network', 'the connection ended without an answer'));
    request.end(asked.body ?? undefined);
    return promise.finally(() => clearTimeout(timer));
  }
}

/** Reads to the end, or as far as is of use; what is longer is cut off with its connection. */
function readAnswer(
  response: IncomingMessage,
  onText: (text: string) => void,
  onCut: (why: string) => void,
): void {
  let kept = Buffer.alloc(0);
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (kept.length < MOST_SHOWN_BYTES)
      kept = Buffer.concat([kept, chunk.subarray(0, MOST_SHOWN_BYTES - kept.length)]);
    if (length <= MOST_READ_BYTES) return;
    onText(kept.toString('utf8'));
    response.destroy();
  });
  response.on('end', () => onText(kept.toString('utf8')));
  response.on('error', () => onCut('the connection ended in the middle of the answer'));
  response.on('aborted', () => onCut('the connection ended in the middle of the answer'));
}

function judge(url: string, response: IncomingMessage, text: string, nowMs: number): SendOutcome {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return { kind: 'accepted' };
  const line = firstLine(text);
  const said = `${shownUrl(url)} answered ${status}${line === '' ? '' : ` (${line})`}`;
  if (status >= 500 || status === 429 || status === 408) {
    const retryAfterMs = retryAfter(response.headers['retry-after'], nowMs);
    return { kind: 'retry', reason: 'unavailable', message: `Cannot push: ${said}`, retryAfterMs };
  }
  return { kind: 'refused', message: `A push was refused: ${said}${remedy(status, response)}` };
}

function remedy(status: number, response: IncomingMessage): string {
  if (status === 401 || status === 403) return '; check username, passwordFile or bearerTokenFile';
  if (status === 404 || status === 405) return '; check the url';
  if (status >= 300 && status < 400)
    return `; redirects are not followed, write the url it names${locationOf(response)}`;
  return '';
}

function locationOf(response: IncomingMessage): string {
  const { location } = response.headers;
  return location === undefined ? '' : `: ${firstLine(location)}`;
}

/** Seconds or a date (RFC 9110 section 10.2.3), bounded; null where there is nothing to go by. */
export function retryAfter(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  const text = header.trim();
  const date = /^[A-Z][a-z]+, /.test(text) ? Date.parse(text) : Number.NaN;
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : date - nowMs;
  return Number.isNaN(ms) ? null : Math.min(MOST_RETRY_AFTER_MS, Math.max(0, ms));
}

/** What a server said, fit for a log: one line, printable, short. */
function firstLine(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  const printable = line.replace(/[^\x20-\x7e\xa0-\uffff]/g, ' ').trim();
  return printable.length > 200 ? `${printable.slice(0, 200)}...` : printable;
}

/** Scheme, host and path; a query may hold a token. */
function shownUrl(url: string): string {
  return url.split('?', 1)[0] ?? url;
}

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED); start it, or correct the url',
  ECONNRESET: 'the connection was cut (ECONNRESET)',
  ENOTFOUND: 'the name does not resolve (ENOTFOUND); correct the url',
  EAI_AGAIN: 'the name could not be looked up (EAI_AGAIN); check the DNS servers',
  EHOSTUNREACH: 'there is no route to it (EHOSTUNREACH)',
  ENETUNREACH: 'there is no route to it (ENETUNREACH)',
  CERT_HAS_EXPIRED: 'its certificate has expired; renew it',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'its certificate is signed by itself; name it as tls.caFile if it is to be trusted',
  SELF_SIGNED_CERT_IN_CHAIN:
    'its certificate is from an authority that is not trusted; name that as tls.caFile',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'its certificate is from an authority that is not trusted; name that as tls.caFile',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'its certificate is from an authority that is not trusted; name that as tls.caFile',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name; correct the url, or set tls.serverName',
  EPROTO: 'it does not speak TLS as we do; check that the url should begin with https',
};

function explain(error: NodeJS.ErrnoException): string {
  const known = EXPLANATIONS[error.code ?? ''];
  if (known !== undefined) return known;
  return error.code?.startsWith('HPE_') ? 'the answer is not HTTP; check the url' : messageOf(error);
}

function messageOf(error: unknown): string {
  return firstLine(error instanceof Error ? error.message || error.name : String(error));
}
