// What /etc/hosts, /etc/resolv.conf and /etc/nsswitch.conf say, as far as looking up a host needs it. Pure: text in, values
// out; lines that make no sense are skipped, as the C library does.

import { type Family, familyOf, formatAddress, parseAddress } from '../wire/address.ts';

/** Names that one hosts file may define; blocklists with more exist, and are no use to a monitor. */
const MAX_HOSTS = 100_000;

export interface HostsEntry {
  readonly address: string;
  readonly family: Family;
}

/** Addresses by name in lower case, as hosts(5) defines them. */
export function parseHostsFile(text: string): ReadonlyMap<string, readonly HostsEntry[]> {
  const hosts = new Map<string, HostsEntry[]>();
  for (const line of text.split('\n')) {
    const [first = '', ...names] = withoutComment(line).split(/\s+/).filter(Boolean);
    const bytes = parseAddress(first);
    if (bytes === undefined) continue;
    const entry = { address: formatAddress(bytes), family: familyOf(bytes) };
    for (const name of names) {
      const key = name.toLowerCase().replace(/\.$/, '');
      const entries = hosts.get(key);
      if (entries !== undefined) entries.push(entry);
      else if (hosts.size < MAX_HOSTS) hosts.set(key, [entry]);
    }
  }
  return hosts;
}

export interface ResolverConfig {
  /** Domains appended to names, in order; at most six as resolv.conf(5) has it. */
  readonly search: readonly string[];
  /** Names with fewer dots are first tried with the search list. */
  readonly ndots: number;
}

/** The search list and `ndots` of resolv.conf(5); the last of several lines counts. */
export function parseResolverConfig(text: string): ResolverConfig {
  let search: readonly string[] = [];
  let ndots = 1;
  for (const line of text.split('\n')) {
    const [keyword, ...values] = withoutComment(line, '#;').split(/\s+/).filter(Boolean);
    if (keyword === 'search') search = values;
    else if (keyword === 'domain') search = values.slice(0, 1);
    else if (keyword === 'options') {
      for (const option of values) ndots = Number(/^ndots:(\d{1,2})$/.exec(option)?.[1] ?? ndots);
    }
  }
  const names = search.map((name) => name.toLowerCase().replace(/\.$/, '')).filter((name) => name !== '');
  return { search: names.slice(0, 6), ndots: Math.min(15, ndots) };
}

/** Whether nsswitch.conf(5) names sources of hosts besides the hosts file and DNS: mDNS, LDAP, systemd's and others. */
export function hasOtherSources(nsswitch: string): boolean {
  for (const line of nsswitch.split('\n')) {
    const [database, ...sources] = withoutComment(line).split(/\s+/).filter(Boolean);
    if (database !== 'hosts:') continue;
    return sources.some(
      (source) => !source.startsWith('[') && !source.endsWith(']') && !['files', 'dns'].includes(source),
    );
  }
  return false;
}

/** Names to ask the servers for, in order: resolv.conf(5), "search" and "ndots". */
export function searchCandidates(name: string, config: ResolverConfig): readonly string[] {
  const searched = config.search
    .map((domain) => `${name}.${domain}`)
    .filter((candidate) => candidate.length <= 253);
  const dots = name.split('.').length - 1;
  return dots >= config.ndots ? [name, ...searched] : [...searched, name];
}

function withoutComment(line: string, marks = '#'): string {
  const at = [...line].findIndex((character) => marks.includes(character));
  return at === -1 ? line : line.slice(0, at);
}
