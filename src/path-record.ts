// What is remembered of paths, put together: the board of targets, their history, and the live feed and traces of the API.
// Invariant: fed with Rounds and nothing else; a history that is out of order costs no round.

import type { Config } from './config/config.ts';
import { HopMinuteGrouper } from './history/change-grouper.ts';
import { MemoryHistory } from './history/memory-history.ts';
import { RoundRecorder } from './history/round-recorder.ts';
import { TargetBoard } from './history/target-board.ts';
import { apiChange, apiRunEvent } from './http/api/answers.ts';
import type { ApiServices } from './http/api/api-services.ts';
import { LiveFeed } from './http/api/live-feed.ts';
import { TraceDesk } from './http/api/trace-desk.ts';
import type { ProbeService } from './http/http-services.ts';
import type { Round } from './monitor/round.ts';
import type { AddressDirectory } from './path/address-facts.ts';

export interface PathRecordOptions {
  readonly version: string;
  readonly probes: ProbeService;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly directory?: AddressDirectory | null;
  /** Whether AS numbers are looked up in a database. */
  readonly asDatabase?: () => boolean;
}

export class PathRecord {
  readonly api: ApiServices;
  readonly #memory = new MemoryHistory();
  readonly #board = new TargetBoard();
  readonly #recorder: RoundRecorder;
  readonly #live: LiveFeed;
  readonly #traces: TraceDesk;

  constructor(options: PathRecordOptions) {
    const { version, probes, now, directory = null, asDatabase = () => false } = options;
    this.#live = new LiveFeed({ now, version });
    this.#traces = new TraceDesk(probes, directory, { now, version });
    this.api = {
      board: this.#board,
      history: this.#memory,
      directory,
      asDatabase,
      live: this.#live,
      traces: this.#traces,
      startedAtMs: now(),
    };
    this.#recorder = new RoundRecorder([this.#memory], this.#board, new HopMinuteGrouper(), {
      onRun: (round) => this.#tellRun(round.target.key, now()),
      onChange: (change) => {
        if (this.#live.clients === 0) return;
        const data = { change: apiChange(change, directory) };
        this.#live.publish({ type: 'change', target: change.target, data });
      },
    });
  }

  observe(round: Round): void {
    this.#recorder.observe(round);
  }

  apply(config: Config): void {
    const keys = new Set(config.targets.map(({ key }) => key));
    this.#board.apply(config.targets);
    this.#memory.retain(keys);
    this.#recorder.retain(keys);
    this.#live.publish({ type: 'targets', target: null, data: {} });
  }

  /** Ends the feeds, so that their connections end too. */
  close(): void {
    this.#live.close();
    this.#traces.close();
  }

  #tellRun(key: string, nowMs: number): void {
    const entry = this.#board.entry(key);
    if (this.#live.clients === 0 || entry === undefined || entry.latest === null) return;
    const data = { target: key, run: apiRunEvent(entry, entry.latest, nowMs) };
    this.#live.publish({ type: 'run', target: key, data });
  }
}
