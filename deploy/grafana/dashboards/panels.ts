// The kinds of panel that the dashboards are made of, with the settings that all of one kind share.

import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardLinkBuilder,
  type DynamicConfigValue,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { PanelBuilder as StatPanel } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimelinePanel } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TablePanel } from '@grafana/grafana-foundation-sdk/table';
import { PanelBuilder as SeriesPanel } from '@grafana/grafana-foundation-sdk/timeseries';
import { TARGET_UID } from './board.ts';

export const GOOD = 'green';
export const NOTED = 'yellow';
export const BAD = 'red';
export const PLAIN = 'blue';

/** One colour up to the first value, then others from each value on. */
export function steps(
  first: string,
  ...from: readonly (readonly [number, string])[]
): ThresholdsConfigBuilder {
  const list: Threshold[] = [{ value: null, color: first }];
  for (const [value, color] of from) list.push({ value, color });
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(list);
}

export const LOSS_STEPS: ThresholdsConfigBuilder = steps(GOOD, [0.01, NOTED], [0.05, BAD]);

export function fixedColour(colour: string): FieldColorBuilder {
  return new FieldColorBuilder().mode(FieldColorModeId.Fixed).fixedColor(colour);
}

function byThresholds(): FieldColorBuilder {
  return new FieldColorBuilder().mode(FieldColorModeId.Thresholds);
}

/** One figure, the latest, on the colour of its threshold. */
export function stat(title: string, description: string): StatPanel {
  return new StatPanel()
    .title(title)
    .description(description)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(false))
    .colorMode(BigValueColorMode.Background)
    .graphMode(BigValueGraphMode.None)
    .textMode(BigValueTextMode.Auto)
    .colorScheme(byThresholds())
    .thresholds(steps(PLAIN));
}

/** Lines over time. */
export function series(title: string, description: string): SeriesPanel {
  return new SeriesPanel()
    .title(title)
    .description(description)
    .lineWidth(1)
    .fillOpacity(8)
    .showPoints(VisibilityMode.Never)
    .spanNulls(false)
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.Table)
        .placement(LegendPlacement.Bottom)
        .showLegend(true)
        .calcs(['lastNotNull', 'max']),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
}

/** Stacked bars over time. */
export function bars(title: string, description: string): SeriesPanel {
  return series(title, description)
    .drawStyle(GraphDrawStyle.Bars)
    .fillOpacity(80)
    .lineWidth(0)
    .stacking(new StackingConfigBuilder().mode(StackingMode.Normal).group('A'));
}

/** States over time: a change is a seam. */
export function timeline(title: string, description: string): TimelinePanel {
  return new TimelinePanel()
    .title(title)
    .description(description)
    .mergeValues(true)
    .showValue(VisibilityMode.Auto)
    .rowHeight(0.85)
    .lineWidth(1)
    .fillOpacity(75)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(false)
        .displayMode(LegendDisplayMode.Hidden)
        .placement(LegendPlacement.Bottom)
        .calcs([]),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Single).sort(SortOrder.None));
}

export function table(title: string, description: string): TablePanel {
  return new TablePanel().title(title).description(description).showHeader(true).filterable(true);
}

/** Name and order of a table's columns; those that are not named are left out. */
export function columns(names: Readonly<Record<string, string>>): { id: string; options: object }[] {
  const order = Object.keys(names);
  return [
    { id: 'filterFieldsByName', options: { include: { names: order } } },
    {
      id: 'organize',
      options: {
        excludeByName: {},
        indexByName: Object.fromEntries(order.map((name, i) => [name, i])),
        renameByName: names,
      },
    },
  ];
}

export const JOIN_BY_TARGET: { id: string; options: object } = {
  id: 'joinByField',
  options: { byField: 'target', mode: 'outer' },
};

/** To the dashboard of the target in the field `Target` of a table's row, or of the series pointed at. */
export function targetLink(of: 'row' | 'series'): DashboardLinkBuilder {
  const target = of === 'row' ? '${__value.text:percentencode}' : '${__field.labels.target:percentencode}';
  return new DashboardLinkBuilder('This target')
    .url(`/d/${TARGET_UID}?var-target=${target}&\${datasource:queryparam}&\${__url_time_range}`)
    .targetBlank(false);
}

/** A property of a field, for overrides. */
export function property(id: string, value: unknown): DynamicConfigValue {
  return { id, value };
}

export function fieldColour(colour: string): DynamicConfigValue {
  return property('color', { mode: 'fixed', fixedColor: colour });
}

/** Texts and colours for values. */
export function valueTexts(texts: Readonly<Record<string, readonly [string, string]>>): ValueMapping {
  return {
    type: MappingType.ValueToText,
    options: Object.fromEntries(
      Object.entries(texts).map(([value, [text, color]], index) => [value, { text, color, index }]),
    ),
  };
}

/** None of them says good or bad. A prime number of letters, so that no pattern in the identities can show. */
const PATH_COLOURS = [
  '#5794F2',
  '#B877D9',
  '#FF9830',
  '#56A64B',
  '#8AB8FF',
  '#CA95E5',
  '#FFB357',
  '#96D98D',
  '#1F60C4',
  '#8F3BB8',
  '#E55400',
  '#37872D',
] as const;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVW';

export const PATH_LETTERS: number = LETTERS.length;

export const PATH_MAPPING: ValueMapping = valueTexts(
  Object.fromEntries(
    Array.from(LETTERS, (letter, i) => [
      String(i),
      [letter, PATH_COLOURS[i % PATH_COLOURS.length] ?? PLAIN] as const,
    ]),
  ),
);
