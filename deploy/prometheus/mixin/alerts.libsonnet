// The alerts. Each on what is measured is there twice: for static targets (/metrics, label `target`) and for probes
// (/probe, label `instance`); the label `source` tells them apart. `severity: critical` is for what cuts somebody off
// now; `warning` is for what has changed and should be understood today.
local words = import 'words.libsonnet';

{
  local c = $._config + {
    pathWords: words.duration(c.pathWindow),
    lossWords: words.duration(c.lossWindow),
    silentWords: words.duration(c.silentWindow),
    shiftWords: words.duration(c.shiftWindow),
    shiftBeforeWords: words.duration(c.shiftBefore),
    downWords: words.duration(c.downFor),
  },
  local target(name, more='') = words.series(name, [c.targetSelector, more]),
  local probe(name) = words.series(name, [c.probeSelector]),
  local alert(name, severity, source, expr, summary, description, hold=null) = {
    alert: name,
    expr: words.lines(expr),
    [if hold != null then 'for']: hold,
    labels: { severity: severity, source: source },
    annotations: {
      summary: summary,
      description: words.prose(description),
      runbook_url: c.runbookBase + name + c.runbookSuffix,
    },
  },

  local static = [
    // The counter moves only for a change that was probed again at once and came out the same: silent hops, rehashed
    // balancers (kind="ecmp") and renamed routers do not move it.
    alert(
      'PathChanged',
      'warning',
      'target',
      'increase(%s[%s]) > 0' % [target('traceroute_path_changes_total', 'kind=~"reroute|length"'), c.pathWindow],
      'The route to {{ $labels.target }} changed ({{ $labels.kind }})',
      |||
        Packets to {{ $labels.target }} take other routers than %(pathWords)s ago
        {{- if eq $labels.kind "length" }}, and their number is another one{{ end }}. The change was confirmed by
        probing again. Traffic may be slower, or pass through a network that it should not. Compare the routes
        before and after on hopscope's page, or run: hopscope trace {{ $labels.target }}
      ||| % c,
    ),
    alert(
      'ASPathChanged',
      'warning',
      'target',
      'increase(%s[%s]) > 0' % [target('traceroute_path_changes_total', 'kind="as_path"'), c.pathWindow],
      'The networks on the way to {{ $labels.target }} changed',
      |||
        Packets to {{ $labels.target }} pass through other autonomous systems than %(pathWords)s ago: a provider or a
        peering was changed, has failed, or somebody announces what is not theirs. The label as_path of
        traceroute_path_info has the networks now.
      ||| % c,
    ),
    // A destination that answers nothing at all is DestinationUnreachable.
    alert(
      'DestinationLoss',
      'warning',
      'target',
      |||
        (
            increase(%(lost)s[%(window)s]) / increase(%(sent)s[%(window)s]) > %(ratio)g
          and
            increase(%(lost)s[%(window)s]) >= %(probes)d
        )
        unless max_over_time(%(success)s[%(silent)s]) == 0
      ||| % {
        lost: target('traceroute_probes_lost_total'),
        sent: target('traceroute_probes_sent_total'),
        success: target('traceroute_success'),
        window: c.lossWindow,
        ratio: c.lossRatio,
        probes: c.lossProbes,
        silent: c.silentWindow,
      },
      '{{ $labels.target }} loses {{ $value | humanizePercentage }} of the probes',
      |||
        Over the last %(lossWords)s {{ $value | humanizePercentage }} of the probes to {{ $labels.target }} got no
        answer. traceroute_loss_start_hop has the hop from which the loss persists to the destination; 0 means that
        it could not be told where.
      ||| % c,
      hold=c.lossFor,
    ),
    // The shift is a change point of the median that was tested against the noise of this very path.
    alert(
      'LatencyShift',
      'warning',
      'target',
      |||
        %s > %g
          and time() - %s < %d
      ||| % [
        target('traceroute_delay_shift_seconds'),
        c.shiftSeconds,
        target('traceroute_delay_shift_timestamp_seconds'),
        c.shiftAgeSeconds,
      ],
      '{{ $labels.target }} is {{ $value | humanizeDuration }} slower than before',
      |||
        The median round-trip time to {{ $labels.target }} rose by {{ $value | humanizeDuration }} and stays there.
        It is no single slow reply. Look whether PathChanged fired at the same time; traceroute_delay_shift_hop has
        the hop from which on it is slower.
      |||,
    ),
    alert(
      'DestinationUnreachable',
      'critical',
      'target',
      'max_over_time(%s[%s]) == 0' % [target('traceroute_success'), c.silentWindow],
      '{{ $labels.target }} does not answer',
      |||
        No round of the last %(silentWords)s reached {{ $labels.target }}. Either it is down, something on the way drops
        the packets, or its name does not resolve (traceroute_failures_total{kind="dns"} rises then). The last hop
        that answers shows where to begin: hopscope trace {{ $labels.target }}
      ||| % c,
      hold=c.silentFor,
    ),
    alert(
      'DataStale',
      'warning',
      'target',
      'time() - %s > %d' % [target('traceroute_last_run_timestamp_seconds'), c.staleSeconds],
      '{{ $labels.target }} was last measured {{ $value | humanizeDuration }} ago',
      |||
        hopscope answers Prometheus, but has ended no round of {{ $labels.target }} for {{ $value | humanizeDuration }}.
        All other alerts on this target are blind meanwhile.
      |||,
      hold='1m',
    ),
    alert(
      'DataStale',
      'critical',
      'scrape',
      '%s == 0' % words.series('up', [c.exporterSelector]),
      'hopscope on {{ $labels.instance }} cannot be scraped',
      |||
        Prometheus has had no answer from {{ $labels.instance }} for %(downWords)s. No alert on any of its targets can
        fire meanwhile.
      ||| % c,
      hold=c.downFor,
    ),
    // Pushed groups stay in a Pushgateway for ever: their age is all that tells that nobody pushes any more.
    alert(
      'DataStale',
      'warning',
      'push',
      'time() - %s > 3 * %s' % [
        target('traceroute_push_timestamp_seconds'),
        target('traceroute_push_interval_seconds'),
      ],
      '{{ if $labels.target }}{{ $labels.target }}{{ else }}{{ $labels.instance }}{{ end }} was last pushed {{ $value | humanizeDuration }} ago',
      |||
        What the Pushgateway shows is {{ $value | humanizeDuration }} old, more than three times as old as it should
        be. All other alerts on this target are blind meanwhile.
      |||,
      hold='1m',
    ),
  ],

  local probes = [
    // hopscope remembers the paths of what it probes, so that the identity moves only with the route. A target that is
    // new, or whose exporter was just started, is still being learnt: it must have been there before.
    alert(
      'PathChanged',
      'warning',
      'probe',
      'changes(%(id)s[%(w)s]) > 0 and %(id)s offset %(w)s' % { id: probe('probe_traceroute_path_id'), w: c.pathWindow },
      'The route to {{ $labels.instance }} changed',
      |||
        Packets to {{ $labels.instance }} take other routers than %(pathWords)s ago. Traffic may be slower, or pass
        through a network that it should not. See the route now: hopscope trace {{ $labels.instance }}
      ||| % c,
    ),
    // Together with the path: a newer AS database alone changes what is written here, not where packets go.
    alert(
      'ASPathChanged',
      'warning',
      'probe',
      |||
        changes(%(as)s[%(w)s]) > 0 and %(as)s offset %(w)s
          and changes(%(id)s[%(w)s]) > 0
      ||| % { as: probe('probe_traceroute_as_path_id'), id: probe('probe_traceroute_path_id'), w: c.pathWindow },
      'The networks on the way to {{ $labels.instance }} changed',
      |||
        Packets to {{ $labels.instance }} pass through other autonomous systems than %(pathWords)s ago: a provider or a
        peering was changed, has failed, or somebody announces what is not theirs.
      ||| % c,
    ),
    alert(
      'DestinationLoss',
      'warning',
      'probe',
      |||
        avg_over_time(%(loss)s[%(window)s]) > %(ratio)g
          and count_over_time(%(loss)s[%(window)s]) >= 10
        unless max_over_time(%(success)s[%(silent)s]) == 0
      ||| % {
        loss: probe('probe_traceroute_loss_ratio'),
        success: probe('probe_success'),
        window: c.lossWindow,
        ratio: c.lossRatio,
        silent: c.silentWindow,
      },
      '{{ $labels.instance }} loses {{ $value | humanizePercentage }} of the probes',
      |||
        Over the last %(lossWords)s {{ $value | humanizePercentage }} of the probes to {{ $labels.instance }} got no
        answer. To see where they are lost: hopscope trace --watch {{ $labels.instance }}
      ||| % c,
      hold=c.lossFor,
    ),
    // A probe has no memory of delay: the median of one window against that of the longer one before it.
    alert(
      'LatencyShift',
      'warning',
      'probe',
      |||
        quantile_over_time(0.5, %(rtt)s[%(now)s])
          - quantile_over_time(0.5, %(rtt)s[%(before)s] offset %(now)s) > %(seconds)g
        and
          quantile_over_time(0.5, %(rtt)s[%(now)s])
            > %(ratio)g * quantile_over_time(0.5, %(rtt)s[%(before)s] offset %(now)s)
        and count_over_time(%(rtt)s[%(before)s] offset %(now)s) >= 30
      ||| % {
        rtt: probe('probe_traceroute_rtt_seconds'),
        now: c.shiftWindow,
        before: c.shiftBefore,
        seconds: c.shiftSeconds,
        ratio: c.shiftRatio,
      },
      '{{ $labels.instance }} is {{ $value | humanizeDuration }} slower than before',
      |||
        The median round-trip time to {{ $labels.instance }} of the last %(shiftWords)s is {{ $value | humanizeDuration }}
        above that of the %(shiftBeforeWords)s before. Look whether PathChanged fired at the same time.
      ||| % c,
      hold='10m',
    ),
    // probe_traceroute_hops keeps the blackbox exporter's probe_success out of this.
    alert(
      'DestinationUnreachable',
      'critical',
      'probe',
      'max_over_time(%s[%s]) == 0 and %s' % [probe('probe_success'), c.silentWindow, probe('probe_traceroute_hops')],
      '{{ $labels.instance }} does not answer',
      |||
        No probe of the last %(silentWords)s reached {{ $labels.instance }}. Either it is down, something on the way
        drops the packets, or its name does not resolve (probe_ip_protocol is 0 then). The last hop that answers
        shows where to begin: hopscope trace {{ $labels.instance }}
      ||| % c,
      hold=c.silentFor,
    ),
    // The exporter is away, or refuses: 403 for what probe.allow and probe.deny forbid, 429 where too much is asked.
    alert(
      'DataStale',
      'warning',
      'probe',
      '%s == 0' % words.series('up', [c.probeSelector]),
      'No measurement of {{ $labels.instance }} for %(downWords)s' % c,
      |||
        Prometheus asks hopscope to probe {{ $labels.instance }} and gets no answer, or one that refuses. The reason
        stands on Prometheus' page of targets. All other alerts on this target are blind meanwhile.
      |||,
      hold=c.downFor,
    ),
  ],

  local exporter = [
    alert(
      'ReloadFailed',
      'warning',
      'exporter',
      '%s == 0' % words.series('hopscope_config_last_reload_successful', [c.exporterSelector]),
      'hopscope on {{ $labels.instance }} refuses its configuration',
      |||
        The latest attempt to load the configuration of {{ $labels.instance }} failed; the one before it stays in
        force. Targets that were added since are not measured. Its log, and hopscope check, say where the mistake is.
      |||,
      hold='5m',
    ),
    alert(
      'HistoryFailing',
      'warning',
      'exporter',
      '%s == 0' % words.series('hopscope_history_up', [c.exporterSelector]),
      'hopscope on {{ $labels.instance }} cannot write its history',
      |||
        The disk or the file of the history of {{ $labels.instance }} is out of order. Measurements and metrics go on;
        paths and changes of this time will be missing from the page, and lost with a restart.
      |||,
      hold='5m',
    ),
  ],

  prometheusAlerts+:: {
    groups+: [
      { name: 'hopscope-static', rules: static },
      { name: 'hopscope-probe', rules: probes },
      { name: 'hopscope-exporter', rules: exporter },
    ],
  },
}
