// Rows that say whether the exporter itself is well: what it could not measure, keep, or deliver.

import { type Board, instant, range } from './board.ts';
import { EXPORTER } from './expressions.ts';
import { BAD, GOOD, NOTED, series, stat, steps, valueTexts } from './panels.ts';

const LEGEND = '{{instance}}';

function increase(name: string): string {
  return `sum by (instance) (increase(${name}{${EXPORTER}}[$__range]))`;
}

function rate(name: string, by: string): string {
  return `sum by (instance, ${by}) (rate(${name}{${EXPORTER}}[$window]))`;
}

export function addHealth(board: Board): void {
  board.row('Exporter');
  addStates(board);
  addWork(board);
  addProcess(board);
}

function addStates(board: Board): void {
  const ok = { '0': ['no', BAD], '1': ['yes', GOOD] } as const;
  board
    .add(
      stat('Configuration in order', 'Whether the latest attempt to load the configuration succeeded.')
        .withTarget(instant(`hopscope_config_last_reload_successful{${EXPORTER}}`, LEGEND))
        .mappings([valueTexts(ok)])
        .thresholds(steps(BAD, [1, GOOD])),
      4,
      4,
    )
    .add(
      stat('History in order', 'Whether the history on disk is in order. No data where none is configured.')
        .withTarget(instant(`hopscope_history_up{${EXPORTER}}`, LEGEND))
        .mappings([valueTexts(ok)])
        .noValue('none')
        .thresholds(steps(BAD, [1, GOOD])),
      4,
      4,
    )
    .add(
      stat(
        'Late rounds',
        'Rounds that began later than scheduled, in the period shown: the machine is too busy, or the intervals are too short.',
      )
        .withTarget(instant(`round(${increase('hopscope_rounds_late_total')})`, LEGEND))
        .thresholds(steps(GOOD, [1, NOTED], [100, BAD])),
      4,
      4,
    )
    .add(
      stat(
        'Series dropped',
        'Series left out in the period shown: the series budget was spent, or two targets have the same labels.',
      )
        .withTarget(instant(`round(${increase('hopscope_series_dropped_total')})`, LEGEND))
        .thresholds(steps(GOOD, [1, BAD])),
      4,
      4,
    )
    .add(
      stat('Since the last push', 'Age of the last push that succeeded. No data where nothing is pushed.')
        .withTarget(
          instant(`time() - hopscope_push_last_success_timestamp_seconds{${EXPORTER}}`, `${LEGEND} {{way}}`),
        )
        .unit('s')
        .noValue('none')
        .thresholds(steps(GOOD, [300, NOTED], [900, BAD])),
      4,
      4,
    )
    .add(
      stat('Targets configured', 'Static targets in the configuration in force.')
        .withTarget(instant(`hopscope_targets{${EXPORTER}}`, LEGEND))
        .thresholds(steps('blue')),
      4,
      4,
    );
}

function addWork(board: Board): void {
  board
    .add(
      series('Probes and replies', 'Packets a second: probes by protocol, replies by outcome.')
        .withTarget(range(rate('hopscope_probes_sent_total', 'protocol'), `${LEGEND} sent {{protocol}}`))
        .withTarget(range(rate('hopscope_replies_total', 'outcome'), `${LEGEND} {{outcome}}`, 'B'))
        .unit('pps'),
      12,
      8,
    )
    .add(
      series(
        'What went wrong',
        'A second: sends that failed, packets that the kernel dropped, runs that the history lost, pushes that failed.',
      )
        .withTarget(
          range(`sum(rate(hopscope_send_failures_total{${EXPORTER}}[$window])) or vector(0)`, 'sends failed'),
        )
        .withTarget(
          range(
            `sum(rate(hopscope_receive_drops_total{${EXPORTER}}[$window]))`,
            'packets dropped by the kernel',
            'B',
          ),
        )
        .withTarget(
          range(
            `sum(rate(hopscope_history_dropped_runs_total{${EXPORTER}}[$window])) or vector(0)`,
            'runs lost',
            'C',
          ),
        )
        .withTarget(
          range(
            `sum by (way, reason) (rate(hopscope_push_failures_total{${EXPORTER}}[$window]))`,
            'push {{way}}: {{reason}}',
            'D',
          ),
        )
        .unit('ops'),
      12,
      8,
    );
}

function addProcess(board: Board): void {
  board
    .add(
      series('Delay of the event loop', 'The longest and the 99th percentile since the scrape before.')
        .withTarget(range(`nodejs_eventloop_lag_max_seconds{${EXPORTER}}`, `${LEGEND} longest`))
        .withTarget(range(`nodejs_eventloop_lag_p99_seconds{${EXPORTER}}`, `${LEGEND} p99`, 'B'))
        .unit('s'),
      6,
      8,
    )
    .add(
      series('Processor', 'Share of one processor.')
        .withTarget(
          range(
            `rate(process_cpu_seconds_total{${EXPORTER}}[$window]) and on (instance, job) hopscope_build_info`,
            LEGEND,
          ),
        )
        .unit('percentunit')
        .min(0),
      6,
      8,
    )
    .add(
      series('Memory and history on disk', 'Resident memory of the process, and size of the history.')
        .withTarget(
          range(
            `process_resident_memory_bytes{${EXPORTER}} and on (instance, job) hopscope_build_info`,
            `${LEGEND} memory`,
          ),
        )
        .withTarget(range(`hopscope_history_size_bytes{${EXPORTER}}`, `${LEGEND} history`, 'B'))
        .unit('bytes')
        .min(0),
      6,
      8,
    )
    .add(
      series('Requests to /probe', 'A second, by result.')
        .withTarget(range(rate('hopscope_probe_requests_total', 'result'), '{{result}}'))
        .unit('reqps')
        .min(0),
      6,
      8,
    );
}
