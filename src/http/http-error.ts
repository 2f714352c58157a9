// What can go wrong at this edge: with the server as a whole (HttpError), and with one request (RequestRefusal).
// Invariant: every message is one sentence that says what failed, why, and what to do.

export type HttpErrorCode =
  | 'bad-address'
  | 'bad-prefix'
  | 'bad-external-url'
  | 'in-use'
  | 'not-permitted'
  | 'no-such-address'
  | 'listen';

/** The server cannot be set up as asked. */
export class HttpError extends Error {
  readonly code: HttpErrorCode;
  constructor(code: HttpErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HttpError';
    this.code = code;
  }
}

/** A request that is answered with a status other than 200, and why. */
export class RequestRefusal extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'RequestRefusal';
    this.status = status;
    this.headers = headers;
  }
}

/** The failure to listen on `address` in words, with the remedy. */
export function listenError(address: string, cause: NodeJS.ErrnoException): HttpError {
  const because = (code: HttpErrorCode, why: string): HttpError =>
    new HttpError(code, `Cannot listen on ${address}: ${why}`, { cause });
  switch (cause.code) {
    case 'EADDRINUSE':
      return because(
        'in-use',
        'the port is in use; stop the program that has it, or choose another with --web.listen-address',
      );
    case 'EACCES':
      return because(
        'not-permitted',
        'not permitted; choose a port above 1023 with --web.listen-address, or grant CAP_NET_BIND_SERVICE',
      );
    case 'EADDRNOTAVAIL':
      return because(
        'no-such-address',
        'this host has no such address; see "ip address", or leave out the host in --web.listen-address',
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return because(
        'no-such-address',
        'the name does not resolve; write an address in --web.listen-address',
      );
    case 'EAFNOSUPPORT':
      return because(
        'no-such-address',
        'this host does not support that address family; write an address of the other one',
      );
    default:
      return because('listen', `${cause.message}; check --web.listen-address`);
  }
}
