// Writes the dashboards as JSON that Grafana loads: `node deploy/grafana/generate.ts`. The files are in the repository, and a
// test holds that they are what this yields.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { changes } from './dashboards/changes.ts';
import { overview } from './dashboards/overview.ts';
import { target } from './dashboards/target.ts';

export const DASHBOARD_FOLDER: string = join(import.meta.dirname, 'json');

/** By the name of their file. */
export function dashboards(): ReadonlyMap<string, Dashboard> {
  return new Map(
    [overview(), target(), changes()].map((builder) => {
      const built = builder.build();
      return [`${built.uid}.json`, built];
    }),
  );
}

export function dashboardText(dashboard: Dashboard): string {
  return `${JSON.stringify(dashboard, null, 2)}\n`;
}

if (import.meta.main) {
  mkdirSync(DASHBOARD_FOLDER, { recursive: true });
  for (const [name, dashboard] of dashboards())
    writeFileSync(join(DASHBOARD_FOLDER, name), dashboardText(dashboard));
}
