import assert from 'node:assert/strict';
import { test } from 'node:test';
import { negotiateEncoding, negotiateFormat } from './content-negotiation.ts';

test('negotiateFormat() gives OpenMetrics to Prometheus 2 and 3, text to browsers and curl', () => {
  const prometheus2 =
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
  const prometheus3 =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1';
  assert.equal(negotiateFormat(prometheus2), 'openmetrics');
  assert.equal(negotiateFormat(prometheus3), 'openmetrics');
  for (const accept of [
    undefined,
    '',
    '*/*',
    'text/html,application/xhtml+xml,*/*;q=0.8',
    'text/plain;version=0.0.4',
  ]) {
    assert.equal(negotiateFormat(accept), 'text', accept);
  }
});

test('negotiateFormat() gives protobuf to a Prometheus that wants native histograms', () => {
  const protobuf =
    'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited';
  const rest = 'application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1';
  assert.equal(negotiateFormat(`${protobuf},${rest}`), 'protobuf');
  assert.equal(negotiateFormat(`${protobuf};q=0.3,${rest}`), 'openmetrics');
  assert.equal(negotiateFormat(`application/vnd.google.protobuf;encoding=text,${rest}`), 'openmetrics');
});

test('negotiateFormat() keeps to the preference given, and to versions that it writes', () => {
  assert.equal(negotiateFormat('application/openmetrics-text;q=0.4,text/plain;q=0.5'), 'text');
  assert.equal(negotiateFormat('application/openmetrics-text;version=0.0.1'), 'text');
  assert.equal(negotiateFormat('application/openmetrics-text;version=1.0.0;q=0'), 'text');
  assert.equal(negotiateFormat('Application/OpenMetrics-Text ; Version=1.0.0'), 'openmetrics');
});

test('negotiateFormat() and negotiateEncoding() take garbage for nothing', () => {
  for (const garbage of [
    ';;;',
    ',,',
    'q=1',
    'application/openmetrics-text;q=zebra',
    '\u0000',
    '='.repeat(5000),
  ]) {
    assert.equal(negotiateFormat(garbage), 'text');
    assert.equal(negotiateEncoding(garbage), 'identity');
  }
});

test('negotiateEncoding() prefers gzip, zstd only where it is wanted more', () => {
  assert.equal(negotiateEncoding('gzip'), 'gzip');
  assert.equal(negotiateEncoding('gzip, deflate, br, zstd'), 'gzip');
  assert.equal(negotiateEncoding('zstd, gzip;q=0.5'), 'zstd');
  assert.equal(negotiateEncoding('zstd'), 'zstd');
  assert.equal(negotiateEncoding('gzip;q=0'), 'identity');
  assert.equal(negotiateEncoding('gzip;q=0.1, identity'), 'identity');
  assert.equal(negotiateEncoding('br'), 'identity');
  assert.equal(negotiateEncoding(undefined), 'identity');
});
