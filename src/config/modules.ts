// Modules as they will probe: built-in ones, the user's, and the defaults that all of them start from.

import type { Module } from './config.ts';
import type { KeyPath, SourceDocument } from './document.ts';
import { shown } from './field.ts';
import { type ConfigProblem, quote } from './problem.ts';
import { type DefaultsEntry, type ModuleEntry, type ModuleSettings, moduleSection } from './schema.ts';
import { validate } from './validate.ts';

export const DEFAULT_UDP_PORT = 33434;
export const DEFAULT_TCP_PORT = 443;
const BUILT_IN = ['icmp', 'udp', 'tcp'] as const;
/** The smallest length that every protocol and family can build. */
const SMALLEST_PACKET = 64;

const BASE: Module = {
  name: '',
  protocol: 'icmp',
  port: null,
  family: null,
  preferFamily: 4,
  mode: 'auto',
  firstTtl: 1,
  maxTtl: 30,
  queries: 1,
  flows: 4,
  silentHopLimit: 5,
  timeoutMs: 10_000,
  waitMs: 2000,
  packetLength: 0,
  trafficClass: 0,
  dontFragment: false,
  mtu: false,
  multipath: null,
};

/** All modules by name; `document` is null where there is no file. Problems are added to `problems`. */
export function buildModules(
  document: SourceDocument | null,
  entries: Readonly<Record<string, unknown>>,
  defaults: DefaultsEntry,
  problems: ConfigProblem[],
): ReadonlyMap<string, Module> {
  const base = withSettings(BASE, defaults);
  if (document !== null) checkSettings(base, defaults, ['defaults'], document, problems);
  const modules = new Map<string, Module>();
  for (const protocol of BUILT_IN)
    modules.set(protocol, finish({ ...base, name: protocol, protocol }, {}, defaults));
  if (document === null) return modules;
  for (const [name, value] of Object.entries(entries)) {
    const path = ['modules', name];
    if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(name)) {
      const advice = 'letters, digits, "_", "-" and ".", at most 64';
      problems.push(document.problemAt(path, `not a name for a module: ${quote(name)} (${advice})`, 'key'));
    }
    // `icmp:` with nothing after it asks for what exists anyway.
    const entry = validate(moduleSection, value ?? {}, path, document, problems);
    if (entry === undefined) continue;
    const module = buildModule(name, entry, value, base, defaults, path, document, problems);
    if (module !== undefined) modules.set(name, module);
  }
  return modules;
}

function buildModule(
  name: string,
  entry: ModuleEntry,
  value: unknown,
  base: Module,
  defaults: DefaultsEntry,
  path: KeyPath,
  document: SourceDocument,
  problems: ConfigProblem[],
): Module | undefined {
  const builtIn = BUILT_IN.find((protocol) => protocol === name);
  const protocol = entry.protocol ?? builtIn;
  if (protocol === undefined) {
    const hasBadOne = typeof value === 'object' && value !== null && 'protocol' in value;
    if (!hasBadOne)
      problems.push(document.problemAt(path, 'a protocol is missing: write protocol: icmp, udp or tcp'));
    return undefined;
  }
  if (builtIn !== undefined && protocol !== builtIn) {
    const message = `module ${quote(name)} is built in and its protocol is ${builtIn}; give the module another name`;
    problems.push(document.problemAt([...path, 'protocol'], message));
  }
  if (protocol === 'icmp' && entry.port !== undefined) {
    problems.push(document.problemAt([...path, 'port'], 'ICMP has no ports; leave the port out'));
  }
  const settled = withSettings({ ...base, name, protocol }, entry);
  checkSettings(settled, entry, path, document, problems);
  return finish(settled, entry, defaults);
}

/** What one key alone does not show. Said only of settings that stand here, once. */
function checkSettings(
  module: Module,
  entry: ModuleSettings,
  path: KeyPath,
  document: SourceDocument,
  problems: ConfigProblem[],
): void {
  if (module.firstTtl > module.maxTtl && (entry.firstTtl !== undefined || entry.maxTtl !== undefined)) {
    const key = entry.firstTtl === undefined ? 'maxTtl' : 'firstTtl';
    const message = `firstTtl ${module.firstTtl} is greater than maxTtl ${module.maxTtl}`;
    problems.push(document.problemAt([...path, key], message));
  }
  if (entry.wait !== undefined && entry.wait > module.timeoutMs) {
    problems.push(
      document.problemAt([...path, 'wait'], 'wait is longer than timeout, which ends the measurement'),
    );
  }
  const length = entry.packetLength;
  if (length !== undefined && length > 0 && length < SMALLEST_PACKET) {
    const message = `out of range: ${length} (0 for the smallest, or ${SMALLEST_PACKET} to 65535)`;
    problems.push(document.problemAt([...path, 'packetLength'], message));
  }
  if (entry.family !== undefined && entry.preferFamily !== undefined && entry.family !== entry.preferFamily) {
    const message = `preferFamily ${entry.preferFamily} contradicts family ${entry.family}; leave one out`;
    problems.push(document.problemAt([...path, 'preferFamily'], message));
  }
}

function withSettings(base: Module, entry: ModuleSettings): Module {
  const family = entry.family ?? base.family;
  return {
    ...base,
    family,
    preferFamily: entry.preferFamily ?? entry.family ?? base.preferFamily,
    mode: entry.mode ?? base.mode,
    firstTtl: entry.firstTtl ?? base.firstTtl,
    maxTtl: entry.maxTtl ?? base.maxTtl,
    queries: entry.queries ?? base.queries,
    flows: entry.flows ?? base.flows,
    silentHopLimit: entry.silentHopLimit ?? base.silentHopLimit,
    timeoutMs: entry.timeout ?? base.timeoutMs,
    waitMs: entry.wait ?? base.waitMs,
    packetLength: entry.packetLength ?? base.packetLength,
    trafficClass: entry.trafficClass ?? base.trafficClass,
    dontFragment: entry.dontFragment ?? base.dontFragment,
    multipath: entry.multipath ?? base.multipath,
    mtu: entry.mtu ?? base.mtu,
  };
}

/** Ports, and a default wait that a shorter timeout has overtaken. */
function finish(module: Module, entry: ModuleEntry, defaults: DefaultsEntry): Module {
  const wait = entry.wait ?? defaults.wait;
  const waitMs = wait === undefined ? Math.min(module.waitMs, module.timeoutMs) : module.waitMs;
  const preset = { icmp: null, udp: DEFAULT_UDP_PORT, tcp: DEFAULT_TCP_PORT }[module.protocol];
  return { ...module, waitMs, port: module.protocol === 'icmp' ? null : (entry.port ?? preset) };
}

/** One sentence for a module that does not exist, naming those that do. */
export function unknownModule(name: string, modules: ReadonlyMap<string, Module>): string {
  const names = [...modules.keys()];
  const list = names.length > 10 ? `${names.slice(0, 10).join(', ')}, ...` : names.join(', ');
  return `unknown module ${shown(name)} (there are ${list})`;
}
