// The configuration in force as YAML that can be loaded again, with what is secret masked.

import type { Config, Module, TargetConfig } from './config.ts';
import { formatDuration } from './duration.ts';
import type { GatewayConfig, PushConfig } from './push.ts';

const SECRET = '<secret>';

/** Renders all but `text` and `sources`. One line a module and a target: ten thousand targets take some milliseconds. */
export function renderConfig(config: Omit<Config, 'text' | 'sources'>): string {
  const lines = [`defaults: { module: ${scalar(config.defaultModule)} }`, 'modules:'];
  for (const module of config.modules.values())
    lines.push(`  ${scalar(module.name)}: ${renderModule(module)}`);
  lines.push(config.targets.length === 0 ? 'targets: []' : 'targets:');
  for (const target of config.targets) lines.push(`  - ${renderTarget(target)}`);
  const { allow, deny, trustedProxies, ...limits } = config.probe;
  const lists = {
    allow: sequence(allow),
    deny: sequence(deny),
    trustedProxies: sequence(trustedProxies),
  };
  lines.push(`probe: ${mapping({ ...lists, ...limits })}`);
  lines.push(`metrics: ${mapping({ hops: config.metrics.hops, seriesBudget: config.metrics.seriesBudget })}`);
  const { asn, city, reverseDns } = config.enrich;
  const paths = { asn: asn === null ? null : scalar(asn), city: city === null ? null : scalar(city) };
  lines.push(`enrich: ${mapping({ ...paths, reverseDns })}`);
  const { path, retentionMs, rollUpRetentionMs } = config.history;
  const history = {
    path: path === null ? null : scalar(path),
    retention: formatDuration(retentionMs),
    rollUpRetention: formatDuration(rollUpRetentionMs),
  };
  lines.push(`history: ${mapping(history)}`);
  lines.push(...renderPush(config.push));
  return maskSecrets(`${lines.join('\n')}\n`);
}

function renderPush({ gateway, remoteWrite }: PushConfig): string[] {
  if (gateway === null && remoteWrite === null) return [];
  const own = gateway === null ? {} : destinationEntries(gateway);
  const remote =
    remoteWrite === null
      ? null
      : mapping({
          ...destinationEntries(remoteWrite),
          instance: optionalScalar(remoteWrite.instance),
          labels: pairs(remoteWrite.labels),
          queueBytes: remoteWrite.queueBytes,
          maxAge: formatDuration(remoteWrite.maxAgeMs),
        });
  return [`push: ${mapping({ ...own, remoteWrite: remote })}`];
}

function destinationEntries({ endpoint, intervalMs, job }: GatewayConfig): Record<string, string | null> {
  const { tls } = endpoint;
  const masked = Object.fromEntries(Object.keys(endpoint.headers).map((name) => [name, SECRET]));
  const tlsText = mapping({
    caFile: optionalScalar(tls.caFile),
    certFile: optionalScalar(tls.certFile),
    keyFile: optionalScalar(tls.keyFile),
    serverName: optionalScalar(tls.serverName),
    insecureSkipVerify: tls.insecureSkipVerify,
  });
  return {
    url: scalar(maskQuery(endpoint.url)),
    interval: formatDuration(intervalMs),
    job: scalar(job),
    timeout: formatDuration(endpoint.timeoutMs),
    username: optionalScalar(endpoint.username),
    password: endpoint.password === null ? null : scalar(SECRET),
    passwordFile: optionalScalar(endpoint.passwordFile),
    bearerTokenFile: optionalScalar(endpoint.bearerTokenFile),
    headers: pairs(masked),
    tls: tlsText,
  };
}

/** Tokens travel in queries too: what stands there is nobody's business. */
function maskQuery(url: string): string {
  return url.replace(/\?.*$/s, `?${SECRET}`);
}

function optionalScalar(text: string | null): string | null {
  return text === null ? null : scalar(text);
}

function pairs(entries: Readonly<Record<string, string>>): string | null {
  const parts = Object.entries(entries).map(([name, value]) => `${scalar(name)}: ${scalar(value)}`);
  return parts.length === 0 ? null : `{ ${parts.join(', ')} }`;
}

/** User names and passwords in URLs, wherever they stand. */
export function maskSecrets(text: string): string {
  return text.replaceAll(/(:\/\/)[^\s/?#"'@]+@/g, '$1<secret>@');
}

function renderModule(module: Module): string {
  return mapping({
    protocol: module.protocol,
    port: module.port,
    family: module.family,
    preferFamily: module.preferFamily,
    mode: module.mode,
    firstTtl: module.firstTtl,
    maxTtl: module.maxTtl,
    queries: module.queries,
    flows: module.flows,
    silentHopLimit: module.silentHopLimit,
    timeout: formatDuration(module.timeoutMs),
    wait: formatDuration(module.waitMs),
    packetLength: module.packetLength,
    trafficClass: module.trafficClass,
    dontFragment: module.dontFragment,
    multipath: module.multipath,
    mtu: module.mtu,
  });
}

function renderTarget(target: TargetConfig): string {
  const labels = Object.entries(target.labels).map(([name, value]) => `${name}: ${scalar(value)}`);
  return mapping({
    host: scalar(target.host),
    module: scalar(target.module.name),
    interval: formatDuration(target.intervalMs),
    labels: labels.length === 0 ? null : `{ ${labels.join(', ')} }`,
    expectedHops: target.expectedHops,
  });
}

function mapping(entries: Readonly<Record<string, string | number | boolean | null>>): string {
  const present = Object.entries(entries).filter(([, value]) => value !== null);
  return `{ ${present.map(([name, value]) => `${name}: ${value}`).join(', ')} }`;
}

function sequence(values: readonly string[]): string {
  return `[${values.map(scalar).join(', ')}]`;
}

/** A JSON string is a YAML double-quoted scalar. */
function scalar(text: string): string {
  return /^[a-z][a-z_-]*$/.test(text) && !/^(y|n|yes|no|on|off|true|false|null)$/.test(text)
    ? text
    : JSON.stringify(text);
}
