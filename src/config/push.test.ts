import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from './load.ts';
import { MemoryFileSystem } from './memory-file-system.ts';
import { ConfigError, formatProblem } from './problem.ts';
import { NO_PUSH, type PushConfig } from './push.ts';

async function load(push: string): Promise<{ push: PushConfig; text: string }> {
  const files = new MemoryFileSystem({ 'etc/hopscope.yml': `push: ${push}\n` });
  return (await loadConfig('etc/hopscope.yml', { targets: [] }, files)).config;
}

async function problemsOf(push: string): Promise<string[]> {
  const outcome = await load(push).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof ConfigError, `accepted: ${push}`);
  return outcome.problems.map((problem) => formatProblem(problem).replace('etc/hopscope.yml:', ''));
}

test('push needs an address and takes defaults for the rest', async () => {
  const { push } = await load('{ url: "http://localhost:9091" }');
  assert.equal(push.remoteWrite, null);
  assert.deepEqual(
    [push.gateway?.intervalMs, push.gateway?.job, push.gateway?.endpoint.timeoutMs],
    [60_000, 'traceroute', 10_000],
  );
  assert.deepEqual((await load('')).push, NO_PUSH);
});

test('push takes file names relative to the configuration', async () => {
  const { push } = await load(
    '{ url: "https://g", username: u, passwordFile: secret, tls: { caFile: ca.pem, certFile: /c.pem, keyFile: k.pem } }',
  );
  const endpoint = push.gateway?.endpoint;
  assert.deepEqual(
    [endpoint?.passwordFile, endpoint?.tls.caFile, endpoint?.tls.certFile],
    ['etc/secret', 'etc/ca.pem', '/c.pem'],
  );
});

test('push tells what is wrong where it stands', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{}', /^1:7: push: nothing to push to: give url/],
    ['{ url: ftp://x }', /^1:14: push.url: not a URL: "ftp:\/\/\.\.\."/],
    ['{ url: "http://u:p@x" }', /push.url: a URL with a user name or password/],
    ['{ url: "http://x/metrics/job/a" }', /push.url: .* has \/metrics in it/],
    ['{ url: "http://x?a" }', /push.url: .* has a "\?" in it/],
    ['{ url: "http://x", job: "" }', /^1:\d+: push.job: the job is empty/],
    [
      '{ url: "http://x", intervall: 5s }',
      /push.intervall: unknown key "intervall", did you mean "interval"\?/,
    ],
    ['{ url: "http://x", username: u }', /push.username: a user name without a password/],
    ['{ url: "http://x", password: p }', /push.password: a password without username/],
    [
      '{ url: "http://x", username: u, password: p, passwordFile: f }',
      /push.passwordFile: password is given too/,
    ],
    [
      '{ url: "http://x", username: u, password: p, bearerTokenFile: f }',
      /push.bearerTokenFile: username is given too/,
    ],
    [
      '{ url: "http://x", headers: { Host: a } }',
      /push.headers.Host: header "Host" is set by hopscope itself/,
    ],
    ['{ url: "http://x", headers: { A: "b\\nc" } }', /push.headers.A: a header's value is one line/],
    ['{ url: "http://x", tls: { certFile: a } }', /push.tls.certFile: certFile and keyFile belong together/],
    ['{ remoteWrite: {} }', /push.remoteWrite.url: the URL is missing/],
    [
      '{ remoteWrite: { url: "http://x", interval: 10m } }',
      /push.remoteWrite.interval: out of range: "10m" \(1s to 4m\)/,
    ],
    [
      '{ remoteWrite: { url: "http://x", labels: { job: a } } }',
      /push.remoteWrite.labels.job: label "job" is reserved/,
    ],
  ];
  for (const [text, expected] of cases) {
    const problems = await problemsOf(text);
    assert.equal(problems.length, 1, `${text}: ${problems.join(' | ')}`);
    assert.match(problems[0] ?? '', expected);
  }
});

test('/config shows no password, token, header value or query of push', async () => {
  const { text } = await load(`
  url: http://g
  username: u
  password: geheim1
  headers: { X-Token: geheim2 }
  remoteWrite: { url: "http://p/write?token=geheim3", username: v, passwordFile: f }`);
  assert.doesNotMatch(text, /geheim/);
  assert.match(text, /password: "<secret>"/);
  assert.match(text, /passwordFile: "etc\/f"/);
});
