import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NO_FACTS, recordFacts } from './record-facts.ts';

describe('recordFacts()', () => {
  it('reads the records of MaxMind and DB-IP', () => {
    assert.deepEqual(
      recordFacts({ autonomous_system_number: 64500, autonomous_system_organization: 'Example' }),
      {
        ...NO_FACTS,
        asn: 64500,
        asName: 'Example',
      },
    );
    assert.deepEqual(
      recordFacts({
        city: { geoname_id: 1, names: { de: 'Wien', en: 'Vienna' } },
        country: { iso_code: 'AT', names: { en: 'Austria' } },
      }),
      { ...NO_FACTS, country: 'AT', city: 'Vienna' },
    );
    assert.equal(recordFacts({ registered_country: { iso_code: 'CH' } }).country, 'CH');
    assert.equal(recordFacts({ traits: { autonomous_system_number: 64501 } }).asn, 64501);
  });

  it('reads the records of IPinfo, old and new', () => {
    const old = {
      asn: 'AS64500',
      as_name: 'Example',
      as_domain: 'example.net',
      country: 'AT',
      country_name: 'Austria',
    };
    assert.deepEqual(recordFacts(old), { asn: 64500, asName: 'Example', country: 'AT', city: null });
    const lite = { asn: 'AS64500', as_name: 'Example', country: 'Austria', country_code: 'AT' };
    assert.deepEqual(recordFacts(lite), { asn: 64500, asName: 'Example', country: 'AT', city: null });
    assert.deepEqual(recordFacts({ asn: 'AS64500', name: 'Example', type: 'isp' }).asName, 'Example');
    assert.deepEqual(recordFacts({ city: 'Vienna', country: 'at' }), {
      ...NO_FACTS,
      country: 'AT',
      city: 'Vienna',
    });
  });

  it('takes nothing for what makes no sense', () => {
    for (const record of [
      null,
      7,
      'AS1',
      [],
      {},
      { asn: 'AS' },
      { asn: 'ASx1' },
      { autonomous_system_number: 0 },
    ]) {
      assert.deepEqual(recordFacts(record), NO_FACTS);
    }
    assert.equal(recordFacts({ asn: 'AS4294967296' }).asn, null);
    assert.equal(recordFacts({ asn: 1.5 }).asn, null);
    assert.equal(recordFacts({ country: 'Austria' }).country, null);
  });

  it('cleans and shortens text', () => {
    const facts = recordFacts({ asn: 1, as_name: `A\x1b[2J\u202eB\n${'x'.repeat(500)}` });
    assert.equal(facts.asName?.startsWith('A [2J B x'), true);
    assert.ok((facts.asName?.length ?? 0) <= 200);
    assert.equal(recordFacts({ asn: 1, as_name: ' \n' }).asName, null);
  });
});
