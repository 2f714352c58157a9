// What goes wrong in the course of a soak, one thing at a time, and how it is put right again.

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TunLab } from '../../lab/tun.ts';
import type { Agent } from './agent.ts';
import { REROUTED, type SoakWorld } from './soak-world.ts';

export interface SoakStage {
  readonly world: SoakWorld;
  readonly lab: TunLab;
  readonly agent: Agent;
  /** Where the history is: a small file system of its own. */
  readonly disk: string;
}

export interface Fault {
  readonly name: string;
  begin(stage: SoakStage): unknown;
  end(stage: SoakStage): unknown;
}

/** Of the lab, lab/tun-process.ts. */
const DEVICE = 'hs0';
const BALLAST = 'ballast';

function door(name: string, mode: Parameters<Agent['door']>[0]): Fault {
  return {
    name: `Pushgateway: ${name}`,
    begin: ({ agent }) => agent.door(mode),
    end: ({ agent }) => agent.door('ok'),
  };
}

function names(name: string, mode: Parameters<Agent['names']>[0]): Fault {
  return {
    name: `DNS: ${name}`,
    begin: ({ agent }) => agent.names(mode),
    end: ({ agent }) => agent.names('ok'),
  };
}

/** Fills a file system to its last block. */
export function fillDisk(folder: string): void {
  const chunk = Buffer.alloc(1 << 16, 1);
  const path = join(folder, BALLAST);
  for (let length = chunk.length; length > 0; ) {
    try {
      writeFileSync(path, chunk.subarray(0, length), { flag: 'a' });
    } catch {
      length = Math.floor(length / 16);
    }
  }
}

export function freeDisk(folder: string): void {
  rmSync(join(folder, BALLAST), { force: true });
}

export const SOAK_FAULTS: readonly Fault[] = [
  door('connections cut', 'reset'),
  names('silent', 'silent'),
  {
    name: 'disk full',
    begin: ({ disk }) => fillDisk(disk),
    end: ({ disk }) => freeDisk(disk),
  },
  door('answers 503', 'unavailable'),
  {
    name: 'target file half-written',
    begin: ({ world }) => world.writeHalf(),
    end: ({ world }) => world.churn(),
  },
  names('SERVFAIL', 'servfail'),
  {
    name: 'route changes',
    begin: ({ lab }) => lab.change({ targets: [{ prefix: REROUTED, route: 'detour' }] }),
    end: ({ lab }) => lab.change({ targets: [{ prefix: REROUTED, route: 'main' }] }),
  },
  door('hangs', 'hang'),
  {
    name: 'configuration half-written',
    begin: ({ world }) => world.spoilConfig(),
    end: ({ world }) => world.writeConfig(),
  },
  names('no such name', 'no-such-name'),
  {
    name: 'interface down',
    begin: ({ lab }) => lab.run(['ip', 'link', 'set', DEVICE, 'down']),
    // The kernel forgets the routes of a device that goes down.
    end: ({ lab }) => lab.namespace.ip([`link set ${DEVICE} up`, `route replace default dev ${DEVICE}`]),
  },
  door('answers 400', 'refused'),
  names('flaps', 'flap'),
  {
    name: 'configuration gone',
    begin: ({ world }) => world.hideConfig(),
    end: ({ world }) => world.showConfig(),
  },
  door('sends gigabytes', 'flood'),
];
