// The server under a web configuration: real TLS, real logins, files that change.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { request as plainRequest } from 'node:http';
import { type RequestOptions, request as secureRequest } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { connect } from 'node:tls';
import { hashSync } from 'bcryptjs';
import { Authority, type CertificateFiles } from '../../../test/certificates.ts';
import { fakeServices } from '../../../test/fake-http-services.ts';
import { exposeText } from '../../metrics/exposition.ts';
import { parseListenAddress } from '../listen-address.ts';
import { type HttpServer, startHttpServer } from '../server.ts';
import { openWebGuard, type WebGuard } from './web-guard.ts';

let folder = '';
let ca: Authority;
let stranger: Authority;
let first: CertificateFiles;
let second: CertificateFiles;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'hopscope-tls-'));
  ca = new Authority(folder, 'ca');
  stranger = new Authority(folder, 'stranger');
  first = ca.issue('first');
  second = ca.issue('second');
});
after(() => rmSync(folder, { recursive: true }));

interface Site {
  readonly server: HttpServer;
  readonly guard: WebGuard;
  readonly said: string[];
  /** Writes the web configuration anew and has it read. */
  write(config: unknown): Promise<void>;
}

let files = 0;

async function site(context: TestContext, config: unknown): Promise<Site> {
  const file = join(folder, `web${files++}.yml`);
  const put = (value: unknown): void => {
    writeFileSync(`${file}.new`, JSON.stringify(value));
    renameSync(`${file}.new`, file);
  };
  put(config);
  const said: string[] = [];
  const say = (_: object, message: string): void => void said.push(message);
  const guard = await openWebGuard(file, { log: { info: say, warn: say, error: say } });
  const server = await startHttpServer(fakeServices(), {
    listen: [parseListenAddress('127.0.0.1:0')],
    prefix: '',
    guard,
  });
  context.after(() => server.close(0));
  return {
    server,
    guard,
    said,
    write: (value) => {
      put(value);
      return guard.refresh();
    },
  };
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly certificate: string;
}

function ask({ server }: Site, options: RequestOptions = {}, path = '/-/healthy'): Promise<Reply> {
  const [{ port, url } = { port: 0, url: '' }] = server.addresses;
  const secure = url.startsWith('https');
  const start = secure ? secureRequest : plainRequest;
  return new Promise((resolve, reject) => {
    const asked = start(
      { host: '127.0.0.1', port, path, agent: false, servername: 'localhost', ca: ca.pem, ...options },
      (response) => {
        const socket = response.socket as Partial<{ getPeerCertificate(): { subject?: { CN?: string } } }>;
        const certificate = socket.getPeerCertificate?.().subject?.CN ?? '';
        response.resume();
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, certificate }),
        );
      },
    );
    asked.on('error', reject);
    asked.end();
  });
}

function tls({ cert, key }: CertificateFiles, more: object = {}): object {
  return { tls_server_config: { cert_file: cert, key_file: key, ...more } };
}

function basic(user: string, password: string): RequestOptions {
  return { headers: { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` } };
}

test('a server with TLS speaks it alone, to clients that trust its authority', async (context) => {
  const web = await site(context, tls(first));
  assert.match(web.server.addresses[0]?.url ?? '', /^https:/);
  assert.deepEqual([(await ask(web)).status, (await ask(web)).certificate], [200, 'first']);
  await assert.rejects(ask(web, { ca: stranger.pem }), /unable to verify|certificate/);
  await assert.rejects(ask(web, { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }));
});

test('a server gives a new certificate to new connections as soon as the file changes, and keeps the old ones', async (context) => {
  const web = await site(context, tls(first));
  const [{ port } = { port: 0 }] = web.server.addresses;
  const open = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: ca.pem });
  await new Promise((resolve) => open.once('secureConnect', resolve));
  await web.write(tls(second));
  assert.equal((await ask(web)).certificate, 'second');
  open.write('GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const answer = await new Promise<string>((resolve) => open.once('data', (data) => resolve(String(data))));
  assert.match(answer, /^HTTP\/1.1 200/);
});

test('a broken web configuration leaves the old one in force, said once, and the next good one counts', async (context) => {
  const web = await site(context, tls(first));
  const broken = tls({ cert: second.cert, key: first.key });
  await assert.rejects(web.write(broken), /does not belong/);
  await assert.rejects(web.guard.refresh(), /does not belong/);
  assert.equal((await ask(web)).certificate, 'first');
  assert.equal(web.said.filter((line) => line.includes('stays as it was')).length, 1);
  assert.match(exposeText([web.guard]), /^hopscope_web_config_last_reload_successful 0$/m);
  assert.match(exposeText([web.guard]), /^hopscope_web_certificate_expiry_timestamp_seconds 2366841600$/m);
  await assert.rejects(web.write({}), /TLS can be switched on or off by a restart only/);
  await web.write(tls(second));
  assert.equal((await ask(web)).certificate, 'second');
  assert.match(exposeText([web.guard]), /^hopscope_web_config_last_reload_successful 1$/m);
});

test('a server that wants client certificates takes those that verify, and only with the names allowed', async (context) => {
  const client = ca.issue('client', { names: 'DNS:scraper.example,email:a@b.example' });
  // One name that reads like two.
  const disguised = '@names\n[names]\nDNS.1 = x.example\nURI.1 = "http://x/, DNS:scraper.example"';
  const other = ca.issue('other-client', { names: disguised });
  const foreign = stranger.issue('foreign', { names: 'DNS:scraper.example' });
  const pair = ({ cert, key }: CertificateFiles): RequestOptions => ({
    cert: readFileSync(cert),
    key: readFileSync(key),
  });
  const wanting = { client_auth_type: 'RequireAndVerifyClientCert', client_ca_file: ca.cert };
  const web = await site(context, tls(first, wanting));
  assert.equal((await ask(web, pair(client))).status, 200);
  assert.equal((await ask(web, pair(other))).status, 200);
  await assert.rejects(ask(web));
  await assert.rejects(ask(web, pair(foreign)));
  await web.write(tls(first, { ...wanting, client_allowed_sans: ['scraper.example'] }));
  assert.equal((await ask(web, pair(client))).status, 200);
  await assert.rejects(ask(web, pair(other)));
  await web.write(tls(first, { ...wanting, client_auth_type: 'VerifyClientCertIfGiven' }));
  assert.equal((await ask(web)).status, 200);
  await assert.rejects(ask(web, pair(foreign)));
  await web.write(tls(first, { client_auth_type: 'RequireAnyClientCert' }));
  assert.equal((await ask(web, pair(foreign))).status, 200);
  await assert.rejects(ask(web));
  await web.write(tls(first));
  assert.equal((await ask(web)).status, 200);
  await web.write(tls(first, wanting));
  await assert.rejects(ask(web), 'asked for again after a reload');
});

test('a session begun under an authority that is trusted no more is not resumed', async (context) => {
  const client = stranger.issue('resuming');
  const own = { cert: readFileSync(client.cert), key: readFileSync(client.key) };
  const wanting = (authority: Authority): object =>
    tls(first, { client_auth_type: 'RequireAndVerifyClientCert', client_ca_file: authority.cert });
  const web = await site(context, wanting(stranger));
  const [{ port } = { port: 0 }] = web.server.addresses;
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: ca.pem, ...own });
  const session = await new Promise<Buffer>((resolve) => socket.once('session', resolve));
  socket.destroy();
  assert.equal((await ask(web, { ...own, session } as RequestOptions)).status, 200);
  await web.write(wanting(ca));
  await assert.rejects(ask(web, { ...own, session } as RequestOptions));
});

test('logins guard every path, and change with the file', async (context) => {
  const users = (password: string): object => ({ basic_auth_users: { alice: hashSync(password, 4) } });
  const web = await site(context, users('one'));
  for (const path of ['/', '/metrics', '/-/healthy', '/-/ready', '/nothing', '/api/v1/targets']) {
    const { status, headers } = await ask(web, {}, path);
    assert.deepEqual(
      [status, headers['www-authenticate']],
      [401, 'Basic realm="hopscope", charset="UTF-8"'],
      path,
    );
  }
  assert.equal((await ask(web, basic('alice', 'one'))).status, 200);
  assert.equal((await ask(web, basic('alice', 'two'))).status, 401);
  assert.equal((await ask(web, basic('bob', 'one'))).status, 401);
  assert.equal((await ask(web, { headers: { Authorization: 'Basic !!!' } })).status, 401);
  assert.equal((await ask(web, { headers: { Authorization: 'Bearer x' } })).status, 401);
  await web.write(users('two'));
  assert.equal((await ask(web, basic('alice', 'one'))).status, 401);
  assert.equal((await ask(web, basic('alice', 'two'))).status, 200);
});

test('who guesses is held up with 429 and Retry-After, while who is known goes on', async (context) => {
  const web = await site(context, { basic_auth_users: { alice: hashSync('right', 4) } });
  assert.equal((await ask(web, basic('alice', 'right'))).status, 200);
  const statuses: number[] = [];
  let waiting: Reply | undefined;
  for (let i = 0; i < 7; i++) {
    const reply = await ask(web, basic('alice', `guess ${i}`));
    statuses.push(reply.status);
    if (reply.status === 429) waiting = reply;
  }
  assert.deepEqual(statuses.slice(0, 6), [401, 401, 401, 401, 401, 429]);
  assert.match(String(waiting?.headers['retry-after']), /^[1-9]\d*$/);
  const counted = exposeText([web.guard]);
  assert.match(counted, /^hopscope_web_requests_refused_total\{reason="unauthorized"\} 5$/m);
  assert.match(counted, /^hopscope_web_requests_refused_total\{reason="held_up"\} 2$/m);
  assert.equal((await ask(web, basic('alice', 'right'))).status, 200);
});

test('headers and rate limit of the web configuration hold for every answer', async (context) => {
  const web = await site(context, {
    http_server_config: {
      headers: { 'X-Frame-Options': 'sameorigin', 'Strict-Transport-Security': 'max-age=9' },
    },
    rate_limit: { interval: '1h', burst: 2 },
  });
  const replies = [await ask(web), await ask(web, {}, '/nothing'), await ask(web)];
  assert.deepEqual(
    replies.map(({ status }) => status),
    [200, 404, 429],
  );
  for (const { headers } of replies) {
    assert.equal(headers['x-frame-options'], 'sameorigin');
    assert.equal(headers['strict-transport-security'], 'max-age=9');
    assert.equal(headers['x-content-type-options'], 'nosniff');
  }
  assert.equal(replies[2]?.headers['retry-after'], '3600');
});

test('what is no HTTP is answered with a status and the security headers, and ends', async (context) => {
  const web = await site(context, {});
  const [{ port } = { port: 0 }] = web.server.addresses;
  const exchange = (text: string): Promise<string> =>
    new Promise((resolve) => {
      let answer = '';
      const socket = connectPlain(port, '127.0.0.1', () => socket.write(text));
      socket.on('data', (data) => {
        answer += String(data);
      });
      socket.on('close', () => resolve(answer));
    });
  const garbage = await exchange('garbage\r\n\r\n');
  assert.match(garbage, /^HTTP\/1.1 400 Bad Request\r\n/);
  assert.match(garbage, /X-Content-Type-Options: nosniff\r\n/);
  const large = await exchange(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`);
  assert.match(large, /^HTTP\/1.1 431 /);
});

test('closing a server with TLS ends connections that never finished their handshake', async (context) => {
  const web = await site(context, tls(first));
  const [{ port } = { port: 0 }] = web.server.addresses;
  const silent = connectPlain(port, '127.0.0.1');
  await new Promise((resolve) => silent.once('connect', resolve));
  const gone = new Promise((resolve) => silent.once('close', resolve));
  silent.on('error', () => {});
  await ask(web);
  await web.server.close(60_000);
  await gone;
});
