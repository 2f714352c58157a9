// What deploy/compose promises in its file: every service bounded, confined and watched, nothing secret in it, and no copy
// of what stands elsewhere that says something else.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { projectPath } from './e2e/servers.ts';

interface Service {
  readonly image: string;
  readonly restart: string;
  readonly read_only: boolean;
  readonly cap_drop: readonly string[];
  readonly security_opt: readonly string[];
  readonly mem_limit: string;
  readonly cpus: number;
  readonly pids_limit: number;
  readonly logging: { readonly options: Readonly<Record<string, string>> };
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly sysctls?: readonly string[];
}

function read(path: string): string {
  return readFileSync(projectPath(path), 'utf8');
}

function readYaml(path: string): Record<string, unknown> {
  return parse(read(path), { merge: true }) as Record<string, unknown>;
}

function dockerCompose(folder: string): { services: Record<string, Service> } {
  const result = spawnSync('docker-compose', ['config'], { cwd: projectPath(folder), encoding: 'utf8' });
  assert.equal(result.status, 0, result.stderr);
  return parse(result.stdout) as { services: Record<string, Service> };
}

const compose = readYaml('deploy/compose/compose.yml') as unknown as {
  services: Record<string, Service>;
  secrets: Record<string, { file: string }>;
};

/** The jobs at the addresses that the other file has, without logins. */
function asBeside(config: Record<string, unknown>): {
  rule_files: unknown;
  scrape_configs: { job_name: string }[];
} {
  const text = JSON.stringify(config, (key, value: unknown) => (key === 'basic_auth' ? undefined : value));
  return JSON.parse(
    text
      .replaceAll('/etc/prometheus/shared/', '')
      .replaceAll('hopscope:10434', '127.0.0.1:10434')
      .replaceAll('alertmanager:9093', '127.0.0.1:9093'),
  );
}

describe('deploy/compose/compose.yml', () => {
  it('is read by docker-compose, as are those of deploy/registry', () => {
    const { services } = dockerCompose('deploy/compose');
    assert.deepEqual(Object.keys(services).sort(), Object.keys(compose.services).sort());
    // Reached from this host alone unless somebody opens it.
    for (const { ports } of Object.values(services))
      for (const port of ports ?? []) assert.match(port, /^127\.0\.0\.1:/);
    dockerCompose('deploy/registry');
    dockerCompose('deploy/registry/nexus');
  });

  it('confines, bounds and watches every service', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      assert.equal(service.restart, 'unless-stopped', name);
      assert.equal(service.read_only, true, name);
      assert.deepEqual(service.cap_drop, ['ALL'], name);
      assert.deepEqual(service.security_opt, ['no-new-privileges:true'], name);
      assert.match(service.mem_limit, /^\d+[mg]$/, name);
      assert.ok(service.cpus > 0 && service.pids_limit > 0, name);
      assert.ok(service.logging.options['max-size'], name);
      if (name === 'hopscope') assert.match(read('deploy/container/Containerfile'), /^HEALTHCHECK /m);
      else assert.equal(service.healthcheck?.test[0], 'CMD-SHELL', name);
    }
    assert.deepEqual(compose.services['hopscope']?.sysctls, ['net.ipv4.ping_group_range=0 2147483647']);
  });

  it('names images by version and by no registry, hopscope by the version of this checkout', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    for (const [name, { image }] of Object.entries(compose.services)) {
      if (name === 'hopscope') assert.equal(image, `\${HOPSCOPE_IMAGE:-hopscope:${version}}`);
      else assert.match(image, /^[a-z]+\/[a-z-]+:v?\d+\.\d+\.\d+$/, name);
    }
    assert.ok(read('deploy/compose/start').includes(`\${HOPSCOPE_IMAGE:-hopscope:${version}}`));
  });

  it('has no secret in it: they are files that git does not see', () => {
    for (const { file } of Object.values(compose.secrets)) {
      const { status } = spawnSync('git', ['check-ignore', '--quiet', file], {
        cwd: projectPath('deploy/compose'),
      });
      assert.equal(status, 0, file);
    }
    for (const { environment = {} } of Object.values(compose.services))
      for (const [name, value] of Object.entries(environment))
        if (/PASSWORD|SECRET|TOKEN/.test(name)) assert.match(value, /^\/run\/secrets\//, name);
  });

  it('has a Prometheus whose jobs are those of deploy/prometheus, and more', () => {
    const own = asBeside(readYaml('deploy/compose/prometheus/prometheus.yml'));
    const beside = asBeside(readYaml('deploy/prometheus/prometheus.yml'));
    for (const job of beside.scrape_configs)
      assert.deepEqual(
        own.scrape_configs.find(({ job_name }) => job_name === job.job_name),
        job,
      );
    assert.deepEqual({ ...own, scrape_configs: [] }, { ...beside, scrape_configs: [] });
    const names = own.scrape_configs.map(({ job_name }) => job_name);
    for (const job of ['pushgateway', 'node', 'prometheus', 'alertmanager', 'grafana'])
      assert.ok(names.includes(job), job);
  });

  it('has a Grafana whose data sources are those of deploy/grafana', () => {
    const text = JSON.stringify(
      readYaml('deploy/compose/grafana/datasources/hopscope.yaml'),
      (key, value: unknown) =>
        ['basicAuth', 'basicAuthUser', 'secureJsonData', 'auth_method'].includes(key) ? undefined : value,
    );
    const own = text
      .replaceAll('http://prometheus:', 'http://127.0.0.1:')
      .replaceAll('http://hopscope:', 'http://127.0.0.1:');
    assert.deepEqual(JSON.parse(own), readYaml('deploy/grafana/provisioning/datasources/hopscope.yaml'));
  });

  it('and every other script of deploy is one that bash can read', () => {
    const { stdout } = spawnSync('git', ['grep', '-lI', '^#!/usr/bin/env bash', '--', 'deploy', '.ci'], {
      cwd: projectPath(),
      encoding: 'utf8',
    });
    const scripts = [...stdout.trim().split('\n'), 'deploy/compose/engine'];
    assert.ok(scripts.length > 5);
    for (const script of scripts) {
      const { status, stderr } = spawnSync('bash', ['-n', projectPath(script)], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
    }
  });
});
