// From files and arguments to a Config: read, judge everything, report every problem at once, assemble.
// Invariant: a Config is made only from parts without problems; a target file that turned bad keeps what it had.

import { createHash } from 'node:crypto';
import { dirname, isAbsolute, join } from 'node:path';
import { DEFAULT_DENY } from './access.ts';
import type { Config, EnrichConfig, HistoryConfig, Module, ProbeAccess } from './config.ts';
import { MAX_FILE_LENGTH, readDocument, type SourceDocument } from './document.ts';
import { type ConfigFileSystem, explainReadError } from './file-system.ts';
import { hasWildcard, MAX_MATCHED_FILES, matchingFiles, patternProblem } from './glob.ts';
import { buildModules, unknownModule } from './modules.ts';
import { ConfigError, type ConfigProblem, quote, sortProblems } from './problem.ts';
import { NO_PUSH, type PushConfig, readPush } from './push.ts';
import { renderConfig } from './render.ts';
import {
  defaultsSection,
  type EnrichEntry,
  enrichSection,
  type HistoryEntry,
  historySection,
  type MainEntry,
  mainSection,
  metricsSection,
  probeSection,
} from './schema.ts';
import {
  settleTargets,
  TargetCollector,
  type TargetDefaults,
  type TargetDraft,
  type TargetFilePattern,
} from './targets.ts';
import { validate } from './validate.ts';

export const DEFAULT_CONFIG_FILE = 'hopscope.yml';
const DEFAULT_INTERVAL_MS = 60_000;
const DEFAULT_MAX_CONCURRENT = 64;
/** Far above what any Prometheus asks for: these stop floods, and who wants them lower says so. */
const DEFAULT_MAX_CONCURRENT_PER_CLIENT = 1024;
const DEFAULT_MAX_RATE = 2000;
const DEFAULT_MAX_RATE_PER_CLIENT = 1000;
const DEFAULT_SERIES_BUDGET = 50_000;
const DEFAULT_RETENTION_MS = 90 * 86_400_000;
const DEFAULT_ROLL_UP_RETENTION_MS = 730 * 86_400_000;
/** Problems listed; a wrong line pasted ten thousand times has told its story by then. */
export const MAX_PROBLEMS = 1000;

/** What the command line adds to the file. */
export interface ConfigOverrides {
  /** Targets given as plain arguments; each is traced with the default module and interval. */
  readonly targets: readonly string[];
}

export interface LoadedConfig {
  readonly config: Config;
  /** What was left out or looks like a mistake, but does not stand in the way. */
  readonly warnings: readonly ConfigProblem[];
  /** What re-reading the target files alone needs. */
  readonly parts: ConfigParts;
}

/** A Config before its target files. */
export interface ConfigParts {
  readonly path: string | null;
  readonly modules: ReadonlyMap<string, Module>;
  readonly defaults: TargetDefaults;
  readonly probe: ProbeAccess;
  readonly metrics: Config['metrics'];
  readonly history: HistoryConfig;
  readonly push: PushConfig;
  readonly enrich: EnrichConfig;
  readonly drafts: readonly TargetDraft[];
  readonly patterns: readonly TargetFilePattern[];
  readonly argumentDrafts: readonly TargetDraft[];
  readonly files: ReadonlyMap<string, TargetFile>;
}

/** One target file under one pattern. */
export interface TargetFile {
  readonly path: string;
  /** Of the content that was looked at last, good or bad: the same content is not judged twice. */
  readonly digest: string;
  /** What that content is refused for. */
  readonly problems: readonly ConfigProblem[];
  /** The targets of the last content without problems. */
  readonly drafts: readonly TargetDraft[];
}

/**
 * Loads the configuration. Without a path `hopscope.yml` is read if there is one. Throws `ConfigError` with all
 * problems; never anything else for whatever the files hold.
 */
export async function loadConfig(
  path: string | undefined,
  overrides: ConfigOverrides,
  fileSystem: ConfigFileSystem,
): Promise<LoadedConfig> {
  const main = await readMain(path, fileSystem);
  const problems: ConfigProblem[] = [...main.problems];
  const parts = judgeMain(main, overrides, problems);
  const files = await readTargetFiles(parts, fileSystem);
  problems.push(...files.problems);
  const loaded = assemble({ ...parts, files: files.files }, files.warnings, problems);
  if (problems.length > 0) throw new ConfigError(listed(problems, [main.file, ...loaded.config.sources]));
  return loaded;
}

/** In order, and no more than a reader can use. */
function listed(problems: readonly ConfigProblem[], files: readonly string[]): ConfigProblem[] {
  const sorted = sortProblems(problems, files);
  const left = sorted.length - MAX_PROBLEMS;
  if (left <= 0) return sorted;
  return [...sorted.slice(0, MAX_PROBLEMS), fileProblem(files[0] ?? '', `and ${left} more problems`)];
}

export interface RefreshedConfig {
  readonly loaded: LoadedConfig;
  /** Of files that cannot be used now; for each the targets it had before stay. */
  readonly problems: readonly ConfigProblem[];
  /** Whether the targets may differ from what they were. */
  readonly changed: boolean;
}

/** Reads the target files again, the main file not. Never throws for what the files hold. */
export async function refreshTargets(
  loaded: LoadedConfig,
  fileSystem: ConfigFileSystem,
): Promise<RefreshedConfig> {
  const before = loaded.parts.files;
  const { files, warnings, problems } = await readTargetFiles(loaded.parts, fileSystem);
  const found = [...problems];
  const next = assemble({ ...loaded.parts, files }, warnings, found);
  const changed =
    files.size !== before.size || [...files].some(([id, file]) => file.drafts !== before.get(id)?.drafts);
  // Where only a file's bad content is new, the Config in force stays the same object.
  return { loaded: changed ? next : { ...next, config: loaded.config }, problems: found, changed };
}

interface MainReading {
  readonly file: string;
  readonly path: string | null;
  readonly document: SourceDocument | null;
  readonly problems: readonly ConfigProblem[];
}

async function readMain(path: string | undefined, fileSystem: ConfigFileSystem): Promise<MainReading> {
  const file = path ?? DEFAULT_CONFIG_FILE;
  try {
    const bytes = await fileSystem.read(file, MAX_FILE_LENGTH);
    return { file, path: file, ...readDocument(file, bytes) };
  } catch (error) {
    if (path === undefined && isMissing(error)) return { file, path: null, document: null, problems: [] };
    return { file, path: file, document: null, problems: [fileProblem(file, explainReadError(error))] };
  }
}

/** Everything that the main file and the arguments say; its problems are added to `problems`. */
function judgeMain(main: MainReading, overrides: ConfigOverrides, problems: ConfigProblem[]): ConfigParts {
  const { document } = main;
  const read =
    document === null ? undefined : validate(mainSection, document.value ?? {}, [], document, problems);
  const entry: MainEntry = read ?? {};
  const section = <T>(schema: Parameters<typeof validate<T>>[0], name: keyof MainEntry): T | undefined => {
    const value = entry[name];
    return document === null || value === undefined || value === null
      ? undefined
      : validate(schema, value, [name], document, problems);
  };
  const own = section(defaultsSection, 'defaults') ?? {};
  const modules = buildModules(document, entry.modules ?? {}, own, problems);
  const defaults: TargetDefaults = {
    intervalMs: own.interval ?? DEFAULT_INTERVAL_MS,
    module: knownModule(own.module, modules, document, problems),
    labels: own.labels ?? {},
    expectedHops: null,
  };
  const targets = new TargetCollector(modules);
  if (document !== null) targets.addMain(document, entry.targets ?? [], defaults);
  const given = new TargetCollector(modules);
  for (const text of overrides.targets) given.addArgument(text, defaults);
  for (const { pattern, place } of targets.patterns) {
    const message = patternProblem(pattern);
    if (message !== undefined) targets.problems.push(place(message));
  }
  problems.push(...targets.problems, ...given.problems);
  const probe = section(probeSection, 'probe') ?? {};
  const metrics = section(metricsSection, 'metrics') ?? {};
  return {
    path: main.path,
    modules,
    defaults,
    probe: {
      allow: probe.allow ?? [],
      deny: probe.deny ?? DEFAULT_DENY,
      maxConcurrent: probe.maxConcurrent ?? DEFAULT_MAX_CONCURRENT,
      maxConcurrentPerClient: probe.maxConcurrentPerClient ?? DEFAULT_MAX_CONCURRENT_PER_CLIENT,
      maxRate: probe.maxRate ?? DEFAULT_MAX_RATE,
      maxRatePerClient: probe.maxRatePerClient ?? DEFAULT_MAX_RATE_PER_CLIENT,
      trustedProxies: probe.trustedProxies ?? [],
    },
    push:
      document === null || entry.push === undefined || entry.push === null
        ? NO_PUSH
        : readPush(document, entry.push, (path) => besideMain(main.path, path), problems),
    metrics: { hops: metrics.hops ?? false, seriesBudget: metrics.seriesBudget ?? DEFAULT_SERIES_BUDGET },
    history: historyOf(section(historySection, 'history') ?? {}),
    enrich: enrichOf(section(enrichSection, 'enrich') ?? {}, main.path),
    drafts: targets.drafts,
    patterns: targets.patterns.filter(({ pattern }) => patternProblem(pattern) === undefined),
    argumentDrafts: given.drafts,
    files: new Map(),
  };
}

function enrichOf(entry: EnrichEntry, mainPath: string | null): EnrichConfig {
  const path = (given: string | undefined): string | null =>
    given === undefined ? null : besideMain(mainPath, given);
  return { asn: path(entry.asn), city: path(entry.city), reverseDns: entry.reverseDns ?? true };
}

function historyOf({ path = '', retention, rollUpRetention }: HistoryEntry): HistoryConfig {
  const retentionMs = retention ?? DEFAULT_RETENTION_MS;
  const rollUpRetentionMs = Math.max(retentionMs, rollUpRetention ?? DEFAULT_ROLL_UP_RETENTION_MS);
  return { path: path === '' ? null : path, retentionMs, rollUpRetentionMs };
}

/** The default module's name; a wrong one is reported once here, not again by each target. */
function knownModule(
  name: string | undefined,
  modules: ReadonlyMap<string, Module>,
  document: SourceDocument | null,
  problems: ConfigProblem[],
): string {
  if (name === undefined || modules.has(name)) return name ?? 'icmp';
  if (document !== null)
    problems.push(document.problemAt(['defaults', 'module'], unknownModule(name, modules)));
  return 'icmp';
}

interface TargetFilesReading {
  readonly files: Map<string, TargetFile>;
  readonly warnings: ConfigProblem[];
  readonly problems: ConfigProblem[];
}

async function readTargetFiles(
  parts: ConfigParts,
  fileSystem: ConfigFileSystem,
): Promise<TargetFilesReading> {
  const reading: TargetFilesReading = { files: new Map(), warnings: [], problems: [] };
  for (const [index, pattern] of parts.patterns.entries()) {
    const paths = await pathsOf(pattern, parts, fileSystem, reading);
    for (const path of paths) {
      const id = `${index} ${path}`;
      const file = await readTargetFile(path, pattern, parts, parts.files.get(id), fileSystem, reading);
      if (file !== undefined) reading.files.set(id, file);
    }
  }
  return reading;
}

async function pathsOf(
  { pattern, place }: TargetFilePattern,
  parts: ConfigParts,
  fileSystem: ConfigFileSystem,
  reading: TargetFilesReading,
): Promise<readonly string[]> {
  try {
    const paths = await matchingFiles(besideMain(parts.path, pattern), fileSystem);
    if (paths.length === 0) reading.warnings.push(place(`no file matches ${quote(pattern)} yet`));
    if (paths.length <= MAX_MATCHED_FILES) return paths;
    const message = `${quote(pattern)} matches ${paths.length} files; at most ${MAX_MATCHED_FILES} are read`;
    reading.problems.push(place(message));
    return paths.slice(0, MAX_MATCHED_FILES);
  } catch (error) {
    if (isMissing(error)) {
      reading.warnings.push(place(`the directory of ${quote(pattern)} does not exist yet`));
    } else {
      const reason = error instanceof Error ? error.message : String(error);
      reading.problems.push(place(`cannot list the files of ${quote(pattern)}: ${reason}`));
    }
    return [];
  }
}

/** The file as it is now, with the targets it had before where it has problems; undefined where it is gone. */
async function readTargetFile(
  path: string,
  { pattern, place, defaults }: TargetFilePattern,
  parts: ConfigParts,
  before: TargetFile | undefined,
  fileSystem: ConfigFileSystem,
  reading: TargetFilesReading,
): Promise<TargetFile | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await fileSystem.read(path, MAX_FILE_LENGTH);
  } catch (error) {
    if (!isMissing(error)) {
      reading.problems.push(fileProblem(path, explainReadError(error)));
      return before;
    }
    if (!hasWildcard(pattern)) reading.warnings.push(place(`${quote(path)} does not exist yet`));
    return undefined;
  }
  const digest = createHash('sha256').update(bytes).digest('base64');
  if (digest === before?.digest) {
    reading.problems.push(...before.problems);
    return before;
  }
  const { document, problems } = readDocument(path, bytes);
  const found = [...problems];
  const collector = new TargetCollector(parts.modules);
  if (document !== null) {
    if (Array.isArray(document.value)) collector.addFile(document, document.value, defaults);
    else found.push(document.problemAt([], notAList(document.value)));
  }
  found.push(...collector.problems);
  if (found.length === 0) return { path, digest, problems: [], drafts: collector.drafts };
  reading.problems.push(...found);
  return { path, digest, problems: found, drafts: before?.drafts ?? [] };
}

function notAList(value: unknown): string {
  // A writer that truncates before it writes must not make all targets vanish for a moment.
  if (value === null) return 'the file is empty; write [] where there are no targets';
  return 'a target file is a list: of hosts, of { host: ... }, or of { targets: [...], labels: {...} }';
}

function assemble(
  parts: ConfigParts,
  fileWarnings: readonly ConfigProblem[],
  problems: ConfigProblem[],
): LoadedConfig {
  const files = [...parts.files.values()];
  const settled = settleTargets([
    ...parts.drafts,
    ...files.flatMap((file) => file.drafts),
    ...parts.argumentDrafts,
  ]);
  problems.push(...settled.problems);
  const { modules, probe, metrics, history, push, enrich } = parts;
  const sources = [
    ...new Set([...(parts.path === null ? [] : [parts.path]), ...files.map((file) => file.path)]),
  ];
  const core = {
    modules,
    defaultModule: parts.defaults.module,
    targets: settled.targets,
    probe,
    metrics,
    history,
    push,
    enrich,
  };
  let text: string | undefined;
  const config: Config = {
    ...core,
    sources,
    // Rendered when somebody asks: nobody may for months, and ten thousand targets make a megabyte.
    get text(): string {
      text ??= renderConfig(core);
      return text;
    },
  };
  return { config, warnings: [...fileWarnings, ...settled.warnings], parts };
}

function besideMain(mainPath: string | null, pattern: string): string {
  return isAbsolute(pattern) || mainPath === null ? pattern : join(dirname(mainPath), pattern);
}

function fileProblem(file: string, message: string): ConfigProblem {
  return { file, line: 0, column: 0, path: '', message };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
