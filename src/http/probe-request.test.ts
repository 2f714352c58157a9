import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sampleConfig } from '../../test/sample-rounds.ts';
import { RequestRefusal } from './http-error.ts';
import { type ProbeQuery, parseProbeQuery } from './probe-request.ts';

const config = sampleConfig([]);
const HEADER = 'x-prometheus-scrape-timeout-seconds';

function parse(query: string, headers: Record<string, string> = {}): ProbeQuery {
  return parseProbeQuery(new URLSearchParams(query), headers, config);
}

function assertRefused(query: string, message: RegExp, headers: Record<string, string> = {}): void {
  assert.throws(
    () => parse(query, headers),
    (error) => {
      assert.ok(error instanceof RequestRefusal);
      assert.equal(error.status, 400);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      assert.ok(error.message.length < 600);
      return true;
    },
  );
}

test('parseProbeQuery() takes the default module, no debug and the time of the module', () => {
  const query = parse('target=example.org');
  assert.deepEqual(
    { ...query, module: query.module.name },
    { target: 'example.org', module: 'icmp', hostname: null, debug: false, timeoutMs: 9500 },
  );
});

test('parseProbeQuery() reads all parameters and passes over those it does not know', () => {
  const query = parse('target=192.0.2.1&module=tcp&hostname=www.example.org&debug=true&x=1');
  assert.equal(query.module.name, 'tcp');
  assert.equal(query.hostname, 'www.example.org');
  assert.equal(query.debug, true);
});

test('parseProbeQuery() refuses a target that is missing, empty, spaced, over-long or no host', () => {
  assertRefused('', /"target" is missing/);
  assertRefused('module=icmp', /"target" is missing/);
  assertRefused('target=', /Bad target/);
  assertRefused('target=%20', /Bad target/);
  assertRefused('target=a%20b', /Bad target/);
  assertRefused(`target=${'a'.repeat(300)}`, /Bad target/);
  assertRefused(`target=${'a'.repeat(9000)}`, /Bad target/);
  assertRefused('target=a%00b', /Bad target/);
  assertRefused('target=300.1.1.1', /Bad target/);
});

test('parseProbeQuery() refuses unknown modules and says which there are', () => {
  assertRefused('target=a.example&module=smtp', /Unknown module "smtp": the modules are icmp, tcp\./);
  assertRefused(`target=a.example&module=${'x'.repeat(5000)}`, /Unknown module "x+\.\.\."/);
  assertRefused('target=a.example&module=__proto__', /Unknown module/);
});

test('parseProbeQuery() refuses a parameter given twice', () => {
  assertRefused('target=a.example&target=b.example', /"target" is given 2 times/);
  assertRefused('target=a.example&module=icmp&module=tcp', /"module" is given 2 times/);
  assertRefused('target=a.example&debug=true&debug=false', /"debug" is given 2 times/);
});

test('parseProbeQuery() refuses a debug or hostname that makes no sense', () => {
  assertRefused('target=a.example&debug=maybe', /Bad debug "maybe"/);
  assertRefused('target=a.example&hostname=a%20b', /Bad hostname/);
  assertRefused(`target=a.example&hostname=${'a'.repeat(300)}`, /Bad hostname/);
});

test('parseProbeQuery() takes half a second, at most half, off the scrape timeout', () => {
  const timeout = (seconds: string): number => parse('target=a.example', { [HEADER]: seconds }).timeoutMs;
  assert.equal(timeout('5'), 4500);
  assert.equal(timeout('5.000000'), 4500);
  assert.equal(timeout('1'), 500);
  assert.equal(timeout('0.4'), 200);
  assert.equal(timeout('10'), 9500);
  assert.equal(timeout('120'), 9500);
  assert.equal(timeout(''), 9500);
});

test('parseProbeQuery() refuses a scrape timeout that is no positive number', () => {
  for (const value of ['0', '-1', 'NaN', 'Infinity', '1e9', 'ten', '1,5', '5s', '0x10', '9'.repeat(400)]) {
    assertRefused('target=a.example', /Bad header X-Prometheus-Scrape-Timeout-Seconds/, { [HEADER]: value });
  }
});

test('parseProbeQuery() refuses or understands any query, and never throws anything else', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ maxLength: 20 }),
      (target, timeout) => {
        try {
          const query = parseProbeQuery(new URLSearchParams({ target }), { [HEADER]: timeout }, config);
          assert.ok(query.timeoutMs > 0 && query.timeoutMs <= 9500);
        } catch (error) {
          assert.ok(error instanceof RequestRefusal, String(error));
        }
      },
    ),
    { seed: 7, numRuns: 500 },
  );
});
