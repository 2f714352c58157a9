// Seeded chance: sfc32 (Chris Doty-Humphrey's Small Fast Counter generator, PractRand) and 32-bit mixing.
// The same seed gives the same simulation, packet for packet.

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.#a = mix32(seed);
    this.#b = mix32(seed ^ 0x9e3779b9);
    this.#c = mix32(Math.floor(seed / 0x100000000) ^ 0x85ebca6b);
    for (let i = 0; i < 12; i++) this.word();
  }

  /** Unsigned 32 bits. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** [0, 1). */
  unit(): number {
    return this.word() / 0x100000000;
  }

  /** True with this probability; draws nothing when it is 0. */
  chance(probability: number): boolean {
    return probability > 0 && this.word() < probability * 0x100000000;
  }

  /** Uniform over [0, width); draws nothing when it is 0. */
  within(width: number): number {
    return width > 0 ? this.unit() * width : 0;
  }
}

/** A bijection of 32-bit words with good avalanche (the finaliser of MurmurHash3). Unsigned. */
export function mix32(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A 32-bit hash of a text (FNV-1a, mixed). */
export function hashText(text: string, seed = 0): number {
  let h = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix32(h);
}

/** A word as a number of [0, 1). */
export function asShare(word: number): number {
  return (word >>> 0) / 0x100000000;
}
