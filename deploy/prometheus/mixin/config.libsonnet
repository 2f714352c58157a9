// What a site may want otherwise. Override it from outside:
//   (import 'mixin.libsonnet') + { _config+:: { lossRatio: 0.2, runbookBase: 'https://wiki.example.org/runbooks/' } }
{
  _config+:: {
    // An alert's runbook_url is runbookBase, its name, runbookSuffix. As it is: the page's path in hopscope's repository.
    runbookBase: 'docs/runbooks/',
    runbookSuffix: '.md',

    // Which scrape jobs are hopscope's own metrics, and which its probes.
    exporterSelector: 'job="hopscope"',
    probeSelector: 'job="traceroute"',
    // Further matchers for the series of static targets, such as 'team="network"'.
    targetSelector: '',

    // How long a change of path keeps its alert.
    pathWindow: '10m',
    // The share of probes lost within lossWindow, and how many at least: below that a ratio says nothing.
    lossWindow: '15m',
    lossRatio: 0.1,
    lossProbes: 5,
    lossFor: '5m',
    // The rise of the median that is worth a person's time, in seconds; raise it where the targets are far away.
    shiftSeconds: 0.005,
    // How long ago it may have been established, in seconds. Probes have no memory of delay: the two windows compared,
    // and the least ratio between them.
    shiftAgeSeconds: 1800,
    shiftWindow: '30m',
    shiftBefore: '2h',
    shiftRatio: 1.2,
    // How long nothing may answer.
    silentWindow: '5m',
    silentFor: '2m',
    // The age of a measurement, in seconds: ten rounds of the default interval. For targets measured less often: some
    // three intervals.
    staleSeconds: 600,
    // How long an exporter, or its answer to a probe, may be away.
    downFor: '5m',

    // Labels of targets (`labels:` in hopscope.yml) by which recording rules sum up: one set of rules for each.
    groupLabels: ['site'],
    quantiles: [0.5, 0.9, 0.99],
  },
}
