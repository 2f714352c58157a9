import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { fakeServices } from '../../test/fake-http-services.ts';
import { sampleConfig, sampleTarget } from '../../test/sample-rounds.ts';
import { landingPage } from './landing-page.ts';

function bodyOf(services: Parameters<typeof landingPage>[0]): string {
  const { body } = landingPage(services);
  assert.ok(typeof body === 'string');
  return body;
}

test('landingPage() shows name, version, arguments, modules and targets with their states', () => {
  const body = bodyOf(fakeServices());
  for (const expected of [
    '<h1>hopscope</h1>',
    '0.1.0',
    '--config.file',
    'hopscope.yml',
    'href="metrics"',
    'href="config"',
  ]) {
    assert.ok(body.includes(expected), expected);
  }
  assert.match(body, /<option selected>icmp<\/option><option>tcp<\/option>/);
  assert.match(body, /a\.example\.org.*site=paris.*Reached/);
  assert.match(body, /b\.example\.org.*Waiting/);
});

test('landingPage() carries no script, nothing from elsewhere, and the style that its policy names', () => {
  const answer = landingPage(fakeServices());
  const body = String(answer.body);
  assert.doesNotMatch(body, /<script|\son\w+=|javascript:|style="/i);
  assert.doesNotMatch(body, /(src|href)="(https?:)?\/\//);
  const style = /<style>([\s\S]*?)<\/style>/.exec(body)?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  assert.ok(answer.headers?.['Content-Security-Policy']?.includes(`style-src 'sha256-${hash}'`));
});

test('landingPage() escapes whatever users can name', () => {
  const evil = `"><img src=x onerror='alert(1)'>&`;
  const target = { ...sampleTarget(evil, { note: evil }), key: 'evil' };
  const config = sampleConfig([target], {
    modules: new Map([[evil, { ...target.module, name: evil }]]),
    defaultModule: evil,
  });
  const body = bodyOf(fakeServices({ config, arguments: new Map([[evil, evil]]) }));
  assert.doesNotMatch(body, /<img/);
  assert.doesNotMatch(body, /"&gt;&lt;img[^"]*"[^>]*onerror/);
});

test('landingPage() lists a bounded number of targets, those in trouble first, and says how many there are', () => {
  const targets = Array.from({ length: 5000 }, (_, i) => sampleTarget(`host-${i}.example.org`));
  const services = fakeServices({ config: sampleConfig(targets) });
  const summary = {
    hopCount: 3,
    rttSeconds: 0.01,
    atMs: services.now(),
    address: '192.0.2.1',
    failure: null,
  };
  const registry = { summary: (key: string) => ({ ...summary, reached: !key.startsWith('host-4999.') }) };
  const body = bodyOf({ ...services, targets: registry });
  assert.equal(body.match(/<tr><th scope="row"/g)?.length, 100);
  assert.match(body, /<b>1<\/b> not reached/);
  assert.match(body, /<b>4999<\/b> reached/);
  assert.match(body, /100 of 5000 targets are listed/);
  assert.ok(body.indexOf('host-4999.') < body.indexOf('host-0.'));
});

test('landingPage() says what to do when no target is configured, and when nothing is', () => {
  assert.match(bodyOf(fakeServices({ config: sampleConfig([]) })), /None are configured/);
  assert.match(bodyOf(fakeServices({ config: null })), /No configuration has been applied yet/);
});
