// One target: how it stands, its course over time, the paths it takes and has taken, and its hops where they are exposed.

import { type DashboardBuilder, DashboardLinkBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { Board, dashboard, GRAPH_DATA, graphVariable, instant, range, rows, TARGET_UID } from './board.ts';
import { pathTable } from './changes.ts';
import {
  both,
  changesInRange,
  EACH_LEGEND,
  expectedHops,
  fixed,
  loss,
  ONE,
  pathLetter,
  rttMedian,
  rttQuantile,
  unexpectedHops,
} from './expressions.ts';
import { graphPanel } from './graph-panel.ts';
import {
  BAD,
  bars,
  columns,
  fieldColour,
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
  timeline,
  valueTexts,
} from './panels.ts';

const PERIOD = 'from=${__from}&to=${__to}';
const BUNDLE = '${hopscope}/api/v1/targets/${target:percentencode}/bundle';

export function target(): DashboardBuilder {
  const built = dashboard(
    'hopscope: one target',
    TARGET_UID,
    'One target from every vantage point: hops, delay, loss, paths, and the route of the period.',
    false,
    ONE,
  )
    .withVariable(graphVariable())
    .link(link('This target on the page of hopscope', '${hopscope}/?filter=${target:percentencode}'))
    .link(link('Report for a provider', `${BUNDLE}?format=html&${PERIOD}`));
  const board = new Board(built);
  addFigures(board);
  addCourse(board);
  addPaths(board);
  addHops(board);
  return built;
}

function link(title: string, url: string): DashboardLinkBuilder {
  return new DashboardLinkBuilder(title).url(url).targetBlank(true).icon('external link').tags([]);
}

function addFigures(board: Board): void {
  const selected = `probe_success{${ONE.probed}} and probe_traceroute_hops{${ONE.probed}}`;
  const success = both('traceroute_success', 'probe_success', ONE).replace(
    `probe_success{${ONE.probed}}`,
    `(${selected})`,
  );
  board
    .add(
      stat('Reached', 'Whether the target answered in the latest round.')
        .withTarget(instant(success, '{{instance}}'))
        .mappings([valueTexts({ '0': ['no', BAD], '1': ['yes', GOOD] })])
        .thresholds(steps(BAD, [1, GOOD])),
      4,
      4,
    )
    .add(hopStat(), 4, 4)
    .add(
      stat('RTT', 'Median round-trip time.')
        .withTarget(instant(rttMedian(ONE), '{{instance}}'))
        .colorScheme(fixedColour(PLAIN))
        .unit('s'),
      4,
      4,
    )
    .add(
      stat('Loss', 'Share of the probes to the destination that got no answer.')
        .withTarget(instant(loss(ONE), '{{instance}}'))
        .thresholds(LOSS_STEPS)
        .unit('percentunit'),
      4,
      4,
    )
    .add(
      stat(
        'Loss starts at hop',
        'First hop from which loss persists to the destination; 0 while nothing is lost or it cannot be told where.',
      )
        .withTarget(instant(fixed('traceroute_loss_start_hop', ONE), '{{instance}}'))
        .mappings([valueTexts({ '0': ['none', GOOD] })])
        .thresholds(steps(GOOD, [1, BAD]))
        .noValue('not measured'),
      4,
      4,
    )
    .add(
      stat('Last change', 'When a change of path was last confirmed.')
        .withTarget(
          instant(`${fixed('traceroute_path_last_change_timestamp_seconds', ONE)} * 1000`, '{{instance}}'),
        )
        .colorScheme(fixedColour(PLAIN))
        .unit('dateTimeFromNow')
        .noValue('none'),
      4,
      4,
    );
}

/** Three queries of which a target has one: as expected, otherwise, or nothing expected. Each has its colour. */
function hopStat(): ReturnType<typeof stat> {
  const known = `(${expectedHops(ONE)} or ${unexpectedHops(ONE)})`;
  const free = `(${both('traceroute_hops', 'probe_traceroute_hops', ONE)}) unless ${known}`;
  return stat(
    'Hops',
    'TTL at which the destination answered. Red where it is not the expected one: `expectedHops` of a static target; for /probe the median of the latest day.',
  )
    .withTarget(instant(expectedHops(ONE), '{{instance}}', 'A'))
    .withTarget(instant(unexpectedHops(ONE), '{{instance}}, not as expected', 'B'))
    .withTarget(instant(free, '{{instance}}', 'C'))
    .overrideByQuery('A', [fieldColour(GOOD)])
    .overrideByQuery('B', [fieldColour(BAD)])
    .overrideByQuery('C', [fieldColour(PLAIN)]);
}

function addCourse(board: Board): void {
  board
    .row('Course')
    .add(
      series('RTT', 'Round-trip time to the destination: median, 95th percentile, and each scrape of /probe.')
        .withTarget(range(rttQuantile(0.5, ONE), '{{instance}} median'))
        .withTarget(range(rttQuantile(0.95, ONE), '{{instance}} p95', 'B'))
        .withTarget(range(`probe_traceroute_rtt_seconds{${ONE.probed}}`, 'probe', 'C'))
        .unit('s')
        .min(0),
      12,
      9,
    )
    .add(
      series('Loss', 'Of probes to the destination, and what of it happens on the way there.')
        .withTarget(range(loss(ONE), '{{instance}}'))
        .withTarget(
          range(fixed('traceroute_forward_loss_ratio', ONE), '{{instance}} on the way, recent rounds', 'B'),
        )
        .unit('percentunit')
        .min(0)
        .max(1),
      12,
      9,
    )
    .add(
      series('Hops', 'TTL at which the destination answered, the expected one, and where loss starts.')
        .withTarget(range(both('traceroute_hops', 'probe_traceroute_hops', ONE), '{{instance}} hops'))
        .withTarget(range(fixed('traceroute_expected_hops', ONE), '{{instance}} expected', 'B'))
        .withTarget(range(fixed('traceroute_loss_start_hop', ONE), '{{instance}} loss starts at', 'C'))
        .overrideByQuery('B', [
          property('custom.lineStyle', { fill: 'dash', dash: [8, 8] }),
          fieldColour('gray'),
        ])
        .overrideByQuery('C', [property('custom.drawStyle', 'points'), fieldColour(BAD)])
        .decimals(0)
        .min(0),
      12,
      8,
    )
    .add(
      series('Shifts of the delay', 'By how much the latest lasting change of the median moved it.')
        .withTarget(range(fixed('traceroute_delay_shift_seconds', ONE), EACH_LEGEND))
        .unit('s'),
      6,
      8,
    )
    .add(
      series('Path MTU', 'Largest packet that reaches the destination; where the module asks for it.')
        .withTarget(range(fixed('traceroute_mtu_bytes', ONE), '{{instance}}'))
        .unit('decbytes')
        .noValue('not measured'),
      6,
      8,
    );
}

function addPaths(board: Board): void {
  board
    .row('Paths')
    .add(
      timeline(
        'Path',
        'One letter and colour for each path: a seam is a reroute. The letter is the identity of the path modulo 23.',
      )
        .withTarget(range(pathLetter(ONE, PATH_LETTERS), '{{instance}}'))
        .mappings([PATH_MAPPING]),
      24,
      4,
    )
    .add(
      timeline('Paths by identity', 'One line for each path of the period: when it was in force.')
        .withTarget(
          range(
            `max by (instance, path_id, as_path) (${fixed('traceroute_path_info', ONE)})`,
            '{{path_id}} {{as_path}}',
          ),
        )
        .mappings([valueTexts({ '1': ['in force', PLAIN] })]),
      12,
      8,
    )
    .add(pathTable('Path in force', ONE.fixed), 12, 8)
    .add(
      bars('Changes', 'Confirmed changes of path by kind.')
        .withTarget(range(changesInRange(ONE, 'kind', '$__rate_interval'), '{{kind}}'))
        .decimals(0),
      12,
      8,
    )
    .add(
      series('Paths at once', 'Distinct paths over the flows of a round.')
        .withTarget(range(both('traceroute_paths', 'probe_traceroute_paths', ONE), '{{instance}}'))
        .decimals(0)
        .min(0),
      12,
      8,
    )
    .add(graphPanel(), 24, 12, GRAPH_DATA);
}

function addHops(board: Board): void {
  const hops = table(
    'Hops',
    'Addresses that answered in the latest round. Needs `metrics: { hops: true }` in the configuration.',
  ).withTarget(rows(fixed('traceroute_hop_info', ONE), 'A'));
  for (const step of columns({
    hop: 'Hop',
    address: 'Address',
    name: 'Name',
    asn: 'AS',
    instance: 'From',
  }))
    hops.withTransformation(step);
  hops.withTransformation({
    id: 'convertFieldType',
    options: { conversions: [{ targetField: 'Hop', destinationType: 'number' }] },
  });
  hops.withTransformation({ id: 'sortBy', options: { sort: [{ field: 'Hop' }] } });
  board
    .row('Hops (metrics.hops)')
    .add(hops, 12, 10)
    .add(
      series('RTT by hop', 'Least round-trip time of the replies of each hop. A slow hop alone is no fault.')
        .withTarget(range(fixed('traceroute_hop_rtt_seconds', ONE), '{{instance}} hop {{hop}}'))
        .unit('s')
        .min(0),
      12,
      10,
    )
    .add(
      series(
        'Replies by hop',
        'Share of the probes that each hop answered. Routers limit their replies: low at one hop alone is no loss.',
      )
        .withTarget(range(fixed('traceroute_hop_reply_ratio', ONE), '{{instance}} hop {{hop}}'))
        .unit('percentunit')
        .thresholds(steps(GOOD, [0.5, NOTED]))
        .min(0)
        .max(1),
      24,
      8,
    );
}
