// What deploy/kubernetes renders to: objects that Kubernetes' and prometheus-operator's schemas accept, pods that the Pod
// Security Standard "restricted" admits, and references that lead somewhere.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../src/config/load.ts';
import { MemoryFileSystem } from '../src/config/memory-file-system.ts';
import { projectPath, temporaryFolder } from './e2e/servers.ts';

/** A compiled schema: false, with `errors` on it, for what it does not accept. */
interface Validator {
  (data: unknown): boolean;
  readonly errors?: readonly unknown[] | null;
}

// The models' own validate() works on a copy, and their schemas are not exported: they are read as files.
const CORE = 'kubernetes-models/_schemas/IoK8sApi';
const OPERATOR =
  '@kubernetes-models/prometheus-operator/_schemas/ComGithubPrometheusOperatorPrometheusOperatorPkgApisMonitoring';
const SCHEMAS: Readonly<Record<string, Validator>> = {
  'v1 ConfigMap': await schema(`${CORE}CoreV1ConfigMap`),
  'v1 Namespace': await schema(`${CORE}CoreV1Namespace`),
  'v1 PersistentVolumeClaim': await schema(`${CORE}CoreV1PersistentVolumeClaim`),
  'v1 Service': await schema(`${CORE}CoreV1Service`),
  'v1 ServiceAccount': await schema(`${CORE}CoreV1ServiceAccount`),
  'apps/v1 DaemonSet': await schema(`${CORE}AppsV1DaemonSet`),
  'apps/v1 Deployment': await schema(`${CORE}AppsV1Deployment`),
  'networking.k8s.io/v1 NetworkPolicy': await schema(`${CORE}NetworkingV1NetworkPolicy`),
  'monitoring.coreos.com/v1 Probe': await schema(`${OPERATOR}V1Probe`),
  'monitoring.coreos.com/v1 PrometheusRule': await schema(`${OPERATOR}V1PrometheusRule`),
  'monitoring.coreos.com/v1 ServiceMonitor': await schema(`${OPERATOR}V1ServiceMonitor`),
};

async function schema(name: string): Promise<Validator> {
  const { validate } = (await import(projectPath('node_modules', `${name}.js`))) as { validate: Validator };
  return validate;
}

interface Labelled {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Labels };
}

type Labels = Readonly<Record<string, string>>;

interface SecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
  readonly seccompProfile?: { readonly type: string };
  readonly sysctls?: readonly { readonly name: string; readonly value: string }[];
}

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly ports: readonly {
    readonly name: string;
    readonly containerPort: number;
    readonly hostPort?: number;
  }[];
  readonly securityContext?: SecurityContext;
  readonly resources: { readonly limits: Labels; readonly requests: Labels };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly livenessProbe: object;
  readonly readinessProbe: object;
}

interface PodSpec {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: SecurityContext;
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes: readonly Readonly<Record<string, unknown>>[];
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: boolean;
  readonly imagePullSecrets?: readonly { readonly name: string }[];
}

interface Workload extends Labelled {
  readonly spec: {
    readonly selector: { readonly matchLabels: Labels };
    readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
  };
}

const OVERLAYS = readdirSync(projectPath('deploy/kubernetes/overlays'));

function render(overlay: string): readonly Labelled[] {
  const folder = projectPath('deploy/kubernetes/overlays', overlay);
  const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', folder], { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Labelled);
}

const RENDERED = new Map(OVERLAYS.map((overlay) => [overlay, render(overlay)]));

function objects<T extends Labelled>(overlay: string, kind: string): readonly T[] {
  return (RENDERED.get(overlay) ?? []).filter((object) => object.kind === kind) as T[];
}

/** The one workload of an overlay. */
function workload(overlay: string): Workload {
  const [found, ...more] = [
    ...objects<Workload>(overlay, 'Deployment'),
    ...objects<Workload>(overlay, 'DaemonSet'),
  ];
  assert.ok(found !== undefined && more.length === 0, overlay);
  return found;
}

// Kubernetes 1.29 and older, which know the fewest.
const SAFE_SYSCTLS = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
]);
const RESTRICTED_VOLUMES = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

/** What the Pod Security Standard "restricted", with "baseline" in it, would refuse this pod for. */
function refusals(pod: PodSpec): string[] {
  const found: string[] = [];
  const refuse = (wrong: boolean | undefined, what: string): void => {
    if (wrong) found.push(what);
  };
  refuse(pod.hostNetwork || pod.hostPID || pod.hostIPC, 'host namespaces');
  for (const { name } of pod.securityContext?.sysctls ?? [])
    refuse(!SAFE_SYSCTLS.has(name), `sysctl ${name}`);
  for (const volume of pod.volumes) {
    const [type] = Object.keys(volume).filter((key) => key !== 'name');
    refuse(!RESTRICTED_VOLUMES.includes(type ?? ''), `volume of type ${type}`);
  }
  for (const { securityContext: own, ports, name } of [...pod.containers, ...(pod.initContainers ?? [])]) {
    const context = { ...pod.securityContext, ...own };
    refuse(context.privileged, `${name}: privileged`);
    refuse(context.allowPrivilegeEscalation !== false, `${name}: allowPrivilegeEscalation`);
    refuse(context.runAsNonRoot !== true || context.runAsUser === 0, `${name}: may run as root`);
    refuse(!context.capabilities?.drop?.includes('ALL'), `${name}: keeps capabilities`);
    refuse(
      context.capabilities?.add?.some((added) => added !== 'NET_BIND_SERVICE'),
      `${name}: adds capabilities`,
    );
    refuse(!/^(RuntimeDefault|Localhost)$/.test(context.seccompProfile?.type ?? ''), `${name}: seccomp`);
    refuse(
      ports.some(({ hostPort }) => hostPort !== undefined),
      `${name}: host port`,
    );
  }
  return found;
}

/**
 * What the schema of its kind has against an object: wrong types, missing fields, and fields that it does not know, which
 * the schemas themselves let pass: a misspelt probe would be no probe. The validators read by name what they know, and
 * list the keys of what is a map of anything.
 */
function objections(object: Labelled): readonly unknown[] {
  const unread = new Set<string>();
  const watch = (value: unknown, path: string): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item, i) => watch(item, `${path}[${i}]`));
    const fields = Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, watch(item, `${path}.${key}`)]),
    );
    for (const key of Object.keys(fields)) unread.add(`${path}.${key}`);
    return new Proxy(fields, {
      get: (target, key) => {
        unread.delete(`${path}.${String(key)}`);
        return target[String(key)];
      },
      ownKeys: (target) => {
        for (const key of Object.keys(target)) unread.delete(`${path}.${key}`);
        return Reflect.ownKeys(target);
      },
    });
  };
  const validate = SCHEMAS[`${object.apiVersion} ${object.kind}`];
  if (validate === undefined) return [`${object.apiVersion} ${object.kind} has no schema here`];
  return validate(watch(object, '')) ? [...unread] : (validate.errors ?? []);
}

describe('deploy/kubernetes', () => {
  it('renders to objects that the schemas accept, in one namespace', () => {
    for (const [overlay, all] of RENDERED) {
      const names = all.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
      assert.equal(new Set(names).size, names.length, overlay);
      for (const object of all) {
        assert.deepEqual(objections(object), [], `${overlay}: ${object.kind} ${object.metadata.name}`);
        if (object.kind !== 'Namespace') assert.equal(object.metadata.namespace, 'hopscope', object.kind);
      }
    }
  });

  it('would be refused with a field that does not exist or has the wrong type', () => {
    const changed = (kind: string, change: (spec: Record<string, unknown>) => void): readonly unknown[] => {
      const [object] = structuredClone(objects<Labelled & { spec: Record<string, unknown> }>('site', kind));
      assert.ok(object !== undefined);
      change(object.spec);
      return objections(object);
    };
    assert.equal(changed('Deployment', (spec) => Object.assign(spec, { replicas: 'many' })).length, 1);
    assert.deepEqual(
      changed('Deployment', (spec) => Object.assign(spec, { replica: 1 })),
      ['.spec.replica'],
    );
    assert.ok(changed('ServiceMonitor', (spec) => Object.assign(spec, { endpoints: 'all' })).length > 0);
    assert.deepEqual(
      changed('Probe', (spec) => Object.assign(spec['prober'] as object, { ulr: 'x' })),
      ['.spec.prober.ulr'],
    );
    const misspelt = structuredClone(workload('site'));
    Object.assign(misspelt.spec.template.spec.containers[0] as object, { livenessProb: {} });
    assert.deepEqual(objections(misspelt), ['.spec.template.spec.containers[0].livenessProb']);
  });

  it('has pods that "restricted" admits, in a namespace that enforces it', () => {
    for (const overlay of OVERLAYS) {
      const [namespace] = objects(overlay, 'Namespace');
      assert.equal(namespace?.metadata.labels?.['pod-security.kubernetes.io/enforce'], 'restricted');
      const { spec } = workload(overlay).spec.template;
      assert.deepEqual(refusals(spec), [], overlay);
      assert.equal(spec.automountServiceAccountToken, false);
      const [container] = spec.containers;
      assert.equal(container?.securityContext?.readOnlyRootFilesystem, true);
      assert.equal(container?.securityContext?.capabilities?.add, undefined);
      assert.deepEqual(spec.securityContext?.sysctls, [
        { name: 'net.ipv4.ping_group_range', value: '0 2147483647' },
      ]);
      assert.ok(container?.livenessProbe && container.readinessProbe);
      assert.ok(container.resources.limits['memory'] && container.resources.requests['cpu']);
    }
  });

  it('has no pod that the check for "restricted" would let through with what it forbids', () => {
    const { spec } = workload('site').spec.template;
    const [container] = spec.containers as [Container];
    const withContext = (context: SecurityContext): PodSpec => ({
      ...spec,
      containers: [{ ...container, securityContext: { ...container.securityContext, ...context } }],
    });
    for (const bad of [
      { ...spec, hostNetwork: true },
      { ...spec, volumes: [{ name: 'host', hostPath: { path: '/' } }] },
      {
        ...spec,
        securityContext: { ...spec.securityContext, sysctls: [{ name: 'net.core.somaxconn', value: '1' }] },
      },
      withContext({ runAsUser: 0 }),
      withContext({ capabilities: { drop: [] } }),
      withContext({ capabilities: { drop: ['ALL'], add: ['NET_RAW'] } }),
      withContext({ allowPrivilegeEscalation: true }),
      withContext({ seccompProfile: { type: 'Unconfined' } }),
    ])
      assert.equal(refusals(bad).length, 1, JSON.stringify(bad));
  });

  it('has a DaemonSet whose pods are those of the Deployment', () => {
    assert.equal(workload('every-node').kind, 'DaemonSet');
    // A Service over several vantage points would send each probe to another one: routes would seem to change.
    assert.equal(objects('every-node', 'Probe').length, 0);
    assert.equal(objects('site', 'Probe').length, 1);
    assert.deepEqual(workload('every-node').spec.template, workload('site').spec.template);
  });

  it('runs the image of this version with a configuration that hopscope takes', async () => {
    const { version } = JSON.parse(readFileSync(projectPath('package.json'), 'utf8')) as { version: string };
    for (const overlay of OVERLAYS) {
      const { spec } = workload(overlay).spec.template;
      const [container] = spec.containers as [Container];
      const registry = overlay === 'private-registry' ? 'registry.example.org:5000/' : '';
      assert.equal(container.image, `${registry}hopscope:${version}`);
      assert.deepEqual(spec.imagePullSecrets, registry === '' ? undefined : [{ name: 'hopscope-registry' }]);
      const [map] = objects<Labelled & { data: Labels }>(overlay, 'ConfigMap');
      const config = spec.volumes.find(({ name }) => name === 'config');
      assert.deepEqual(config?.['configMap'], { name: map?.metadata.name });
      const files = new MemoryFileSystem({ '/etc/hopscope/hopscope.yml': map?.data['hopscope.yml'] ?? '' });
      const loaded = await loadConfig('/etc/hopscope/hopscope.yml', { targets: [] }, files);
      assert.deepEqual(loaded.warnings, []);
      assert.ok(container.args.includes('--config.file=/etc/hopscope/hopscope.yml'));
    }
  });

  it('keeps the history on the claim, and only where there is one', () => {
    for (const overlay of OVERLAYS) {
      const { spec } = workload(overlay).spec.template;
      const state = spec.volumes.find(({ name }) => name === 'state');
      const [claim] = objects(overlay, 'PersistentVolumeClaim');
      const path = spec.containers[0]?.args.find((arg) => arg.startsWith('--history.path='));
      if (overlay === 'history') {
        assert.deepEqual(state?.['persistentVolumeClaim'], { claimName: claim?.metadata.name });
        const mount = spec.containers[0]?.volumeMounts.find(({ name }) => name === 'state');
        assert.ok(path?.startsWith(`--history.path=${mount?.mountPath}/`));
      } else {
        assert.equal(claim, undefined, overlay);
        assert.equal(path, undefined, overlay);
        assert.ok(state?.['emptyDir'], overlay);
      }
    }
  });

  it('has selectors, ports and accounts that lead to these pods', () => {
    for (const overlay of OVERLAYS) {
      const { spec } = workload(overlay);
      const { labels } = spec.template.metadata;
      const [container] = spec.template.spec.containers as [Container];
      const [service] = objects<
        Labelled & { spec: { selector: Labels; ports: { name: string; targetPort: string }[] } }
      >(overlay, 'Service');
      const [policy] = objects<
        Labelled & {
          spec: {
            podSelector: { matchLabels: Labels };
            policyTypes: string[];
            ingress: { ports: { port: string }[] }[];
          };
        }
      >(overlay, 'NetworkPolicy');
      for (const selector of [
        spec.selector.matchLabels,
        service?.spec.selector,
        policy?.spec.podSelector.matchLabels,
      ]) {
        assert.ok(selector !== undefined && Object.keys(selector).length > 0, overlay);
        for (const [name, value] of Object.entries(selector)) assert.equal(labels[name], value);
      }
      const names = container.ports.map(({ name }) => name);
      assert.ok(names.includes(service?.spec.ports[0]?.targetPort ?? ''));
      assert.ok(names.includes(policy?.spec.ingress[0]?.ports[0]?.port ?? ''));
      // A policy that restricted what leaves would drop ICMP, for which it has no word.
      assert.deepEqual(policy?.spec.policyTypes, ['Ingress']);
      const [account] = objects(overlay, 'ServiceAccount');
      assert.equal(spec.template.spec.serviceAccountName, account?.metadata.name);
      for (const monitor of objects<
        Labelled & {
          spec: { selector: { matchLabels: Labels }; endpoints: { port: string }[]; jobLabel: string };
        }
      >(overlay, 'ServiceMonitor')) {
        for (const [name, value] of Object.entries(monitor.spec.selector.matchLabels))
          assert.equal(service?.metadata.labels?.[name], value);
        assert.equal(monitor.spec.endpoints[0]?.port, service?.spec.ports[0]?.name);
        // The alerts' jobs.
        assert.equal(service?.metadata.labels?.[monitor.spec.jobLabel], 'hopscope');
      }
      for (const probe of objects<
        Labelled & { spec: { jobName: string; prober: { url: string; path: string } } }
      >(overlay, 'Probe')) {
        assert.equal(probe.spec.jobName, 'traceroute');
        assert.equal(probe.spec.prober.url, `${service?.metadata.name}.hopscope.svc:10434`);
        assert.equal(probe.spec.prober.path, '/probe');
      }
    }
  });

  it('gives prometheus-operator the rules of deploy/prometheus', () => {
    using folder = temporaryFolder();
    const fresh = join(folder.path, 'rules.yaml');
    const { status, stderr } = spawnSync(projectPath('deploy/kubernetes/monitoring/render'), [fresh], {
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
    const committed = readFileSync(projectPath('deploy/kubernetes/monitoring/rules.yaml'), 'utf8');
    assert.equal(committed, readFileSync(fresh, 'utf8'), 'stale: run deploy/kubernetes/monitoring/render');
    const groups = ['alerts', 'recording'].flatMap(
      (name) =>
        (
          parse(readFileSync(projectPath(`deploy/prometheus/rules/${name}.yml`), 'utf8')) as {
            groups: unknown[];
          }
        ).groups,
    );
    const [rule] = objects<Labelled & { spec: { groups: unknown[] } }>('site', 'PrometheusRule');
    assert.deepEqual(rule?.spec.groups, groups);
  });
});
