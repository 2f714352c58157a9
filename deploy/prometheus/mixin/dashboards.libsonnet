// The dashboards of deploy/grafana, where they are made.
{
  grafanaDashboards+:: {
    'hopscope-changes.json': import '../../grafana/json/hopscope-changes.json',
    'hopscope-overview.json': import '../../grafana/json/hopscope-overview.json',
    'hopscope-target.json': import '../../grafana/json/hopscope-target.json',
  },
}
