import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Authority } from '../../test/certificates.ts';
import type { PushEndpoint } from '../config/push.ts';
import { createHttpSender, retryAfter, type SendOutcome, type SendRequest } from './http-sender.ts';

async function serverOf(context: TestContext, listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function endpoint(url: string, more: Partial<PushEndpoint> = {}): PushEndpoint {
  return {
    url,
    timeoutMs: 20_000,
    username: null,
    password: null,
    passwordFile: null,
    bearerTokenFile: null,
    headers: {},
    tls: { caFile: null, certFile: null, keyFile: null, serverName: null, insecureSkipVerify: false },
    ...more,
  };
}

function put(url: string): SendRequest {
  return { method: 'PUT', url: `${url}/metrics/job/t`, headers: {}, body: Buffer.from('x 1\n') };
}

async function send(context: TestContext, listener: RequestListener, more: Partial<PushEndpoint> = {}) {
  const url = await serverOf(context, listener);
  using sender = createHttpSender({ endpoint: endpoint(url, more), userAgent: 'hopscope/1', now: () => 0 });
  return await sender.send(put(url));
}

function messageOf(outcome: SendOutcome): string {
  return outcome.kind === 'accepted' ? 'accepted' : outcome.message;
}

test('HttpSender sends method, body and headers, credentials of the configuration among them', async (context) => {
  const seen: unknown[] = [];
  const outcome = await send(
    context,
    (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        const { authorization, 'user-agent': agent, 'x-scope-orgid': tenant } = request.headers;
        seen.push([request.method, request.url, authorization, agent, tenant, body]);
        response.writeHead(202).end();
      });
    },
    { username: 'u', password: 'p:w', headers: { 'X-Scope-OrgID': 'team' } },
  );
  assert.deepEqual(outcome, { kind: 'accepted' });
  const basic = `Basic ${Buffer.from('u:p:w').toString('base64')}`;
  assert.deepEqual(seen, [['PUT', '/metrics/job/t', basic, 'hopscope/1', 'team', 'x 1\n']]);
});

test('HttpSender tells 400 (refused, with what the server said in one line) from 500 and 429 (to be tried again)', async (context) => {
  const answer = (status: number, body: string, headers = {}) =>
    send(context, (_, response) => void response.writeHead(status, headers).end(body));
  const bad = await answer(400, 'pushed metrics are invalid\u0007\nmore');
  assert.equal(bad.kind, 'refused');
  assert.match(messageOf(bad), /answered 400 \(pushed metrics are invalid\)$/);
  assert.match(messageOf(await answer(401, '')), /answered 401; check username/);
  assert.match(
    messageOf(await answer(302, '', { Location: 'http://else/' })),
    /not followed.*http:\/\/else\//,
  );
  for (const status of [500, 503, 429, 408]) {
    const outcome = await answer(status, 'later', { 'Retry-After': '7' });
    assert.deepEqual([outcome.kind, outcome.kind === 'retry' && outcome.retryAfterMs], ['retry', 7000]);
  }
});

test('HttpSender gives up at its time limit on a server that never answers', async (context) => {
  const outcome = await send(context, () => undefined, { timeoutMs: 100 });
  assert.deepEqual(outcome.kind === 'retry' && outcome.reason, 'timeout');
});

test('HttpSender gives up at its time limit on a server that drips its answer', async (context) => {
  const outcome = await send(
    context,
    (_, response) => {
      response.writeHead(200);
      response.write('a');
    },
    { timeoutMs: 200 },
  );
  assert.deepEqual(outcome.kind === 'retry' && outcome.reason, 'timeout');
});

test('HttpSender takes the status of an answer without end, and cuts it off', async (context) => {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  let written = 0;
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const outcome = await send(context, (_, response) => {
    response.writeHead(200);
    const more = (): void => {
      while (!response.destroyed && written < 1e9) {
        written += chunk.length;
        if (!response.write(chunk)) return;
      }
    };
    response.on('drain', more);
    response.on('close', resolve);
    more();
  });
  await closed;
  assert.deepEqual(outcome, { kind: 'accepted' });
  assert.ok(written < 1e8, `${written} bytes were taken`);
});

test('HttpSender tries again after an answer that ends in the middle, and after none', async (context) => {
  const middle = await send(context, (_, response) => {
    response.writeHead(200, { 'Content-Length': '100' });
    response.write('half', () => response.destroy());
  });
  assert.match(messageOf(middle), /middle of the answer/);
  const none = await send(context, (_, response) => void response.destroy());
  assert.equal(none.kind === 'retry' && none.reason, 'network');
  const garbage = await send(context, (request) => void request.socket.end('garbage\r\n\r\n'));
  assert.match(messageOf(garbage), /not HTTP/);
});

test('HttpSender says what to do about a server that is not there', async () => {
  using sender = createHttpSender({ endpoint: endpoint('http://127.0.0.1:1'), userAgent: 'h', now: () => 0 });
  const outcome = await sender.send(put('http://127.0.0.1:1'));
  assert.match(
    messageOf(outcome),
    /^Cannot push to http:\/\/127.0.0.1:1\/metrics\/job\/t: nothing listens there/,
  );
});

test('HttpSender reads a password file anew when it changes, and says which file it cannot read', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'hopscope-push-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const seen: (string | undefined)[] = [];
  const url = await serverOf(context, (request, response) => {
    seen.push(Buffer.from(request.headers.authorization?.slice(6) ?? '', 'base64').toString());
    response.end();
  });
  const passwordFile = join(folder, 'password');
  using sender = createHttpSender({
    endpoint: endpoint(url, { username: 'u', passwordFile }),
    userAgent: 'h',
    now: () => 0,
  });
  const missing = await sender.send(put(url));
  assert.match(messageOf(missing), /password: cannot read the file: it does not exist/);
  writeFileSync(passwordFile, 'one\n');
  await sender.send(put(url));
  writeFileSync(passwordFile, 'second\n');
  await sender.send(put(url));
  assert.deepEqual(seen, ['u:one', 'u:second']);
});

test('retryAfter() reads seconds and dates, and bounds them', () => {
  assert.equal(retryAfter('3', 0), 3000);
  assert.equal(retryAfter('Thu, 01 Jan 1970 00:01:00 GMT', 10_000), 50_000);
  assert.equal(retryAfter('999999', 0), 300_000);
  assert.equal(retryAfter('Thu, 01 Jan 1970 00:00:01 GMT', 10_000), 0);
  assert.equal(retryAfter('-5', 0), null);
  assert.equal(retryAfter('soon', 0), null);
  assert.equal(retryAfter(undefined, 0), null);
});

test('HttpSender verifies a server, says what is wrong with its certificate, and shows its own', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'hopscope-push-tls-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const ca = new Authority(folder, 'ca');
  const stranger = new Authority(folder, 'stranger');
  const client = ca.issue('client');
  const good = ca.issue('good');
  const expired = ca.issue('expired', { to: '20240101000000Z' });
  const misnamed = ca.issue('misnamed', { names: 'DNS:gateway.example' });
  const seen: boolean[] = [];
  const ask = async (
    server: { cert: string; key: string },
    tls: Partial<PushEndpoint['tls']>,
  ): Promise<string> => {
    const listening = createSecureServer(
      {
        cert: readFileSync(server.cert),
        key: readFileSync(server.key),
        ca: ca.pem,
        requestCert: true,
        rejectUnauthorized: false,
      },
      (request, response) => {
        seen.push((request.socket as import('node:tls').TLSSocket).authorized);
        response.end();
      },
    );
    listening.listen(0, '127.0.0.1');
    await once(listening, 'listening');
    const url = `https://127.0.0.1:${(listening.address() as AddressInfo).port}`;
    const all = { ...endpoint(url).tls, caFile: ca.cert, ...tls };
    using sender = createHttpSender({ endpoint: endpoint(url, { tls: all }), userAgent: 'h', now: () => 0 });
    const outcome = await sender.send(put(url));
    listening.close();
    listening.closeAllConnections();
    return messageOf(outcome);
  };
  assert.equal(await ask(good, {}), 'accepted');
  assert.match(await ask(expired, {}), /its certificate has expired; renew it$/);
  assert.match(await ask(misnamed, {}), /its certificate is for another name/);
  assert.equal(await ask(misnamed, { serverName: 'gateway.example' }), 'accepted');
  assert.match(
    await ask(good, { caFile: stranger.cert }),
    /an authority that is not trusted; name that as tls\.caFile/,
  );
  assert.equal(await ask(expired, { caFile: null, insecureSkipVerify: true }), 'accepted');
  assert.equal(await ask(good, { certFile: client.cert, keyFile: client.key }), 'accepted');
  assert.deepEqual(seen, [false, false, false, true]);
  const mismatch = await ask(good, { certFile: client.cert, keyFile: good.key });
  assert.match(mismatch, /key values mismatch/i);
  assert.match(
    await ask(good, { caFile: join(folder, 'none') }),
    /none: cannot read the file: it does not exist/,
  );
});
