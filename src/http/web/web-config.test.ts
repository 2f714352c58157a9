import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Authority, type CertificateFiles } from '../../../test/certificates.ts';
import { nodeFileSystem } from '../../config/file-system.ts';
import { ConfigError, formatProblem } from '../../config/problem.ts';
import { type LoadedWebConfig, loadWebConfig } from './web-config.ts';

const HASH = '$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG';
const NOW = Date.UTC(2026, 10, 25);
let folder = '';
let good: CertificateFiles;

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'hopscope-web-'));
  const ca = new Authority(folder, 'ca');
  good = ca.issue('good');
  const other = ca.issue('other');
  const expired = ca.issue('expired', { to: '20240101000000Z' });
  const future = ca.issue('future', { from: '20300101000000Z' });
  for (const [name, { cert, key }] of Object.entries({ good, other, expired, future })) {
    copyFileSync(cert, join(folder, `${name}.pem`));
    copyFileSync(key, join(folder, `${name}.key`));
  }
  copyFileSync(ca.cert, join(folder, 'ca.pem'));
  writeFileSync(join(folder, 'garbage.pem'), 'garbage');
  writeFileSync(
    join(folder, 'encrypted.key'),
    '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA\n-----END ENCRYPTED PRIVATE KEY-----\n',
  );
});
after(() => rmSync(folder, { recursive: true }));

function load(yaml: string): Promise<LoadedWebConfig> {
  writeFileSync(join(folder, 'web.yml'), yaml);
  return loadWebConfig(join(folder, 'web.yml'), nodeFileSystem(), NOW);
}

async function problemsOf(yaml: string): Promise<string[]> {
  const outcome = await load(yaml).then(
    () => undefined,
    (error: unknown) => error,
  );
  assert.ok(outcome instanceof ConfigError, `accepted: ${yaml}`);
  return outcome.problems.map((problem) => formatProblem(problem).replace(`${folder}/`, ''));
}

const PAIR = 'cert_file: good.pem, key_file: good.key';

test('loadWebConfig() reads all that exporter-toolkit has, files beside it', async () => {
  const { config, warnings, sources } = await load(`
tls_server_config:
  cert_file: good.pem
  key_file: ${good.key}
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [client.example]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
  curve_preferences: [X25519, CurveP256]
  prefer_server_cipher_suites: false
http_server_config:
  http2: false
  headers: { X-Frame-Options: sameorigin, Strict-Transport-Security: max-age=1, X-XSS-Protection: "" }
basic_auth_users: { alice: "${HASH}" }
rate_limit: { interval: 100ms, burst: 20 }
`);
  assert.equal(config.tls?.context.minVersion, 'TLSv1.2');
  assert.match(String(config.tls?.context.ciphers), /^TLS_AES.*:ECDHE-ECDSA-AES128-GCM-SHA256$/);
  assert.deepEqual(
    [
      config.tls?.context.ecdhCurve,
      config.tls?.context.honorCipherOrder,
      config.tls?.clientAuth,
      config.tls?.allowedSans,
    ],
    ['X25519:P-256', false, 'RequireAndVerifyClientCert', ['client.example']],
  );
  assert.deepEqual(config.headers, {
    'X-Frame-Options': 'sameorigin',
    'Strict-Transport-Security': 'max-age=1',
  });
  assert.deepEqual([...config.users], [['alice', HASH]]);
  assert.deepEqual(config.rateLimit, { intervalMs: 100, burst: 20 });
  assert.deepEqual(warnings, []);
  assert.equal(sources.length, 4);
});

test('loadWebConfig() takes certificate and key in line, and an empty file for no protection', async () => {
  const inline = JSON.stringify({
    tls_server_config: { cert: readFileSync(good.cert, 'utf8'), key: readFileSync(good.key, 'utf8') },
  });
  assert.notEqual((await load(inline)).config.tls, null);
  const { config } = await load('');
  assert.deepEqual([config.tls, config.users.size, config.rateLimit], [null, 0, null]);
});

test('loadWebConfig() warns of certificates that clients will refuse, with line and column', async () => {
  const warningsOf = async (name: string): Promise<string[]> =>
    (await load(`tls_server_config: { cert_file: ${name}.pem, key_file: ${name}.key }`)).warnings.map(
      (warning) => formatProblem(warning).replace(`${folder}/`, ''),
    );
  assert.match(
    (await warningsOf('expired')).join(),
    /^web.yml:1:33: tls_server_config.cert_file: the certificate for "expired" expired on 2024-01-01/,
  );
  assert.match((await warningsOf('future')).join(), /is not valid before 2030-01-01/);
  assert.deepEqual(await warningsOf('good'), []);
});

test('loadWebConfig() tells what is wrong where it stands', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      'basic_auth_users: { alice: secret }',
      /^web.yml:1:28: basic_auth_users.alice: not a bcrypt hash .*htpasswd/,
    ],
    [`basic_auth_users: { alice: "${HASH.slice(0, -1)}" }`, /not a bcrypt hash/],
    [
      `basic_auth_users: { alice: "${HASH.replace('$10$', '$20$')}" }`,
      /cost 20 of the hash would make a login take minutes/,
    ],
    [`basic_auth_users: { "a:b": "${HASH}" }`, /a user name has no ":"/],
    ['basic_auth_users: [alice]', /expected name: "value" pairs, found a list/],
    [
      'tls_server_config: { cert_file: good.pem }',
      /^web.yml:1:\d+: tls_server_config.key_file: a key is missing/,
    ],
    [
      'tls_server_config: { cert_file: none.pem, key_file: good.key }',
      /"none.pem": cannot read the file: it does not exist/,
    ],
    ['tls_server_config: { cert_file: garbage.pem, key_file: good.key }', /no certificate in PEM form/],
    ['tls_server_config: { cert_file: good.pem, key_file: garbage.pem }', /no private key in PEM form/],
    ['tls_server_config: { cert_file: good.pem, key_file: encrypted.key }', /the key is encrypted/],
    [
      'tls_server_config: { cert_file: good.pem, key_file: other.key }',
      /web.yml:1:\d+: tls_server_config.key_file: the key does not belong to the certificate for "good"/,
    ],
    [`tls_server_config: { ${PAIR}, client_ca_file: ca.pem }`, /add client_auth_type/],
    [`tls_server_config: { ${PAIR}, client_auth_type: RequireAndVerifyClientCert }`, /add client_ca_file/],
    [`tls_server_config: { ${PAIR}, client_allowed_sans: [a] }`, /would pass it by/],
    [`tls_server_config: { ${PAIR}, client_auth_type: Require }`, /is none of NoClientCert/],
    [
      `tls_server_config: { ${PAIR}, min_version: TLS13, max_version: TLS12 }`,
      /TLS13 is later than max_version TLS12/,
    ],
    [`tls_server_config: { ${PAIR}, min_version: SSL3 }`, /is none of TLS10/],
    [
      `tls_server_config: { ${PAIR}, cipher_suites: [TLS_RSA_WITH_RC4_128_SHA] }`,
      /cipher_suites\[0\]: .* is not known/,
    ],
    [
      `tls_server_config: { ${PAIR}, curve_preferences: [P256] }`,
      /curve_preferences\[0\]: "P256" is not known/,
    ],
    ['tls_server_confg: {}', /unknown key "tls_server_confg", did you mean "tls_server_config"\?/],
    [
      'http_server_config: { headers: { Server: x } }',
      /http_server_config.headers.Server: header "Server" cannot be set/,
    ],
    ['http_server_config: { headers: { X-Frame-Options: allow } }', /"allow" is none of deny, sameorigin/],
    ['http_server_config: { headers: { X-XSS-Protection: "a\\nb" } }', /one line of plain text/],
    ['rate_limit: { interval: 1 }', /rate_limit.interval/],
    ['rate_limit: { interval: 1s }', /set burst/],
    ['a: [', /^web.yml:1/],
  ];
  for (const [yaml, expected] of cases) {
    const problems = await problemsOf(yaml);
    assert.match(problems.join('\n'), expected, yaml);
    assert.doesNotMatch(problems.join('\n'), /\$2y\$10\$X0h1/, 'a hash in a message');
  }
});

test('loadWebConfig() says that there is no such file', async () => {
  const missing = loadWebConfig(join(folder, 'none.yml'), nodeFileSystem(), NOW);
  await assert.rejects(missing, /none.yml: cannot read the file: it does not exist/);
});
