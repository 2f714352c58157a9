// Whether a client may go on after the handshake, by the certificate it showed.

import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type { TlsSettings } from './tls-settings.ts';

/** Why the client is turned away, or undefined. */
export function clientCertificateProblem(socket: TLSSocket, settings: TlsSettings): string | undefined {
  const { clientAuth, allowedSans } = settings;
  if (clientAuth === 'NoClientCert' || clientAuth === 'RequestClientCert') return undefined;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined)
    return clientAuth === 'VerifyClientCertIfGiven' ? undefined : 'it showed no certificate';
  const verifies = clientAuth === 'VerifyClientCertIfGiven' || clientAuth === 'RequireAndVerifyClientCert';
  if (verifies && !socket.authorized)
    return `its certificate does not verify: ${String(socket.authorizationError)}`;
  if (allowedSans.length === 0) return undefined;
  const names = alternativeNames(certificate);
  return names.some((name) => allowedSans.includes(name))
    ? undefined
    : 'no name of its certificate is in client_allowed_sans';
}

/** DNS names, addresses, e-mail addresses and URIs. Names that are written in quotes hold what could be taken for others. */
function alternativeNames(certificate: X509Certificate): string[] {
  const names: string[] = [];
  const text = certificate.subjectAltName ?? '';
  for (const match of text.matchAll(/(?:^|, )(DNS|IP Address|email|URI):("(?:[^"\\]|\\.)*"|[^,]*)/g)) {
    const value = match[2] ?? '';
    if (!value.startsWith('"')) names.push(value);
  }
  return names;
}
