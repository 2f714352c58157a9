// The rooms behind the commands, each loaded only when a command puts it to work.

import { type Clock, systemClock } from '../monitor/clock.ts';
import type { NameResolver } from '../monitor/name-resolver.ts';
import type { CliServices } from './cli-io.ts';

/** What main.ts alone can give. */
export type HouseServices = Pick<CliServices, 'version' | 'serve' | 'demo'>;

export function systemServices(house: HouseServices): CliServices {
  const clock = systemClock();
  return {
    ...house,
    clock,
    startEngine: async () => {
      const { startEngine } = await import('../net/engine.ts');
      return startEngine();
    },
    resolver: lazyResolver(clock),
    openDirectory: async ({ asn, names }, onProblem) => {
      const { systemDirectory } = await import('../enrich/system-directory.ts');
      const directory = systemDirectory({ clock, follow: false, onLoaded: () => {}, onProblem });
      await directory.apply({ asn, city: null, reverseDns: names });
      return directory;
    },
    sourceAddress: async (address) => {
      const { sourceAddressFor } = await import('./source-address.ts');
      return sourceAddressFor(address);
    },
    loadConfig: async (path, overrides) => {
      const [{ loadConfig }, { nodeFileSystem }] = await Promise.all([
        import('../config/load.ts'),
        import('../config/file-system.ts'),
      ]);
      return loadConfig(path, overrides, nodeFileSystem());
    },
  };
}

function lazyResolver(clock: Clock): NameResolver {
  let resolver: Promise<NameResolver> | null = null;
  return {
    resolve: async (name, family, signal) => {
      resolver ??= import('../monitor/system-resolver.ts').then(
        ({ SystemResolver }) => new SystemResolver({ now: () => clock.now() }),
      );
      return (await resolver).resolve(name, family, signal);
    },
  };
}
