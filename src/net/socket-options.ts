// Setting socket options: values as C integers or structs, and what every probing socket wants alike.

import { IPV6, SO, SOL_IPV6, SOL_SOCKET, TIMESTAMPING } from './abi.ts';
import { allocate, type Libc } from './libc.ts';

/** Which clock stamps packets, best first. `clock` is the program's own reading after it woke up. */
export type StampSource = 'timestamping' | 'timestamp-ns' | 'timestamp' | 'clock';

const RECEIVE_STAMPS = TIMESTAMPING.rxSoftware | TIMESTAMPING.software;
const TRANSMIT_STAMPS = TIMESTAMPING.txSoftware | TIMESTAMPING.optTsOnly | TIMESTAMPING.optId;
/** Asked for; the kernel gives what net.core.rmem_max allows where CAP_NET_ADMIN is missing. */
const RECEIVE_BUFFER = 8 << 20;
const SEND_BUFFER = 4 << 20;

export class SocketOptions {
  readonly #libc: Libc;
  readonly #value: Buffer = allocate(4);
  readonly #pair: Buffer = allocate(8);

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** Sets an integer option; false when the kernel refused, with the reason in errno. */
  set(fd: number, level: number, option: number, value: number): boolean {
    this.#value.writeInt32LE(value | 0);
    return this.#libc.setsockopt(fd, level, option, this.#value, 4) === 0;
  }

  /** SO_LINGER with zero seconds: close() forgets the connection at once, by RST. */
  abortOnClose(fd: number): void {
    this.#pair.writeInt32LE(1, 0);
    this.#pair.writeInt32LE(0, 4);
    this.#libc.setsockopt(fd, SOL_SOCKET, SO.linger, this.#pair, 8);
  }

  /** As large as the system lets us, and the count of what was dropped nevertheless. */
  enlargeBuffers(fd: number): void {
    if (!this.set(fd, SOL_SOCKET, SO.receiveBufferForce, RECEIVE_BUFFER)) {
      this.set(fd, SOL_SOCKET, SO.receiveBuffer, RECEIVE_BUFFER);
    }
    if (!this.set(fd, SOL_SOCKET, SO.sendBufferForce, SEND_BUFFER)) {
      this.set(fd, SOL_SOCKET, SO.sendBuffer, SEND_BUFFER);
    }
    this.set(fd, SOL_SOCKET, SO.rxqOverflow, 1);
  }

  /** Lets sin6_flowinfo of a destination choose the flow label; false when the kernel or an emulator cannot. */
  sendFlowLabels(fd: number): boolean {
    return this.set(fd, SOL_IPV6, IPV6.flowInfoSend, 1);
  }

  /**
   * Turns on the best receive stamps that this kernel gives; transmit stamps too where asked for, which only come
   * with `timestamping`. Emulators (qemu-user 7.2) refuse the newer options.
   */
  enableStamps(fd: number, transmit: boolean): StampSource {
    if (this.#setStamping(fd, RECEIVE_STAMPS | (transmit ? TRANSMIT_STAMPS : 0))) return 'timestamping';
    if (this.#setTimed(fd, SO.timestampNsNew, SO.timestampNs)) return 'timestamp-ns';
    if (this.#setTimed(fd, SO.timestampNew, SO.timestamp)) return 'timestamp';
    return 'clock';
  }

  /** Starts the numbers of transmit stamps at 0 again. */
  restartStampNumbers(fd: number): void {
    this.#setStamping(fd, RECEIVE_STAMPS);
    this.#setStamping(fd, RECEIVE_STAMPS | TRANSMIT_STAMPS);
  }

  #setStamping(fd: number, flags: number): boolean {
    return this.#setTimedTo(fd, SO.timestampingNew, SO.timestamping, flags);
  }

  #setTimed(fd: number, wide: number, plain: number): boolean {
    return this.#setTimedTo(fd, wide, plain, 1);
  }

  /** With 32-bit pointers the plain options count seconds in 32 bits. */
  #setTimedTo(fd: number, wide: number, plain: number, value: number): boolean {
    if (this.#libc.layout.pointerSize === 4 && this.set(fd, SOL_SOCKET, wide, value)) return true;
    return this.set(fd, SOL_SOCKET, plain, value);
  }
}
