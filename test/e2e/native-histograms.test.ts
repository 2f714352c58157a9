// A real Prometheus that asks for protobuf gets native histograms, and the same values of everything else.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readScenario } from '../../lab/scenario-file.ts';
import { startTunLab } from '../../lab/tun.ts';
import {
  get,
  Output,
  projectPath,
  startHopscope,
  temporaryFolder,
  untilQuery,
  untilReady,
} from './servers.ts';

const ACCEPT =
  'Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';

describe('native histograms', () => {
  it('reach a Prometheus that has them enabled, with quantiles of the true delay', async () => {
    await using lab = await startTunLab(readScenario(projectPath('test/scenarios/chain.json')));
    using folder = temporaryFolder();
    const { namespace } = lab;
    writeFileSync(
      join(folder.path, 'prometheus.yml'),
      `global: { scrape_interval: 1s }
scrape_configs:
  - { job_name: hopscope, honor_labels: true, static_configs: [{ targets: ["127.0.0.1:10434"] }] }
  - job_name: probe
    metrics_path: /probe
    params: { target: ["198.18.0.1"] }
    static_configs: [{ targets: ["127.0.0.1:10434"] }]
`,
    );
    writeFileSync(
      join(folder.path, 'hopscope.yml'),
      'defaults: { interval: 1s }\ntargets: [{ host: 198.18.0.1, labels: { note: "ö \\"x\\" \\\\" } }]\n',
    );
    await startHopscope(namespace, ['--config.file', join(folder.path, 'hopscope.yml')]);
    const prometheus = namespace.spawn(
      [
        'prometheus',
        `--config.file=${folder.path}/prometheus.yml`,
        `--storage.tsdb.path=${folder.path}/data`,
        '--web.listen-address=127.0.0.1:9090',
        '--enable-feature=native-histograms',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    await untilReady(namespace, 'http://127.0.0.1:9090/-/ready', prometheus, new Output(prometheus));

    const selector = 'traceroute_rtt_seconds{target="198.18.0.1"}';
    await untilQuery(namespace, `histogram_count(${selector})`, ([count]) => (count?.value ?? 0) >= 8);
    const [average] = await untilQuery(
      namespace,
      `histogram_sum(${selector}) / histogram_count(${selector})`,
      (result) => result.length === 1,
    );
    assert.ok((average?.value ?? 0) >= 0.026, '13 links of a millisecond each way');
    const [median] = await untilQuery(
      namespace,
      `histogram_quantile(0.5, ${selector})`,
      (all) => all.length > 0,
    );
    // A bucket of schema 3 is 9 % wide.
    assert.ok((median?.value ?? 0) >= 0.026 / 1.1, `median ${median?.value}`);
    assert.ok((median?.value ?? 0) <= (await worst(selector)) * 1.1, `median ${median?.value}`);
    const durations = 'histogram_count(traceroute_duration_seconds)';
    await untilQuery(namespace, durations, ([count]) => (count?.value ?? 0) >= 2);

    const [hops] = await untilQuery(namespace, 'traceroute_hops', (result) => result.length === 1);
    assert.equal(hops?.value, 13);
    assert.equal(hops?.metric['note'], 'ö "x" \\');
    const changes = await untilQuery(namespace, 'traceroute_path_changes_total', (all) => all.length > 0);
    assert.equal(changes.length, 6);
    await untilQuery(namespace, 'probe_traceroute_hops == 13', (result) => result.length === 1);
    await untilQuery(namespace, 'up == 1', (result) => result.length === 2);

    const { status } = await get(namespace, 'http://127.0.0.1:10434/metrics', [ACCEPT]);
    assert.equal(status, 200);

    /** An upper bound of every value so far. */
    async function worst(of: string): Promise<number> {
      const [found] = await untilQuery(namespace, `histogram_quantile(1, ${of})`, (all) => all.length > 0);
      return found?.value ?? 0;
    }
  });
});
