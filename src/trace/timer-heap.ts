// A binary heap of (time, owner) pairs. An owner may stand in it several times: owners keep their own notion
// of when they want to be woken, and a stale entry costs one needless wake.

export class TimerHeap<Owner> {
  readonly #times: number[] = [];
  readonly #owners: Owner[] = [];

  get size(): number {
    return this.#times.length;
  }

  /** Earliest time, or Infinity. */
  peek(): number {
    return this.#times[0] ?? Number.POSITIVE_INFINITY;
  }

  push(time: number, owner: Owner): void {
    const times = this.#times;
    const owners = this.#owners;
    let i = times.length;
    times.push(time);
    owners.push(owner);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((times[parent] as number) <= time) break;
      times[i] = times[parent] as number;
      owners[i] = owners[parent] as Owner;
      i = parent;
    }
    times[i] = time;
    owners[i] = owner;
  }

  /** Removes and returns the owner with the earliest time; undefined when empty. */
  pop(): Owner | undefined {
    const times = this.#times;
    const owners = this.#owners;
    const first = owners[0];
    const time = times.pop();
    const owner = owners.pop();
    if (time === undefined || owner === undefined || times.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= times.length) break;
      if (child + 1 < times.length && (times[child + 1] as number) < (times[child] as number)) child++;
      if ((times[child] as number) >= time) break;
      times[i] = times[child] as number;
      owners[i] = owners[child] as Owner;
      i = child;
    }
    times[i] = time;
    owners[i] = owner;
    return first;
  }
}
