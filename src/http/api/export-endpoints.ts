// What is taken away from here: runs as RIPE Atlas results, and the bundle for a provider. Invariant: runs are streamed, so
// that the length of a period costs time and no memory; a period with too much in it is refused before anything is sent.

import { atlasResultOfRun } from '../../report/atlas-writer.ts';
import { makeBundle } from '../../report/bundle-maker.ts';
import { reportPage } from '../../report/report-page.ts';
import { REPORT_POLICY } from '../../report/report-style.ts';
import { destinationOf, MAX_RUNS, pagesOf, RouteBook, runsOf } from '../../report/stored-runs.ts';
import { parseAddress } from '../../wire/address.ts';
import { RequestRefusal } from '../http-error.ts';
import type { HttpServices } from '../http-services.ts';
import { type Answer, HTML, JSON_TYPE } from '../response.ts';
import type { ApiServices } from './api-services.ts';
import { type ApiCall, type ApiEndpoint, json } from './endpoint.ts';
import { choiceParameter, textParameter } from './parameters.ts';
import { entryOf, FROM, periodOf, TO } from './target-period.ts';

const CHUNK_LENGTH = 65_536;

const FORMAT = choiceParameter(
  'format',
  ['json', 'html'],
  'json',
  'Data, or a report that is one HTML file.',
);
const VANTAGE = textParameter(
  'vantage',
  200,
  'What to call this vantage point; by default the name of its host.',
);

export function exportEndpoints(
  services: Pick<HttpServices, 'now' | 'about'>,
  api: ApiServices,
): ApiEndpoint[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/targets/{key}/export/atlas',
      summary: `Runs of a period as traceroute results of RIPE Atlas, oldest first; at most ${MAX_RUNS}.`,
      parameters: [FROM, TO],
      shape: 'AtlasResults',
      refusals: [413],
      handle: (call) => atlasExport(call, services, api),
    },
    {
      method: 'GET',
      path: '/api/v1/targets/{key}/bundle',
      summary: 'What changed in a period and the evidence for it, to be attached to a ticket to a provider.',
      parameters: [FROM, TO, FORMAT, VANTAGE],
      shape: 'SupportBundle',
      handle: (call) => bundle(call, services, api),
    },
  ];
}

async function atlasExport(
  call: ApiCall,
  services: Pick<HttpServices, 'now'>,
  api: ApiServices,
): Promise<Answer> {
  const { target, latest } = entryOf(call, api);
  const period = periodOf(call, services);
  const pages = await pagesOf(api.history, target.key, period);
  if (pages === null) {
    throw new RequestRefusal(413, `The period has more than ${MAX_RUNS} runs: ask for a shorter one.`);
  }
  const routes = new RouteBook(api.history, target.key);
  await routes.learn(period);
  const { protocol, flows, packetLength } = target.module;
  const known = latest?.address ?? (parseAddress(target.host) === undefined ? null : target.host);
  const body = async function* (): AsyncGenerator<Buffer> {
    let text = '[';
    let separator = '\n';
    for await (const run of runsOf(api.history, target.key, period, pages)) {
      const route = await routes.routeOf(run);
      const address = destinationOf(run, route, known);
      const context = { host: target.host, protocol, address, route, flows, packetLength };
      const result = atlasResultOfRun(run, context);
      if (result === null) continue;
      text += separator + JSON.stringify(result);
      separator = ',\n';
      if (text.length < CHUNK_LENGTH) continue;
      yield Buffer.from(text);
      text = '';
    }
    yield Buffer.from(`${text}\n]\n`);
  };
  return {
    status: 200,
    type: JSON_TYPE,
    body,
    headers: { 'Content-Disposition': `attachment; filename="${fileName(target.host, 'atlas.json')}"` },
  };
}

async function bundle(
  call: ApiCall,
  services: Pick<HttpServices, 'now' | 'about'>,
  api: ApiServices,
): Promise<Answer> {
  const { target, latest } = entryOf(call, api);
  const { protocol, port, flows, queries, packetLength } = target.module;
  const made = await makeBundle(
    {
      ...periodOf(call, services),
      vantagePoint: call.get(VANTAGE) ?? api.vantagePoint,
      target: {
        key: target.key,
        host: target.host,
        address: latest?.address ?? (parseAddress(target.host) === undefined ? null : target.host),
        labels: target.labels,
      },
      method: { protocol, port, intervalMs: target.intervalMs, flows, queries, packetLength },
    },
    {
      history: api.history,
      directory: api.directory,
      nowMs: services.now(),
      generator: `hopscope ${services.about.version}`,
    },
  );
  const name = (ending: string): string => fileName(target.host, ending);
  if (call.get(FORMAT) === 'json') {
    return {
      ...json(made),
      headers: { 'Content-Disposition': `attachment; filename="${name('bundle.json')}"` },
    };
  }
  return {
    status: 200,
    type: HTML,
    body: reportPage(made),
    headers: {
      'Content-Disposition': `inline; filename="${name('report.html')}"`,
      'Content-Security-Policy': `${REPORT_POLICY}; frame-ancestors 'none'`,
    },
  };
}

/** Of letters and digits alone, whatever the host is called. */
export function fileName(host: string, ending: string): string {
  return `hopscope-${host.replaceAll(/[^a-zA-Z0-9.-]+/g, '_').slice(0, 80)}-${ending}`;
}
