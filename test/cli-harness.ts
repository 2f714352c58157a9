// Commands run for tests: on the simulated internet, a fake terminal and a clock that passes only when it is told to.

import { readScenario } from '../lab/scenario-file.ts';
import { VirtualClock } from '../lab/virtual-clock.ts';
import { createVirtualEngine, type VirtualEngine } from '../lab/virtual-engine.ts';
import type { CliServices } from '../src/cli/cli-io.ts';
import { FakeIo, type FakeIoOptions } from '../src/cli/fake-io.ts';
import { runCli } from '../src/cli/program.ts';
import type { NameAnswer, NameResolver } from '../src/monitor/name-resolver.ts';
import type { Mode } from '../src/trace/network.ts';

export interface HarnessOptions extends FakeIoOptions {
  /** Name of a file in test/scenarios; default `chain`. */
  readonly scenario?: string;
  readonly modes?: readonly Mode[];
  /** Addresses by name; what is not there does not resolve, what is null is never answered. */
  readonly names?: Readonly<Record<string, readonly string[] | null>>;
  readonly services?: Partial<CliServices>;
}

export class CliHarness {
  readonly io: FakeIo;
  readonly clock: VirtualClock = new VirtualClock(Date.UTC(2026, 10, 23, 9));
  readonly services: CliServices;
  /** Engines opened. */
  readonly engines: VirtualEngine[] = [];

  constructor(options: HarnessOptions = {}) {
    this.io = new FakeIo(options);
    this.services = {
      version: '1.2.3',
      clock: this.clock,
      startEngine: () => Promise.resolve(this.openEngine(options)),
      resolver: tableResolver(options.names ?? {}),
      sourceAddress: (address) =>
        Promise.resolve(address.includes(':') ? '2001:db8:ffff::1' : '100.127.255.1'),
      loadConfig: () => Promise.reject(new Error('This test has no configuration')),
      serve: () => Promise.reject(new Error('This test has no server')),
      ...options.services,
    };
  }

  /** Runs a command to its end and resolves with its status. */
  run(...argv: string[]): Promise<number> {
    return this.clock.runUntil(this.start(...argv));
  }

  /** Begins a command; the caller moves the clock. */
  start(...argv: string[]): Promise<number> {
    return runCli(argv, this.io, this.services);
  }

  openEngine({ scenario = 'chain', modes }: HarnessOptions): VirtualEngine {
    const engine = createVirtualEngine({
      scenario: readScenario(new URL(`./scenarios/${scenario}.json`, import.meta.url).pathname),
      seed: 7,
      clock: this.clock,
      ...(modes === undefined ? {} : { modes }),
    });
    this.engines.push(engine);
    return engine;
  }
}

function tableResolver(names: Readonly<Record<string, readonly string[] | null>>): NameResolver {
  return {
    resolve: (name, family): Promise<NameAnswer> => {
      const addresses = names[name];
      if (addresses === null) return new Promise(() => {});
      if (addresses === undefined) {
        return Promise.resolve({
          kind: 'failed',
          message: `Cannot resolve "${name}": there is no such name`,
        });
      }
      const wanted = addresses.filter(
        (address) => family === null || address.includes(':') === (family === 6),
      );
      return Promise.resolve({ kind: 'addresses', addresses: wanted });
    },
  };
}
