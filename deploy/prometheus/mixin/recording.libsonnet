// What dashboards and reports ask for again and again. Names are level:metric:operation; `target` keeps every label of a
// target, `instance` those of a probe, and each label of _config.groupLabels has rules that sum over its targets.
local words = import 'words.libsonnet';

{
  local c = $._config,
  local target(name, more='') = words.series(name, [c.targetSelector, more]),
  local probe(name) = words.series(name, [c.probeSelector]),
  local percent(quantile) = 'p%g' % (quantile * 100),

  local targets = [
    // No probe, no ratio: 0/0 is no sample.
    {
      record: 'target:traceroute_loss:ratio_rate5m',
      expr: 'rate(%s[5m]) / (rate(%s[5m]) > 0)' % [
        target('traceroute_probes_lost_total'),
        target('traceroute_probes_sent_total'),
      ],
    },
    // Confirmed changes of the route, in an hour. A change of AS path is one of the route as well, and counted with it.
    {
      record: 'target:traceroute_path_changes:increase1h',
      expr: 'sum without (kind) (increase(%s[1h]))' % target('traceroute_path_changes_total', 'kind=~"reroute|length"'),
    },
    { record: 'target:traceroute_success:avg1h', expr: 'avg_over_time(%s[1h])' % target('traceroute_success') },
    { record: 'target:traceroute_success:avg1d', expr: 'avg_over_time(%s[1d])' % target('traceroute_success') },
  ] + [
    {
      record: 'target:traceroute_rtt_seconds:%s_5m' % percent(quantile),
      expr: 'histogram_quantile(%g, rate(%s[5m]))' % [quantile, target('traceroute_rtt_seconds_bucket')],
    }
    for quantile in c.quantiles
  ],

  local groups(label) = [
    {
      record: '%s:traceroute_loss:ratio_rate5m' % label,
      expr: words.lines(|||
        sum by (%(label)s) (rate(%(lost)s[5m]))
          / (sum by (%(label)s) (rate(%(sent)s[5m])) > 0)
      ||| % {
        label: label,
        lost: target('traceroute_probes_lost_total', label + '!=""'),
        sent: target('traceroute_probes_sent_total', label + '!=""'),
      }),
    },
    {
      record: '%s:traceroute_path_changes:increase1h' % label,
      expr: 'sum by (%s) (increase(%s[1h]))' % [
        label,
        target('traceroute_path_changes_total', 'kind=~"reroute|length",%s!=""' % label),
      ],
    },
    // The share of the targets of this label that answer now.
    {
      record: '%s:traceroute_success:avg' % label,
      expr: 'avg by (%s) (%s)' % [label, target('traceroute_success', label + '!=""')],
    },
  ] + [
    {
      record: '%s:traceroute_rtt_seconds:%s_5m' % [label, percent(quantile)],
      expr: 'histogram_quantile(%g, sum by (%s, le) (rate(%s[5m])))' % [
        quantile,
        label,
        target('traceroute_rtt_seconds_bucket', label + '!=""'),
      ],
    }
    for quantile in c.quantiles
  ],

  local probes = [
    {
      record: 'instance:probe_traceroute_loss_ratio:avg5m',
      expr: 'avg_over_time(%s[5m])' % probe('probe_traceroute_loss_ratio'),
    },
    // A change while the target was still being learnt is counted here; the alert leaves it out.
    {
      record: 'instance:probe_traceroute_path_id:changes1h',
      expr: 'changes(%s[1h])' % probe('probe_traceroute_path_id'),
    },
    { record: 'instance:probe_success:avg1h', expr: 'avg_over_time(%s[1h])' % probe('probe_success') },
  ] + [
    {
      record: 'instance:probe_traceroute_rtt_seconds:%s_1h' % percent(quantile),
      expr: 'quantile_over_time(%g, %s[1h])' % [quantile, probe('probe_traceroute_rtt_seconds')],
    }
    for quantile in c.quantiles
  ],

  prometheusRules+:: {
    groups+: [
      { name: 'hopscope-targets', rules: targets },
    ] + [
      { name: 'hopscope-by-' + label, rules: groups(label) }
      for label in c.groupLabels
    ] + [
      { name: 'hopscope-probes', rules: probes },
    ],
  },
}
