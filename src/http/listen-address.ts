// Reads `--web.listen-address`: `:10434`, `127.0.0.1:9999`, `[::1]:0`, `localhost:8080`.

import { parseAddress } from '../wire/address.ts';
import { HttpError } from './http-error.ts';

export interface ListenAddress {
  /** Address or name to bind; null for every address of the host, both families. */
  readonly host: string | null;
  /** 0 lets the system choose. */
  readonly port: number;
  /** As it was written. */
  readonly text: string;
}

/** @throws HttpError `bad-address` that says what to write. */
export function parseListenAddress(text: string): ListenAddress {
  const parts = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:]*)$/.exec(text);
  if (parts === null) throw refuse(text, explain(text));
  const [, bracketed, plain, portText = ''] = parts;
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : Number.NaN;
  if (!(port <= 65535)) throw refuse(text, `"${portText}" is not a port from 0 to 65535`);
  if (bracketed !== undefined) {
    const [address = '', zone] = bracketed.split('%', 2);
    if (!address.includes(':') || parseAddress(address) === undefined || zone === '') {
      throw refuse(text, 'only an IPv6 address stands in brackets, as in [::1]:10434');
    }
    return { host: bracketed, port, text };
  }
  const host = plain ?? '';
  if (host === '') return { host: null, port, text };
  if (/^[\d.]+$/.test(host) ? parseAddress(host) === undefined : !/^[a-zA-Z0-9_.-]{1,253}$/.test(host)) {
    throw refuse(text, `"${host}" is neither an address nor a host name`);
  }
  return { host, port, text };
}

function explain(text: string): string {
  if (/^\d+$/.test(text)) return `a port alone is written :${text}`;
  if (text.includes('://')) return 'it is no URL; write host:port';
  if (text.split(':').length > 2) return 'an IPv6 address stands in brackets, as in [::1]:10434';
  return 'write host:port, or :port for every address of this host';
}

function refuse(text: string, why: string): HttpError {
  return new HttpError('bad-address', `Cannot use "${text}" as --web.listen-address: ${why}`);
}
