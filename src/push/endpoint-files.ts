// Passwords, tokens and certificates that a push needs, read from their files when those change.
// Invariant: a secret is in no message and in no log.

import { open, stat } from 'node:fs/promises';
import { explainReadError } from '../config/file-system.ts';
import type { PushEndpoint } from '../config/push.ts';

/** More than this is no password, token or certificate bundle. */
const MOST_BYTES = 1024 * 1024;

export interface EndpointFiles {
  readonly authorization: string | null;
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** Differs when one of the TLS files does. */
  readonly tlsStamp: string;
  readonly stamp: string;
}

/** What the files hold now, `before` itself while none has changed; text says which cannot be read and why. */
export async function readEndpointFiles(
  endpoint: PushEndpoint,
  before: EndpointFiles | null,
): Promise<EndpointFiles | string> {
  const { tls } = endpoint;
  const tlsFiles = [tls.caFile, tls.certFile, tls.keyFile];
  const secretFiles = [endpoint.passwordFile, endpoint.bearerTokenFile];
  const tlsStamp = (await Promise.all(tlsFiles.map(stampOf))).join(' ');
  const stamp = [tlsStamp, ...(await Promise.all(secretFiles.map(stampOf)))].join(' ');
  if (before?.stamp === stamp) return before;
  try {
    const [ca, cert, key] = await Promise.all(tlsFiles.map(readFileText));
    const [password, token] = await Promise.all(secretFiles.map(readFileText));
    return {
      authorization: authorizationOf(endpoint, password ?? null, token ?? null),
      ca: ca ?? null,
      cert: cert ?? null,
      key: key ?? null,
      tlsStamp,
      stamp,
    };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function authorizationOf(
  endpoint: PushEndpoint,
  password: string | null,
  token: string | null,
): string | null {
  if (token !== null) {
    const text = token.trim();
    if (!/^[\x21-\x7e]+$/.test(text))
      throw new Error(`${endpoint.bearerTokenFile}: a token is one word of printable characters`);
    return `Bearer ${text}`;
  }
  if (endpoint.username === null) return null;
  // Editors end a file with a line feed, which is nobody's password.
  const secret = endpoint.password ?? password?.replace(/\r?\n$/, '') ?? '';
  return `Basic ${Buffer.from(`${endpoint.username}:${secret}`).toString('base64')}`;
}

async function stampOf(path: string | null): Promise<string> {
  if (path === null) return '-';
  const found = await stat(path, { bigint: true }).catch(() => null);
  return found === null ? 'missing' : `${found.ino}:${found.mtimeNs}:${found.size}`;
}

async function readFileText(path: string | null): Promise<string | null> {
  if (path === null) return null;
  try {
    await using file = await open(path, 'r');
    const buffer = Buffer.alloc(MOST_BYTES + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    if (bytesRead > MOST_BYTES) throw new Error(`the file is longer than ${MOST_BYTES} bytes`);
    return buffer.toString('utf8', 0, bytesRead);
  } catch (error) {
    throw new Error(`${path}: ${explainReadError(error)}`);
  }
}
