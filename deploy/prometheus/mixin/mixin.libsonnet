// hopscope's monitoring mixin: prometheusAlerts, prometheusRules and grafanaDashboards as every mixin has them, settings in
// _config.
(import 'config.libsonnet') + (import 'alerts.libsonnet') + (import 'recording.libsonnet') + (import 'dashboards.libsonnet')
