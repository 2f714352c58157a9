// Commands run for tests: on the simulated internet, a fake terminal and a clock that passes only when it is told to.

import { readScenario } from '../lab/scenario-file.ts';
import { VirtualClock } from '../lab/virtual-clock.ts';
import { createVirtualEngine, type VirtualEngine } from '../lab/virtual-engine.ts';
import type { CliServices } from '../src/cli/cli-io.ts';
import { FakeIo, type FakeIoOptions } from '../src/cli/fake-io.ts';
import type { HopDirectory } from '../src/cli/hop-facts.ts';
import { runCli } from '../src/cli/program.ts';
import type { NameAnswer, NameResolver } from '../src/monitor/name-resolver.ts';
import type { AddressFacts } from '../src/path/address-facts.ts';
import type { Mode } from '../src/trace/network.ts';

export interface HarnessOptions extends FakeIoOptions {
  /** Name of a file in test/scenarios; default `chain`. */
  readonly scenario?: string;
  readonly modes?: readonly Mode[];
  /** Addresses by name; what is not there does not resolve, what is null is never answered. */
  readonly names?: Readonly<Record<string, readonly string[] | null>>;
  /** What is known of addresses; a name that is null is never found, and never said to be missing. */
  readonly facts?: Readonly<Record<string, { readonly asn?: number; readonly name?: string | null }>>;
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
      openDirectory: () => Promise.resolve(tableDirectory(this.clock, options.facts ?? {})),
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

/** Names are known 100 ms after they are asked for. */
function tableDirectory(clock: VirtualClock, table: NonNullable<HarnessOptions['facts']>): HopDirectory {
  const asked = new Map<string, number>();
  const factsOf = (address: string): AddressFacts => {
    const { asn = null, name } = table[address] ?? {};
    if (!asked.has(address)) asked.set(address, clock.now() + 100);
    const ready = clock.now() >= (asked.get(address) ?? 0);
    return { asn, asName: null, country: null, city: null, name: ready ? (name ?? null) : null };
  };
  return {
    factsOf,
    asNumberOf: (address) => factsOf(address).asn,
    namesSettled: () => {
      const named = [...asked].filter(([address]) => table[address]?.name !== undefined);
      if (named.some(([address]) => table[address]?.name === null)) return new Promise(() => {});
      const readyAt = Math.max(0, ...named.map(([, at]) => at));
      if (readyAt <= clock.now()) return Promise.resolve();
      return new Promise((resolve) => clock.after(readyAt - clock.now(), resolve));
    },
    [Symbol.dispose]: () => {},
  };
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
