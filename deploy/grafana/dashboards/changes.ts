// What changed in the period: how often, of which kind, whose path, and where it leads now.

import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { Board, CHANGES_UID, dashboard, instant, range, rows } from './board.ts';
import { changesInRange, EACH_LEGEND, fixed, MANY, pathLetter, probed } from './expressions.ts';
import {
  bars,
  columns,
  GOOD,
  NOTED,
  PATH_LETTERS,
  PATH_MAPPING,
  property,
  series,
  stat,
  steps,
  table,
  targetLink,
  timeline,
} from './panels.ts';

/** Kinds of change as the catalogue has them, in the words of the page. */
const KINDS: Readonly<Record<string, readonly [string, string]>> = {
  reroute: ['Reroutes', 'Other routers on the way, the same number of hops.'],
  as_path: ['AS path changes', 'Another sequence of autonomous systems.'],
  length: ['Length changes', 'Another number of hops.'],
  ecmp: ['Balancing changes', 'Flows moved between paths that were known to be parallel.'],
  unreachable: ['Lost', 'The destination stopped answering.'],
  recovered: ['Recovered', 'The destination answers again.'],
};

export function changes(): DashboardBuilder {
  const built = dashboard(
    'hopscope: path changes',
    CHANGES_UID,
    'Confirmed changes of path: when, of which kind, of which targets, and the paths in force now.',
    true,
    MANY,
  );
  const board = new Board(built);
  for (const [kind, [title, description]] of Object.entries(KINDS)) {
    const counted = fixed('traceroute_path_changes_total', MANY, `kind="${kind}"`);
    board.add(
      stat(title, `${description} Counted over the period shown.`)
        .withTarget(instant(`round(sum(increase(${counted}[$__range])))`, title))
        .thresholds(steps(GOOD, [1, NOTED])),
      4,
      4,
    );
  }
  addCourse(board);
  addTables(board);
  return built;
}

function addCourse(board: Board): void {
  board
    .row('When')
    .add(
      bars('Changes by kind', 'Confirmed changes of path of static targets.')
        .withTarget(range(changesInRange(MANY, 'kind', '$__rate_interval'), '{{kind}}'))
        .decimals(0),
      12,
      9,
    )
    .add(
      bars(
        'Paths that differ from scrape to scrape (/probe)',
        'A scrape of /probe knows nothing of the one before, so every flip between parallel paths counts.',
      )
        .withTarget(
          range(
            `max by (instance, target) (${probed(`changes(probe_traceroute_path_id{${MANY.probed}}[$__rate_interval])`)})`,
            '{{target}}',
          ),
        )
        .decimals(0),
      12,
      9,
    )
    .add(
      timeline(
        'Paths',
        'One letter and colour for each path: a seam is a reroute. The letter is the identity of the path modulo 23.',
      )
        .withTarget(range(pathLetter(MANY, PATH_LETTERS), EACH_LEGEND))
        .mappings([PATH_MAPPING])
        .dataLinks([targetLink('series')]),
      24,
      10,
    );
}

function addTables(board: Board): void {
  const moved = table(
    'Targets that moved most',
    'Confirmed changes in the period shown, most first. Click a target for its own dashboard.',
  )
    .withTarget(
      rows(
        `topk(20, round(sum by (instance, target) (increase(${fixed('traceroute_path_changes_total', MANY)}[$__range]))))`,
        'A',
      ),
    )
    .withTarget(
      rows(
        `max by (instance, target) (${fixed('traceroute_path_last_change_timestamp_seconds', MANY)}) * 1000`,
        'B',
      ),
    )
    .withTransformation({ id: 'merge', options: {} });
  for (const step of columns({
    target: 'Target',
    instance: 'From',
    'Value #A': 'Changes',
    'Value #B': 'Last change',
  }))
    moved.withTransformation(step);
  moved
    .overrideByName('Target', [property('links', [targetLink('row').build()])])
    .overrideByName('Last change', [property('unit', 'dateTimeFromNow')]);
  board.row('Which targets').add(moved, 12, 10);
  board.add(pathTable('Paths in force', MANY.fixed), 12, 10);
  board.add(
    series(
      'Shifts of the delay',
      'By how much the latest lasting change of the median round-trip time moved it; below zero it became shorter.',
    )
      .withTarget(range(fixed('traceroute_delay_shift_seconds', MANY), EACH_LEGEND))
      .unit('s'),
    24,
    8,
  );
}

/** Identity, autonomous systems and address of the path in force. */
export function pathTable(title: string, labels: string): ReturnType<typeof table> {
  const panel = table(
    title,
    'The path of the latest round: its identity as hopscope and its page have it, the autonomous systems that it crosses where a database is configured, and the address traced.',
  ).withTarget(rows(`traceroute_path_info{${labels}}`, 'A'));
  for (const step of columns({
    target: 'Target',
    instance: 'From',
    path_id: 'Path',
    as_path: 'AS path',
    destination: 'Address',
  }))
    panel.withTransformation(step);
  return panel.overrideByName('Target', [property('links', [targetLink('row').build()])]);
}
