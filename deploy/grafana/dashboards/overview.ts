// All targets at once: which of them are out of order, what moved, and whether the exporter itself is well.

import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { Board, dashboard, instant, OVERVIEW_UID, range, rows } from './board.ts';
import {
  both,
  changesInRange,
  EACH_LEGEND,
  fixed,
  loss,
  MANY,
  pathLetter,
  rttMedian,
  unexpectedHops,
} from './expressions.ts';
import { addHealth } from './health.ts';
import {
  BAD,
  bars,
  columns,
  fixedColour,
  GOOD,
  LOSS_STEPS,
  NOTED,
  PATH_LETTERS,
  PATH_MAPPING,
  PLAIN,
  property,
  series,
  stat,
  steps,
  table,
  targetLink,
  timeline,
  valueTexts,
} from './panels.ts';

const SUCCESS = both('traceroute_success', 'probe_success', MANY).replace(
  `probe_success{${MANY.probed}}`,
  // Other exporters have a metric of this name too.
  `(probe_success{${MANY.probed}} and probe_traceroute_hops{${MANY.probed}})`,
);

export function overview(): DashboardBuilder {
  const built = dashboard(
    'hopscope: overview',
    OVERVIEW_UID,
    'Every target of every vantage point: is it reached, by how many hops, over which path, how fast, with how much loss, and what changed.',
    true,
    MANY,
  );
  const board = new Board(built);
  addFigures(board);
  addTargets(board);
  addCourses(board);
  addHealth(board);
  return built;
}

function addFigures(board: Board): void {
  board
    .add(
      stat('Targets', 'Targets that were measured, static ones and those of /probe.')
        .withTarget(instant(`count(${SUCCESS}) or vector(0)`, 'targets'))
        .colorScheme(fixedColour(PLAIN)),
      4,
      4,
    )
    .add(
      stat('Not reached', 'Targets that did not answer in the latest round.')
        .withTarget(instant(`count((${SUCCESS}) == 0) or vector(0)`, 'not reached'))
        .thresholds(steps(GOOD, [1, BAD])),
      4,
      4,
    )
    .add(
      stat(
        'Hops not as expected',
        'Targets whose hop count is not the expected one: the `expectedHops` of a static target; for /probe the median of the latest day.',
      )
        .withTarget(instant(`count(${unexpectedHops(MANY)}) or vector(0)`, 'not as expected'))
        .thresholds(steps(GOOD, [1, BAD])),
      4,
      4,
    )
    .add(
      stat('Losing packets', 'Targets with more than 1 % of the probes to the destination lost.')
        .withTarget(instant(`count((${loss(MANY)}) > 0.01) or vector(0)`, 'losing'))
        .thresholds(steps(GOOD, [1, NOTED])),
      4,
      4,
    )
    .add(
      stat('Path changes', 'Confirmed changes of path of static targets in the period shown.')
        .withTarget(instant(`round(sum(${changesInRange(MANY, 'kind', '$__range')}))`, 'changes'))
        .thresholds(steps(GOOD, [1, NOTED])),
      4,
      4,
    )
    .add(
      stat('Vantage points', 'Exporters that Prometheus can scrape.')
        .withTarget(instant('count(hopscope_build_info{instance=~"$instance"})', 'vantage points'))
        .colorScheme(fixedColour(PLAIN)),
      4,
      4,
    );
}

function addTargets(board: Board): void {
  const names = {
    target: 'Target',
    instance: 'From',
    'Value #A': 'Reached',
    'Value #B': 'Hops',
    'Value #C': 'Expected',
    'Value #D': 'RTT',
    'Value #E': 'Loss',
    'Value #F': 'Paths',
    'Value #G': 'Last change',
  };
  const panel = table(
    'Targets',
    'The latest round of every target. A hop count on red is not the expected one. Click a target for its own dashboard.',
  )
    .withTarget(rows(SUCCESS, 'A'))
    .withTarget(rows(both('traceroute_hops', 'probe_traceroute_hops', MANY), 'B'))
    .withTarget(rows(`max by (instance, target) (${fixed('traceroute_expected_hops', MANY)})`, 'C'))
    .withTarget(rows(rttMedian(MANY), 'D'))
    .withTarget(rows(loss(MANY), 'E'))
    .withTarget(rows(both('traceroute_paths', 'probe_traceroute_paths', MANY), 'F'))
    .withTarget(
      rows(
        `max by (instance, target) (${fixed('traceroute_path_last_change_timestamp_seconds', MANY)}) * 1000`,
        'G',
      ),
    )
    .withTransformation({ id: 'merge', options: {} });
  for (const step of columns(names)) panel.withTransformation(step);
  panel
    .overrideByName('Target', [property('links', [targetLink('row').build()])])
    .overrideByName('Reached', [
      property('mappings', [valueTexts({ '0': ['no', BAD], '1': ['yes', GOOD] })]),
      property('custom.cellOptions', { type: 'color-text' }),
    ])
    .overrideByName('RTT', [property('unit', 's')])
    .overrideByName('Loss', [
      property('unit', 'percentunit'),
      property('thresholds', LOSS_STEPS.build()),
      property('custom.cellOptions', { type: 'color-background' }),
    ])
    .overrideByName('Last change', [property('unit', 'dateTimeFromNow')]);
  board.row('Targets').add(panel, 24, 10);
}

function addCourses(board: Board): void {
  board
    .add(
      timeline(
        'Paths',
        'One letter and colour for each path: a seam is a reroute. The letter is the identity of the path modulo 23, so in one change of 23 it stays the same; the marker of the change is there all the same.',
      )
        .withTarget(range(pathLetter(MANY, PATH_LETTERS), EACH_LEGEND))
        .mappings([PATH_MAPPING])
        .dataLinks([targetLink('series')]),
      24,
      9,
    )
    .add(
      series('RTT', 'Median round-trip time to the destination.')
        .withTarget(range(rttMedian(MANY), EACH_LEGEND))
        .unit('s')
        .dataLinks([targetLink('series')]),
      12,
      9,
    )
    .add(
      series('Loss', 'Share of the probes to the destination that got no answer.')
        .withTarget(range(loss(MANY), EACH_LEGEND))
        .unit('percentunit')
        .min(0)
        .max(1)
        .dataLinks([targetLink('series')]),
      12,
      9,
    )
    .add(
      series('Hops', 'TTL at which the destination answered; 0 when it did not.')
        .withTarget(range(both('traceroute_hops', 'probe_traceroute_hops', MANY), EACH_LEGEND))
        .decimals(0)
        .min(0)
        .dataLinks([targetLink('series')]),
      12,
      8,
    )
    .add(
      bars('Path changes', 'Confirmed changes of path by kind, static targets.')
        .withTarget(range(changesInRange(MANY, 'kind', '$__rate_interval'), '{{kind}}'))
        .decimals(0),
      12,
      8,
    );
}
