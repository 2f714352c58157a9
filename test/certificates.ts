// Certificates for tests, made by openssl: an authority, and what it signs, expired ones too.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CertificateWish {
  /** `DNS:localhost,IP:127.0.0.1` */
  readonly names?: string;
  /** `YYYYMMDDHHMMSSZ`; long ago and long from now unless given. */
  readonly from?: string;
  readonly to?: string;
}

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

/** An authority with a folder of its own. */
export class Authority {
  readonly #folder: string;
  readonly cert: string;

  constructor(parent: string, name: string) {
    this.#folder = join(parent, name);
    this.cert = join(this.#folder, 'ca.pem');
    mkdirSync(this.#folder);
    writeFileSync(join(this.#folder, 'index.txt'), '');
    writeFileSync(
      join(this.#folder, 'ca.cnf'),
      `[ca]
default_ca = main
[main]
dir = ${this.#folder}
database = $dir/index.txt
new_certs_dir = $dir
certificate = $dir/ca.pem
private_key = $dir/ca.key
rand_serial = yes
default_md = sha256
unique_subject = no
policy = any
[any]
commonName = supplied
[req]
distinguished_name = dn
[dn]
`,
    );
    this.#openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '30',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-config',
      'ca.cnf',
      '-addext',
      'basicConstraints=critical,CA:TRUE',
    );
  }

  /** A certificate and its key under this name. */
  issue(name: string, wish: CertificateWish = {}): CertificateFiles {
    const { names = 'DNS:localhost,IP:127.0.0.1', from = '20200101000000Z', to = '20450101000000Z' } = wish;
    writeFileSync(join(this.#folder, `${name}.ext`), `subjectAltName = ${names}\n`);
    this.#openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.csr`,
      '-config',
      'ca.cnf',
    );
    this.#openssl(
      'ca',
      '-batch',
      '-notext',
      '-config',
      'ca.cnf',
      '-startdate',
      from,
      '-enddate',
      to,
      '-extfile',
      `${name}.ext`,
      '-in',
      `${name}.csr`,
      '-out',
      `${name}.pem`,
    );
    return { cert: join(this.#folder, `${name}.pem`), key: join(this.#folder, `${name}.key`) };
  }

  /** The authority's certificate as text. */
  get pem(): string {
    return readFileSync(this.cert, 'utf8');
  }

  #openssl(...args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'] });
  }
}
