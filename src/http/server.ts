// The HTTP server: one handler behind every listen address, bounded in every dimension, and closed in good order.
// Invariant: after close() has resolved no connection is left, whatever the clients did.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { routesOf } from './endpoints.ts';
import { listenError } from './http-error.ts';
import type { HttpServices } from './http-services.ts';
import type { ListenAddress } from './listen-address.ts';
import { readBody } from './request-body.ts';
import { send } from './response.ts';
import type { RouteTable } from './route-table.ts';
import { route } from './router.ts';

const MAX_HEADER_BYTES = 16 * 1024;
const MAX_HEADERS = 100;
const HEADERS_TIMEOUT_MS = 10_000;
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
  { listen, prefix }: HttpServerOptions,
): Promise<HttpServer> {
  const context: Handling = { routes: routesOf(services), prefix, services, connections: new Connections() };
  const servers: Server[] = [];
  try {
    for (const address of listen) {
      const server = makeServer((request, response) => void handle(request, response, context));
      server.on('connection', (socket) => context.connections.add(socket));
      servers.push(server);
      await bind(server, address);
    }
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
  const close = async (drainMs: number): Promise<void> => {
    const closed = servers.map((server) => closeServer(server, drainMs));
    context.connections.drain();
    await Promise.all(closed);
  };
  return {
    addresses: servers.map((server) => boundAddress(server.address() as AddressInfo, prefix)),
    close,
    [Symbol.asyncDispose]: () => close(0),
  };
}

function makeServer(listener: (request: IncomingMessage, response: ServerResponse) => void): Server {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 5_000,
      noDelay: true,
    },
    listener,
  );
  server.maxHeadersCount = MAX_HEADERS;
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

interface Handling {
  readonly routes: RouteTable;
  readonly prefix: string;
  readonly services: HttpServices;
  readonly connections: Connections;
}

/**
 * Which connections have a request in progress. Node's own closeIdleConnections() passes over connections that
 * never sent one, which browsers open in advance.
 */
class Connections {
  readonly #requests = new Map<Socket, number>();
  draining = false;

  add(socket: Socket): void {
    if (this.draining) {
      socket.destroy();
      return;
    }
    this.#requests.set(socket, 0);
    socket.once('close', () => this.#requests.delete(socket));
  }

  begin(socket: Socket): void {
    this.#requests.set(socket, (this.#requests.get(socket) ?? 0) + 1);
  }

  end(socket: Socket): void {
    const left = (this.#requests.get(socket) ?? 1) - 1;
    if (!socket.destroyed) this.#requests.set(socket, left);
    if (this.draining && left === 0) socket.destroySoon();
  }

  /** From now on a connection ends with its request. */
  drain(): void {
    this.draining = true;
    for (const [socket, requests] of this.#requests) if (requests === 0) socket.destroy();
  }
}

async function handle(request: IncomingMessage, response: ServerResponse, context: Handling): Promise<void> {
  const { routes, prefix, services, connections } = context;
  const { socket } = request;
  connections.begin(socket);
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
    connections.end(socket);
  });
  try {
    const answer = await route(
      {
        method: request.method ?? '',
        target: request.url ?? '/',
        headers: request.headers,
        signal: gone.signal,
        body: (limitBytes) => readBody(request, limitBytes),
      },
      routes,
      prefix,
      services.log,
    );
    // What of a body was not read would block the connection.
    request.resume();
    if (response.destroyed) return;
    if (connections.draining) response.setHeader('Connection', 'close');
    await send(request, response, answer);
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

function closeServer(server: Server, drainMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), drainMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}

function boundAddress({ address, family, port }: AddressInfo, prefix: string): BoundAddress {
  const everywhere = address === '::' || address === '0.0.0.0';
  const host = everywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
  return { host: address, port, url: `http://${host}:${port}${prefix}/` };
}
