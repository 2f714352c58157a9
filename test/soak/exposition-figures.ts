// Figures out of a scrape: one series, or the sum over a family. Absent is NaN, so that no check passes on nothing.

export class Figures {
  readonly #values = new Map<string, number>();
  readonly #families = new Map<string, number>();

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const match = /^([a-z_]+)(\{.*\})? (\S+)$/.exec(line);
      if (match === null) continue;
      const [, name = '', labels = '', value] = match;
      this.#values.set(name + labels, Number(value));
      this.#families.set(name, (this.#families.get(name) ?? 0) + Number(value));
    }
  }

  /** Of a series as it is written, labels included. */
  of(series: string): number {
    return this.#values.get(series) ?? Number.NaN;
  }

  sum(family: string): number {
    return this.#families.get(family) ?? Number.NaN;
  }
}
