// hopscope's monitoring mixin: prometheusAlerts and prometheusRules as every mixin has them, settings in _config.
(import 'config.libsonnet') + (import 'alerts.libsonnet') + (import 'recording.libsonnet')
