// The objects of a JSON file of any length, one after the other: an array of them, one on each line, or one behind the
// other. Invariant: no more than one object is held, of a bounded length; what is no object is passed over and counted.

/** Longer and deeper than any result of a measurement. */
export const MAX_OBJECT_LENGTH = 1_048_576;
const MAX_DEPTH = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;
const LINE_FEED = 0x0a;

export class JsonObjects {
  /** Objects that were too long or too deep, or whose end never came. */
  dropped = 0;
  #text = '';
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** After an object that was given up the next line is a new beginning. */
  #lost = false;

  /** The texts of the objects that end in `chunk`. */
  *take(chunk: string): Generator<string> {
    let from = 0;
    for (let i = 0; i < chunk.length; i++) {
      const code = chunk.charCodeAt(i);
      if (this.#lost) {
        this.#lost = code !== LINE_FEED;
      } else if (this.#inString) {
        this.#string(code);
      } else if (code === QUOTE) {
        this.#inString = true;
      } else if (code === OPEN) {
        if (this.#depth++ === 0) from = i;
        if (this.#depth > MAX_DEPTH) this.#giveUp();
      } else if (code === CLOSE && this.#depth > 0 && --this.#depth === 0) {
        this.#keep(chunk.slice(from, i + 1));
        if (this.#text !== '') yield this.#text;
        this.#text = '';
      }
    }
    if (this.#depth > 0) this.#keep(chunk.slice(from));
  }

  /** Nothing more comes. */
  end(): void {
    if (this.#depth > 0) this.#giveUp();
  }

  #string(code: number): void {
    if (this.#escaped) this.#escaped = false;
    else if (code === BACKSLASH) this.#escaped = true;
    // A string of JSON holds no line feed as it is: what looked like one was none.
    else if (code === QUOTE || code === LINE_FEED) this.#inString = false;
  }

  #keep(part: string): void {
    if (this.#text.length + part.length > MAX_OBJECT_LENGTH) this.#giveUp();
    else this.#text += part;
  }

  #giveUp(): void {
    this.dropped++;
    this.#text = '';
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
    this.#lost = true;
  }
}
