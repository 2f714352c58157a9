import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupUrl } from './group-url.ts';

test('groupUrl() writes names and addresses as they are', () => {
  assert.equal(
    groupUrl('http://g:9091', 'traceroute', 'example.org'),
    'http://g:9091/metrics/job/traceroute/instance/example.org',
  );
  assert.equal(
    groupUrl('http://g:9091/base/', 'traceroute', '2001:db8::1'),
    'http://g:9091/base/metrics/job/traceroute/instance/2001:db8::1',
  );
});

test('groupUrl() writes what a path cannot hold in base64url: slashes, dots alone, other scripts, nothing', () => {
  for (const value of ['a/b', '..', '.', 'bücher.example', 'a b', '?x', 'a%2Fb']) {
    const url = groupUrl('http://g', 'j', value);
    const encoded = /^http:\/\/g\/metrics\/job\/j\/instance@base64\/([A-Za-z0-9_-]+)$/.exec(url)?.[1];
    assert.equal(Buffer.from(encoded ?? '', 'base64url').toString(), value);
  }
  assert.equal(groupUrl('http://g', 'j', ''), 'http://g/metrics/job/j/instance@base64/=');
  assert.equal(groupUrl('http://g', 'a/b', 'x'), 'http://g/metrics/job@base64/YS9i/instance/x');
});
