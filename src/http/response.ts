// Sends answers: security headers, compression, HEAD, and streams that end when the reader goes away.
// Invariant: whatever a handler returns, the browser may neither run it, frame it, nor guess at its type.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import { type ContentEncoding, negotiateEncoding } from '../metrics/content-negotiation.ts';

export const TEXT = 'text/plain; charset=utf-8';
export const HTML = 'text/html; charset=utf-8';
export const JSON_TYPE = 'application/json; charset=utf-8';

export interface Answer {
  readonly status: number;
  readonly type: string;
  /**
   * The whole body, or a source of it that is asked only if there is someone to send it to. A Buffer is sent as it is:
   * who gives one says in `headers` how it is encoded.
   */
  readonly body: string | Buffer | (() => AsyncIterable<Buffer>);
  readonly headers?: Readonly<Record<string, string>>;
  /** A feed that goes on until one side ends it: each part is of use as soon as it comes, so it is not compressed. */
  readonly live?: boolean;
}

/** Bodies shorter than this travel faster than they compress. */
const COMPRESS_FROM_BYTES = 1400;

/** A reader that takes nothing for this long is gone. */
const STALLED_READER_MS = 60_000;

/** In every answer. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy':
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

export function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, type: TEXT, body: body.endsWith('\n') ? body : `${body}\n`, headers };
}

/**
 * Sends `answer`. Resolves when it is sent or the client has gone; rejects when the source of a body fails,
 * after cutting the connection, so that the client does not take half an answer for a whole one.
 */
export async function send(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  extraHeaders: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { body } = answer;
  const whole = typeof body === 'string' ? Buffer.from(body) : typeof body === 'function' ? undefined : body;
  const encoding =
    (typeof body === 'function' && answer.live !== true) ||
    (typeof body === 'string' && body.length >= COMPRESS_FROM_BYTES)
      ? negotiateEncoding(headerText(request.headers['accept-encoding']))
      : 'identity';
  response.writeHead(answer.status, {
    ...SECURITY_HEADERS,
    'Content-Type': answer.type,
    Vary: 'Accept, Accept-Encoding',
    ...(encoding === 'identity' ? {} : { 'Content-Encoding': encoding }),
    ...(encoding === 'identity' && whole !== undefined && answer.status !== 304
      ? { 'Content-Length': whole.length }
      : {}),
    ...answer.headers,
    ...extraHeaders,
  });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  if (whole !== undefined && encoding === 'identity') {
    response.end(whole);
    return;
  }
  response.setTimeout(STALLED_READER_MS, () => response.destroy());
  const source = typeof body === 'function' ? body() : [whole];
  await stream(Readable.from(source), compressor(encoding), response);
}

/** A header as one text; Node gives repeated ones of some names as a list. */
export function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

async function stream(source: Readable, compress: Transform | null, response: ServerResponse): Promise<void> {
  try {
    if (compress === null) await pipeline(source, response);
    else await pipeline(source, compress, response);
  } catch (error) {
    const gone = (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
    if (!gone) throw error;
  }
}

function compressor(encoding: ContentEncoding): Transform | null {
  if (encoding === 'gzip') return createGzip({ level: 4 });
  if (encoding === 'zstd') return createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 2 } });
  return null;
}
