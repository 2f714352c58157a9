// Reads what a request carries, up to a limit.

import type { IncomingMessage } from 'node:http';
import { RequestRefusal } from './http-error.ts';

/** @throws RequestRefusal with status 413 where it is longer than `limitBytes`, 400 where it ends early. */
export function readBody(request: IncomingMessage, limitBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= limitBytes) chunks.push(chunk);
      else reject(new RequestRefusal(413, `The body is too long: at most ${limitBytes} bytes are taken.`));
    });
    request.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
    const cut = (): void => reject(new RequestRefusal(400, 'The body ended before it was whole.'));
    request.once('error', cut);
    request.once('close', cut);
  });
}
