// The pages of the documentation that are made of the program itself: its configuration schema, its catalogue of
// metrics, and its command line. `docs/generate.ts` writes them; a test holds them to what is made here.

import { FakeIo } from '../../src/cli/fake-io.ts';
import { runCli } from '../../src/cli/program.ts';
import { configReference, type FieldReference } from '../../src/config/schema.ts';
import * as catalogue from '../../src/metrics/catalogue.ts';
import { PATH_CHANGE_KINDS } from '../../src/path/observation.ts';
import { CliHarness } from '../cli-harness.ts';

/** Text by path below docs/. */
export async function referencePages(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['reference/configuration.md', configurationPage()],
    ['reference/metrics.md', metricsPage()],
    ['reference/command-line.md', await commandLinePage()],
  ]);
}

const GENERATED =
  '<!-- Made by docs/generate.ts. Do not edit: change the source named below, and run it again. -->';

const SECTION_WORDS: Readonly<Record<string, string>> = {
  defaults: 'What targets and modules start from.',
  'modules.<name>':
    'How to probe. `icmp`, `udp` and `tcp` exist without being written; a section of that name changes them. Whatever is left out comes from `defaults`.',
  'targets[]': 'Static targets: each is a host, or files with more of them.',
  'target file: []':
    "A file that a target's `file` names: YAML or JSON, a list of these. Prometheus' file_sd files are of this form.",
  probe: 'What `/probe` and traces started from the page may do. Static targets are not judged by it.',
  metrics: 'What is exported of static targets beside the basic series.',
  enrich: 'What is known of addresses.',
  history: 'Runs, paths and changes on disk.',
  push: 'Sending results to a Pushgateway, for sites that cannot be scraped.',
  'push.remoteWrite':
    'Sending series to Prometheus (`--web.enable-remote-write-receiver`) or VictoriaMetrics.',
  'push.tls': 'The same keys under `push` and under `push.remoteWrite`.',
};

function configurationPage(): string {
  const sections = new Map<string, FieldReference[]>();
  for (const row of configReference()) sections.set(row.section, [...(sections.get(row.section) ?? []), row]);
  const parts = [
    GENERATED,
    '',
    '# Configuration reference',
    '',
    'Every key of `hopscope.yml`, what may be written, and what holds where it is left out. Source: `src/config/schema.ts`.',
    '',
    '`hopscope check FILE` finds every mistake with line and column; unknown keys are refused, with the nearest known one. Durations have a unit: `500ms`, `30s`, `5m`, `1h30m`, `90d`. The file is read again on SIGHUP and on `POST /-/reload`; a bad one changes nothing. `/config` shows what is in force, secrets masked.',
  ];
  for (const [section, rows] of sections) {
    const words = SECTION_WORDS[section];
    if (words === undefined) throw new Error(`The section ${section} of the configuration has no words here`);
    parts.push(
      '',
      `## ${code(section)}`,
      '',
      words,
      '',
      '| key | value | default | meaning |',
      '|---|---|---|---|',
    );
    for (const { name, syntax, fallback, description } of rows) {
      parts.push(`| ${code(name)} | ${cell(syntax)} | ${cell(fallback)} | ${cell(description)} |`);
    }
  }
  return `${parts.join('\n')}\n`;
}

interface MetricGroup {
  readonly title: string;
  readonly words: string;
  readonly metrics: Readonly<Record<string, catalogue.MetricDefinition>>;
}

const METRIC_GROUPS: readonly MetricGroup[] = [
  {
    title: '/probe',
    words:
      'One trace, made for the request. No labels of its own: Prometheus adds `instance` by relabelling.',
    metrics: catalogue.PROBE_METRICS,
  },
  {
    title: 'Static targets',
    words:
      'On `/metrics`, with the label `target` (the host as it is written) and the labels of the target. Series of a target that goes are gone at once.',
    metrics: catalogue.TARGET_METRICS,
  },
  {
    title: 'Pushed groups',
    words: 'Beside the series of a static target, in what is pushed to a Pushgateway.',
    metrics: catalogue.PUSHED_METRICS,
  },
  {
    title: 'Pushing',
    words: 'On `/metrics` where `push` is configured; `way` is `pushgateway` or `remote_write`.',
    metrics: catalogue.PUSH_METRICS,
  },
  {
    title: 'The web configuration',
    words: 'On `/metrics` with `--web.config.file`.',
    metrics: catalogue.WEB_METRICS,
  },
  { title: 'The exporter itself', words: 'On `/metrics`.', metrics: catalogue.SELF_METRICS },
];

/** Values of labels that are known beforehand. */
const LABEL_VALUES: Readonly<Record<string, readonly string[]>> = {
  'traceroute_path_changes_total.kind': PATH_CHANGE_KINDS,
  'traceroute_failures_total.kind': catalogue.ROUND_FAILURE_KINDS,
  'hopscope_probe_requests_total.result': catalogue.PROBE_REQUEST_RESULTS,
  'hopscope_web_requests_refused_total.reason': catalogue.WEB_REFUSAL_REASONS,
  'hopscope_push_failures_total.reason': catalogue.PUSH_FAILURE_REASONS,
};

function metricsPage(): string {
  const parts = [
    GENERATED,
    '',
    '# Metrics reference',
    '',
    'Every metric that hopscope exposes, with type, labels and meaning. Source: `src/metrics/catalogue.ts`.',
    '',
    'Text 0.0.4, OpenMetrics 1.0 and protobuf by content negotiation. Seconds, bytes, ratios from 0 to 1. A series is there only where there is a value for it. Histograms are classic, and native where Prometheus asks for protobuf.',
  ];
  for (const { title, words, metrics } of METRIC_GROUPS) {
    parts.push('', `## ${title}`, '', words, '', '| name | type | labels | meaning |', '|---|---|---|---|');
    for (const { name, type, labels = [], help } of Object.values(metrics)) {
      const shown = labels.map((label) => labelCell(name, label)).join(', ');
      parts.push(`| ${code(name)} | ${type} | ${shown} | ${cell(help)} |`);
    }
  }
  parts.push(
    '',
    '## Buckets',
    '',
    `${code('traceroute_rtt_seconds')}: ${catalogue.RTT_BUCKETS.join(', ')}. ${code('traceroute_duration_seconds')}: ${catalogue.DURATION_BUCKETS.join(', ')}.`,
  );
  return `${parts.join('\n')}\n`;
}

function labelCell(metric: string, label: string): string {
  const values = LABEL_VALUES[`${metric}.${label}`];
  return values === undefined ? code(label) : `${code(label)}: ${values.map(code).join(' ')}`;
}

async function commandLinePage(): Promise<string> {
  const parts = [
    GENERATED,
    '',
    '# Command line reference',
    '',
    'Every command and option, as `hopscope help COMMAND` prints it. Source: `src/cli/program.ts`.',
    '',
    'In a checkout the command is `bin/hopscope`; installed from a package it is `hopscope`. Results go to standard output, everything else to standard error.',
    '',
    '| status | when |',
    '|---|---|',
    '| 0 | reached; for `serve`, `demo` and `check`: all is well |',
    '| 1 | not reached |',
    '| 2 | wrong usage or configuration |',
    '| 3 | not permitted, or refused by the system; for `push`: not delivered |',
  ];
  for (const command of ['', 'trace', 'serve', 'push', 'import', 'bundle', 'check', 'demo']) {
    const text = await helpOf(command);
    parts.push('', `## ${`hopscope ${command}`.trim()}`, '', '```text', text.trimEnd(), '```');
  }
  return `${parts.join('\n')}\n`;
}

async function helpOf(command: string): Promise<string> {
  const { services } = new CliHarness();
  const io = new FakeIo();
  const argv = command === '' ? ['--help'] : [command, '--help'];
  const status = await runCli(argv, io, { ...services, demo: () => Promise.resolve(0) });
  if (status !== 0) throw new Error(`${argv.join(' ')}: ${io.err}`);
  return io.out;
}

function code(text: string): string {
  return `\`${text}\``;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
