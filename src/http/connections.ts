// Open connections: which have a request in progress, how many each client has, and ending them in good order.
// Invariant: after drain() a connection ends with its request, and cut() leaves none, handshakes under way included.

import type { Socket } from 'node:net';

/** Of one address: many a scraper and a page's feeds, yet never all there are. */
export const MOST_PER_CLIENT = 1024;

export class Connections {
  /** Requests in progress by the socket that carries them. */
  readonly #requests = new Map<Socket, number>();
  /** Every TCP connection, by what the other side is. */
  readonly #raw = new Map<string, Socket>();
  readonly #perClient = new Map<string, number>();
  draining = false;

  /** A TCP connection came. With TLS its requests will come on another socket, once the handshake is done. */
  accept(socket: Socket, secure: boolean): void {
    const client = socket.remoteAddress ?? '';
    const count = (this.#perClient.get(client) ?? 0) + 1;
    if (this.draining || count > MOST_PER_CLIENT) {
      socket.destroy();
      return;
    }
    this.#perClient.set(client, count);
    const key = endOf(socket);
    this.#raw.set(key, socket);
    socket.once('close', () => {
      this.#raw.delete(key);
      const left = (this.#perClient.get(client) ?? 1) - 1;
      if (left === 0) this.#perClient.delete(client);
      else this.#perClient.set(client, left);
    });
    if (!secure) this.open(socket);
  }

  /** Requests can come on this socket now. */
  open(socket: Socket): void {
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

  /**
   * From now on a connection ends with its request. Node's own closeIdleConnections() passes over connections that
   * never sent one, which browsers open in advance.
   */
  drain(): void {
    this.draining = true;
    const busy = new Set<string>();
    for (const [socket, requests] of this.#requests) {
      if (requests > 0) busy.add(endOf(socket));
      else socket.destroy();
    }
    for (const [key, socket] of this.#raw) if (!busy.has(key)) socket.destroy();
  }

  cut(): void {
    for (const socket of this.#requests.keys()) socket.destroy();
    for (const socket of this.#raw.values()) socket.destroy();
  }
}

function endOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}
