// Addresses as small integers, shared by the memories of all targets: 100,000 targets behind the same few routers
// hold each address once. Invariant: an id stays valid as long as somebody holds it, and then is used again.

/** Stands for "the destination answered" at a TTL, whatever address it answers from. Never a router's address. */
export const DESTINATION_MARK = 'D';
/** Id of `DESTINATION_MARK` in every table. */
export const DESTINATION_ID = 1;

export class AddressTable {
  readonly #ids = new Map<string, number>();
  readonly #addresses: string[] = ['', DESTINATION_MARK];
  readonly #holders: number[] = [0, 0];
  readonly #free: number[] = [];

  /** Number of distinct addresses held. */
  get size(): number {
    return this.#ids.size;
  }

  /** The id of `address`, held once more; give it back with `release`. */
  hold(address: string): number {
    if (address === DESTINATION_MARK) return DESTINATION_ID;
    let id = this.#ids.get(address);
    if (id === undefined) {
      id = this.#free.pop() ?? this.#addresses.length;
      this.#ids.set(address, id);
      this.#addresses[id] = address;
      this.#holders[id] = 0;
    }
    this.#holders[id] = (this.#holders[id] as number) + 1;
    return id;
  }

  /** Holds an id once more that somebody holds already. */
  holdAgain(id: number): number {
    if (id > DESTINATION_ID) this.#holders[id] = (this.#holders[id] as number) + 1;
    return id;
  }

  release(id: number): void {
    if (id <= DESTINATION_ID) return;
    const left = (this.#holders[id] as number) - 1;
    this.#holders[id] = left;
    if (left > 0) return;
    this.#ids.delete(this.#addresses[id] as string);
    this.#addresses[id] = '';
    this.#free.push(id);
  }

  /** The address of a held id; the empty string for 0. */
  addressOf(id: number): string {
    return this.#addresses[id] as string;
  }

  /** The id of an address that somebody holds, or 0. */
  find(address: string): number {
    return address === DESTINATION_MARK ? DESTINATION_ID : (this.#ids.get(address) ?? 0);
  }
}
