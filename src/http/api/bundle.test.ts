import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type ApiServer, NOW_MS, startApiServer } from '../../../test/api-server.ts';
import { rerouteOf, routeRound } from '../../../test/route-rounds.ts';
import { sampleConfig, sampleTarget } from '../../../test/sample-rounds.ts';
import type { AddressFacts } from '../../path/address-facts.ts';
import { DESTINATION, routerAddress } from '../../path/synthetic-trace.ts';
import type { SupportBundle } from '../../report/support-bundle.ts';

const EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>';
const A = sampleTarget('a.example.org', { site: EVIL });
const URL = `/api/v1/targets/${encodeURIComponent(A.key)}/bundle`;
const MINUTE_MS = 60_000;
const OLD = 'a b c D';
const NEW = 'a x y c D';
const DETOUR = ['x', 'y'].map(routerAddress);

function factsOf(address: string): AddressFacts {
  const asn = DETOUR.includes(address) ? 64666 : 64500;
  return { asn, asName: asn === 64666 ? EVIL : 'Example Net', country: null, city: null, name: `r.${EVIL}` };
}

const DIRECTORY = { factsOf, asNumberOf: (address: string) => factsOf(address).asn };

/** Forty runs a minute apart up to now: thirty over the old path, ten over a longer and slower one. */
async function filled(): Promise<ApiServer> {
  const server = await startApiServer({
    config: sampleConfig([A, sampleTarget('b')]),
    record: { directory: DIRECTORY, vantagePoint: 'vantage.example.net' },
  });
  for (let i = 40; i > 0; i--) {
    const atMs = NOW_MS - i * MINUTE_MS;
    const changes = i === 10 ? [rerouteOf(OLD, NEW, 2, atMs)] : [];
    const flows = [i > 10 ? OLD : NEW];
    server.record.observe(routeRound(A, { flows, atMs, delayMs: i > 10 ? 0 : 40, changes }));
  }
  return server;
}

async function bundleOf(server: ApiServer, query = ''): Promise<SupportBundle> {
  const reply = await server.get(`${URL}${query}`);
  assert.equal(reply.status, 200, reply.text);
  return reply.json;
}

test('a bundle has what changed, when, and what it did to the figures', async () => {
  await using server = await filled();
  const bundle = await bundleOf(server);
  assert.equal(bundle.vantagePoint, 'vantage.example.net');
  const [change, ...others] = bundle.changes;
  assert.ok(change !== undefined && others.length === 0);
  assert.equal(change.atMs, NOW_MS - 10 * MINUTE_MS);
  assert.deepEqual([change.before.runs, change.after.runs], [30, 10]);
  const shift = (change.after.rttMedianMs ?? 0) - (change.before.rttMedianMs ?? 0);
  assert.ok(shift > 40 && shift < 43, String(shift));
  assert.equal(change.runBefore?.atMs, NOW_MS - 11 * MINUTE_MS);
  assert.equal(change.runAfter?.atMs, NOW_MS - 10 * MINUTE_MS);
  assert.deepEqual(
    change.hops.map(({ mark }) => mark),
    ['kept', 'changed', 'added', 'kept', 'kept'],
  );
  const heard = change.runAfter?.hops.map(({ answers }) => answers[0]?.address);
  assert.deepEqual(heard, [routerAddress('a'), ...DETOUR, routerAddress('c'), DESTINATION]);
  assert.match(
    bundle.summary[0] ?? '',
    /^1 change of the path from vantage\.example\.net to a\.example\.org/,
  );
  assert.match(bundle.summary[1] ?? '', /left AS64500 for AS64666.*median round-trip time was .* instead of/);
});

test('a bundle claims no effect where the figures do not differ', async () => {
  await using server = await startApiServer({ config: sampleConfig([A]) });
  for (let i = 40; i > 0; i--) {
    const atMs = NOW_MS - i * MINUTE_MS;
    const changes = i === 20 ? [rerouteOf('a b c D', 'a x c D', 2, atMs)] : [];
    server.record.observe(routeRound(A, { flows: [i > 20 ? 'a b c D' : 'a x c D'], atMs, changes }));
  }
  const { summary } = await bundleOf(server);
  assert.match(summary[1] ?? '', /Neither delay nor loss changed with it\.$/);
});

test('a bundle of a period without runs says so', async () => {
  await using server = await filled();
  const { summary, changes } = await bundleOf(server, '?from=0&to=1000');
  assert.match(summary.join(), /^Nothing was measured from vantage\.example\.net/);
  assert.deepEqual(changes, []);
  const { text } = await server.get(`${URL}?from=0&to=1000&format=html`);
  assert.match(text, /Nothing was measured/);
});

test('the report is one HTML file under a policy for its own style alone, and names in it are text', async () => {
  await using server = await filled();
  const { text, headers } = await server.get(`${URL}?format=html&vantage=${encodeURIComponent(EVIL)}`);
  const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(text) ?? [];
  const hash = createHash('sha256').update(style).digest('base64');
  const policy = `default-src &#39;none&#39;; style-src &#39;sha256-${hash}&#39;; base-uri &#39;none&#39;; form-action &#39;none&#39;`;
  assert.ok(text.includes(`<meta http-equiv="Content-Security-Policy" content="${policy}">`));
  const sent = headers.get('content-security-policy') ?? '';
  assert.ok(sent.startsWith("default-src 'none';") && sent.includes(hash), sent);
  assert.equal(headers.get('content-type'), 'text/html; charset=utf-8');
  assert.doesNotMatch(text, /<(script|img|link|iframe|object|a)\b/i);
  assert.doesNotMatch(text, /<[^>]*\s(style|on\w+|src|href)=/i);
  assert.ok(text.includes('&lt;script&gt;alert(1)&lt;/script&gt;'));
  assert.ok(text.includes('≠ other') && text.includes('+ new'));
});

test('a bundle stays within bounds whatever happened', async () => {
  await using server = await startApiServer({ config: sampleConfig([A]) });
  for (let i = 900; i > 0; i--) {
    const atMs = NOW_MS - i * 10_000;
    const [before, after] = [`a b${i + 1} c D`, `a b${i} c D`];
    const changes = [rerouteOf(before, after, 2, atMs)];
    server.record.observe(routeRound(A, { flows: [after], atMs, changes }));
  }
  const period = `from=${NOW_MS - 900 * 10_000}`;
  const json = await server.get(`${URL}?${period}`);
  const { changes, paths, timeline, otherChanges } = json.json as SupportBundle;
  assert.equal(changes.length, 10);
  assert.ok(otherChanges >= 400);
  assert.ok(paths.length <= 20 && timeline.buckets.length <= 241);
  const html = await server.get(`${URL}?${period}&format=html`);
  for (const { text } of [json, html]) assert.ok(text.length < 300_000, String(text.length));
});
