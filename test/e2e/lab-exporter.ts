// The real exporter, page and all, in this process over the simulated internet, on a free loopback port.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseScenario } from '../../lab/scenario-schema.ts';
import { createVirtualEngine } from '../../lab/virtual-engine.ts';
import { MemoryFileSystem } from '../../src/config/memory-file-system.ts';
import { systemClock } from '../../src/monitor/clock.ts';
import { serve } from '../../src/serve.ts';
import { encodeMmdb } from '../mmdb-writer.ts';

export interface LabExporterOptions {
  /** More targets, all on the route of the first, by label `what`. */
  readonly more?: number;
  readonly interval?: string;
  /** Label of the target that is rerouted. */
  readonly label?: string;
  readonly routePrefix?: string;
}

export interface LabExporter extends AsyncDisposable {
  readonly url: string;
  /** Sends the traffic of REROUTED over the other branch, or back. */
  reroute(detour: boolean): void;
}

export const REROUTED = '198.18.3.1';
export const BALANCED = '198.18.2.1';
export const LOSSY = '198.18.4.1';

const SYSTEMS = {
  '100.64.0.0/24': { autonomous_system_number: 64496, autonomous_system_organization: 'Campus' },
  '100.65.0.0/24': { autonomous_system_number: 64500, autonomous_system_organization: 'Northern Transit' },
  '100.66.0.0/24': { autonomous_system_number: 64501, autonomous_system_organization: 'Blue Backbone' },
  '100.67.0.0/24': { autonomous_system_number: 64511, autonomous_system_organization: 'Exchange Carrier' },
  '198.18.0.0/15': { autonomous_system_number: 65551, autonomous_system_organization: 'Far Shore' },
};

const ROUTERS: Readonly<Record<string, string>> = {
  campus1: '100.64.0.1',
  campus2: '100.64.0.2',
  north1: '100.65.0.1',
  north2: '100.65.0.2',
  north3: '100.65.0.3',
  north4: '100.65.0.4',
  blue1: '100.66.0.1',
  blue2: '100.66.0.2',
  blue3: '100.66.0.3',
  carrier1: '100.67.0.1',
  carrier2: '100.67.0.2',
  quiet: '100.65.0.9',
};

function scenario(): unknown {
  return {
    name: 'page',
    defaults: { link: { delayMs: 1.5, jitterMs: 0.2 } },
    routers: Object.fromEntries(
      Object.entries(ROUTERS).map(([name, v4]) => [name, name === 'quiet' ? { v4, silent: true } : { v4 }]),
    ),
    links: [
      { from: 'north2', to: 'blue3', loss: 0.3 },
      { from: 'north1', to: 'carrier1', delayMs: 14 },
    ],
    routes: {
      near: { steps: ['campus1', 'campus2'] },
      balanced: { steps: ['campus1', 'campus2', ['north1', 'north2', 'north3', 'north4'], 'blue1', 'blue2'] },
      far: { steps: ['campus1', 'campus2', 'north1', 'blue1', 'quiet', 'blue2'] },
      detour: { steps: ['campus1', 'campus2', 'north1', 'carrier1', 'carrier2', 'quiet', 'blue2'] },
      lossy: { steps: ['campus1', 'campus2', 'north2', 'blue3'] },
    },
    targets: [
      { prefix: '198.18.1.1', route: 'near' },
      { prefix: BALANCED, route: 'balanced' },
      { prefix: REROUTED, route: 'far' },
      { prefix: LOSSY, route: 'lossy' },
      { prefix: '198.19.0.0/16', route: 'balanced' },
    ],
  };
}

export async function startLabExporter(options: LabExporterOptions = {}): Promise<LabExporter> {
  const folder = mkdtempSync(join(tmpdir(), 'hopscope-page-'));
  const database = join(folder, 'asn.mmdb');
  writeFileSync(database, encodeMmdb(SYSTEMS, { databaseType: 'Test-ASN' }));
  const engine = createVirtualEngine({ scenario: parseScenario(scenario()), seed: 7, clock: systemClock() });
  const more = Array.from({ length: options.more ?? 0 }, (_, i) => ({
    host: `198.19.${i >> 8}.${i & 255}`,
    labels: { what: `one of many, ${i}` },
  }));
  const config = {
    defaults: { interval: options.interval ?? '1s' },
    enrich: { asn: database, reverseDns: false },
    targets: [
      { host: '198.18.1.1', labels: { what: 'near' } },
      { host: BALANCED, labels: { what: 'balanced' } },
      { host: REROUTED, labels: { what: options.label ?? 'rerouted' } },
      { host: LOSSY, labels: { what: 'lossy' } },
      ...more,
    ],
  };
  const { promise: listening, resolve } = Promise.withResolvers<string>();
  const server = await serve(
    {
      configFile: 'hopscope.yml',
      targets: [],
      listenAddresses: ['127.0.0.1:0'],
      webConfigFile: undefined,
      externalUrl: undefined,
      routePrefix: options.routePrefix,
      historyPath: undefined,
      logLevel: 'info',
      logFormat: 'json',
      arguments: new Map(),
    },
    {
      version: '0.1.0',
      stderr: {
        write: (text: string) => {
          const url = /"url":"([^"]+)"/.exec(text)?.[1];
          if (url !== undefined) resolve(url);
          return true;
        },
      },
      engine,
      fileSystem: new MemoryFileSystem({ 'hopscope.yml': JSON.stringify(config) }),
    },
  );
  return {
    url: await listening,
    reroute: (detour) =>
      engine.change({ atMs: 0, targets: [{ prefix: REROUTED, route: detour ? 'detour' : 'far' }] }),
    [Symbol.asyncDispose]: async () => {
      await server.close();
      rmSync(folder, { recursive: true });
    },
  };
}
