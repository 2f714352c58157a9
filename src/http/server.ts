// The HTTP server: one handler behind every listen address, bounded in every dimension, and closed in good order.
// Invariant: after close() has resolved no connection is left, whatever the clients did.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { createNetworkSet, type NetworkSet } from '../config/access.ts';
import { clientAddress, clientKey } from './client-address.ts';
import { Connections } from './connections.ts';
import { routesOf } from './endpoints.ts';
import { listenError } from './http-error.ts';
import type { HttpServices } from './http-services.ts';
import type { ListenAddress } from './listen-address.ts';
import { readBody } from './request-body.ts';
import { headerText, SECURITY_HEADERS, send } from './response.ts';
import type { RouteTable } from './route-table.ts';
import { route } from './router.ts';
import type { WebGuard } from './web/web-guard.ts';

const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADERS = 100;
const HEADERS_TIMEOUT_MS = 10_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** For the request to arrive whole; bodies are of no use here. */
const REQUEST_TIMEOUT_MS = 20_000;
/** Longer than the usual scrape interval, so that Prometheus keeps its connection. */
const KEEP_ALIVE_MS = 95_000;
const MAX_CONNECTIONS = 4096;
const LISTEN_BACKLOG = 1024;

export interface HttpServerOptions {
  /** At least one. */
  readonly listen: readonly ListenAddress[];
  /** From `routePrefix()`; empty for none. */
  readonly prefix: string;
  /** TLS, logins and headers as the web configuration has them; null for none. */
  readonly guard?: WebGuard | null;
}

export interface BoundAddress {
  readonly host: string;
  readonly port: number;
  /** Where a browser on this host finds the landing page. */
  readonly url: string;
}

export interface HttpServer extends AsyncDisposable {
  readonly addresses: readonly BoundAddress[];
  /** Takes no new connections, lets requests in progress end within `drainMs`, then cuts what is left. */
  close(drainMs: number): Promise<void>;
}

/** Listens on every address, or on none: rejects with an HttpError when one cannot be had. */
export async function startHttpServer(
  services: HttpServices,
  { listen, prefix, guard = null }: HttpServerOptions,
): Promise<HttpServer> {
  const connections = new Connections();
  const context: Handling = {
    routes: routesOf(services),
    prefix,
    services,
    connections,
    guard,
    proxies: proxiesOf(services),
  };
  const servers: Server[] = [];
  try {
    for (const address of listen) {
      const server = makeServer((request, response) => void handle(request, response, context), context);
      servers.push(server);
      await bind(server, address);
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  const close = async (drainMs: number): Promise<void> => {
    const closed = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
    connections.drain();
    const cut = setTimeout(() => connections.cut(), drainMs);
    await Promise.all(closed);
    clearTimeout(cut);
    guard?.[Symbol.dispose]();
  };
  return {
    addresses: servers.map((server) =>
      boundAddress(server.address() as AddressInfo, prefix, guard?.tls != null),
    ),
    close,
    [Symbol.asyncDispose]: () => close(0),
  };
}

function makeServer(
  listener: (request: IncomingMessage, response: ServerResponse) => void,
  { connections, guard, services }: Handling,
): Server {
  const limits = {
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: 5_000,
    noDelay: true,
  };
  const tls = guard?.tls ?? null;
  const server =
    guard === null || tls === null
      ? createServer(limits, listener)
      : secureServer(
          createSecureServer({ ...limits, ...tls, ...handshake(guard) }, listener),
          guard,
          services,
          connections,
        );
  server.maxHeadersCount = MAX_HEADERS;
  server.maxConnections = MAX_CONNECTIONS;
  server.on('connection', (socket) => connections.accept(socket, tls !== null));
  server.on('clientError', refuseUnreadable);
  return server;
}

/** A certificate that does not verify ends the connection only where the configuration says so, which is asked below. */
function handshake(guard: WebGuard): {
  requestCert: boolean;
  rejectUnauthorized: boolean;
  handshakeTimeout: number;
} {
  return {
    requestCert: guard.asksForCertificate,
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
  };
}

function secureServer(
  server: SecureServer,
  guard: WebGuard,
  { log }: HttpServices,
  connections: Connections,
): SecureServer {
  // Before the server's own listener, which would begin to read requests.
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const problem = guard.clientProblem(socket);
    if (problem === undefined) {
      connections.open(socket);
      return;
    }
    log.info({ client: socket.remoteAddress }, `A client was turned away: ${problem}`);
    socket.destroy();
  });
  const renew = guard.onTlsChange;
  guard.onTlsChange = () => {
    renew();
    if (guard.tls === null) return;
    // New connections have it at once; a new context has new ticket keys, so that no session outlives what let it in.
    server.setSecureContext(guard.tls);
    Object.assign(server, { requestCert: guard.asksForCertificate });
  };
  return server;
}

const PARSE_FAILURES: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** What is no HTTP has no answer object: the connection gets a plain one and ends. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = PARSE_FAILURES[error.code ?? ''] ?? '400 Bad Request';
  const headers = Object.entries({ ...SECURITY_HEADERS, Connection: 'close', 'Content-Length': '0' });
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(`HTTP/1.1 ${status}\r\n${lines}\r\n`, () => socket.destroy());
}

/** Looked up anew after a reload only. */
function proxiesOf(services: HttpServices): () => NetworkSet {
  let of: readonly string[] | undefined;
  let set = createNetworkSet([]);
  return () => {
    const trusted = services.config()?.probe.trustedProxies ?? [];
    if (trusted !== of) {
      of = trusted;
      set = createNetworkSet(trusted);
    }
    return set;
  };
}

interface Handling {
  readonly routes: RouteTable;
  readonly prefix: string;
  readonly services: HttpServices;
  readonly connections: Connections;
  readonly guard: WebGuard | null;
  readonly proxies: () => NetworkSet;
}

async function handle(request: IncomingMessage, response: ServerResponse, context: Handling): Promise<void> {
  const { routes, prefix, services, connections, guard } = context;
  const { socket } = request;
  const forwardedFor = headerText(request.headers['x-forwarded-for']);
  const client = clientKey(clientAddress(socket.remoteAddress, forwardedFor, context.proxies()));
  connections.begin(socket);
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
    connections.end(socket);
  });
  try {
    const refused = await guard?.refusal(request.headers, client);
    const answer =
      refused ??
      (await route(
        {
          method: request.method ?? '',
          target: request.url ?? '/',
          headers: request.headers,
          client,
          signal: gone.signal,
          body: (limitBytes) => readBody(request, limitBytes),
        },
        routes,
        prefix,
        services.log,
      ));
    // What of a body was not read would block the connection.
    request.resume();
    if (response.destroyed) return;
    if (connections.draining) response.setHeader('Connection', 'close');
    await send(request, response, answer, guard?.headers);
  } catch (error) {
    services.log.error({ err: error }, 'Cannot send an answer');
    response.destroy();
  }
}

function bind(server: Server, address: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException): void => reject(listenError(address.text, error));
    server.once('error', refused);
    server.listen(
      {
        port: address.port,
        backlog: LISTEN_BACKLOG,
        ...(address.host === null ? {} : { host: address.host }),
      },
      () => {
        server.off('error', refused);
        resolve();
      },
    );
  });
}

function boundAddress({ address, family, port }: AddressInfo, prefix: string, secure: boolean): BoundAddress {
  const everywhere = address === '::' || address === '0.0.0.0';
  const host = everywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
  return { host: address, port, url: `${secure ? 'https' : 'http'}://${host}:${port}${prefix}/` };
}
