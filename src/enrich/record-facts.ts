// What a record of a database says, whoever made it: MaxMind, DB-IP, IPinfo and those that imitate them spell the same
// facts differently. Invariant: text from a file is clean and of bounded length when it leaves here.

/** What databases know of an address: AddressFacts without the name. */
export interface RecordFacts {
  readonly asn: number | null;
  readonly asName: string | null;
  readonly country: string | null;
  readonly city: string | null;
}

export const NO_FACTS: RecordFacts = { asn: null, asName: null, country: null, city: null };

const MAX_TEXT_LENGTH = 200;

/** Null for whatever the record does not say, or says in a way that makes no sense. */
export function recordFacts(record: unknown): RecordFacts {
  if (!isMap(record)) return NO_FACTS;
  // MaxMind's Enterprise databases keep the AS among the traits.
  const traits = isMap(record['traits']) ? record['traits'] : {};
  return {
    asn: asNumber(record['autonomous_system_number'] ?? traits['autonomous_system_number'] ?? record['asn']),
    asName: cleanText(
      record['autonomous_system_organization'] ??
        traits['autonomous_system_organization'] ??
        record['as_name'] ??
        (record['asn'] === undefined ? undefined : record['name']),
    ),
    country: country(record),
    city: place(record['city']),
  };
}

type FactMap = { readonly [key: string]: unknown };

function isMap(value: unknown): value is FactMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** 64500, "64500" and "AS64500" alike; AS 0 stands for "routed by nobody" (RFC 7607). */
function asNumber(value: unknown): number | null {
  const number = typeof value === 'string' ? Number(/^(?:AS)?(\d{1,10})$/i.exec(value.trim())?.[1]) : value;
  if (typeof number !== 'number' || !Number.isInteger(number)) return null;
  return number > 0 && number <= 0xffffffff ? number : null;
}

function country(record: FactMap): string | null {
  for (const value of [record['country_code'], record['country'], record['registered_country']]) {
    const code = isMap(value) ? value['iso_code'] : value;
    // IPinfo's `country` is a code in some of its files, and a name in others.
    if (typeof code === 'string' && /^[A-Za-z]{2}$/.test(code)) return code.toUpperCase();
  }
  return null;
}

/** A name, or names by language. */
function place(value: unknown): string | null {
  if (!isMap(value)) return cleanText(value);
  const names = value['names'];
  return isMap(names) ? cleanText(names['en'] ?? Object.values(names)[0]) : null;
}

/** Without control and formatting characters, which could move a cursor or turn the text around. */
function cleanText(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  const clean = value
    .slice(0, MAX_TEXT_LENGTH)
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  return clean === '' ? null : clean;
}
