// Reads Accept and Accept-Encoding (RFC 9110 section 12.5) and chooses what /metrics and /probe answer with.
// Garbage in a header never fails a scrape: what cannot be understood is passed over.

import type { ExpositionFormat } from './exposition.ts';

export type ContentEncoding = 'identity' | 'gzip' | 'zstd';

interface Preference {
  readonly value: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** Text 0.0.4 unless OpenMetrics is wanted at least as much; protobuf where it is wanted at least as much as either. */
export function negotiateFormat(accept: string | undefined): ExpositionFormat {
  let text = 0;
  let openMetrics = 0;
  let protobuf = 0;
  for (const { value, parameters, quality } of parsePreferences(accept)) {
    const version = parameters.get('version');
    if (value === 'application/openmetrics-text' && (version === undefined || version === '1.0.0')) {
      openMetrics = Math.max(openMetrics, quality);
    } else if (value === 'text/plain' && (version === undefined || version === '0.0.4')) {
      text = Math.max(text, quality);
    } else if (value === 'application/vnd.google.protobuf' && isMetricFamily(parameters)) {
      protobuf = Math.max(protobuf, quality);
    }
  }
  if (protobuf > 0 && protobuf >= Math.max(openMetrics, text)) return 'protobuf';
  return openMetrics > 0 && openMetrics >= text ? 'openmetrics' : 'text';
}

/** Parameters are in lower case here. */
function isMetricFamily(parameters: ReadonlyMap<string, string>): boolean {
  const proto = parameters.get('proto');
  return proto === 'io.prometheus.client.metricfamily' && parameters.get('encoding') === 'delimited';
}

/** The better of gzip and zstd by the client's preference, gzip where it has none; identity otherwise. */
export function negotiateEncoding(acceptEncoding: string | undefined): ContentEncoding {
  let gzip = 0;
  let zstd = 0;
  let identity = 0;
  for (const { value, quality } of parsePreferences(acceptEncoding)) {
    if (value === 'gzip' || value === 'x-gzip') gzip = quality;
    else if (value === 'zstd') zstd = quality;
    else if (value === 'identity') identity = quality;
  }
  if (Math.max(gzip, zstd) === 0 || Math.max(gzip, zstd) < identity) return 'identity';
  return zstd > gzip ? 'zstd' : 'gzip';
}

function* parsePreferences(header: string | undefined): Generator<Preference> {
  for (const part of (header ?? '').split(',')) {
    const [value = '', ...rest] = part.split(';').map((piece) => piece.trim().toLowerCase());
    if (value === '') continue;
    const parameters = new Map<string, string>();
    for (const piece of rest) {
      const equals = piece.indexOf('=');
      if (equals > 0) parameters.set(piece.slice(0, equals).trim(), piece.slice(equals + 1).trim());
    }
    const given = parameters.get('q');
    const quality = given === undefined ? 1 : /^(0(\.\d*)?|1(\.0*)?)$/.test(given) ? Number(given) : 0;
    yield { value, parameters, quality };
  }
}
