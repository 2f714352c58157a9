// The AddressDirectory over databases and reverse DNS. Invariant: an answer is what is known at this moment; reading a
// file, asking a server and failing at either happen elsewhere.

import type { AddressDirectory, AddressFacts } from '../path/address-facts.ts';
import { addressScope } from './address-scope.ts';
import {
  type DatabaseDisk,
  DatabaseFile,
  type DatabaseFileOptions,
  type EnrichClock,
} from './database-file.ts';
import type { Database } from './mmdb.ts';
import { RecentCache } from './recent-cache.ts';
import { NO_FACTS, type RecordFacts, recordFacts } from './record-facts.ts';
import { type PtrAnswer, ReverseNames } from './reverse-names.ts';

export interface DirectorySettings {
  /** Path of a database with AS numbers, or null. */
  readonly asn: string | null;
  /** Path of one with countries and perhaps cities, or null. What one file lacks is taken from the other. */
  readonly city: string | null;
  readonly reverseDns: boolean;
}

export interface NameSource extends Disposable {
  lookUp(address: string): Promise<PtrAnswer>;
}

export interface DirectoryOptions {
  readonly disk: DatabaseDisk;
  readonly clock: EnrichClock;
  /** Asked for names; disposed of with the directory. */
  readonly names: NameSource;
  /** Whether files are read again when they change; a command that is over soon has no use for that. */
  readonly follow: boolean;
  readonly onLoaded: (path: string, database: Pick<Database, 'databaseType' | 'builtAtMs'>) => void;
  /** One sentence: why a file is not used. */
  readonly onProblem: (message: string) => void;
}

type Role = 'asn' | 'city';

/** Addresses whose facts are kept: the routers that a large site meets. */
const MAX_ADDRESSES = 65_536;

const UNKNOWN: AddressFacts = { ...NO_FACTS, name: null };

export class EnrichedDirectory implements AddressDirectory, Disposable {
  readonly #options: DirectoryOptions;
  readonly #facts = new RecentCache<string, RecordFacts>(MAX_ADDRESSES);
  readonly #files = new Map<Role, DatabaseFile>();
  /** By the latest settings; the files may not be there yet. */
  readonly #wanted = new Map<Role, string | null>();
  #names: ReverseNames | null = null;
  #closed = false;

  constructor(options: DirectoryOptions) {
    this.#options = options;
  }

  /**
   * Takes settings into force, and looks at the files anew; settles when they have been read, and never rejects. Until
   * then another file's answers go on.
   */
  async apply(settings: DirectorySettings): Promise<void> {
    if (!settings.reverseDns) {
      this.#names?.stop();
      this.#names = null;
    } else {
      const { names, clock } = this.#options;
      this.#names ??= new ReverseNames({ lookUp: (address) => names.lookUp(address), clock });
    }
    await Promise.all([this.#setFile('asn', settings.asn), this.#setFile('city', settings.city)]);
  }

  /** Whether a database with AS numbers is in use. */
  get knowsAsNumbers(): boolean {
    return this.#files.get('asn')?.database != null;
  }

  asNumberOf(address: string): number | null {
    return this.#recordFactsOf(address).asn;
  }

  factsOf(address: string): AddressFacts {
    const facts = this.#recordFactsOf(address);
    const name =
      this.#names === null || addressScope(address) === 'none' ? null : this.#names.nameOf(address);
    return name === null && facts === NO_FACTS ? UNKNOWN : { ...facts, name };
  }

  /** Resolves when every name that was asked for is known, or known not to be had. */
  namesSettled(): Promise<void> {
    return this.#names?.settled() ?? Promise.resolve();
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const file of this.#files.values()) file[Symbol.dispose]();
    this.#names?.stop();
    this.#options.names[Symbol.dispose]();
  }

  async #setFile(role: Role, path: string | null): Promise<void> {
    this.#wanted.set(role, path);
    const before = this.#files.get(role);
    if (before !== undefined && before.path === path) return before.refresh();
    const next = path === null ? undefined : new DatabaseFile(path, this.#fileOptions());
    await next?.refresh();
    if (this.#closed || this.#wanted.get(role) !== path || this.#files.get(role) !== before) {
      // Other settings, or the end, came meanwhile.
      next?.[Symbol.dispose]();
      return;
    }
    before?.[Symbol.dispose]();
    this.#files.delete(role);
    if (next !== undefined) this.#files.set(role, next);
    if (this.#options.follow) next?.follow();
    this.#facts.clear();
  }

  #fileOptions(): DatabaseFileOptions {
    const { disk, clock, onLoaded, onProblem } = this.#options;
    const loaded = (path: string, database: Database): void => {
      this.#facts.clear();
      onLoaded(path, database);
    };
    return { disk, clock, onLoaded: loaded, onProblem };
  }

  #recordFactsOf(address: string): RecordFacts {
    if (this.#files.size === 0) return NO_FACTS;
    const known = this.#facts.get(address);
    if (known !== undefined) return known;
    const facts = addressScope(address) === 'global' ? this.#readFacts(address) : NO_FACTS;
    this.#facts.set(address, facts);
    return facts;
  }

  #readFacts(address: string): RecordFacts {
    const asn = recordFacts(this.#files.get('asn')?.database?.recordOf(address));
    const city = recordFacts(this.#files.get('city')?.database?.recordOf(address));
    const facts = {
      asn: asn.asn ?? city.asn,
      asName: asn.asn === null ? city.asName : asn.asName,
      country: city.country ?? asn.country,
      city: city.city ?? asn.city,
    };
    const unknown =
      facts.asn === null && facts.asName === null && facts.country === null && facts.city === null;
    return unknown ? NO_FACTS : facts;
  }
}
