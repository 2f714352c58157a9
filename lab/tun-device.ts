// A TUN device through four system calls (Documentation/networking/tuntap.rst). The only FFI of the lab.
// Whole IP packets go in and out, one a call; the device vanishes with the process.

import { closeSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import koffi from 'koffi';

const TUNSETIFF = 0x400454ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
const IFNAMSIZ = 16;
/** struct ifreq: the name and a union of at most 24 bytes. */
const IFREQ_LENGTH = 40;
const POLLFD_LENGTH = 8;
const POLLIN = 1;
const POLL_ENDED = 0x38;
const PR_SET_TIMERSLACK = 29;
const O_RDWR = 2;
const O_NONBLOCK = 0x800;

export class TunError extends Error {
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'TunError';
    this.code = code;
  }
}

export interface Readiness {
  device: boolean;
  commands: boolean;
}

export class TunDevice implements Disposable {
  readonly fd: number;
  readonly #calls: Calls;
  readonly #polled = new Uint8Array(2 * POLLFD_LENGTH);
  readonly #polledView: DataView = new DataView(this.#polled.buffer);
  readonly #timeout: Uint8Array;
  readonly #timeoutView: DataView;
  readonly #longLength: number = koffi.sizeof('long');

  constructor(fd: number, calls: Calls, commandFd: number) {
    this.fd = fd;
    this.#calls = calls;
    this.#timeout = new Uint8Array(2 * this.#longLength);
    this.#timeoutView = new DataView(this.#timeout.buffer);
    this.#polledView.setInt32(0, fd, true);
    this.#polledView.setInt16(4, POLLIN, true);
    this.#polledView.setInt32(POLLFD_LENGTH, commandFd, true);
    this.#polledView.setInt16(POLLFD_LENGTH + 4, POLLIN, true);
  }

  /** Bytes of the packet read, or 0 when none waits. */
  read(into: Uint8Array): number {
    return Math.max(0, this.#calls.read(this.fd, into, into.length));
  }

  /** Packets that the kernel refuses are lost, as on any wire. */
  write(packet: Uint8Array, length: number): void {
    this.#calls.write(this.fd, packet, length);
  }

  /** Waits until a packet or a command is there, or for so long; Infinity waits for ever. */
  wait(timeoutNs: number, into: Readiness): void {
    const timeout = this.#setTimeout(timeoutNs);
    const ready = this.#calls.ppoll(this.#polled, 2, timeout, null);
    const view = this.#polledView;
    into.device = ready > 0 && (view.getInt16(6, true) & POLLIN) !== 0;
    into.commands = ready > 0 && (view.getInt16(POLLFD_LENGTH + 6, true) & (POLLIN | POLL_ENDED)) !== 0;
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }

  #setTimeout(timeoutNs: number): Uint8Array | null {
    if (timeoutNs === Number.POSITIVE_INFINITY) return null;
    const seconds = Math.floor(timeoutNs / 1e9);
    const rest = Math.floor(timeoutNs - seconds * 1e9);
    if (this.#longLength === 8) {
      this.#timeoutView.setBigInt64(0, BigInt(seconds), true);
      this.#timeoutView.setBigInt64(8, BigInt(rest), true);
    } else {
      this.#timeoutView.setInt32(0, seconds, true);
      this.#timeoutView.setInt32(4, rest, true);
    }
    return this.#timeout;
  }
}

/**
 * Creates the device in the network namespace of this process.
 * @param commandFd watched beside it; -1 for none.
 * @throws TunError without CAP_NET_ADMIN in the namespace, or without /dev/net/tun.
 */
export function openTun(name: string, commandFd: number): TunDevice {
  const calls = loadCalls();
  // Waking 50 us late, the default slack of timers, would be the lab's largest error.
  calls.prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  let fd: number;
  try {
    fd = openSync('/dev/net/tun', O_RDWR | O_NONBLOCK);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'UNKNOWN';
    throw new TunError(
      code,
      `Cannot open /dev/net/tun: ${code}; load the tun module, or run with --device /dev/net/tun`,
      cause,
    );
  }
  const request = new Uint8Array(IFREQ_LENGTH);
  request.set(new TextEncoder().encode(name).subarray(0, IFNAMSIZ - 1));
  new DataView(request.buffer).setInt16(IFNAMSIZ, IFF_TUN | IFF_NO_PI, true);
  if (calls.ioctl(fd, TUNSETIFF, request) < 0) {
    const errno = koffi.errno();
    closeSync(fd);
    const known = Object.entries(constants.errno).find(([, value]) => value === errno);
    const code = known?.[0] ?? String(errno);
    throw new TunError(
      code,
      `Cannot create the TUN device ${name}: ${code}; it takes CAP_NET_ADMIN in the network namespace`,
    );
  }
  return new TunDevice(fd, calls, commandFd);
}

interface Calls {
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  read(fd: number, into: Uint8Array, length: number): number;
  write(fd: number, from: Uint8Array, length: number): number;
  ppoll(polled: Uint8Array, count: number, timeout: Uint8Array | null, mask: null): number;
  prctl(option: number, a: number, b: number, c: number, d: number): number;
}

function loadCalls(): Calls {
  const libc = koffi.load(null);
  return {
    ioctl: libc.func('int ioctl(int fd, unsigned long request, _Inout_ void *argument)'),
    read: libc.func('long read(int fd, _Out_ void *into, unsigned long length)'),
    write: libc.func('long write(int fd, const void *from, unsigned long length)'),
    ppoll: libc.func(
      'int ppoll(_Inout_ void *polled, unsigned long count, const void *timeout, const void *mask)',
    ),
    prctl: libc.func(
      'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
    ),
  };
}
