// How fast one TTL is asked. Routers limit their replies (Linux: 6 at once, then 1 a second for each asker), and a reply
// that a limit holds back looks like loss: what stays unanswered is asked again, at the limit's pace once it shows.
// Invariant: a probe is tried a bounded number of times, and "silent" is said only of what stayed so while there was
// no sign of a limit.

/** One probe that a plan wants answered. */
export interface PacedProbe {
  readonly flow: number;
  readonly ttl: number;
  /** One of several of the same flow. */
  readonly repeated: boolean;
  tries: number;
  settled: boolean;
}

export type Verdict = 'again' | 'silent' | 'limited';

/** Results looked back on to tell loss from a limit, and misses among them that loss does not explain. */
const LOOK_BACK = 16;
const SUSPECT_MISSES = 5;
/** Tries at a TTL where nobody ever answered; where loss explains it; where others answer and some routers do not. */
const TRIES_UNHEARD = 2;
const TRIES_LOST = 4;
const TRIES_SILENT = 3;
const TRIES_LIMITED = 8;
/** Repeated probes only add to one another. */
const TRIES_REPEATED = 2;
const PACE_NS = 1e9;
/** Paced batches without any answer that show silence. */
const SILENT_BATCHES = 2;
/** A pace at which there is no limit left to see. */
const UNLIMITED_BATCH = 64;
/** While nothing is held back, each batch is so much larger than the one before. */
const GROWTH = 4;
/** In flight together for each responder known at the TTL, and at least. */
const PER_RESPONDER = 8;
const LEAST_TOGETHER = 16;

export class HopPacer {
  readonly #queue: PacedProbe[] = [];
  readonly #responders = new Set<string>();
  /** True for a miss; a ring. */
  readonly #recent: boolean[] = [];
  #seen = 0;
  #inFlight = 0;
  #answers = 0;
  #paced = false;
  #batch = 1;
  #batchSent = 0;
  #batchAnswered = 0;
  #nextBatchNs = 0;
  #silentBatches = 0;
  #limited = false;
  #silence = false;

  get idle(): boolean {
    return this.#inFlight === 0 && this.#queue.length === 0;
  }

  /** A limit has shown itself. */
  get limited(): boolean {
    return this.#limited;
  }

  /** Moves once when somebody answers and once when a limit shows: what was taken for silence before may have been none. */
  get silenceIsDoubtful(): number {
    return (this.#answers > 0 ? 1 : 0) + (this.#limited ? 1 : 0);
  }

  /** Probes wait for a pace that the hop answers at. */
  get slowed(): boolean {
    return (this.#paced || this.#limited) && !this.idle;
  }

  add(probe: PacedProbe): void {
    this.#queue.push(probe);
  }

  /** An answer from before this pacer's time. */
  know(responder: string): void {
    this.#responders.add(responder);
    this.#answers++;
  }

  /** Probes to be sent now; `busy` are those that must wait for another of their flow. */
  take(nowNs: number, busy: (probe: PacedProbe) => boolean): PacedProbe[] {
    const room = this.#room(nowNs);
    const taken: PacedProbe[] = [];
    for (let i = 0; i < this.#queue.length && taken.length < room; ) {
      const probe = this.#queue[i] as PacedProbe;
      if (!probe.settled && busy(probe)) {
        i++;
        continue;
      }
      this.#queue.splice(i, 1);
      if (!probe.settled) taken.push(probe);
    }
    this.#inFlight += taken.length;
    if (this.#paced && taken.length > 0) {
      this.#batchSent += taken.length;
      this.#nextBatchNs = nowNs + PACE_NS;
    }
    return taken;
  }

  /** When the next batch may leave; Infinity where none waits for time alone. */
  wakeNs(nowNs: number): number {
    if (!this.#paced || this.#queue.length === 0 || this.#inFlight > 0) return Number.POSITIVE_INFINITY;
    return Math.max(nowNs, this.#nextBatchNs);
  }

  answered(responder: string): void {
    this.#inFlight--;
    this.#answers++;
    this.#responders.add(responder);
    this.#note(false);
    if (this.#paced) this.#batchAnswered++;
    this.#endBatch();
  }

  /** A probe in flight whose question has been answered otherwise. */
  dropped(): void {
    this.#inFlight--;
    this.#endBatch();
  }

  /** A probe got no answer: what becomes of it. `again` has queued it. */
  missed(probe: PacedProbe, nowNs: number): Verdict {
    this.#inFlight--;
    probe.tries++;
    this.#note(true);
    const verdict = this.#judge(probe, nowNs);
    if (verdict === 'again') this.#queue.unshift(probe);
    else probe.settled = true;
    this.#endBatch();
    return verdict;
  }

  /** Probes that silence itself has settled; each is given out once. */
  silenced(): PacedProbe[] {
    if (this.#silentBatches < SILENT_BATCHES || this.#inFlight > 0) return [];
    this.#silentBatches = 0;
    this.#paced = false;
    if (!this.#limited) this.#silence = true;
    const settled = this.#queue.filter((probe) => probe.tries >= TRIES_SILENT);
    for (const probe of settled) {
      probe.settled = true;
      this.#queue.splice(this.#queue.indexOf(probe), 1);
    }
    return settled;
  }

  #room(nowNs: number): number {
    if (!this.#paced) return Math.max(LEAST_TOGETHER, PER_RESPONDER * this.#responders.size) - this.#inFlight;
    return this.#inFlight > 0 || nowNs < this.#nextBatchNs ? 0 : this.#batch;
  }

  #judge(probe: PacedProbe, nowNs: number): Verdict {
    const silent = this.#limited ? 'limited' : 'silent';
    if (this.#answers === 0) return probe.tries < TRIES_UNHEARD ? 'again' : 'silent';
    if (this.#paced) return probe.tries < TRIES_LIMITED ? 'again' : silent;
    if (probe.repeated) return probe.tries < TRIES_REPEATED ? 'again' : silent;
    if (this.#silence) return probe.tries < TRIES_SILENT ? 'again' : silent;
    const misses = this.#recent.filter((miss) => miss).length;
    // A limit shows in many misses, and in a probe that is missed again; one missed again and again is worth a pause.
    if (probe.tries < 2 || (misses < SUSPECT_MISSES && probe.tries < TRIES_LOST)) return 'again';
    this.#paced = true;
    this.#batch = Math.max(1, this.#responders.size);
    this.#batchSent = 0;
    this.#batchAnswered = 0;
    this.#nextBatchNs = nowNs + PACE_NS;
    return 'again';
  }

  #note(miss: boolean): void {
    this.#recent[this.#seen++ % LOOK_BACK] = miss;
  }

  #endBatch(): void {
    if (!this.#paced || this.#inFlight > 0 || this.#batchSent === 0) return;
    if (this.#batchAnswered === 0) this.#silentBatches++;
    else {
      this.#silentBatches = 0;
      const missed = this.#batchSent - this.#batchAnswered;
      // Loss leaves most of a batch; a limit lets through what it earned in the second before.
      if (missed > 1 && missed > this.#batchSent / 4) this.#limited = true;
      if (missed > 0) this.#batch = Math.max(1, this.#batchAnswered);
      else this.#batch = this.#limited ? this.#batch + 1 : this.#batch * GROWTH;
      if (this.#batch > UNLIMITED_BATCH) this.#paced = false;
    }
    this.#batchSent = 0;
    this.#batchAnswered = 0;
  }
}
