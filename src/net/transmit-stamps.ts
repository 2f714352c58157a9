// Which probe each of the kernel's transmit stamps belongs to. The kernel numbers the packets of a socket from 0
// (SOF_TIMESTAMPING_OPT_ID); this ring remembers the probes by that number. Bounded: older ones are forgotten.

/** A stamp earlier than the call that sent its packet is another packet's. */
const SLACK_NS = 20_000;

export class TransmitStamps {
  readonly #handles: Float64Array;
  readonly #earliest: Float64Array;
  readonly #mask: number;
  #next = 0;

  /** @param capacity a power of two. */
  constructor(capacity: number) {
    this.#handles = new Float64Array(capacity).fill(-1);
    this.#earliest = new Float64Array(capacity);
    this.#mask = capacity - 1;
  }

  /** Notes that the socket's next packet is the probe `handle`, sent by a call begun at `calledAtNs`. */
  note(handle: number, calledAtNs: number): void {
    const at = this.#next & this.#mask;
    this.#handles[at] = handle;
    this.#earliest[at] = calledAtNs;
    this.#next = (this.#next + 1) >>> 0;
  }

  /** The probe stamped with number `id` at `atNs`, once; -1 when the number is not known or the time cannot be. */
  take(id: number, atNs: number): number {
    const age = (this.#next - id) >>> 0;
    if (age === 0 || age > this.#mask + 1) return -1;
    const at = id & this.#mask;
    const handle = this.#handles[at] as number;
    if (atNs < (this.#earliest[at] as number) - SLACK_NS) return -1;
    this.#handles[at] = -1;
    return handle;
  }

  /** The kernel's numbers start at 0 again. */
  restart(): void {
    this.#handles.fill(-1);
    this.#next = 0;
  }
}
