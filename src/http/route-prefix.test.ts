import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HttpError } from './http-error.ts';
import { routePrefix } from './route-prefix.ts';

test('routePrefix() takes the route prefix, else the path of the external URL, else none', () => {
  assert.equal(routePrefix(undefined, undefined), '');
  assert.equal(routePrefix('/', undefined), '');
  assert.equal(routePrefix('', undefined), '');
  assert.equal(routePrefix('hopscope', undefined), '/hopscope');
  assert.equal(routePrefix('//a//b/', undefined), '/a/b');
  assert.equal(routePrefix(undefined, 'https://monitor.example.org/hopscope/'), '/hopscope');
  assert.equal(routePrefix(undefined, 'https://monitor.example.org'), '');
  assert.equal(routePrefix('/', 'https://monitor.example.org/hopscope/'), '');
});

test('routePrefix() refuses what is no path or no URL', () => {
  for (const prefix of ['/a b', '/a?b', '/../a', '/a/..', '/%41', '/"', `/${'a'.repeat(300)}`]) {
    assert.throws(() => routePrefix(prefix, undefined), { name: 'HttpError', code: 'bad-prefix' }, prefix);
  }
  for (const url of [
    'monitor.example.org',
    'ftp://a/',
    'http://',
    'http://a/?b',
    'http://u:p@a/',
    'http://a/#b',
  ]) {
    assert.throws(
      () => routePrefix(undefined, url),
      (error) => error instanceof HttpError && error.code === 'bad-external-url',
      url,
    );
  }
});
