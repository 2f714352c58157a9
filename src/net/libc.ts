// The one door to the C library: every foreign function that this program calls, and nothing else. All of them
// return -1 on failure, and only then is errno() worth reading.

import koffi from 'koffi';
import { type CLOCK, type Layout, layoutFor } from './abi.ts';

/** The address of memory that outlives the call. */
export type Pointer = bigint;

export interface Libc {
  readonly layout: Layout;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  close(fd: number): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, length: number): number;
  /** `length` holds the size of `value` going in, and what was written coming out. */
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, length: Uint32Array): number;
  getsockname(fd: number, address: Uint8Array, length: Uint32Array): number;
  sendmmsg(fd: number, headers: Pointer, count: number, flags: number): number;
  /** `timeout` is always null: the calls here never wait. */
  recvmmsg(fd: number, headers: Pointer, count: number, flags: number, timeout: null): number;
  ppoll(fds: Pointer, count: number, timeout: Pointer | null, signals: null): number;
  eventfd(initial: number, flags: number): number;
  read(fd: number, into: Uint8Array, length: number): number;
  write(fd: number, from: Uint8Array, length: number): number;
  clock_gettime(clock: number, into: Pointer): number;
  errno(): number;
  /** Where `memory` lies. It must be made by `allocate`, so that it never moves. */
  addressOf(memory: Uint8Array): Pointer;
}

/** Binds the C library that this process already runs on, glibc or musl. */
export function loadLibc(): Libc {
  const library = koffi.load(null);
  return {
    layout: layoutFor(process.arch),
    socket: library.func('int socket(int, int, int)'),
    bind: library.func('int bind(int, void *, uint32_t)'),
    connect: library.func('int connect(int, void *, uint32_t)'),
    close: library.func('int close(int)'),
    setsockopt: library.func('int setsockopt(int, int, int, void *, uint32_t)'),
    getsockopt: library.func('int getsockopt(int, int, int, void *, void *)'),
    getsockname: library.func('int getsockname(int, void *, void *)'),
    sendmmsg: library.func('int sendmmsg(int, void *, unsigned int, int)'),
    recvmmsg: library.func('int recvmmsg(int, void *, unsigned int, int, void *)'),
    ppoll: library.func('int ppoll(void *, unsigned long, void *, void *)'),
    eventfd: library.func('int eventfd(unsigned int, int)'),
    read: library.func('intptr_t read(int, void *, size_t)'),
    write: library.func('intptr_t write(int, void *, size_t)'),
    clock_gettime: library.func('int clock_gettime(int, void *)'),
    errno: () => koffi.errno(),
    addressOf: (memory) => koffi.address(memory),
  };
}

/** The calls by which a thread gives up privileges. */
export interface PrivilegeCalls {
  readonly layout: Layout;
  prctl(option: number, a: number, b: number, c: number, d: number): number;
  capget(header: Uint8Array, data: Uint8Array): number;
  capset(header: Uint8Array, data: Uint8Array): number;
  /** For calls that the C library has no function for; `memory` is the third argument. */
  syscall(number: number, a: number, b: number, memory: Uint8Array): number;
  errno(): number;
  addressOf(memory: Uint8Array): Pointer;
}

export function loadPrivilegeCalls(): PrivilegeCalls {
  const library = koffi.load(null);
  return {
    layout: layoutFor(process.arch),
    prctl: library.func('int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)'),
    capget: library.func('int capget(void *, void *)'),
    capset: library.func('int capset(void *, void *)'),
    syscall: library.func('long syscall(long, unsigned long, unsigned long, void *)'),
    errno: () => koffi.errno(),
    addressOf: (memory) => koffi.address(memory),
  };
}

/** Zeroed memory that the kernel may hold the address of: V8 keeps small typed arrays in its moving heap, not these. */
export function allocate(length: number): Buffer {
  return Buffer.from(new ArrayBuffer(length));
}

/** A struct timespec that system calls read or write, as nanoseconds. */
export class Timespec {
  readonly pointer: Pointer;
  readonly #words: Int32Array;
  readonly #high: number;
  readonly #nanoseconds: number;

  constructor(libc: Libc) {
    const { size, nanoseconds } = libc.layout.timespec;
    const memory = allocate(size);
    this.pointer = libc.addressOf(memory);
    this.#words = new Int32Array(memory.buffer);
    this.#high = nanoseconds === 8 ? 1 : -1;
    this.#nanoseconds = nanoseconds / 4;
  }

  get seconds(): number {
    const low = this.#words[0] as number;
    return this.#high < 0 ? low : (this.#words[this.#high] as number) * 2 ** 32 + (low >>> 0);
  }

  get nanoseconds(): number {
    return this.#words[this.#nanoseconds] as number;
  }

  /** @param duration nanoseconds, not negative; at most some sixty years. */
  set(duration: number): void {
    const seconds = Math.floor(duration / 1e9);
    this.#words[0] = seconds;
    if (this.#high > 0) this.#words[this.#high] = 0;
    this.#words[this.#nanoseconds] = Math.floor(duration - seconds * 1e9);
  }
}

/** Reads a clock into `into`. */
export function readClock(libc: Libc, clock: (typeof CLOCK)[keyof typeof CLOCK], into: Timespec): void {
  libc.clock_gettime(clock, into.pointer);
}
