// Speaks with test/soak/agent-process.ts in a namespace: calls in, answers out.

import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Namespace } from '../../lab/namespaces.ts';
import { projectPath } from '../e2e/servers.ts';

export interface DoorCounts {
  readonly accepted: number;
  readonly unavailable: number;
  readonly refused: number;
  /** Never answered, or cut. */
  readonly dead: number;
}

export interface AgentCounts {
  readonly door: DoorCounts;
  readonly feeds: {
    readonly events: number;
    readonly resyncs: number;
    readonly ended: number;
    readonly open: number;
  };
}

export interface StormOutcome {
  readonly statuses: Readonly<Record<string, number>>;
  readonly failed: string | null;
}

export class Agent {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  #nextId = 1;

  constructor(namespace: Namespace) {
    this.#child = namespace.spawn([process.execPath, projectPath('test/soak/agent-process.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdin?.on('error', () => undefined);
    if (this.#child.stdout === null) throw new Error('The agent has no output');
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const { id, answer } = JSON.parse(line) as { id: number; answer: unknown };
      this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
    });
  }

  serve(): Promise<unknown> {
    return this.#call({ do: 'serve' });
  }

  door(mode: 'ok' | 'unavailable' | 'refused' | 'reset' | 'hang' | 'flood'): Promise<unknown> {
    return this.#call({ do: 'door', mode });
  }

  names(mode: 'ok' | 'silent' | 'servfail' | 'no-such-name' | 'flap'): Promise<unknown> {
    return this.#call({ do: 'names', mode });
  }

  fetch(url: string, method = 'GET'): Promise<{ readonly status: number; readonly body: string }> {
    return this.#call({ do: 'fetch', url, method });
  }

  storm(urls: readonly string[]): Promise<StormOutcome> {
    return this.#call({ do: 'storm', urls });
  }

  listen(url: string, count: number, deaf: number): Promise<unknown> {
    return this.#call({ do: 'listen', url, count, deaf });
  }

  hangUp(): Promise<unknown> {
    return this.#call({ do: 'hang-up' });
  }

  counts(): Promise<AgentCounts> {
    return this.#call({ do: 'counts' });
  }

  #call<T>(command: object): Promise<T> {
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve as (answer: unknown) => void);
      this.#child.stdin?.write(`${JSON.stringify({ id, ...command })}\n`);
    });
  }
}
