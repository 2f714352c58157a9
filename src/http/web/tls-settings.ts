// From tls_server_config to what a TLS server is set up with: files read, certificate and key found to belong together,
// client certificates judged. Invariant: TlsSettings make a secure context without an error.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { Optional } from '../../config/field.ts';
import { explainReadError } from '../../config/file-system.ts';
import { quote } from '../../config/problem.ts';
import {
  type ClientAuthType,
  CURVES,
  cipherList,
  DEFAULT_SUITES,
  TLS_VERSIONS,
  type TlsVersionName,
} from './tls-names.ts';

export type TlsEntry = Optional<{
  cert: string;
  key: string;
  client_ca: string;
  cert_file: string;
  key_file: string;
  client_ca_file: string;
  client_auth_type: ClientAuthType;
  client_allowed_sans: readonly string[];
  min_version: TlsVersionName;
  max_version: TlsVersionName;
  cipher_suites: readonly string[];
  curve_preferences: readonly string[];
  prefer_server_cipher_suites: boolean;
}>;

export interface TlsSettings {
  readonly context: SecureContextOptions;
  readonly clientAuth: ClientAuthType;
  /** Empty: any. */
  readonly allowedSans: readonly string[];
  readonly expiresAtMs: number;
}

export interface TlsReader {
  read(name: string): Promise<{ readonly file: string; readonly bytes: Uint8Array }>;
  problem(key: keyof TlsEntry, message: string): void;
  warning(key: keyof TlsEntry, message: string): void;
  readonly nowMs: number;
}

/** A certificate that ends sooner than this is worth a word. */
const SOON_MS = 14 * 86_400_000;

/** Undefined results have been told to `reader.problem`. */
export async function readTls(entry: TlsEntry, reader: TlsReader): Promise<TlsSettings | null> {
  const cert = await pem(entry, 'cert', 'cert_file', reader);
  const key = await pem(entry, 'key', 'key_file', reader);
  if (cert === null) reader.problem('cert_file', 'a certificate is missing: give cert_file');
  if (key === null) reader.problem('key_file', 'a key is missing: give key_file');
  const ca = await pem(entry, 'client_ca', 'client_ca_file', reader);
  const clientAuth = judgeClientAuth(entry, ca !== null, reader);
  const minVersion = entry.min_version ?? 'TLS12';
  const maxVersion = entry.max_version ?? 'TLS13';
  if (minVersion > maxVersion)
    reader.problem('min_version', `${minVersion} is later than max_version ${maxVersion}`);
  if (cert === null || key === null || cert === undefined || key === undefined || ca === undefined)
    return null;
  const leaf = judgePair(entry, cert, key, reader);
  if (ca !== null && certificateOf(ca) === undefined)
    reader.problem(keyOf(entry, 'client_ca', 'client_ca_file'), 'there is no certificate in PEM form in it');
  if (leaf === undefined) return null;
  const context: SecureContextOptions = {
    cert,
    key,
    ...(ca === null ? {} : { ca }),
    ciphers: cipherList(entry.cipher_suites?.length ? entry.cipher_suites : DEFAULT_SUITES, minVersion),
    ecdhCurve: entry.curve_preferences?.length
      ? entry.curve_preferences.map((name) => CURVES[name] ?? name).join(':')
      : 'auto',
    honorCipherOrder: entry.prefer_server_cipher_suites ?? true,
    minVersion: TLS_VERSIONS[minVersion] ?? 'TLSv1.2',
    maxVersion: TLS_VERSIONS[maxVersion] ?? 'TLSv1.3',
  };
  try {
    if (minVersion <= maxVersion) createSecureContext(context);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    reader.problem('cert_file', `TLS cannot be set up with it: ${reason}`);
    return null;
  }
  return {
    context,
    clientAuth,
    allowedSans: entry.client_allowed_sans ?? [],
    expiresAtMs: leaf.validToDate.getTime(),
  };
}

type PemKey = 'cert' | 'key' | 'client_ca';
type FileKey = 'cert_file' | 'key_file' | 'client_ca_file';

/** Text of what is given in line or in a file; null where it is not given, undefined where it cannot be had. */
async function pem(
  entry: TlsEntry,
  inline: PemKey,
  file: FileKey,
  reader: TlsReader,
): Promise<string | null | undefined> {
  const name = entry[file];
  if (entry[inline] !== undefined && name !== undefined) {
    reader.problem(file, `${inline} is given too; leave out one of them`);
    return undefined;
  }
  if (name === undefined) return entry[inline] ?? null;
  try {
    const { bytes } = await reader.read(name);
    return Buffer.from(bytes).toString('latin1');
  } catch (error) {
    reader.problem(file, `${quote(name)}: ${explainReadError(error)}`);
    return undefined;
  }
}

function keyOf(entry: TlsEntry, inline: PemKey, file: FileKey): PemKey | FileKey {
  return entry[file] === undefined ? inline : file;
}

function judgePair(
  entry: TlsEntry,
  cert: string,
  key: string,
  reader: TlsReader,
): X509Certificate | undefined {
  const certKey = keyOf(entry, 'cert', 'cert_file');
  const keyKey = keyOf(entry, 'key', 'key_file');
  const leaf = certificateOf(cert);
  if (leaf === undefined) reader.problem(certKey, 'there is no certificate in PEM form in it');
  const privateKey = privateKeyOf(key);
  if (typeof privateKey === 'string') reader.problem(keyKey, privateKey);
  if (leaf === undefined || typeof privateKey === 'string') return undefined;
  if (!leaf.checkPrivateKey(privateKey)) {
    reader.problem(
      keyKey,
      `the key does not belong to the certificate for ${nameOf(leaf)}; give the one that it was made with`,
    );
    return undefined;
  }
  const from = leaf.validFromDate;
  const to = leaf.validToDate;
  if (to.getTime() <= reader.nowMs) {
    reader.warning(
      certKey,
      `the certificate for ${nameOf(leaf)} expired on ${day(to)}: clients will refuse it; renew it`,
    );
  } else if (from.getTime() > reader.nowMs) {
    reader.warning(
      certKey,
      `the certificate for ${nameOf(leaf)} is not valid before ${day(from)}: check the clock`,
    );
  } else if (to.getTime() - reader.nowMs < SOON_MS) {
    reader.warning(certKey, `the certificate for ${nameOf(leaf)} expires on ${day(to)}; renew it`);
  }
  return leaf;
}

function certificateOf(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text);
  } catch {
    return undefined;
  }
}

function privateKeyOf(text: string): KeyObject | string {
  if (/ENCRYPTED/.test(text)) {
    return 'the key is encrypted, and nobody is there to give its passphrase; decrypt it: openssl pkey -in KEY -out KEY';
  }
  try {
    return createPrivateKey(text);
  } catch {
    return 'there is no private key in PEM form in it';
  }
}

function judgeClientAuth(entry: TlsEntry, hasCa: boolean, reader: TlsReader): ClientAuthType {
  const type = entry.client_auth_type ?? 'NoClientCert';
  const verifies = type === 'VerifyClientCertIfGiven' || type === 'RequireAndVerifyClientCert';
  const caGiven = hasCa || entry.client_ca_file !== undefined;
  if (caGiven && type === 'NoClientCert')
    reader.problem(
      keyOf(entry, 'client_ca', 'client_ca_file'),
      'client certificates are not asked for; add client_auth_type: RequireAndVerifyClientCert',
    );
  if (verifies && !caGiven)
    reader.problem('client_auth_type', `${type} needs the authorities to verify with; add client_ca_file`);
  if ((entry.client_allowed_sans?.length ?? 0) > 0 && !type.startsWith('Require'))
    reader.problem(
      'client_allowed_sans',
      `clients without a certificate would pass it by; it needs client_auth_type: RequireAndVerifyClientCert`,
    );
  return type;
}

function nameOf(certificate: X509Certificate): string {
  const subject = /(?:^|\n)CN=(.*)/.exec(certificate.subject)?.[1] ?? certificate.subjectAltName ?? 'nobody';
  return quote(subject);
}

function day(date: Date): string {
  return Number.isNaN(date.getTime()) ? 'a day that is none' : date.toISOString().slice(0, 10);
}
