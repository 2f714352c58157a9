// `/sd`: the configured targets as Prometheus' HTTP service discovery reads them, to be scraped through `/probe`.

import type { TargetConfig } from '../config/config.ts';

/**
 * A JSON list of target groups. `__param_module` makes the scrape ask for the target's module;
 * `__meta_hopscope_interval_seconds` is there for relabelling.
 */
export function serviceDiscovery(targets: readonly TargetConfig[]): string {
  const groups = new Map<string, { targets: string[]; labels: Record<string, string> }>();
  for (const target of targets) {
    const labels = {
      ...target.labels,
      __param_module: target.module.name,
      __meta_hopscope_interval_seconds: String(target.intervalMs / 1000),
    };
    const identity = JSON.stringify(labels);
    const group = groups.get(identity) ?? { targets: [] as string[], labels };
    group.targets.push(target.host);
    groups.set(identity, group);
  }
  return `${JSON.stringify([...groups.values()])}\n`;
}
