// `/probe`: one trace now, its series made for this request alone.
// Invariant: a probe that fails is an answer (200, probe_success 0); only a request that cannot be probed is an error.

import { negotiateFormat } from '../metrics/content-negotiation.ts';
import { CONTENT_TYPES, expose, exposeText } from '../metrics/exposition.ts';
import { type ProbedRound, probeMetrics } from '../metrics/probe-metrics.ts';
import { RequestRefusal } from './http-error.ts';
import type { HttpServices, ProbeOutcome } from './http-services.ts';
import { debugText } from './probe-debug.ts';
import { type ProbeQuery, parseProbeQuery } from './probe-request.ts';
import { type Answer, headerText, text } from './response.ts';
import type { Handler, HttpRequest } from './router.ts';

type ProbeServices = Pick<HttpServices, 'config' | 'probes' | 'countProbeRequest' | 'now'>;

/** Statuses for those who asked too soon say when to come back. */
const RETRY_AFTER_SECONDS = '1';

export function probeHandler(services: ProbeServices): Handler {
  return async (request) => {
    try {
      return await answerProbe(request, services);
    } catch (error) {
      services.countProbeRequest(resultOf(error, request.signal));
      throw error;
    }
  };
}

async function answerProbe(request: HttpRequest, services: ProbeServices): Promise<Answer> {
  const config = services.config();
  if (config === null) throw new RequestRefusal(503, 'Not ready: no configuration has been applied yet.');
  const query = parseProbeQuery(request.query, request.headers, config);
  const startedAtMs = services.now();
  const outcome = await services.probes.probe(query.target, query.module.name, {
    deadlineMs: query.timeoutMs,
    ...(query.hostname === null ? {} : { hostname: query.hostname }),
    client: request.client,
    signal: request.signal,
  });
  const round = roundOf(outcome);
  const durationMs = Math.max(0, services.now() - startedAtMs);
  const answer = answerRound(request, query, round, durationMs);
  if (request.signal.aborted) services.countProbeRequest('cancelled');
  else services.countProbeRequest(round.path?.reached ? 'success' : 'failure');
  return answer;
}

function answerRound(
  request: HttpRequest,
  query: ProbeQuery,
  round: ProbedRound,
  durationMs: number,
): Answer {
  const source = probeMetrics(round, { durationMs, timeoutMs: query.timeoutMs });
  if (query.debug) return text(200, debugText(query, round, durationMs, exposeText([source])));
  const format = negotiateFormat(headerText(request.headers.accept));
  const body = format === 'protobuf' ? () => expose([source], format) : exposeText([source], format);
  return { status: 200, type: CONTENT_TYPES[format], body };
}

function roundOf(outcome: ProbeOutcome): ProbedRound {
  switch (outcome.kind) {
    case 'round':
      return outcome.round;
    case 'forbidden':
      throw new RequestRefusal(403, outcome.message);
    case 'busy':
      throw new RequestRefusal(429, outcome.message, {
        'Retry-After': String(outcome.retryAfterSeconds ?? RETRY_AFTER_SECONDS),
      });
    case 'cancelled':
      throw new RequestRefusal(503, 'The probe was cancelled: hopscope is shutting down.');
  }
}

function resultOf(
  error: unknown,
  signal: AbortSignal,
): 'bad_request' | 'forbidden' | 'busy' | 'cancelled' | 'error' {
  if (signal.aborted) return 'cancelled';
  if (!(error instanceof RequestRefusal)) return 'error';
  if (error.status === 400) return 'bad_request';
  if (error.status === 403) return 'forbidden';
  if (error.status === 503) return 'cancelled';
  return error.status === 429 ? 'busy' : 'error';
}
