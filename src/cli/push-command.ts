// `hopscope push`: traces every host once and puts each at a Pushgateway, for cron. What a push yields weighs as the trace
// does: status 0 or 1 says whether the hosts were reached, 3 that the system refused, and a push that failed is that.

import type { Module, TargetConfig } from '../config/config.ts';
import { parseDuration } from '../config/duration.ts';
import { quote } from '../config/problem.ts';
import { endpointUrlProblem, gatewayUrlProblem, type PushEndpoint } from '../config/push.ts';
import { createTargetMetrics } from '../metrics/target-metrics.ts';
import type { Round } from '../monitor/round.ts';
import { Backoff } from '../push/backoff.ts';
import { pushBody } from '../push/gateway-pusher.ts';
import { groupUrl } from '../push/group-url.ts';
import { createHttpSender, type HttpSender, type SendOutcome } from '../push/http-sender.ts';
import type { Trace } from '../trace/trace.ts';
import type { Family } from '../wire/address.ts';
import type { CliIo, CliServices } from './cli-io.ts';
import { type Destination, type FailedLookup, findDestination, parseHosts } from './destinations.ts';
import { EXIT, type ExitStatus, exitStatusOf, UsageError, worstStatus } from './exit-status.ts';
import { observationOf } from './output-prometheus.ts';
import { say, stopSignal } from './trace-session.ts';
import {
  DEFAULT_PORTS,
  readTraceSettings,
  requestOf,
  TRACE_DEFAULTS,
  type TraceOptionValues,
  type TraceSettings,
} from './trace-settings.ts';
import { traceStatus } from './trace-summary.ts';

export interface PushOptionValues
  extends Pick<
    TraceOptionValues,
    'protocol' | 'port' | '4' | '6' | 'mode' | 'maxTtl' | 'queries' | 'flows' | 'timeout'
  > {
  readonly pushgateway?: string;
  readonly job: string;
  readonly pushTimeout: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly caFile?: string;
}

/** One request may take so long, and all attempts --push-timeout. */
const REQUEST_TIMEOUT_MS = 10_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;

interface PushSession {
  readonly io: CliIo;
  readonly services: CliServices;
  readonly settings: TraceSettings;
  readonly endpoint: PushEndpoint;
  readonly job: string;
  readonly pushTimeoutMs: number;
  readonly sender: HttpSender;
  readonly stop: AbortSignal;
}

/** @throws UsageError, and what the engine cannot be opened for. */
export async function pushCommand(
  hosts: readonly string[],
  values: PushOptionValues,
  io: CliIo,
  services: CliServices,
): Promise<ExitStatus> {
  const { firstTtl, packetLength, output } = TRACE_DEFAULTS;
  const settings = readTraceSettings({ firstTtl, packetLength, output, color: false, ...values });
  const parsed = parseHosts(hosts, settings);
  const { endpoint, job, pushTimeoutMs } = readPushOptions(values);
  using stop = stopSignal(io);
  await using engine = await services.startEngine();
  using sender = createHttpSender({
    endpoint,
    userAgent: `hopscope/${services.version}`,
    now: () => services.clock.epoch(),
  });
  const channels = engine.channels();
  const usable = new Set<Family>(
    channels.filter(({ modes }) => modes.length > 0).map(({ family }) => family),
  );
  const tools = { resolver: services.resolver, usable, clock: services.clock };
  const session = { io, services, settings, endpoint, job, pushTimeoutMs, sender, stop: stop.signal };
  const statuses = await Promise.all(
    parsed.map(async (host) => {
      const found = await findDestination(host, settings.family, stop.signal, tools);
      if ('failure' in found) return pushFailedLookup(found, session);
      const request = requestOf(settings, host.label, found.address, host.port);
      const startedAtMs = services.clock.epoch();
      try {
        const trace = await engine.trace(request, { signal: stop.signal });
        return await pushTrace(found, trace, startedAtMs, session);
      } catch (error) {
        const status = exitStatusOf(error);
        if (status === undefined) throw error;
        say(io, (error as Error).message);
        return status;
      }
    }),
  );
  return worstStatus(statuses);
}

function readPushOptions(values: PushOptionValues): {
  endpoint: PushEndpoint;
  job: string;
  pushTimeoutMs: number;
} {
  const { pushgateway, job, username, passwordFile } = values;
  if (pushgateway === undefined)
    throw new UsageError(
      '--pushgateway is missing; say where to push to, as in --pushgateway http://localhost:9091',
    );
  const wrong = endpointUrlProblem(pushgateway) ?? gatewayUrlProblem(pushgateway);
  if (wrong !== undefined) throw new UsageError(`--pushgateway: ${wrong}`);
  if (job === '') throw new UsageError('--job is empty; write a name');
  if ((username === undefined) !== (passwordFile === undefined))
    throw new UsageError('--username and --password-file belong together; give both or neither');
  const pushTimeoutMs = parseDuration(values.pushTimeout);
  if (pushTimeoutMs === undefined || pushTimeoutMs < 100 || pushTimeoutMs > 3_600_000)
    throw new UsageError(
      `--push-timeout is a duration from 100ms to 1h; ${quote(values.pushTimeout)} is not`,
    );
  const endpoint: PushEndpoint = {
    url: pushgateway,
    timeoutMs: Math.min(REQUEST_TIMEOUT_MS, pushTimeoutMs),
    username: username ?? null,
    password: null,
    passwordFile: passwordFile ?? null,
    bearerTokenFile: null,
    headers: {},
    tls: {
      caFile: values.caFile ?? null,
      certFile: null,
      keyFile: null,
      serverName: null,
      insecureSkipVerify: false,
    },
  };
  return { endpoint, job, pushTimeoutMs };
}

async function pushTrace(
  { address, family, lookupMs, host }: Destination,
  trace: Trace,
  startedAtMs: number,
  session: PushSession,
): Promise<ExitStatus> {
  // Half a trace says nothing of the path.
  if (trace.end === 'cancelled') return EXIT.unreached;
  const { queries, flows } = session.settings;
  const target = targetOf(host.label, session.settings, host.port);
  const dnsLookupMs = lookupMs ?? 0;
  const path = observationOf(trace, queries * flows);
  const durationMs = trace.durationMs + dnsLookupMs;
  const round: Round = {
    target,
    startedAtMs,
    durationMs,
    address,
    family,
    dnsLookupMs,
    trace,
    path,
    failure: null,
  };
  return worstStatus([traceStatus(trace), await pushRound(round, session)]);
}

/** A host that does not resolve is pushed as such: its last good values must not stay. */
async function pushFailedLookup(
  { host, failure, status }: FailedLookup,
  session: PushSession,
): Promise<ExitStatus> {
  say(session.io, failure);
  if (session.stop.aborted) return status;
  const round: Round = {
    target: targetOf(host.label, session.settings, host.port),
    startedAtMs: session.services.clock.epoch(),
    durationMs: 0,
    address: null,
    family: null,
    dnsLookupMs: 0,
    trace: null,
    path: null,
    failure: { reason: 'dns', message: failure },
  };
  return worstStatus([status, await pushRound(round, session)]);
}

async function pushRound(round: Round, session: PushSession): Promise<ExitStatus> {
  const { endpoint, job, io, services } = session;
  const { target } = round;
  const metrics = createTargetMetrics({ targets: [target], metrics: { hops: false, seriesBudget: 0 } });
  metrics.observeRound(round);
  const outcome = await sendPatiently(session, {
    method: 'PUT',
    url: groupUrl(endpoint.url, job, target.host),
    headers: { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' },
    body: Buffer.from(pushBody(metrics, [target], services.clock.epoch(), 0)),
  });
  if (outcome.kind === 'accepted') return EXIT.reached;
  say(io, outcome.message);
  return EXIT.refused;
}

/** Tries again after pauses while the next attempt can begin in time. */
async function sendPatiently(
  { sender, services, pushTimeoutMs, stop }: PushSession,
  request: Parameters<HttpSender['send']>[0],
): Promise<SendOutcome> {
  const { clock } = services;
  const backoff = new Backoff(FIRST_PAUSE_MS, LONGEST_PAUSE_MS, Math.random);
  const deadline = clock.now() + pushTimeoutMs;
  for (;;) {
    const outcome = await sender.send(request);
    if (outcome.kind !== 'retry' || stop.aborted) return outcome;
    const pauseMs = backoff.failed(outcome.retryAfterMs);
    if (clock.now() + pauseMs >= deadline) return outcome;
    await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
  }
}

function targetOf(label: string, settings: TraceSettings, port: number | null): TargetConfig {
  const { protocol } = settings;
  const module: Module = {
    ...settings,
    name: protocol,
    port: protocol === 'icmp' ? null : (port ?? settings.port ?? DEFAULT_PORTS[protocol]),
    preferFamily: 4,
    trafficClass: 0,
    dontFragment: false,
    mtu: false,
    multipath: null,
  };
  return { host: label, key: label, module, intervalMs: 0, labels: {}, expectedHops: null };
}
