// Target entries of any origin (main file, target files, arguments) made into static targets: hosts read, modules and
// defaults applied, and no two of them with the same series or the same key.

import type { Module, TargetConfig } from './config.ts';
import type { KeyPath, SourceDocument } from './document.ts';
import { parseHost } from './host.ts';
import { formatLabels } from './labels.ts';
import { unknownModule } from './modules.ts';
import { nearestName } from './nearest.ts';
import { type ConfigProblem, quote } from './problem.ts';
import {
  type FileTargetEntry,
  fileTargetSection,
  MAX_TARGETS,
  type MainTargetEntry,
  mainTargetSection,
  type TargetSettings,
} from './schema.ts';
import { validate } from './validate.ts';

/** What an entry that leaves something out takes instead. */
export interface TargetDefaults {
  readonly intervalMs: number;
  readonly module: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly expectedHops: number | null;
}

/** Where something was written: a problem without its message. Found only when asked for: it may mean parsing again. */
export type Place = (message: string) => ConfigProblem;

/** A target before its key is known. */
export interface TargetDraft extends Omit<TargetConfig, 'key'> {
  readonly place: Place;
  /** A second one of its kind is an error (main file), or only left out with a warning (target files, arguments). */
  readonly strict: boolean;
}

/** `{ file: targets/*.yml }` of the main file. */
export interface TargetFilePattern {
  readonly pattern: string;
  readonly defaults: TargetDefaults;
  readonly place: Place;
}

/** Collects drafts and problems over the entries of one origin after the other. */
export class TargetCollector {
  readonly drafts: TargetDraft[] = [];
  readonly patterns: TargetFilePattern[] = [];
  readonly problems: ConfigProblem[] = [];
  readonly #modules: ReadonlyMap<string, Module>;
  /** One Module for each (module, port), so that thousands of targets share it. */
  readonly #variants = new Map<string, Module>();

  constructor(modules: ReadonlyMap<string, Module>) {
    this.#modules = modules;
  }

  /** Entries of the main file's `targets`. */
  addMain(document: SourceDocument, entries: readonly unknown[], defaults: TargetDefaults): void {
    for (const [i, value] of entries.entries()) this.#addMainEntry(document, value, ['targets', i], defaults);
  }

  /** Entries of a target file: ours, or groups as in Prometheus' file_sd. */
  addFile(document: SourceDocument, entries: readonly unknown[], defaults: TargetDefaults): void {
    for (const [i, value] of entries.entries()) this.#addFileEntry(document, value, [i], defaults);
  }

  /** A target given as a plain argument. */
  addArgument(text: string, defaults: TargetDefaults): void {
    this.#add([[[], text]], {}, defaults, argumentPlace, false, []);
  }

  #addMainEntry(document: SourceDocument, value: unknown, path: KeyPath, defaults: TargetDefaults): void {
    const place = placeIn(document);
    if (typeof value === 'string') {
      this.#add([[[], value]], {}, defaults, place, true, path);
      return;
    }
    const [drafts, patterns, problems] = [this.drafts.length, this.patterns.length, this.problems.length];
    const entry = validate(mainTargetSection, value, path, document, this.problems);
    if (entry === undefined) return;
    const sound = this.problems.length === problems;
    if (!hasOneOf(value, ['host', 'file'])) {
      this.problems.push(document.problemAt(path, 'a target has either host or file'));
    } else if (entry.host !== undefined) {
      this.#add([[['host'], entry.host]], entry, defaults, place, true, path);
    } else if (entry.file !== undefined) {
      this.#addPattern(entry, entry.file, place, path, defaults);
    }
    // What is left of an entry with problems was judged, but compared with others it would mislead.
    if (sound) return;
    this.drafts.length = drafts;
    this.patterns.length = patterns;
  }

  #addPattern(
    entry: MainTargetEntry,
    pattern: string,
    place: PlaceOf,
    path: KeyPath,
    defaults: TargetDefaults,
  ): void {
    const module = entry.module ?? defaults.module;
    if (this.#module(module, place([...path, 'module'])) === undefined) return;
    const labels = entry.labels === undefined ? defaults.labels : { ...defaults.labels, ...entry.labels };
    const expectedHops = entry.expectedHops ?? defaults.expectedHops;
    const intervalMs = entry.interval ?? defaults.intervalMs;
    const own = { intervalMs, module, labels, expectedHops };
    this.patterns.push({ pattern, place: place([...path, 'file']), defaults: own });
  }

  #addFileEntry(document: SourceDocument, value: unknown, path: KeyPath, defaults: TargetDefaults): void {
    const place = placeIn(document);
    if (typeof value === 'string') {
      this.#add([[[], value]], {}, defaults, place, false, path);
      return;
    }
    const entry = validate(fileTargetSection, withoutMetaLabels(value), path, document, this.problems);
    if (entry === undefined) return;
    if (!hasOneOf(value, ['host', 'targets'])) {
      this.problems.push(document.problemAt(path, 'an entry has either host or targets'));
      return;
    }
    this.#add(hostsOf(entry), entry, defaults, place, false, path);
  }

  /** Judges the module of an entry once, whatever number of hosts it has, then each host. */
  #add(
    hosts: Iterable<readonly [KeyPath, string]>,
    settings: TargetSettings,
    defaults: TargetDefaults,
    placeOf: PlaceOf,
    strict: boolean,
    path: KeyPath,
  ): void {
    const written = settings.module === undefined ? path : [...path, 'module'];
    const module = this.#module(settings.module ?? defaults.module, placeOf(written));
    const labels =
      settings.labels === undefined ? defaults.labels : { ...defaults.labels, ...settings.labels };
    for (const [at, text] of hosts) {
      const place = placeOf([...path, ...at]);
      const host = parseHost(text);
      if ('refused' in host) this.problems.push(place(host.refused));
      if ('refused' in host || module === undefined) continue;
      const aimed = this.#withPort(module, host.port);
      this.drafts.push({
        host: aimed === module ? host.label : withSuffix(host.label, host.port),
        module: aimed,
        intervalMs: settings.interval ?? defaults.intervalMs,
        labels,
        expectedHops: settings.expectedHops ?? defaults.expectedHops,
        place,
        strict,
      });
    }
  }

  #module(name: string, place: Place): Module | undefined {
    const module = this.#modules.get(name);
    if (module !== undefined) return module;
    const near = nearestName(name, this.#modules.keys());
    const hint = near === undefined ? '' : `, did you mean ${quote(near)}?`;
    this.problems.push(place(`${unknownModule(name, this.#modules)}${hint}`));
    return undefined;
  }

  #withPort(module: Module, port: number | null): Module {
    if (port === null || module.port === null || port === module.port) return module;
    const id = `${module.name} ${port}`;
    const variant = this.#variants.get(id) ?? { ...module, port };
    this.#variants.set(id, variant);
    return variant;
  }
}

type PlaceOf = (path: KeyPath) => Place;

function placeIn(document: SourceDocument): PlaceOf {
  return (path) => (message) => document.problemAt(path, message);
}

function argumentPlace(): Place {
  return (message) => ({ file: 'command line', line: 0, column: 0, path: '', message });
}

function hasOneOf(value: unknown, keys: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return keys.filter((key) => key in value).length === 1;
}

function* hostsOf(entry: FileTargetEntry): Generator<readonly [KeyPath, string]> {
  if (entry.host !== undefined) yield [['host'], entry.host];
  for (const [i, text] of (entry.targets ?? []).entries()) yield [['targets', i], text];
}

/** Discovery tools leave `__meta_*` labels in file_sd lists; Prometheus drops them after relabelling, so do we. */
function withoutMetaLabels(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('targets' in value) || !('labels' in value))
    return value;
  const { labels } = value;
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels)) return value;
  if (!Object.keys(labels).some((name) => name.startsWith('__'))) return value;
  const kept = Object.entries(labels).filter(([name]) => !name.startsWith('__'));
  return { ...value, labels: Object.fromEntries(kept) };
}

function withSuffix(label: string, port: number | null): string {
  return label.includes(':') ? `[${label}]:${port}` : `${label}:${port}`;
}

export interface SettledTargets {
  readonly targets: readonly TargetConfig[];
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly ConfigProblem[];
}

/** Gives every draft its key. A second target with the same series is an error or is left out, by where it stands. */
export function settleTargets(drafts: readonly TargetDraft[]): SettledTargets {
  const problems: ConfigProblem[] = [];
  const warnings: ConfigProblem[] = [];
  const bySeries = new Map<string, TargetDraft>();
  for (const draft of drafts) {
    const series = `${draft.host.toLowerCase()} ${formatLabels(draft.labels)}`;
    const first = bySeries.get(series);
    if (first === undefined) bySeries.set(series, draft);
    else if (draft.strict) problems.push(draft.place(collision(draft, first)));
    else warnings.push(draft.place(`left out: ${collision(draft, first)}`));
  }
  if (bySeries.size > MAX_TARGETS) {
    const last = drafts.at(-1);
    if (last !== undefined) problems.push(last.place(`more than ${MAX_TARGETS} targets`));
  }
  return { targets: withKeys([...bySeries.values()]), problems, warnings };
}

function collision(draft: TargetDraft, first: TargetDraft): string {
  const { file, line } = first.place('');
  const where = line > 0 ? `${file}:${line}` : file;
  if (draft.module.name === first.module.name)
    return `target ${quote(draft.host)} is given already (${where})`;
  return (
    `target ${quote(draft.host)} would have the same series as the one with module ${quote(first.module.name)} ` +
    `(${where}); give one of them a label, as in labels: { via: ${draft.module.protocol} }`
  );
}

function withKeys(drafts: readonly TargetDraft[]): TargetConfig[] {
  const short = (draft: TargetDraft): string => `${draft.host.toLowerCase()}/${draft.module.name}`;
  const uses = new Map<string, number>();
  for (const draft of drafts) uses.set(short(draft), (uses.get(short(draft)) ?? 0) + 1);
  return drafts.map((draft) => {
    const { host, module, intervalMs, labels, expectedHops } = draft;
    const key = short(draft);
    return {
      host,
      key: uses.get(key) === 1 ? key : `${key}${formatLabels(labels)}`,
      module,
      intervalMs,
      labels,
      expectedHops,
    };
  });
}
